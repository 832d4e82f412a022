"""Cells with phone numbers, written and read: several in one cell, with labels and extensions around them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pbxd import notation
from pbxd.book.contact_numbers import ContactNumber
from pbxd.book.texts import TYPED_LIMIT, folded
from pbxd.errors import InvalidInputError
from pbxd.exchange.cells import MAIN, is_placeholder, read_label, split_values
from pbxd.i18n import N_, _
from pbxd.numbers import NumberRules, parse, why_unreadable

# A number as we write it: `мобильный: +79161234567 доб. 12`. It comes last, so that a label may have any characters.
_OURS = re.compile(rf"(?:(?P<label>.*): )?(?P<number>{notation.E164.pattern})(?: доб\. (?P<extension>\S+))?", re.DOTALL)
_PLAIN = re.compile(r"\+?[0-9]{8,15}")
_SHORTENED = re.compile(r"[+-]?\d+([.,]\d+)?E[+]?\d+", re.IGNORECASE)
_SPAN = re.compile(r"\+?\s*\(?\d[\d\s().\-\u2010-\u2015\u2212~]*\d")  # digits and the signs between them
_SPAN_DIGITS = 5  # fewer are a house or an extension
_LONGEST = 1000  # characters of a text in which a number is searched
# Between several numbers, the strongest first. A comma or a slash may also stand within a label.
_BETWEEN = tuple(
    re.compile(each)
    for each in (
        r"\s*[|\\]\s*",
        r"\s*,\s*",
        r"\s*/\s*",
        r"\s+(?:и|или|and|or)\s+",
        r"\s+(?=\+\s*\d|[78][\s(-]*\d{3})",
        r"\s{2,}",
        r"\s+",
    )
)
_EXTENSION_ENDS = re.compile(r"[\d*#]+\)?")
_AROUND = " \t.,:;()[]–—-=*/\"'№"  # around a label
_NO_LABEL = re.compile(
    r"(?<!\w)(?:(?:номер|контактн\w*|телефон\w*|тел|тлф|т|phone|telephone|tel|ph|number|no)(?:[\s.:№]+|$))+",
    re.IGNORECASE,
)
_KINDS: Final[Sequence[tuple[re.Pattern[str], str]]] = tuple(
    (re.compile(rf"(?:\* )?(?:{pattern})\.?(?: (?:тел\w*\.?|phone))?", re.IGNORECASE), label)
    for pattern, label in (
        (r"моб(?:ильн\w*)?|сот(?:ов\w*)?|mob(?:ile)?|cell(?:ular)?|m", N_("mobile")),
        (r"раб(?:оч\w*)?|служебн\w*|work|business|office", N_("work")),
        (r"дом(?:ашн\w*)?|home", N_("home")),
    )
)  # fmt: skip
_FAX = re.compile(r"(?:^|[^\w/]|home|work|other|business)(?:факс\w*|fax)(?![\w/])|^ф\.", re.IGNORECASE)
_PHONE_AND_FAX = re.compile(
    r"(?:тел\w*|phone|tel)\W*(?:[/,+&]|и|and)?\W*(?:факс|fax)|(?:факс|fax)\W*[/,+&]\W*(?:тел|phone|tel)", re.IGNORECASE
)
# «123-45-67/68»: further numbers of which only the last digits are written. Three digits may be an extension.
_ENDINGS = re.compile(r"(?P<first>.*?\d)(?P<endings>(?:\s*/\s*(?:\d{1,2}|\d{2}-?\d{2}))+)(?P<after>\s*\D*)", re.DOTALL)
_MORE_DIGITS = re.compile(r"\s*/\s*\d")
_EXTENSION_AFTER_LABEL = re.compile(
    r"(?<=[\s(),;.])(?:доб(?:авочн\w*)?|внутр(?:енн\w*)?|вн|ext(?:n|ension)?)[\s.:№#-]*"
    r"(?P<extension>[\d*#]{1,32})\s*\)?$",
    re.IGNORECASE,
)
_LOCAL_DIGITS = range(5, 8)  # of a number without its area code
_CODE_IN_BRACKETS = re.compile(r"\((\d{2,5})\)\s*([\d\s.-]+)")
_RUSSIAN_LANDLINE = re.compile(r"\+7[348]\d{9}")


@dataclass(slots=True)
class Phones:
    """The numbers of a cell, and what stands in it and is not taken, each with the reason."""

    numbers: list[ContactNumber] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def usual_label(text: str) -> str:
    """Return a label in our words where it is a usual one, such as `cell` or «раб.»; else as it is."""
    text = text.strip()
    return next((_(label) for kind, label in _KINDS if kind.fullmatch(text)), text.removeprefix("* "))


def is_fax(label: str) -> bool:
    """Tell whether a label says that the number is a fax and nothing else."""
    return bool(_FAX.search(label))


class PhoneReader:
    """Reads cells with phone numbers, in any notation."""

    def __init__(self, rules: NumberRules, *, foreign: bool = False, lenient: bool = False) -> None:
        """`foreign`: a fax is left out, and a usual label gets our word. `lenient`: so is what can't be read."""
        self._rules, self._foreign, self._lenient = rules, foreign, lenient

    def plain(self, text: str, label: str = "") -> ContactNumber | None:
        """Return the only number of a contact from a cell with its digits alone; None: the cell has to be read."""
        if not _PLAIN.fullmatch(text) or (self._foreign and is_fax(label)):
            return None
        parsed = parse(text, self._rules)
        return ContactNumber(parsed.value, text, "", label, main=True) if parsed.kind == "e164" else None

    def read(self, text: str, label: str = "") -> Phones:
        """Read a cell; `label` is that of its column. Raises InvalidInputError unless lenient."""
        found = Phones()
        for part in split_values(text):
            try:
                self._add(found, part, label)
            except InvalidInputError as error:
                if not self._lenient:
                    raise
                found.left_out.append(str(error))
        return found

    def _add(self, found: Phones, part: str, label: str) -> None:
        if is_placeholder(part):
            return
        numbers = self._several(part, label, found.numbers, _BETWEEN)
        if numbers is None:
            if _SHORTENED.fullmatch(part):
                message = _("the spreadsheet has shortened the number to {text}: enter it again, as text")
                raise InvalidInputError("number", message.format(text=part))
            raise InvalidInputError("number", why_unreadable(part[:TYPED_LIMIT], parse(part, self._rules)))
        for number in numbers:
            if not number.number or (self._foreign and is_fax(number.label)):
                found.left_out.append(_("a fax isn't imported: {text}").format(text=number.typed))
            else:
                found.numbers.append(number)

    def _several(
        self, text: str, label: str, before: Sequence[ContactNumber], between: Sequence[re.Pattern[str]]
    ) -> list[ContactNumber] | None:
        """Read one number, or several with something between them; None unless every one can be read."""
        if found := self._with_endings(text, label, before):
            return found
        if one := self._one(text, label, before):
            return [one]
        if len(text) > _LONGEST:
            return None
        for place, each in enumerate(between):
            parts = [part for part in each.split(text) if part]
            if len(parts) > 1 and (found := self._each(parts, label, before, between[place + 1 :])):
                return found
        return None

    def _with_endings(self, text: str, label: str, before: Sequence[ContactNumber]) -> list[ContactNumber] | None:
        """Read `123-45-67/68`: a number, and others that differ by the last digits alone."""
        written = _ENDINGS.fullmatch(text[:_LONGEST])
        first = self._one(written["first"] + written["after"], label, before) if written else None
        if not written or not first or not first.number or first.extension:
            return None
        found = [first]
        for ending in re.findall(r"[\d-]+", written["endings"]):
            digits = ending.replace("-", "")
            number = first.number[: -len(digits)] + digits
            if parse(number, self._rules).value != number:
                return None
            found.append(replace(first, number=number, main=False))
        return found

    def _each(
        self, parts: Sequence[str], label: str, before: Sequence[ContactNumber], between: Sequence[re.Pattern[str]]
    ) -> list[ContactNumber] | None:
        found: list[ContactNumber] = []
        for part in parts:
            numbers = self._several(part, label, [*before, *found], between)
            if numbers is None:
                return None
            found += numbers
        return found

    def _one(self, text: str, label: str, before: Sequence[ContactNumber]) -> ContactNumber | None:
        """Read one number with what stands around it."""
        main, typed = text.startswith(MAIN), text[:TYPED_LIMIT]
        text = text.removeprefix(MAIN).strip()
        ours = _OURS.fullmatch(text)
        if ours and _is_ours(ours, self._rules):
            label_beside = ours["label"] or ""
            beside = usual_label(label_beside) if self._foreign else read_label(label_beside)
            return ContactNumber(ours["number"], typed, ours["extension"] or "", beside or label, main)
        if number := self._number(text, before):
            return replace(number, typed=typed, label=label, main=main)
        extended = _EXTENSION_AFTER_LABEL.search(text[:_LONGEST])
        if extended and (number := self._one(text[: extended.start()], label, before)) and not number.extension:
            return replace(number, typed=typed, extension=extended["extension"], main=main)
        spans = [span for span in _SPAN.finditer(text[:_LONGEST]) if _digits(span[0]) >= _SPAN_DIGITS]
        if len(spans) != 1 or _MORE_DIGITS.match(text, spans[0].end()):  # the digits are a further number: no label
            return None
        start, end = spans[0].span()
        ends = [end, *(end + found.end() for found in _EXTENSION_ENDS.finditer(text[end:_LONGEST]))]
        for until in reversed(ends):  # with an extension, if there is one
            if number := self._number(text[start:until].strip(), before):
                around = _joined(label, _label(text[:start], text[until:]))
                return replace(number, typed=typed, label=around, main=main)
        around = _label(text[:start], text[end:])
        return ContactNumber("", typed, label=around) if is_fax(around) else None  # readable or not, it isn't taken

    def _number(self, text: str, before: Sequence[ContactNumber]) -> ContactNumber | None:
        """Read a bare number. One without area code has that of the number before it."""
        if before and _digits(text) in _LOCAL_DIGITS and "+" not in text and notation.compact(text):
            digits = re.sub(r"\D", "", text)
            code = _area_code(before[-1], len(digits))
            if code and (parsed := parse(code + digits, self._rules)).kind == "e164":
                return ContactNumber(parsed.value)
        parsed = parse(text, self._rules)
        return ContactNumber(parsed.value, extension=parsed.extension) if parsed.kind == "e164" else None


def _area_code(earlier: ContactNumber, digits: int) -> str:
    """Return what stands before the last `digits` of a number, if that is its area code; else nothing."""
    code = _CODE_IN_BRACKETS.search(earlier.typed)
    if code:
        local = notation.without_extension(code[2])[0]
        return earlier.number[:-digits] if _digits(local) == digits else ""
    is_seven = digits == max(_LOCAL_DIGITS) and _RUSSIAN_LANDLINE.fullmatch(earlier.number)
    return earlier.number[:-digits] if is_seven else ""


def _label(before: str, after: str) -> str:
    """Return the label around a number, without words that only say that it is one."""
    if _PHONE_AND_FAX.search(before) or _PHONE_AND_FAX.search(after):
        return ""
    words = (_NO_LABEL.sub("", part.strip(_AROUND)).strip(_AROUND) for part in (before, after))
    return ", ".join(usual_label(each) for each in words if each)


def _joined(column: str, around: str) -> str:
    """Return the label of a cell's number: that beside it, and that of the column unless it says the same."""
    if not around or not column or is_fax(around):
        return around or column
    is_kind = any(folded(around) == folded(_(label)) for _kind, label in _KINDS)
    return around if is_kind or folded(column) == folded(around) else f"{column}, {around}"


def _is_ours(ours: re.Match[str], rules: NumberRules) -> bool:
    return (
        bool(notation.EXTENSION.fullmatch(ours["extension"] or "0"))
        and parse(ours["number"], rules).value == (ours["number"])
    )


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


# What each column of numbers says about them.
COLUMN_LABELS: Final[dict[str, Callable[[], str]]] = {
    "number": lambda: "",
    "mobile": lambda: _("mobile"),
    "work": lambda: _("work"),
    "home": lambda: _("home"),
}
