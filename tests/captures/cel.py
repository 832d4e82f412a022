"""Asterisk's own journal of a captured flow (channel event logging), read on its own as a second witness.

It shares no code with pbxd: what it says of a call is judged against expected.json, which a person wrote, and both
against what pbxd makes of the AMI stream. Source of the meanings: Asterisk documentation, "CEL Specification".
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PARTY_TECHNOLOGIES = ("PJSIP/", "IAX2/", "DAHDI/")  # every other one of the lab (Local, Announcer, …) is plumbing
EMPLOYEE = re.compile(r"(99)?1\d\d")
DIALLED = re.compile(r"(?:/|:|#|\+)(\d{7,})(?:@|$)")


@dataclass(frozen=True)
class Line:
    """One event of the journal; `at` in seconds since the epoch."""

    kind: str
    at: float
    number: str
    exten: str
    context: str
    channel: str
    application: str
    data: str
    uniqueid: str
    linkedid: str
    peer: str
    extra: Mapping[str, str]

    @property
    def of_party(self) -> bool:
        return self.channel.startswith(PARTY_TECHNOLOGIES)


@dataclass(frozen=True)
class Witness:
    """When a call began, was first talked in, and ended (seconds since the epoch), who began it and who talked in it.

    People are extensions, or numbers in E.164; `talked` is who ever heard somebody, beside who began, in the order of
    their first words.
    """

    started: float
    answered: float | None
    ended: float
    began: str
    talked: tuple[str, ...]


def read(path: Path) -> list[Line]:
    """Read a cel.csv as tests/lab/etc/cel_custom.conf writes it, in order of time."""
    with path.open(encoding="utf-8", newline="") as stream:
        lines = [_line(row) for row in csv.reader(stream)]
    return sorted(lines, key=lambda line: line.at)


def _line(row: list[str]) -> Line:
    kind, at, number, _name, exten, context, channel, application, data, uniqueid, linkedid, peer, extra = row
    return Line(
        kind, float(at), number, exten, context, channel, application, data, uniqueid, linkedid, peer,
        json.loads(extra) if extra else {},
    )  # fmt: skip


def of_call(lines: Iterable[Line], linkedid: str) -> list[Line]:
    """Return the lines of the channels that began under a linkedid, whatever theirs was later."""
    told = list(lines)
    born = {line.channel for line in told if line.kind == "CHAN_START" and line.linkedid == linkedid}
    return [line for line in told if line.channel in born]


def witness(lines: Iterable[Line], rooms: Iterable[Line] = ()) -> Witness:
    """Return what a journal that holds one call says of it.

    `rooms` is the journal of all calls, where others may be met in a conference.
    """
    told = list(lines)
    own = {line.channel for line in told if line.of_party}
    first = next(line for line in told if line.kind == "CHAN_START" and line.of_party)
    answered, talked = _conversation(list(rooms) or told, own)
    dialled = _dialled(told)
    began = who(first, dialled)
    return Witness(
        started=min(line.at for line in told if line.kind == "CHAN_START"),
        answered=answered,
        ended=max(line.at for line in told if line.kind == "HANGUP" and line.of_party),
        began=began,
        talked=tuple(dict.fromkeys(who(line, dialled) for line in talked if who(line, dialled) != began)),
    )


def _dialled(lines: Iterable[Line]) -> dict[str, str]:
    """Return the outside number dialled last when a channel began, by channel: nobody knows it of the trunk's own.

    Under the empty name stands the last of all.
    """
    found = {"": ""}
    for line in lines:
        match = DIALLED.search(line.data.partition(",")[0]) if line.application == "Dial" else None
        found[""] = match[1] if match else found[""]
        if line.kind == "CHAN_START" and line.of_party and found[""]:
            found[line.channel] = found[""]
    return found


def who(line: Line, dialled: Mapping[str, str]) -> str:
    """Return who is at the far end of a channel: the extension in its name, else the number outside in E.164."""
    endpoint = line.channel.partition("/")[2].rpartition("-")[0]
    if EMPLOYEE.fullmatch(endpoint):
        return endpoint
    number = line.number if len(line.number) > 5 else dialled.get(line.channel, dialled[""])
    return f"+7{number.removeprefix('+')[1:]}" if number else ""


def _conversation(lines: Iterable[Line], own: set[str]) -> tuple[float | None, list[Line]]:
    """Return when one of `own` could first hear another party, through however many Local pairs and bridges.

    And each party of those conversations, as it entered its first bridge, in the order of the conversations.
    """
    bridges: dict[str, set[str]] = {}
    entered: dict[str, Line] = {}
    first: float | None = None
    talked: dict[str, Line] = {}
    for line in lines:
        bridge = line.extra.get("bridge_id", "")
        if line.kind == "BRIDGE_ENTER" and line.extra.get("bridge_technology") != "holding_bridge":
            bridges.setdefault(bridge, set()).add(line.channel)
            entered.setdefault(line.channel, line)
        elif line.kind == "BRIDGE_EXIT":
            bridges.get(bridge, set()).discard(line.channel)
        for parties in _conversations(bridges.values()):
            if len(parties) > 1 and parties & own:
                first = line.at if first is None else first
                by_time = sorted(parties, key=lambda name: entered[name].at)
                talked |= {name: entered[name] for name in by_time if name not in talked}
    return first, list(talked.values())


def _conversations(bridges: Iterable[set[str]]) -> Iterator[set[str]]:
    """Yield who hears whom: bridges joined where a Local pair has an end in each; plumbing itself left out."""
    groups: list[set[str]] = []
    for bridge in bridges:
        group = {name.removesuffix(";1").removesuffix(";2") for name in bridge}
        for other in [known for known in groups if known & group]:
            groups.remove(other)
            group |= other
        groups.append(group)
    for group in groups:
        yield {name for name in group if name.startswith(PARTY_TECHNOLOGIES)}
