"""Asterisk's own journal of a captured flow (channel event logging), read on its own as a second witness.

It shares no code with pbxd: what it says of a call is judged against expected.json, which a person wrote, and both
against what pbxd makes of the AMI stream. Source of the meanings: Asterisk documentation, "CEL Specification".
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PARTY_TECHNOLOGY = "PJSIP/"  # every other technology of the lab (Local, Announcer, …) is plumbing


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
        return self.channel.startswith(PARTY_TECHNOLOGY)


@dataclass(frozen=True)
class Witness:
    """When a call began, was first talked in, and ended; seconds since the epoch."""

    started: float
    answered: float | None
    ended: float


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


def witness(lines: Iterable[Line]) -> Witness:
    """Return the times of a journal that holds one call."""
    told = list(lines)
    return Witness(
        started=min(line.at for line in told if line.kind == "CHAN_START"),
        answered=_first_conversation(told),
        ended=max(line.at for line in told if line.kind == "HANGUP" and line.of_party),
    )


def _first_conversation(lines: Iterable[Line]) -> float | None:
    """Return when two parties could first hear each other, through however many Local pairs and bridges."""
    bridges: dict[str, set[str]] = {}
    for line in lines:
        bridge = line.extra.get("bridge_id", "")
        if line.kind == "BRIDGE_ENTER" and line.extra.get("bridge_technology") != "holding_bridge":
            bridges.setdefault(bridge, set()).add(line.channel)
        elif line.kind == "BRIDGE_EXIT":
            bridges.get(bridge, set()).discard(line.channel)
        if any(len(parties) > 1 for parties in _conversations(bridges.values())):
            return line.at
    return None


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
        yield {name for name in group if name.startswith(PARTY_TECHNOLOGY)}
