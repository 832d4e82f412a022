"""The one state machine of calls: events in, records out.

Every transition of a call is made here, and none elsewhere: that is why it is long. What belongs to which call is
`calls.registry`'s business, who began a call and for whom is `calls.parties`', what a call is doing is `calls.live`'s.
What changed is taken with `take_changes`, each call once however often it changed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import assert_never

from pbxd.calls import events as ev
from pbxd.calls import parties
from pbxd.calls.identity import CALL_PREFIX, ChannelIds, beginning
from pbxd.calls.legs import Leg
from pbxd.calls.live import LiveCall, moment, readable
from pbxd.calls.outcome import judge, refusal
from pbxd.calls.record import CallRecord, Gap
from pbxd.calls.registry import Registry
from pbxd.numbers import NumberRules


class Tracker:
    """Follows all calls of one PBX."""

    def __init__(self, pbx: str, rules: NumberRules, ids: ChannelIds, *, whole: bool = False) -> None:
        """Begin without any call; `whole`: what comes is a log from its beginning, of which nothing went unheard."""
        self._rules = rules
        self._ids = ids
        self._known = Registry(pbx, rules, ids)
        self._remembered: dict[str, CallRecord] = {}  # open calls of an earlier process, by linkedid
        self._over: Collection[str] = ()  # linkedids of calls that an earlier process saw to their ends
        self._unsure = not whole  # something wasn't heard, and no snapshot has ended since
        self._sure_since = -math.inf  # when the last snapshot ended; the events before may be on their way yet

    def remember(self, records: Iterable[CallRecord], over: Collection[str] = ()) -> None:
        """Take over the open calls of an earlier process; the next snapshot tells which of them are still there.

        `over`: the linkedids of calls that ended while those lasted; a channel that is still there may have one.
        """
        self._remembered.update({record.linkedid: record for record in records})
        self._over = over

    @property
    def open_calls(self) -> int:
        """How many calls are under way."""
        return len(self._known.calls)

    def number_of(self, channel: str) -> str | None:
        """Return what a channel said of itself when it was created, which later changes of caller id don't touch."""
        leg = self._known.legs.get(channel)
        return leg.number or None if leg else None

    def take_changes(self) -> list[CallRecord]:
        """Return, once, the present records of all calls that changed since the last time, oldest change first."""
        return self._known.take_changes()

    def feed(self, event: ev.Event) -> None:  # noqa: C901, PLR0912, PLR0915 - one arm an event
        """Follow one event."""
        match event:
            case ev.ChannelCreated():
                self._created(event)
            case ev.ChannelRinging() | ev.ChannelUp() | ev.HangupAsked():
                self._state_changed(event)
            case ev.HoldBegan() | ev.HoldEnded():
                self._hold_changed(event)
            case ev.VoicemailBegan() | ev.VoicemailEnded() | ev.QueueJoined() | ev.QueueLeft():
                self._place_changed(event)
            case ev.QueueSeen():
                self._queue_seen(event)
            case ev.ChannelEnded():
                self._ended(event)
            case ev.DialBegan():
                self._dial_began(event)
            case ev.DialEnded():
                self._dial_ended(event)
            case ev.BridgeEntered():
                self._bridge_entered(event)
            case ev.BridgeLeft():
                self._bridge_left(event)
            case ev.PlumbingPaired():
                self._paired(event)
            case ev.Parked() | ev.Unparked():
                self._parking_changed(event)
            case ev.PickedUp():
                self._picked_up(event)
            case ev.Transferred():
                self._transferred(event)
            case ev.PurposeTold():
                self._purpose_told(event)
            case ev.RecordingBegan():
                self._recording_began(event)
            case ev.OriginateEnded():
                call = self._known.home(event.channel)
                if call is not None and parties.intended(call, event.number, by_caller_id=False):
                    self._known.touch(call)
            case ev.SnapshotBegan() | ev.CallerIdChanged() | ev.PbxStarted():
                pass
            case ev.LinkLost():
                self._link_lost(event.at)
            case ev.ChannelSeen():
                self._channel_seen(event)
            case ev.SnapshotEnded():
                self._snapshot_ended(event.at)
            case _:
                assert_never(event)

    # -- legs and their calls

    def _created(self, event: ev.ChannelCreated) -> None:
        if event.channel in self._known.legs:
            return  # the snapshot told of it before its own event came
        leg = Leg(event.channel, event.endpoint, event.number, event.dialled)
        leg.linkedid = event.linkedid
        linkedid = self._hint(event.channel, event.linkedid)
        began = beginning(linkedid, event.at, self._ids)
        # Events may come later than a list made after them; not those of a call whose first channel is known.
        unheard = self._unsure or (began <= self._sure_since and linkedid not in self._known.legs)
        if unheard and linkedid != event.channel and self._known.lacks_caller(linkedid):
            leg.called = leg.is_party  # who calls wasn't heard; the list, or who dials the leg, will name him
            self._resume_call(linkedid, began, event.at)
        self._adopt(leg, linkedid, event.at)

    def _hint(self, channel: str, linkedid: str) -> str:
        """Return the linkedid by which the call of a new leg is looked for.

        A channel that gave an open call of an earlier process its name may have another's linkedid by now, and that
        other call may be over.
        """
        lost = linkedid in self._over and not self._known.knows(linkedid)
        return channel if channel in self._remembered or not linkedid or lost else linkedid

    def _adopt(self, leg: Leg, linkedid: str, at: float) -> None:
        call = self._known.adopt(leg, linkedid, at)
        self._find_caller(call, leg)
        self._known.settle(call)

    def _find_caller(self, call: LiveCall, leg: Leg) -> None:
        """Take a new leg for the one who began its call, or find again who did, unless that is known."""
        if call.caller is None and leg.is_party:
            if not call.resumed and not (call.unheard and leg.called):
                self._set_caller(call, leg)
            elif call.identity(leg) == call.record.caller.number:
                call.caller = leg

    def _set_caller(self, call: LiveCall, leg: Leg) -> None:
        if call.reached is None or leg.endpoint.kind == "extension":
            parties.set_caller(call, leg)
            self._known.touch(call)

    # -- what happens to a leg

    def _state_changed(self, event: ev.ChannelRinging | ev.ChannelUp | ev.HangupAsked) -> None:
        found = self._known.find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        match event:
            case ev.ChannelRinging():
                if not leg.ringing and (leg.called or leg.endpoint.kind == "extension") and leg.is_party:
                    call.tell("rang", leg)
                leg.ringing = True
            case ev.ChannelUp():
                self._taken(leg, call)
            case ev.HangupAsked():
                if event.refused and not leg.called:
                    self._refused(leg, call, event)
                else:
                    self._asked_to_leave(leg, call, by_party=event.by_party)
        self._known.settle(call)

    def _taken(self, leg: Leg, call: LiveCall) -> None:
        leg.up, leg.ringing = True, False
        if leg.agents and call.caller is not None and not call.caller.up:
            parties.taken_by(call, leg)
            self._known.touch(call)

    def _refused(self, leg: Leg, call: LiveCall, event: ev.HangupAsked) -> None:
        """Note that we refused a caller, or sent them on: they hung up nothing."""
        leg.holding = False
        if event.technology_cause.startswith("3"):
            call.tell("forwarded", leg)

    def _asked_to_leave(self, leg: Leg, call: LiveCall, *, by_party: bool) -> None:
        leg.left_by_itself = leg.left_by_itself or by_party
        leg.holding = False  # it may live on while a transfer rings
        if by_party and leg.is_party and not leg.gave_away and (leg.up or leg is call.caller):
            for each in (call, *(other for other in leg.lent if not other.over)):
                each.note_ender(leg, call.at)
        # The dialplan's own hang-up after a call that failed looks the same as one that breaks it off.
        broken_off = call.target is not None and not call.target.result
        made_by_us = call.target is None and call.by_program
        told = not by_party and (broken_off or made_by_us)
        leg.told_to_leave = leg.told_to_leave or told
        if told and call.caller is not None and leg.channel.startswith(CALL_PREFIX):
            call.caller.told_to_leave = True  # his phones are behind the channel we made

    def _hold_changed(self, event: ev.HoldBegan | ev.HoldEnded) -> None:
        found = self._known.find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        held = isinstance(event, ev.HoldBegan)
        if held != leg.holding:  # an AMI transfer ends holds that never began
            leg.holding = held
            call.tell("held" if held else "resumed", leg)
        self._known.settle(call)

    def _place_changed(self, event: ev.VoicemailBegan | ev.VoicemailEnded | ev.QueueJoined | ev.QueueLeft) -> None:
        found = self._known.find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        match event:
            case ev.VoicemailBegan():
                leg.voicemail = call.voicemail = True
                call.tell("voicemail", leg, event.box)
            case ev.VoicemailEnded():
                leg.voicemail = False
            case ev.QueueJoined():
                self._queue_joined(leg, call, event.queue)
            case ev.QueueLeft():
                leg.queue = ""
                call.tell("left-queue", leg, event.queue)
        self._known.settle(call)

    def _queue_seen(self, event: ev.QueueSeen) -> None:
        """Learn from a list who waits; his own joining may have been told already, or still be on its way."""
        found = self._known.find(event.channel, "", event.at)
        if found is None or found[0].bridge is not None:
            return
        leg, call = found
        self._queue_joined(leg, call, event.queue)
        self._known.settle(call)

    def _queue_joined(self, leg: Leg, call: LiveCall, queue: str) -> None:
        if leg.queue == queue:
            return
        leg.queue = queue
        record = call.record
        record.queue = queue
        if queue not in record.queues[-1:]:
            record.queues.append(queue)
        call.tell("queued", leg, queue)
        self._known.touch(call)

    def _ended(self, event: ev.ChannelEnded) -> None:
        found = self._known.find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        leg.cause = event.cause
        self._end_leg(leg, call)

    def _end_leg(self, leg: Leg, call: LiveCall) -> None:
        self._known.remove(leg, call)
        call.lent_to += [other for other in leg.lent if other not in call.lent_to]
        nameless = not call.legs and leg.is_party and self._known.lacks_caller(call.record.linkedid)
        if nameless and not parties.gone_caller(call, leg):
            parties.nobody_called(call, leg)
        if leg.is_party and leg.up:
            for each in (call, *(other for other in leg.lent if not other.over)):
                each.advance(call.at)
                each.tell("left", leg)
        elif leg.is_party and leg.called and not leg.stale:
            call.tell(refusal(leg), leg, leg.forward)
        if call.legs:
            self._known.settle(call)
            return
        self._finish(call, unheard=leg.stale)

    def _finish(self, call: LiveCall, *, unheard: bool) -> None:
        self._known.forget(call)
        record = call.record
        record.ended = moment(call.at)
        call.close_gap(call.at)  # no snapshot was needed to hear of its end
        borrower = parties.borrower(call)
        if borrower is not None:
            borrower.take_in(call)
            self._known.touch(borrower)
        else:
            parties.forget_intended(call)
            record.outcome, record.cause = judge(call)
            call.tell_end(unheard=unheard)
        self._known.touch(call)

    def _dial_began(self, event: ev.DialBegan) -> None:
        found = self._known.find(event.target, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        leg.called, leg.source, leg.connected = True, event.source, event.number or leg.connected
        source = self._known.legs.get(event.source or "")
        if source is not None and source.call is not None and source.call is not call:
            call = source.call
            self._known.move(leg, call, event.at)
            self._find_caller(call, leg)
        if not self._unsure and self._known.lacks_caller(call.record.linkedid):
            parties.gone_caller(call, leg)
        self._know_endpoint(leg, call, event.endpoint)
        if leg.is_outside and event.dialled:
            leg.number = parties.spelled(call, event.dialled, source)
        self._dialled_for(leg, call, event.source)
        if event.source is None and not leg.is_outside and parties.intended(call, event.number, by_caller_id=True):
            self._known.touch(call)
        self._known.settle(call)

    def _know_endpoint(self, leg: Leg, call: LiveCall, endpoint: ev.Endpoint | None) -> None:
        """Learn from the dial string, and from what else this Dial rings, who is at the far end."""
        if endpoint is not None and endpoint != leg.endpoint:
            call.relabel(leg, endpoint)
        siblings = [other for other in call.legs.values() if other.source == leg.source and other is not leg]
        for one, other in [(leg, other) for other in siblings] + [(other, leg) for other in siblings]:
            if parties.is_browser_phone(one, other):
                call.relabel(one, other.endpoint)

    def _dialled_for(self, leg: Leg, call: LiveCall, source: str | None) -> None:
        """Learn what a leg was dialled for: a program's first one, an agent's phone, or the other side."""
        if source is None and (leg is call.caller or call.caller is None):
            if parties.originated(call, leg):
                self._known.touch(call)
        elif parties.is_for_agent(self._known.legs, source):
            if parties.is_client_first(call, leg):
                parties.reach_first(call, leg)
                self._known.touch(call)
            else:
                leg.agents = leg.is_party
        elif call.reached is not None and leg.endpoint.kind == "extension":
            leg.agents = True
        elif leg.is_party:
            if leg is call.caller and call.by_program:
                parties.not_the_caller(call)
            self._target_dialled(call, leg)

    def _target_dialled(self, call: LiveCall, leg: Leg) -> None:
        call.target = leg
        if parties.first_target(call, leg):
            self._known.touch(call)
        if leg.is_outside:  # a phone's ringing says it better
            if parties.outside_dialled(call, leg):
                self._known.touch(call)
            parties.tell_dialled(call, leg)

    def _dial_ended(self, event: ev.DialEnded) -> None:
        found = self._known.find(event.target, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        leg.result = leg.result or event.result  # the losers of a ring-all get a second end
        leg.forward = leg.forward or event.forward
        leg.ringing = False
        self._known.settle(call)

    def _bridge_entered(self, event: ev.BridgeEntered) -> None:
        found = self._known.find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        conference = event.kind == "conference"
        if conference and (leg.bridge is None or leg.bridge.name != event.bridge):
            call.tell("conference", leg)
        replaced = self._known.legs.get(event.instead_of)
        if replaced is not None and replaced.is_party and replaced.call is not None and not conference:
            self._known.join(parties.call_given_away(replaced) or replaced.call, call, event.at)  # RFC 3891
        bridge = "" if event.kind == "holding" else event.bridge
        self._converse(leg, bridge, conference=conference)

    def _bridge_left(self, event: ev.BridgeLeft) -> None:
        found = self._known.find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        if leg.bridge is not None and leg.bridge.name == event.bridge:
            self._converse(leg, "")
        else:
            self._known.settle(call)

    def _converse(self, leg: Leg, bridge: str, *, conference: bool = False) -> None:
        if leg.call is not None:
            self._known.converse(leg, leg.call, bridge, conference=conference)
            self._known.settle(leg.call)

    def _paired(self, event: ev.PlumbingPaired) -> None:
        one, two = self._known.legs.get(event.one), self._known.legs.get(event.two)
        if one is None or two is None or one is two:
            return
        for leg in (one, two):
            if leg.pair is not None:
                leg.pair.pair = None
        one.pair, two.pair = two, one
        if one.call is not None:
            self._known.move(two, one.call, event.at)

    def _parking_changed(self, event: ev.Parked | ev.Unparked) -> None:
        found = self._known.find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        leg.parked = isinstance(event, ev.Parked)
        match event:
            case ev.Parked():
                call.tell("parked", event.by or leg, event.space)
            case ev.Unparked(by=by) if by:
                taker = self._known.legs.get(by)
                if taker is not None and taker.call is not None:
                    call = self._known.join(call, taker.call, event.at)
                call.tell("unparked", taker)
            case ev.Unparked(timed_out=True):
                call.tell("parking-timed-out", leg)
            case ev.Unparked():
                pass  # he gave up: that he left is told of by itself
        self._known.settle(call)

    def _picked_up(self, event: ev.PickedUp) -> None:
        target, picker = self._known.legs.get(event.target), self._known.legs.get(event.picker)
        if target is None or target.call is None:
            return
        call = target.call
        call.advance(event.at)
        if picker is not None and picker.call is not None:
            if picker.call.has_outside:
                call = self._known.join(call, picker.call, event.at)
            else:
                self._known.absorb(call, picker.call, event.at)
            if target.agents and not (call.caller is not None and call.caller.up):
                parties.taken_by(call, picker)
        call.tell("picked-up", picker, call.identity(target))
        self._known.touch(call)

    def _transferred(self, event: ev.Transferred) -> None:
        by, second = self._known.legs.get(event.by), self._known.legs.get(event.second)
        if by is None or by.call is None:
            return
        if event.kind == "attended":
            self._transferred_attended(by, second or by, event.at)
            return
        call = parties.call_given_away(by) or by.call
        call.advance(event.at)
        by.gave_away = True
        call.given_to = event.number
        call.tell("blind-transfer", by, readable(event.number, self._rules).number or "")
        self._known.touch(call)

    def _transferred_attended(self, by: Leg, second: Leg, at: float) -> None:
        """Join the calls of the two parties that the transferer brings together, and say who that was."""
        given, to = parties.brought_together(by, second)
        one = given.call if given is not None and given.call is not None else by.call
        other = to.call if to is not None and to.call is not None else second.call
        if one is None or other is None:
            return
        for call in (one, other):
            call.advance(at)
        names = [(call.identity(leg) or "" if leg else "") for call, leg in ((one, given), (other, to))]
        if to is None:
            names[1] = parties.place_taken(other, given, second, by)
        elif by is not second and to.is_outside and given is not None and not given.is_outside:
            names.reverse()  # it is the client who is given to somebody
        by.gave_away = True
        if to is not None and parties.leaves_line(by, given, to):
            self._known.move(to, one, at)
            other = one
        joined = self._known.join(one, other, at)
        told = [(joined, names[1])]
        if one is not other and not one.over and not other.over:
            told.append((other, names[0]))  # both have a client, and both stay
        for call, name in told:
            call.tell("attended-transfer", by, name)
            self._known.touch(call)

    def _recording_began(self, event: ev.RecordingBegan) -> None:
        found = self._known.find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        _leg, call = found
        if event.file and event.file not in call.record.recordings:
            call.record.recordings.append(event.file)
        call.tell("recorded", None, event.file)
        self._known.touch(call)

    def _purpose_told(self, event: ev.PurposeTold) -> None:
        found = self._known.find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        call.purpose = call.purpose or event.number
        if leg is call.caller and call.record.callee.number is None:
            parties.set_callee(call, event.number)
            self._known.touch(call)

    # -- the link and its snapshots

    def _link_lost(self, at: float) -> None:
        self._unsure = True
        for call in self._known.calls:
            call.open_gap(max(at, call.at))
            self._known.touch(call)
        for leg in self._known.legs.values():
            leg.stale = True

    def _channel_seen(self, event: ev.ChannelSeen) -> None:
        if not self._unsure:
            return  # the events tell everything; the list may be ahead of them
        leg = self._known.legs.get(event.channel)
        unheard = leg is None or leg.stale
        if leg is None:
            # The caller's channel gives the conversation its name; whoever else is seen first was called, as was the
            # agent of a click-to-call.
            called = event.channel != event.linkedid or event.channel.startswith(CALL_PREFIX)
            leg = Leg(event.channel, event.endpoint, event.number, event.dialled, called=called)
            linkedid = self._hint(event.channel, event.linkedid)
            self._resume_call(linkedid, beginning(linkedid, event.at - event.seconds, self._ids), event.at)
            self._adopt(leg, linkedid, event.at)
            self._pair_seen(leg, event.other_end)
        found = self._known.find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        leg.connected = event.connected
        leg.talked = leg.talked or (call.resumed and call.identity(leg) in call.record.answered_by)
        # What was heard since the link was lost is as new as the list.
        leg.up = event.state == "up" or (leg.up and not unheard)
        leg.ringing = not leg.up and (event.state == "ringing" or (leg.ringing and not unheard))
        if event.bridge and not leg.parked:
            leg.queue = ""
            self._converse(leg, event.bridge, conference=event.conference)
        elif unheard:
            self._converse(leg, "")
        else:
            self._known.settle(call)
        if event.channel.startswith(CALL_PREFIX) and event.state != "up" and event.number:
            self._purpose_told(ev.PurposeTold(event.at, event.channel, event.linkedid, event.number))

    def _pair_seen(self, leg: Leg, other_end: str) -> None:
        """Pair the two ends of a pipe by their names: a list tells nothing else of it."""
        for other in self._known.legs.values() if other_end else ():
            if other.endpoint.name == other_end and not other.is_party and other.pair is None:
                other.pair, leg.pair = leg, other

    def _resume_call(self, linkedid: str, began: float, at: float) -> None:
        """Begin a call whose beginning wasn't heard: from an earlier process's record, else at `began`, or so."""
        remembered = self._remembered.pop(linkedid, None)
        if remembered is None and self._known.knows(linkedid):
            return
        if remembered is None:
            call = self._known.begin(linkedid, min(began, at))
            call.unheard = True
            call.record.gaps.append(Gap(moment(call.at), moment(at)))
            return
        call = LiveCall(remembered, self._rules, at)
        call.resume(at)
        self._known.name(call, linkedid)

    def _choose_caller(self, call: LiveCall) -> None:
        """Find who called when no party began the call: whom a phone is called by, else who talks.

        Where a program began it the employee rung first is the caller, though he only rings yet.
        """
        if call.caller is not None or call.resumed:
            return
        parties_there = (leg for leg in call.legs.values() if leg.is_party)
        there = sorted(parties_there, key=lambda leg: self._ids.place(leg.channel))
        by_program = call.by_program or call.record.linkedid in self._known.legs
        if not there or (not by_program and parties.gone_caller(call, there[0])):
            return
        able = [leg for leg in there if leg.up]
        if by_program:
            able += [leg for leg in there if leg.endpoint.kind == "extension"]
        if able:
            self._set_caller(call, able[0])

    def _snapshot_ended(self, at: float) -> None:
        self._unsure, self._sure_since = False, at
        for call in self._known.calls:
            partner = parties.talks_in(call) if call.record.linkedid not in self._known.legs else None
            if partner is not None:
                self._known.absorb(partner, call, at)
        for call in self._known.calls:
            self._choose_caller(call)
            call.close_gap(at)
            self._known.touch(call)
        for leg in [leg for leg in self._known.legs.values() if leg.stale]:
            if leg.call is not None:
                leg.call.advance(at)
                self._end_leg(leg, leg.call)
        for record in self._remembered.values():
            call = LiveCall(record, self._rules, at)
            call.resume(at)
            self._finish(call, unheard=True)
        self._remembered.clear()
