"""Translate Asterisk's channel event log (CEL) into events. Pure.

A tracker makes the same record of them as of the AMI stream, as far as CEL goes. CEL has no ringing: a phone counts as
ringing from the moment it is called. It has no holds: these count as talk. Nor does it say who was asked to hang up.
Meanings: Asterisk documentation, "CEL Specification". The names of columns are those of its SQL back ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pbxd.asterisk.ami.field_limits import bounded, is_timestamp
from pbxd.asterisk.endpoints import Endpoints, target_in
from pbxd.asterisk.translate import VOICEMAIL
from pbxd.calls import events as ev
from pbxd.calls.identity import CALL_PREFIX
from pbxd.errors import ProtocolError

# cel.h, enum ast_cel_event_type: an SQL table may have the number instead of the name.
_KINDS = dict(
    enumerate(
        (
            "CHAN_START", "CHAN_END", "ANSWER", "HANGUP", "BRIDGE_ENTER", "BRIDGE_EXIT", "APP_START", "APP_END",
            "PARK_START", "PARK_END", "BLINDTRANSFER", "ATTENDEDTRANSFER", "USER_DEFINED", "PICKUP", "FORWARD",
            "LINKEDID_END", "LOCAL_OPTIMIZE",
        ),
        1,
    )
)  # fmt: skip
_NAMES = {str(number): name for number, name in _KINDS.items()}
_DIALS = frozenset({"Dial", "Queue"})
_BUSY, _LOSER, _CANCELLED = 17, 26, 127  # Q.850 causes of a phone that didn't answer
_LEFT = frozenset({0, 16, 26, 31, 127})  # causes of a caller who gave up: none, normal, and those of a CANCEL


class CelRow(NamedTuple):
    """One event of the log; `at` in seconds since the epoch."""

    kind: str
    at: float
    number: str
    exten: str
    channel: str
    application: str
    data: str
    uniqueid: str
    linkedid: str
    extra: Mapping[str, Any]


def read_row(values: Mapping[str, str]) -> CelRow | None:
    """Read a row by the names of its columns. None: it is damaged, or not an event of a channel."""
    try:
        values = bounded(values)
    except ProtocolError:
        return None
    kind, stamp = values.get("eventtype", ""), values.get("eventtime", "")
    if not is_timestamp(stamp) or not values.get("uniqueid"):
        return None
    return CelRow(
        _NAMES.get(kind, kind),
        float(stamp),
        values.get("cid_num", ""),
        values.get("exten", ""),
        values.get("channame", ""),
        values.get("appname", ""),
        values.get("appdata", ""),
        values["uniqueid"],
        values.get("linkedid") or values["uniqueid"],
        _extra(values.get("extra", "")),
    )


def _extra(text: str) -> Mapping[str, Any]:
    if not text.startswith("{"):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # it may contain a caller's name
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(slots=True)
class _Channel:
    name: str
    endpoint: ev.Endpoint
    linkedid: str
    began: int  # its position among all channels
    called: bool = False
    number_known: bool = False
    answered: bool = False
    application: str = ""  # Dial or Queue, while it runs
    data: str = ""
    dialled: int = 0  # position of its last dial in the same count
    queue: str = ""
    bridge: str = ""
    cause: int = 0


@dataclass(slots=True)
class CelTranslator:
    """Translates one log. `unknown` counts rows of channels whose start the log lacks."""

    endpoints: Endpoints
    unknown: int = 0
    _channels: dict[str, _Channel] = field(default_factory=dict)
    _ids: dict[str, str] = field(default_factory=dict)  # by the name of a channel that exists
    _count: int = 0

    @property
    def living(self) -> int:
        """The number of channels that have started and not ended."""
        return len(self._channels)

    def knows(self, row: CelRow) -> bool:
        """Whether the start of this row's channel was read."""
        return row.uniqueid in self._channels

    def translate(self, row: CelRow) -> Iterator[ev.Event]:
        """Yield the events for a row, in order."""
        if row.kind == "CHAN_START":
            yield from self._started(row)
            return
        channel = self._channels.get(row.uniqueid)
        if channel is None:
            self.unknown += 1
            return
        channel.linkedid = row.linkedid
        yield from self._application_events(row, channel)
        yield from self._channel_events(row, channel)

    def _channel_events(self, row: CelRow, channel: _Channel) -> Iterator[ev.Event]:
        match row.kind:
            case "ANSWER":
                yield from self._answered(row, channel)
            case "BRIDGE_ENTER":
                yield from self._entered(row, channel)
            case "BRIDGE_EXIT":
                channel.bridge = ""
                yield ev.BridgeLeft(row.at, _text(row, "bridge_id"), row.uniqueid, row.linkedid)
            case "HANGUP":
                yield from self._hung_up(row, channel)
            case "CHAN_END":
                yield from self._ended(row, channel)
            case "PARK_START" | "PARK_END":
                yield self._parking(row)
            case _:
                yield from _other_events(row)

    def _started(self, row: CelRow) -> Iterator[ev.Event]:
        self._count += 1
        endpoint = self.endpoints.of(row.channel)
        channel = _Channel(row.channel, endpoint, row.linkedid, self._count)
        self._channels[row.uniqueid] = channel
        self._ids[row.channel] = row.uniqueid
        yield ev.ChannelCreated(row.at, row.uniqueid, row.linkedid, endpoint, row.number, row.exten)
        other = self._ids.get(f"{row.channel[:-1]}1") if row.channel.endswith(";2") else None
        if other is not None:
            yield ev.LocalPaired(row.at, other, row.uniqueid)
        elif row.uniqueid.startswith(CALL_PREFIX) or (row.uniqueid == row.linkedid and row.channel.endswith(";1")):
            # No Dial made this Local pair: a program originates it.
            channel.called = True
            yield ev.DialBegan(row.at, None, row.uniqueid, row.linkedid, "")
        elif row.uniqueid != row.linkedid:
            yield from self._called(row, channel)
        if channel.called and endpoint.kind != "local":
            yield ev.ChannelRinging(row.at, row.uniqueid, row.linkedid)

    def _called(self, row: CelRow, channel: _Channel) -> Iterator[ev.Event]:
        """Find who dialled a new channel: in its call, a dialling channel that names it, else the last one to dial."""
        dialling = [
            (target_in(other.data, row.channel), other.dialled, uniqueid, other)
            for uniqueid, other in self._channels.items()
            if other.application and other.linkedid == row.linkedid and other is not channel
        ]
        if not dialling:
            return
        target, _when, source, _dialler = max(dialling, key=lambda each: (bool(each[0]), each[1]))
        channel.called = True
        channel.endpoint, number = self.endpoints.of_dialled(row.channel, target)
        channel.number_known = bool(number)
        yield ev.DialBegan(row.at, source, row.uniqueid, row.linkedid, number, endpoint=channel.endpoint)

    def _application_events(self, row: CelRow, channel: _Channel) -> Iterator[ev.Event]:
        """Follow which application dials. An application that follows itself has no start and end of its own."""
        if row.kind == "APP_END" or row.application not in _DIALS:
            if row.application == channel.application and row.kind == "APP_END":
                channel.application = channel.data = ""
                yield from self._left_queue(row, channel)
            return
        if (row.application, row.data) == (channel.application, channel.data):
            return
        yield from self._left_queue(row, channel)
        self._count += 1
        channel.application, channel.data, channel.dialled = row.application, row.data, self._count
        yield from self._late_number(row)
        if row.application == "Queue" and not channel.bridge:
            channel.queue = row.data.partition(",")[0]
            yield ev.QueueJoined(row.at, row.uniqueid, row.linkedid, channel.queue, row.number)

    def _late_number(self, row: CelRow) -> Iterator[ev.Event]:
        """Add the number of a phone that was called by a second Dial, before the log had that Dial."""
        for uniqueid, other in self._channels.items() if row.application == "Dial" else ():
            open_trunk = other.called and not other.number_known and other.endpoint.kind == "trunk"
            target = target_in(row.data, other.name) if open_trunk and other.linkedid == row.linkedid else ""
            number = self.endpoints.of_dialled(other.name, target)[1] if target else ""
            if number:
                other.number_known = True
                yield ev.DialBegan(row.at, row.uniqueid, uniqueid, row.linkedid, number)

    def _left_queue(self, row: CelRow, channel: _Channel) -> Iterator[ev.Event]:
        if channel.queue:
            yield ev.QueueLeft(row.at, row.uniqueid, row.linkedid, channel.queue)
            channel.queue = ""

    def _answered(self, row: CelRow, channel: _Channel) -> Iterator[ev.Event]:
        if row.application == "AppDial2" and not channel.called:  # a program originated it
            channel.called = True
            yield ev.DialBegan(row.at, None, row.uniqueid, row.linkedid, "")
        if row.uniqueid.startswith(CALL_PREFIX) and row.number:
            yield ev.DestinationSet(row.at, row.uniqueid, row.linkedid, row.number)
        if channel.called and not channel.number_known and channel.endpoint.kind == "trunk":
            yield ev.DialBegan(row.at, None, row.uniqueid, row.linkedid, row.number)
        if channel.called and not channel.answered:
            yield ev.DialEnded(row.at, None, row.uniqueid, row.linkedid, "answered")
        channel.answered = True
        yield ev.ChannelUp(row.at, row.uniqueid, row.linkedid)

    def _entered(self, row: CelRow, channel: _Channel) -> Iterator[ev.Event]:
        yield from self._left_queue(row, channel)
        channel.bridge = _text(row, "bridge_id")
        kind = "conference" if row.application == "ConfBridge" else ""
        if _text(row, "bridge_technology") == "holding_bridge":
            kind = "holding"
        yield ev.BridgeEntered(row.at, channel.bridge, row.uniqueid, row.linkedid, kind)

    def _hung_up(self, row: CelRow, channel: _Channel) -> Iterator[ev.Event]:
        cause = row.extra.get("hangupcause", 0)
        channel.cause = cause if isinstance(cause, int) else 0
        if channel.called and not channel.answered:
            yield ev.DialEnded(row.at, None, row.uniqueid, row.linkedid, _result(channel.cause))
        refused = not channel.called and not channel.answered and channel.cause not in _LEFT  # our dialplan did
        if _text(row, "hangupsource") == row.channel and not refused:
            yield ev.HangupRequested(row.at, row.uniqueid, row.linkedid, by_party=True)

    def _parking(self, row: CelRow) -> ev.Event:
        if row.kind == "PARK_END":
            taker = self._ids.get(_text(row, "retriever"), "")
            timed_out = _text(row, "reason") == "ParkedCallTimeOut"
            return ev.Unparked(row.at, row.uniqueid, row.linkedid, taker, timed_out=timed_out)
        parker = self.endpoints.of_device(_text(row, "parker_dial_string"))
        by = parker.name if parker.kind == "extension" else ""
        return ev.Parked(row.at, row.uniqueid, row.linkedid, _text(row, "parking_lot"), by)

    def _ended(self, row: CelRow, channel: _Channel) -> Iterator[ev.Event]:
        del self._channels[row.uniqueid]
        self._ids.pop(channel.name, None)
        yield ev.ChannelEnded(row.at, row.uniqueid, row.linkedid, channel.cause)


def _other_events(row: CelRow) -> Iterator[ev.Event]:
    ids = row.uniqueid, row.linkedid
    match row.kind:
        case "APP_START" if row.application in VOICEMAIL:
            yield ev.VoicemailBegan(row.at, *ids)
        case "APP_END" if row.application in VOICEMAIL:
            yield ev.VoicemailEnded(row.at, *ids)
        case "PICKUP":
            yield ev.PickedUp(row.at, _text(row, "pickup_channel_uniqueid"), *ids)
        case "BLINDTRANSFER":
            yield ev.Transferred(row.at, "blind", row.uniqueid, "", _text(row, "extension"), row.linkedid)
        case "ATTENDEDTRANSFER":
            second = _text(row, "channel2_uniqueid")
            yield ev.Transferred(row.at, "attended", row.uniqueid, second, "", row.linkedid)
        case _:
            pass


def _text(row: CelRow, name: str) -> str:
    value = row.extra.get(name, "")
    return str(value) if isinstance(value, str | int | float) else ""


def _result(cause: int) -> ev.DialResult:
    if cause == _BUSY:
        return "busy"
    return "cancelled" if cause in {_LOSER, _CANCELLED} else "no-answer"
