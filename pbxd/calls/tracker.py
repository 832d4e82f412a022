"""The state machine of calls: events in, records out.

`Tracker.feed` is the only way in. It routes each event to the one function that handles it. Only the modules named
there change the state of a call:

- `calls.leg_events`: what happens to one leg (rings, answers, holds, waits in a queue, ends), and the end of a call.
- `calls.dials`: who calls whom.
- `calls.joins`: bridges, transfers, pickups and parking, which bring legs of different calls together.
- `calls.snapshots`: the loss of the link, and the list of channels after it.

They use `calls.registry` (which leg belongs to which call), `calls.parties` (caller and callee) and `calls.live_call`
(what a call does at the moment). An import contract allows no other module to use them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, assert_never

from pbxd.calls import dials, joins, leg_events
from pbxd.calls import events as ev
from pbxd.calls.identity import ChannelIds
from pbxd.calls.legs import Leg
from pbxd.calls.live_call import LiveCall
from pbxd.calls.presence import Presence, presence_of
from pbxd.calls.record import CallRecord
from pbxd.calls.registry import Registry
from pbxd.calls.snapshots import Snapshots
from pbxd.numbers import NumberRules

PhoneState = Literal["ringing", "talking"]


@dataclass(frozen=True, slots=True)
class CallNow:
    """A call under way."""

    record: CallRecord
    part: str  # what it does now: one of the parts that a call's time is made of
    phones: dict[str, PhoneState]  # of the extensions that are in it now


class Tracker:
    """Follows all calls of one PBX."""

    def __init__(self, pbx: str, rules: NumberRules, ids: ChannelIds, *, in_gap: bool = True) -> None:
        """Start without calls. `in_gap`: events before the first one may be missing, until a snapshot ends."""
        self.registry = Registry(pbx, rules, ids)
        self._snapshots = Snapshots(self.registry, in_gap=in_gap)
        self._presences: dict[LiveCall, Presence] = {}

    def remember(self, records: Iterable[CallRecord], ended: Collection[str] = ()) -> None:
        """Take over the open calls of an earlier process; the next snapshot shows which of them still last.

        `ended`: the linkedids of calls that ended while those were open. A channel that still exists may have one.
        """
        self._snapshots.remember(records, ended)

    @property
    def open_calls(self) -> int:
        """The number of calls under way."""
        return len(self.registry.calls)

    def phones(self) -> dict[str, PhoneState]:
        """Return which extensions are on the phone now. One that rings while it talks is talking."""
        return _phones(self.registry.legs.values())

    def calls_now(self) -> list[CallNow]:
        """Return the calls under way that people can see, the newest first."""
        shown = [call for call in self.registry.calls if call.is_shown]
        found = [CallNow(call.record.copy(), call.part, _phones(call.legs.values())) for call in shown]
        return sorted(found, key=lambda each: each.record.started, reverse=True)

    def presences(self) -> list[Presence]:
        """Return what happens in each call that people see; of a call without news, the same object again."""
        for call in self.registry.take_touched():
            if call.over or not call.legs or not call.is_shown:
                self._presences.pop(call, None)
            else:
                self._presences[call] = presence_of(call)
        return list(self._presences.values())

    def number_of(self, channel: str) -> str | None:
        """Return the number that a channel stated when it was created; later changes of its caller id don't count."""
        leg = self.registry.legs.get(channel)
        return leg.number or None if leg else None

    def call_of(self, channel: str) -> str | None:
        """Return the id of the call that a channel belongs to, if people can see it."""
        call = self.registry.call_of(channel)
        return call.record.id if call is not None and call.is_shown else None

    def note_moved(self, channel: str, queue: str, who: str, at: float) -> None:
        """Note that a person moved a waiting caller to the front: the PBX has no event of it."""
        leg_events.note_moved(self.registry, channel, queue, who, at)

    def take_changes(self) -> list[CallRecord]:
        """Return the current records of all calls that changed since the last time, oldest change first."""
        return self.registry.take_changes()

    def feed(self, event: ev.Event) -> None:  # noqa: C901, PLR0912, PLR0915 - one arm an event
        """Handle one event."""
        registry = self.registry
        match event:
            case ev.ChannelCreated():
                self._add_channel(event)
            case ev.ChannelRinging() | ev.ChannelUp() | ev.HangupRequested():
                leg_events.change_state(registry, event)
            case ev.HoldBegan() | ev.HoldEnded():
                leg_events.change_hold(registry, event)
            case ev.VoicemailBegan() | ev.VoicemailEnded() | ev.QueueJoined() | ev.QueueLeft():
                leg_events.change_place(registry, event)
            case ev.QueueSeen():
                leg_events.see_in_queue(registry, event)
            case ev.RecordingBegan():
                leg_events.start_recording(registry, event)
            case ev.ChannelEnded():
                leg_events.end_channel(registry, event)
            case ev.DialBegan():
                dials.begin(registry, event, in_gap=self._snapshots.in_gap)
            case ev.DialEnded():
                dials.end(registry, event)
            case ev.DestinationSet():
                dials.set_destination(registry, event)
            case ev.OriginateEnded():
                dials.end_originate(registry, event)
            case ev.BridgeEntered():
                joins.enter_bridge(registry, event)
            case ev.BridgeLeft():
                joins.leave_bridge(registry, event)
            case ev.LocalPaired():
                joins.pair_local(registry, event)
            case ev.Parked() | ev.Unparked():
                joins.change_parking(registry, event)
            case ev.PickedUp():
                joins.pick_up(registry, event)
            case ev.Transferred():
                joins.transfer(registry, event)
            case ev.LinkLost():
                self._snapshots.lose_link(event.at)
            case ev.ChannelSeen():
                self._snapshots.see_channel(event)
            case ev.SnapshotEnded():
                self._snapshots.end(event.at)
            case ev.SnapshotBegan() | ev.CallerIdChanged() | ev.PbxStarted():
                pass
            case _:
                assert_never(event)

    def _add_channel(self, event: ev.ChannelCreated) -> None:
        if event.channel in self.registry.legs:
            return  # a snapshot showed it before its own event arrived
        leg = leg_events.new_leg(event)
        linkedid = self._snapshots.find_call(leg, event.at)
        leg_events.add_leg(self.registry, leg, linkedid, event.at)


def _phones(legs: Iterable[Leg]) -> dict[str, PhoneState]:
    found: dict[str, PhoneState] = {}
    for leg in legs:
        if leg.endpoint.kind != "extension":
            continue
        if leg.up or not leg.called:
            found[leg.endpoint.name] = "talking"
        elif leg.is_ringing:
            found.setdefault(leg.endpoint.name, "ringing")
    return found
