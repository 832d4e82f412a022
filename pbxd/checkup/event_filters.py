"""What the eventfilters of manager.conf hide. The file is read because no test call makes every kind of event.

How Asterisk reads a filter: `manager.c` and the comments of manager.conf.sample. A filter is a POSIX extended
expression on the whole text of an event. In newer versions its key can name the event, a header and a method instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.translate import Translator

# The events of the history, and those that the queues, the daemon and doctor need too.
NEEDED = Translator(Endpoints(r"\d+")).needs | {"FullyBooted", "Reload", "UserEvent"}
_OPTION = re.compile(r"(\w+)\(([^()]*)\)")
_CHANNELS = ("PJSIP/101-00000001", "Local/102@from-internal-00000001;1")  # events of Local channels are needed too
_HEADERS = (
    "ChannelState: 6", "ChannelStateDesc: Up", "CallerIDNum: 89161234567",
    "CallerIDName: <unknown>", "ConnectedLineNum: <unknown>", "Context: from-trunk", "Exten: 101", "Priority: 1",
    "Uniqueid: 1700000000.1", "Linkedid: 1700000000.1", "Queue: sales",
)  # fmt: skip
# A caller's Diversion header can split CEL's event in two, so that a forged event follows.
_FORGED = (
    "Event: CEL\r\nPrivilege: call,all\r\nEventName: APP_START\r\nCallerIDrdnis: 1\r\n\r\nEvent: Shutdown\r\n\r\n"
    "CallerIDdnid: 74951234567\r\nExten: 101\r\n\r\n"
)
_TRIALS: dict[str, tuple[str, ...]] = {"CEL": ("EventName: APP_START", "Application: VoiceMail")}

_CLASS = re.compile(r"\[:([a-z]+):\]")
_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "blank": " \\t", "cntrl": "\\x00-\\x1f\\x7f", "digit": "0-9",
    "graph": "!-~", "lower": "a-z", "print": " -~", "punct": "!-/:-@\\[-`{-~", "space": "\\s", "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: whether it hides what it matches, and how it matches."""

    hides: bool
    matches: Callable[[str, str], bool]  # of an event's name and whole text


def hidden(entries: Iterable[tuple[str, str]]) -> list[str]:
    """Return the needed events that the entries of a user's section hide. Raises ValueError for an unreadable entry."""
    filters = _filters(entries)
    return sorted(
        name for name in NEEDED if not all(_passes(filters, name, _trial(name, channel)) for channel in _CHANNELS)
    )


def forgeable(entries: Iterable[tuple[str, str]]) -> bool:
    """Whether these entries let through an event that a caller wrote. Raises ValueError for an unreadable entry."""
    return _passes(_filters(entries), "CEL", _FORGED)


def _filters(entries: Iterable[tuple[str, str]]) -> list[Filter]:
    return [_read(key, value) for key, value in entries if key.startswith("eventfilter")]


def _passes(filters: list[Filter], name: str, text: str) -> bool:
    showing = [each for each in filters if not each.hides]
    shown = not showing or any(each.matches(name, text) for each in showing)
    return shown and not any(each.matches(name, text) for each in filters if each.hides)


def _trial(name: str, channel: str) -> str:
    """Make an event of this name as this channel would."""
    headers = _TRIALS.get(name) or (f"Channel: {channel}", *_HEADERS)
    return "\r\n".join((f"Event: {name}", "Privilege: call,all", "Timestamp: 1700000000.000001", *headers)) + "\r\n\r\n"


def _read(key: str, value: str) -> Filter:
    options = dict(_OPTION.findall(key.removeprefix("eventfilter")))
    if options:
        return _by_options(options, value)
    hides = value.startswith("!")
    return Filter(hides, _expression(value[hides:]))


def _expression(pattern: str) -> Callable[[str, str], bool]:
    """Read a POSIX extended expression as manager.c does (REG_EXTENDED); `.` also matches line ends."""
    try:
        compiled = re.compile(_CLASS.sub(lambda found: _CLASSES[found[1]], pattern), re.DOTALL)
    except (re.error, KeyError) as error:
        raise ValueError(pattern) from error
    return lambda _name, text: compiled.search(text) is not None


def _by_options(options: dict[str, str], value: str) -> Filter:
    name, header = options.get("name", ""), options.get("header", "")
    method = _method(options.get("method", "none" if not value else "contains"), value)

    def matches(event: str, text: str) -> bool:
        if name and name.lower() != event.lower():
            return False
        if not header:
            return method(text)
        found = re.search(rf"(?mi)^{re.escape(header)}: ([^\r\n]*)", text)
        return found is not None and method(found[1])

    return Filter(options.get("action", "include") == "exclude", matches)


def _method(name: str, value: str) -> Callable[[str], bool]:
    expression = _expression(value) if name == "regex" else None
    methods: dict[str, Callable[[str], bool]] = {
        "none": lambda _text: True,
        "exact": lambda text: text == value,
        "starts_with": lambda text: text.startswith(value),
        "ends_with": lambda text: text.endswith(value),
        "contains": lambda text: value in text,
        "regex": lambda text: expression is not None and expression("", text),
    }
    if name not in methods:
        raise ValueError(name)
    return methods[name]
