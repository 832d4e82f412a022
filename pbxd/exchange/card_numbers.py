"""The telephone numbers of a vCard: their labels, extensions, and which one is the main one. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from pbxd import notation
from pbxd.exchange import cells
from pbxd.exchange.content_lines import Line
from pbxd.i18n import _

_LABELS: Final[Mapping[str, Callable[[], str]]] = {
    "cell": lambda: _("mobile"),
    "mobile": lambda: _("mobile"),
    "iphone": lambda: _("mobile"),
    "work": lambda: _("work"),
    "home": lambda: _("home"),
}
# Types that say nothing a person would write beside a number (RFC 2426, 3.3.1; RFC 6350, 6.4.1; vCard 2.1, 2.4.1).
_UNNAMED: Final = frozenset(
    {"voice", "pref", "msg", "text", "textphone", "video", "internet", "other", "main", "isdn", "pcs", "modem", "bbs"}
    | {"dom", "intl", "uri", "unknown"}
)
_APPLE = re.compile(r"_\$!<(.*)>!\$_")  # Apple's own words, in any language of the telephone: _$!<HomeFAX>!$_
_FAX = re.compile(r"fax|факс", re.IGNORECASE)
_OTHER_ADDRESS = re.compile(r"(?:skype|xmpp|jabber|mailto|im|aim|icq|https?):", re.IGNORECASE)
_SIP = re.compile(r"sips?:", re.IGNORECASE)
_CALL = re.compile(r"callto:(?://)?", re.IGNORECASE)
_NEXT = re.compile(r"\s*;\s*(?=\+?\d[\d\s().-]{6,}(?:;|$))")  # another number in the same property
_LEAST_DIGITS = 7  # of a number in a SIP address
_NEVER_FIRST = 1000  # after every PREF of vCard 4.0, which goes from 1 to 100


class _Phone(NamedTuple):
    """A number as its card has it, and its rank: the lowest is the main one."""

    text: str
    label: str
    rank: int


def phone_cell(
    lines: Iterable[Line], labels: Mapping[str, str], leave_out: Callable[[Line, str], None], *, ours: bool
) -> str:
    """Return the cell with the numbers of a card; `labels` are those of the groups of lines.

    Faxes and addresses without a number go to `leave_out`, with the reason. `ours`: the card is from our own export.
    """
    found: list[_Phone] = []
    for line in lines:
        label = labels.get(line.group, "") if line.group else ""
        if not ours:
            label = _plain(label)
            if _is_fax(line, label):
                leave_out(line, _("a fax"))
                continue
            label = _LABELS.get(label.lower(), lambda same=label: same)() or _label(line)
        numbers = list(_numbers(line.text))
        if line.text and not numbers:
            leave_out(line, _("not a phone number"))
        found += [_Phone(text, label, _rank(line)) for text in numbers]
    main = min(range(len(found)), key=lambda place: found[place].rank, default=0)
    return cells.join_values(_written(phone, main=place == main > 0) for place, phone in enumerate(found))


def _written(phone: _Phone, *, main: bool) -> str:
    return f"{cells.MAIN if main else ''}{cells.written_label(phone.label)}{phone.text}"


def _numbers(text: str) -> Iterator[str]:
    """Yield the numbers of a property, each with its extension as our own tables have it."""
    text = _CALL.sub("tel:", text, count=1)
    if _OTHER_ADDRESS.match(text):
        return
    for part in _NEXT.split(text):
        number, extension = notation.without_address(part)
        if _SIP.match(part) and len(re.sub(r"\D", "", notation.compact(number) or "")) < _LEAST_DIGITS:
            continue
        if not extension:
            number, extension = notation.without_extension(number)
        if number:
            yield f"{number} доб. {extension}" if extension else number


def _is_fax(line: Line, label: str) -> bool:
    return bool(_FAX.search(label)) or any(map(_FAX.search, line.types))


def _label(line: Line) -> str:
    """Return the label that the types of a number say: the known one, else what a person has called it."""
    kinds = line.kinds
    for kind, word in _LABELS.items():
        if kind in kinds:
            return word()
    own = [kind for kind in line.types if kind.lower() not in _UNNAMED]
    return _plain(re.sub(r"(?i)^x-", "", own[0])) if own else ""


def _plain(label: str) -> str:
    apple = _APPLE.fullmatch(label)
    label = " ".join((apple[1] if apple else label).split())
    return "" if label.lower() in _UNNAMED else label


def _rank(line: Line) -> int:
    given = line.params.get("pref", ())
    if given and given[0].isdecimal():
        return int(given[0][:3])
    return 1 if "pref" in line.kinds else _NEVER_FIRST
