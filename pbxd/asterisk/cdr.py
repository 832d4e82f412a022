"""Translate Asterisk's call detail records (CDR) into events. Pure.

A record describes one path, from a channel to at most one other. A call is the records of one linkedid, put in order of
time. CDR has less than CEL: no ringing, holds, menu or parking, and whole seconds in most back ends. If a queue or a
menu answered first, an agent's ringing may count as talk. No record says who hung up: an unanswered incoming call
counts as missed, or as abandoned if no application came after its queue. Meanings: Asterisk documentation, "CDR
Specification".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pbxd.asterisk.ami.field_limits import bounded, is_timestamp
from pbxd.asterisk.endpoints import Endpoints, target_in
from pbxd.asterisk.translate import VOICEMAIL
from pbxd.calls import events as ev
from pbxd.calls.identity import CALL_PREFIX
from pbxd.errors import ProtocolError

_DIALS = frozenset({"Dial", "Queue"})
_CALLED = frozenset({"AppDial", "AppDial2"})  # a channel that was called runs one of these
_RESULTS: Mapping[str, ev.DialResult] = {"BUSY": "busy", "FAILED": "unavailable", "CONGESTION": "congestion"}
# The order of events within one second.
_ORDER: Sequence[type] = (
    ev.ChannelCreated, ev.LocalPaired, ev.QueueJoined, ev.DialBegan, ev.ChannelRinging, ev.ChannelUp, ev.DialEnded,
    ev.QueueLeft, ev.VoicemailBegan, ev.BridgeEntered, ev.BridgeLeft, ev.VoicemailEnded, ev.HangupRequested,
    ev.ChannelEnded,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CdrRow:
    """One path. Times are seconds since the epoch; `answered` is None if nobody answered."""

    linkedid: str
    uniqueid: str  # of `channel`; empty if the log has none
    source: str
    dialled: str
    channel: str
    other: str
    application: str
    data: str
    began: float
    answered: float | None
    ended: float
    result: ev.DialResult
    other_number: str = ""  # the number of `other`, if that is a client with a call of its own


def read_row(values: Mapping[str, str]) -> CdrRow | None:
    """Read a record by the names of its columns. None: it is damaged."""
    try:
        values = bounded(values)
    except ProtocolError:
        return None
    began, answered, ended = (values.get(name, "") for name in ("start", "answer", "end"))
    if not (is_timestamp(began) and is_timestamp(ended) and values.get("linkedid") and values.get("channel")):
        return None
    disposition = values.get("disposition", "").upper()
    taken = disposition == "ANSWERED" and is_timestamp(answered) and float(answered) > 0
    return CdrRow(
        values["linkedid"],
        values.get("uniqueid", ""),
        values.get("src", ""),
        values.get("dst", ""),
        values["channel"],
        values.get("dstchannel", ""),
        values.get("lastapp", ""),
        values.get("lastdata", ""),
        float(began),
        max(float(began), float(answered)) if taken else None,
        max(float(began), float(ended), float(answered) if taken else 0.0),
        "answered" if taken else _RESULTS.get(disposition, "no-answer"),
    )


def calls_of(rows: Iterable[CdrRow], endpoints: Endpoints) -> dict[str, list[CdrRow]]:
    """Group the records by call, with the call's linkedid.

    Asterisk gives a client's channel another call's linkedid when the two meet, as in an agent's standing line. A
    client's path has the client's own uniqueid, which is the linkedid that the call began with: those paths are a call
    of their own, and the line's paths to the client belong to it too. A path between two clients belongs to both calls.
    """
    paths = sorted(rows, key=lambda row: row.began)
    clients = _clients(paths, endpoints)
    agents: dict[str, CdrRow] = {}  # by the far end of a Local pair: the path of the client who dialled the pair
    found: dict[str, list[CdrRow]] = defaultdict(list)
    for row in paths:
        client, near = _at(clients, row.channel, row), _at(clients, row.other, row)
        agent_of = agents.get(row.channel)
        if client is not None and client.uniqueid == row.uniqueid:
            found[row.uniqueid].append(replace(row, linkedid=row.uniqueid))
            if row.other.endswith(";1"):
                agents[f"{row.other[:-1]}2"] = row
        elif agent_of is not None and row.began <= agent_of.ended:
            found[agent_of.uniqueid].append(replace(row, linkedid=agent_of.uniqueid))
        elif near is not None and row.linkedid != near.uniqueid:
            both_clients = endpoints.of(row.channel).kind == "trunk"
            found[near.uniqueid].append(_turned(row, near, row.source if both_clients else ""))
            found[row.linkedid].append(
                replace(row, other_number=near.source) if both_clients else replace(row, other="")
            )
        else:
            found[row.linkedid].append(row)
    return found


def _turned(row: CdrRow, client: CdrRow, other_number: str) -> CdrRow:
    """Return a path to a client as a path of the client's own call."""
    own = replace(client, linkedid=client.uniqueid, other=row.channel, other_number=other_number)
    return replace(own, began=row.began, answered=row.answered, ended=row.ended, result=row.result)


def _clients(paths: Sequence[CdrRow], endpoints: Endpoints) -> dict[str, list[CdrRow]]:
    """Return the first path of each outside caller whose channel has another call's linkedid, by the channel's name.

    A channel that somebody called first (a client whom an employee called and then transferred) is not a caller. A name
    is used again after a restart of the PBX.
    """
    called: set[str] = set()
    found: dict[tuple[str, str], CdrRow] = {}
    for row in paths:
        if row.application in _DIALS:
            called.add(row.other)
        by_pbxd = row.uniqueid.startswith(CALL_PREFIX)
        outside = bool(row.source and row.uniqueid) and not by_pbxd and endpoints.of(row.channel).kind == "trunk"
        if outside and row.channel not in called and row.application not in _CALLED:
            found.setdefault((row.channel, row.uniqueid), row)
    moved = {row.uniqueid for row in paths if row.uniqueid != row.linkedid}
    clients: dict[str, list[CdrRow]] = defaultdict(list)
    for (name, uniqueid), row in found.items():
        if uniqueid in moved:
            clients[name].append(row)
    return clients


def _at(clients: Mapping[str, Sequence[CdrRow]], name: str, row: CdrRow) -> CdrRow | None:
    """Return the client who had this channel name at the time of a path."""
    return next((each for each in reversed(clients.get(name, ())) if each.began <= row.ended), None)


def events_of(rows: Iterable[CdrRow], endpoints: Endpoints) -> list[ev.Event]:
    """Return the events for the records of one call, in order."""
    paths = sorted(rows, key=lambda row: row.began)
    found = [*_channels(paths, endpoints)]
    dialled: set[str] = set()
    for number, row in enumerate(paths):
        found += _path(row, f"path {number}", endpoints, again=row.other in dialled)
        dialled.add(row.other)
    return sorted(found, key=lambda event: (event.at, _ORDER.index(type(event))))


def _channels(paths: Sequence[CdrRow], endpoints: Endpoints) -> Iterator[ev.Event]:
    """Yield the start of each channel with its first path, and its end with its last one."""
    lives: dict[str, tuple[CdrRow, float]] = {}
    for row in paths:
        for name in filter(None, (row.channel, row.other)):
            first, ended = lives.get(name, (row, row.ended))
            lives[name] = first, max(ended, row.ended)
    for name, (row, ended) in lives.items():
        channel, endpoint = _id(name, row), endpoints.of(name)
        number = row.source if name == row.channel else row.other_number
        yield ev.ChannelCreated(row.began, channel, row.linkedid, endpoint, number, row.dialled)
        if name.endswith(";2") and (other := f"{name[:-1]}1") in lives:
            yield ev.LocalPaired(max(row.began, lives[other][0].began), _id(other, row), channel)
        yield ev.ChannelEnded(ended, channel, row.linkedid, 0)
    first, last = paths[0], max(paths, key=lambda row: row.ended)
    if last.application == "Queue" and last.channel == first.channel and not (last.other and last.answered):
        yield ev.HangupRequested(lives[first.channel][1], _id(first.channel, first), first.linkedid, by_party=True)
    if first.linkedid.startswith(CALL_PREFIX):
        yield ev.DialBegan(first.began, None, _id(first.channel, first), first.linkedid, "")


def _path(row: CdrRow, bridge: str, endpoints: Endpoints, *, again: bool) -> Iterator[ev.Event]:
    """Yield the events of one record. `again`: an earlier record called its other channel."""
    one, two, linkedid = _id(row.channel, row), _id(row.other, row), row.linkedid
    if row.application == "Queue":
        queue = row.data.partition(",")[0]
        yield ev.QueueJoined(row.began, one, linkedid, queue, row.source)
        taken = row.answered if row.other and row.answered is not None else row.ended
        yield ev.QueueLeft(taken, one, linkedid, queue)
    if row.other and not again:
        other, number = endpoints.of_dialled(row.other, target_in(row.data, row.other))
        yield ev.DialBegan(row.began, one, two, linkedid, number, endpoint=other)
        if other.kind == "extension":
            yield ev.ChannelRinging(row.began, two, linkedid)
        yield ev.DialEnded(row.ended if row.answered is None else row.answered, one, two, linkedid, row.result)
    if row.answered is None:
        return
    yield ev.ChannelUp(row.answered, one, linkedid)
    if row.other:
        yield ev.ChannelUp(row.answered, two, linkedid)
        for channel in (one, two):
            yield ev.BridgeEntered(row.answered, bridge, channel, linkedid)
            yield ev.BridgeLeft(row.ended, bridge, channel, linkedid)
    elif row.application in VOICEMAIL:
        yield ev.VoicemailBegan(row.answered, one, linkedid)
        yield ev.VoicemailEnded(row.ended, one, linkedid)


def _id(name: str, row: CdrRow) -> str:
    """Return a channel's id. Its name alone can be used again after a restart of the PBX."""
    return f"{name} {row.linkedid}"
