"""What a client's calls look like once the client is erased: no number, no name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pbxd.numbers import NumberRules, parse

_SIGNIFICANT = 9  # last digits of a number, the same in every notation: 8916…, +7916…, 10-7-916…
_BEFORE = 7  # digits at most before those, where signs separate them
_EXTENSION = 5  # digits at most behind a number that follows a date
_KEPT = 2  # characters: the plus and the first digit of the country
_SHORTEST_EPOCH = 9  # digits
_SIGNS = r"(?:_|[^\w/]){0,2}"  # between two digits of a number in a file's name
# An epoch with a counter (until 2033): so PBXs name channels, and end the names of recordings.
_EPOCH = re.compile(r"((?<!\d)1\d{9}\.\d{1,7}(?!\d))")
_DATE = re.compile(r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?)?")
_DATES = (14, 12, 8)  # digits of a date with time, without seconds, without time
_IDS = frozenset({"id", "linkedid"})  # members of an object that hold no number


class Mask:
    """Replaces some numbers (E.164) by stars, in JSON of any shape. Durations, outcomes and extensions stay.

    Digits are one of the numbers only if all of them read so by the rules: other numbers may end in the same digits.
    """

    def __init__(self, numbers: Iterable[str], rules: NumberRules) -> None:
        self.numbers = frozenset(numbers)
        self.tails = tuple(sorted(number.lstrip("+")[-_SIGNIFICANT:] for number in self.numbers))
        self._rules = rules
        tails = "|".join(self.tails) or "(?!)"
        spaced = "|".join(map(_SIGNS.join, self.tails)) or "(?!)"
        self._within = re.compile(rf"\+?(?<!\d)\d*(?:{tails})\d*")
        self._written = re.compile(rf"\+?(?<!\d)\d*(?:{tails})(?!\d)")
        self._dated = re.compile(rf"(?<!\d)(20\d{{6,}}(?:{tails}))(\d{{0,{_EXTENSION}}})(?!\d)")
        self._spaced = re.compile(rf"\+?(?<!\d)(?:\d{_SIGNS}){{0,{_BEFORE}}}(?:{spaced})(?!\d)")

    def record(self, record: dict[str, Any], linkedid: str) -> dict[str, Any]:
        """Return a call's JSON without the client. `linkedid`: its digits are no number, also in names of files.

        In a call of the client's own the number also goes where other digits stand around it: a prefix for an outside
        line, an extension, a date.
        """
        ids = frozenset(re.findall(rf"\d{{{_SHORTEST_EPOCH},}}", linkedid))
        masked: dict[str, Any] = self.value(record, ids)
        sides = (record.get(name) for name in ("caller", "callee"))
        if any(isinstance(side, dict) and side.get("number") in self.numbers for side in sides):
            return {key: each if key in _IDS else self._all_within(each, ids) for key, each in masked.items()}
        return masked

    def text(self, text: str) -> str:
        """Return the text with stars for the numbers, also inside other words such as the name of a recording."""
        return self._text(text, frozenset())

    def number(self, number: str | None) -> str | None:
        """Return stars for a number that is to be erased, and any other number as it is."""
        return _starred(number) if number in self.numbers and number else number

    def value(self, value: Any, ids: frozenset[str] = frozenset()) -> Any:  # noqa: ANN401 - JSON
        """Return JSON with stars for these numbers, and without the name, company and contact beside them.

        `ids`: digits that are no number.
        """
        if isinstance(value, str):
            return self._text(value, ids)
        if isinstance(value, list):
            return [self.value(each, ids) for each in value]
        if isinstance(value, dict):
            number = value.get("number")
            named = isinstance(number, str) and number in self.numbers
            kept = {key: each for key, each in value.items() if not (named and key in {"name", "company", "contact"})}
            return {key: self._part(key, each, value, ids) for key, each in kept.items()}
        return value

    def _part(self, key: str, part: Any, whole: dict[str, Any], ids: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
        if key in _IDS and isinstance(part, str):
            return part
        if key == "recordings" and isinstance(part, list):
            return [self._file(each, ids) if isinstance(each, str) else self.value(each, ids) for each in part]
        if key == "detail" and whole.get("what") == "recorded" and isinstance(part, str):
            return self._file(part, ids)
        return self.value(part, ids)

    def _all_within(self, value: Any, ids: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
        """Replace every run of digits that contains one of the numbers, except complete numbers of other people."""
        if isinstance(value, list):
            return [self._all_within(each, ids) for each in value]
        if isinstance(value, dict):
            return {key: each if key in _IDS else self._all_within(each, ids) for key, each in value.items()}
        if not isinstance(value, str):
            return value

        def stars(found: re.Match[str]) -> str:
            other = found[0].startswith("+") and parse(found[0], self._rules).kind == "e164"
            return found[0] if other or found[0] in ids else _starred(found[0])

        pieces = _EPOCH.split(value)
        return "".join(piece if place % 2 else self._within.sub(stars, piece) for place, piece in enumerate(pieces))

    def _text(self, text: str, ids: frozenset[str]) -> str:
        def stars(found: re.Match[str]) -> str:
            return _starred(found[0]) if self._reads(found[0], ids) else found[0]

        pieces = _EPOCH.split(text)  # every second one is such an id
        return "".join(piece if place % 2 else self._written.sub(stars, piece) for place, piece in enumerate(pieces))

    def _file(self, path: str, ids: frozenset[str]) -> str:
        """Return a recording's path with stars.

        A date may precede the number directly, and signs may separate its digits.
        """

        def spaced(found: re.Match[str]) -> str:
            return self._stars_for_spaced(found[0], ids)

        pieces = _EPOCH.split(self._text(path, ids))
        pieces[::2] = [self._spaced.sub(spaced, self._dated.sub(self._stars_after_date, each)) for each in pieces[::2]]
        return "".join(pieces)

    def _stars_after_date(self, found: re.Match[str]) -> str:
        digits, extension = found.groups()
        for length in _DATES:
            date, number = digits[:length], digits[length:]
            if _DATE.fullmatch(date) and self._reads(number, frozenset()):
                return date + _starred(number) + extension
        return found[0]

    def _stars_for_spaced(self, text: str, ids: frozenset[str]) -> str:
        for first in re.finditer(r"\+?(?<!\d)\d", text):  # other digits may stand before the number
            number = text[first.start() :]
            if self._reads(number, ids):
                return text[: first.start()] + re.sub(r"\d", "*", number)
        return text

    def _reads(self, text: str, ids: frozenset[str]) -> bool:
        """Tell whether a text is one of the numbers as a whole."""
        if not ids.isdisjoint(re.findall(r"\d+", text)):
            return False
        return parse("+" * text.startswith("+") + re.sub(r"\D", "", text), self._rules).value in self.numbers


def _starred(number: str) -> str:
    kept = number[:_KEPT] if number.startswith("+") else ""
    return kept + "*" * (len(number) - len(kept))
