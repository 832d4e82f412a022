"""Gaps: what the loss of the link, and the snapshot after it, do to calls.

Part of the state machine; only `calls.tracker` uses it. A gap lasts from the loss of the link, or the start of the
process, to the end of the next snapshot. Within it events may be missing: calls can begin, change and end unnoticed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from pbxd.calls import dials, joins, leg_events, parties, split_calls, standing_lines
from pbxd.calls import events as ev
from pbxd.calls.identity import CALL_PREFIX, beginning
from pbxd.calls.legs import Leg
from pbxd.calls.live_call import LiveCall
from pbxd.calls.record import CallRecord, Gap, moment
from pbxd.calls.registry import Registry


class Snapshots:
    """Resumes calls after a gap: those of this process, and the open calls of an earlier one."""

    def __init__(self, registry: Registry, *, in_gap: bool) -> None:
        self.in_gap = in_gap  # events may be missing, and no snapshot has ended since
        self._registry = registry
        self._remembered: dict[str, CallRecord] = {}  # open calls of an earlier process, by linkedid
        self._ended_before: Collection[str] = ()  # linkedids of calls that ended in an earlier process
        self._ended_at = -math.inf  # when the last snapshot ended; earlier events may still arrive
        self._outside_callers: list[Leg] = []  # outside legs that the snapshot under way added and that nobody dialled

    def remember(self, records: Iterable[CallRecord], ended: Collection[str]) -> None:
        """Take over the open calls of an earlier process; `ended` are the linkedids of those that ended there."""
        self._remembered.update({record.linkedid: record for record in records})
        self._ended_before = ended

    def find_call(self, leg: Leg, at: float) -> str:
        """Return the linkedid of a new channel's call; resume or open that call if it began in a gap."""
        linkedid = self._call_key(leg.channel, leg.linkedid)
        began = beginning(linkedid, at, self._registry.ids)
        # Events of a call may arrive after a snapshot that was taken later, unless the call's first channel is known.
        in_gap = self.in_gap or (began <= self._ended_at and linkedid not in self._registry.legs)
        if in_gap and linkedid != leg.channel and self._registry.lacks_caller(linkedid):
            leg.called = leg.is_party  # a snapshot, or the Dial that calls this leg, will show the caller
            self._resume_call(linkedid, began, at)
        return linkedid

    def _call_key(self, channel: str, linkedid: str) -> str:
        """Return the linkedid by which to look for a new leg's call.

        A channel whose own id is the key of an open call may have another call's linkedid by now, and that other call
        may have ended.
        """
        over = linkedid in self._ended_before and not self._registry.has_call(linkedid)
        return channel if channel in self._remembered or not linkedid or over else linkedid

    def lose_link(self, at: float) -> None:
        """Begin a gap in every call."""
        self.in_gap = True
        for call in self._registry.calls:
            call.open_gap(max(at, call.at))
            self._registry.mark_changed(call)
        for leg in self._registry.legs.values():
            leg.stale = True

    def see_channel(self, event: ev.ChannelSeen) -> None:
        """Update or add the leg of a channel that a snapshot shows."""
        if not self.in_gap:
            return  # events are complete; the list may be newer than they are
        leg = self._registry.legs.get(event.channel)
        outdated = leg is None or leg.stale
        if leg is None:
            self._add_leg(event)
        found = self._registry.find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        leg.connected = event.connected
        leg.talked = leg.talked or (call.resumed and call.identity(leg) in call.record.answered_by)
        # Events since the link came back are as new as the list.
        leg.up = event.state == "up" or (leg.up and not outdated)
        leg.ringing = not leg.up and (event.state == "ringing" or (leg.ringing and not outdated))
        if event.bridge and not leg.parked:
            leg.queue = ""
            joins.set_bridge(self._registry, leg, event.bridge, conference=event.conference)
        elif outdated:
            joins.set_bridge(self._registry, leg, "")
        else:
            self._registry.update(call)
        if event.channel.startswith(CALL_PREFIX) and event.state != "up" and event.number:
            destination = ev.DestinationSet(event.at, event.channel, event.linkedid, event.number)
            dials.set_destination(self._registry, destination)

    def _add_leg(self, event: ev.ChannelSeen) -> None:
        # The caller's channel gives the conversation its linkedid. Any other channel was called; so was the agent of a
        # click-to-call.
        called = event.channel != event.linkedid or event.channel.startswith(CALL_PREFIX)
        leg = Leg(event.channel, event.endpoint, event.number, event.dialled, called=called)
        linkedid = self._call_key(event.channel, event.linkedid)
        self._resume_call(linkedid, beginning(linkedid, event.at - event.seconds, self._registry.ids), event.at)
        if leg.is_outside and event.number and not event.called and not event.channel.startswith(CALL_PREFIX):
            self._outside_callers.append(leg)
        leg_events.add_leg(self._registry, leg, linkedid, event.at)
        self._pair_by_name(leg, event.other_end)

    def _pair_by_name(self, leg: Leg, other_end: str) -> None:
        """Connect the two ends of a Local pair by their names; a snapshot shows nothing else of them."""
        for other in self._registry.legs.values() if other_end else ():
            if other.endpoint.name == other_end and not other.is_party and other.pair is None:
                other.pair, leg.pair = leg, other

    def _resume_call(self, linkedid: str, began: float, at: float) -> None:
        """Open a call that began in a gap: from an earlier process's record, else as begun at about `began`."""
        remembered = self._remembered.pop(linkedid, None)
        if remembered is not None:
            self._registry.add_linkedid(self._registry.resume_call(remembered, at), linkedid)
        elif not self._registry.has_call(linkedid):
            call = self._registry.open_call(linkedid, min(began, at))
            call.began_in_gap = True
            call.record.gaps.append(Gap(moment(call.at), moment(at)))

    def end(self, at: float) -> None:
        """End the gap: find the callers of new calls, and end the legs and calls that the snapshot does not show."""
        self.in_gap, self._ended_at = False, at
        registry = self._registry
        split_calls.split(registry, self._outside_callers, at)
        self._outside_callers.clear()
        for call in registry.calls:
            partner = standing_lines.client_call_of(call) if call.record.linkedid not in registry.legs else None
            if partner is not None:
                registry.absorb(partner, call, at)
        for call in registry.calls:
            self._choose_caller(call)
            call.close_gap(at)
            call.rang_before = frozenset()
            registry.mark_changed(call)
        for leg in [leg for leg in registry.legs.values() if leg.stale]:
            if leg.call is not None:
                leg.call.advance(at)
                leg_events.end_leg(registry, leg, leg.call)
        for record in self._remembered.values():
            call = registry.resume_call(record, at)
            leg_events.finish_call(registry, call, in_gap=True)
        self._remembered.clear()

    def _choose_caller(self, call: LiveCall) -> None:
        """Find the caller of a call that began in a gap: by the number a called phone shows, else by who talks.

        In a program's call the employee who was called first is the caller, even while their phone rings.
        """
        if call.caller is not None or call.resumed:
            return
        present = (leg for leg in call.legs.values() if leg.is_party)
        there = sorted(present, key=lambda leg: self._registry.ids.place(leg.channel))
        by_program = call.by_program or call.record.linkedid in self._registry.legs
        if not there or (not by_program and parties.find_gone_caller(call, there[0])):
            return
        able = [leg for leg in there if leg.up]
        if by_program:
            able += [leg for leg in there if leg.endpoint.kind == "extension"]
        if able:
            leg_events.set_caller(self._registry, call, able[0])
