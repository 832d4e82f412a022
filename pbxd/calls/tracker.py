"""The one state machine of calls: events in, records out.

Every transition of a call is made here, hence the length. Legs come and go; two calls become one when the PBX says so
(a leg takes the `linkedid` of another call) or shows it (both have a leg in one bridge). The older call stays and never
gives way again: events that carry a stale `linkedid` follow the switch. What changed is taken with `take_changes`, each
call once however often it changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from pbxd.calls import events as ev
from pbxd.calls.identity import CALL_PREFIX, call_id
from pbxd.calls.live import Leg, LiveCall, moment, read, readable
from pbxd.calls.outcome import judge
from pbxd.calls.record import CallRecord, Gap, Party
from pbxd.numbers import NumberRules


class Tracker:
    """Follows all calls of one PBX."""

    def __init__(self, pbx: str, rules: NumberRules) -> None:
        self._pbx = pbx
        self._rules = rules
        self._legs: dict[str, Leg] = {}
        self._calls: dict[str, LiveCall] = {}  # by linkedid; a merged one stays as an alias while its survivor lives
        self._home: dict[str, LiveCall] = {}  # by channel
        self._changed: dict[str, LiveCall] = {}
        self._remembered: dict[str, CallRecord] = {}  # open calls of an earlier process, by linkedid
        self._bridges: dict[str, list[Leg]] = {}  # who converses where
        self._unsure = True  # something wasn't heard, and no snapshot has ended since

    def remember(self, records: Iterable[CallRecord]) -> None:
        """Take over the open calls of an earlier process; the next snapshot tells which of them are still there."""
        self._remembered.update({record.linkedid: record for record in records})

    @property
    def open_calls(self) -> int:
        """How many calls are under way."""
        return len({id(call) for call in self._home.values()})

    def number_of(self, channel: str) -> str | None:
        """Return what a channel said of itself when it was created, which later changes of caller id don't touch."""
        leg = self._legs.get(channel)
        return leg.number or None if leg else None

    def take_changes(self) -> list[CallRecord]:
        """Return, once, the present records of all calls that changed since the last time, oldest change first."""
        changed, self._changed = self._changed, {}
        return [call.record.copy() for call in changed.values()]

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
                self._note(event.target, event.at, "picked-up", self._legs.get(event.picker))
            case ev.Transferred():
                self._transferred(event)
            case ev.PurposeTold():
                self._purpose_told(event)
            case ev.OriginateEnded() | ev.SnapshotBegan():
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
        if event.channel in self._legs:
            return  # the snapshot told of it before its own event came
        leg = Leg(event.channel, event.endpoint, event.number, event.dialled)
        self._adopt_leg(leg, event.linkedid or event.channel, event.at)

    def _adopt_leg(self, leg: Leg, linkedid: str, at: float) -> LiveCall:
        call = self._calls.get(linkedid) or self._new_call(linkedid, at)
        call.advance(at)
        call.legs[leg.channel] = leg
        self._legs[leg.channel] = leg
        self._home[leg.channel] = call
        if call.caller is None and leg.is_party:
            if not call.resumed and not (call.unheard and leg.called):
                self._set_caller(call, leg)
            elif call.identity(leg) == call.record.caller.number:
                call.caller = leg
        self._settle(call)
        return call

    def _new_call(self, linkedid: str, at: float) -> LiveCall:
        record = CallRecord(call_id(self._pbx, linkedid, at), self._pbx, linkedid, moment(at))
        call = LiveCall(record, self._rules, at)
        if linkedid.startswith(CALL_PREFIX):
            record.origin = "click-to-call"
        self._alias(linkedid, call)
        return call

    def _alias(self, linkedid: str, call: LiveCall) -> None:
        self._calls[linkedid] = call
        call.linkedids.append(linkedid)

    def _set_caller(self, call: LiveCall, leg: Leg) -> None:
        call.caller = leg
        record = call.record
        if leg.endpoint.kind == "extension":
            record.caller = Party(number=leg.endpoint.name, extension=leg.endpoint.name)
            record.direction = "internal"
        else:
            record.caller = readable(leg.number, self._rules)
            record.caller.extension = None
        dialled = leg.dialled if any(character.isdigit() for character in leg.dialled) else ""  # `s` is nobody
        if dialled or call.purpose:
            self._set_callee(call, dialled or call.purpose)
        call.tell("called", leg, dialled)
        self._touch(call)

    def _set_callee(self, call: LiveCall, dialled: str) -> None:
        record = call.record
        record.callee = readable(dialled, self._rules)
        if record.direction != "incoming":
            record.direction = "outgoing" if read(dialled, self._rules).kind == "e164" else "internal"

    def _touch(self, call: LiveCall) -> None:
        if call.caller is not None or call.resumed or call.merged is not None:
            self._changed[call.record.id] = call

    def _settle(self, call: LiveCall) -> None:
        if call.settle():
            self._touch(call)

    def _find(self, channel: str, linkedid: str, at: float) -> tuple[Leg, LiveCall] | None:
        """Return a known leg and its call, after following the linkedid the event carries."""
        leg = self._legs.get(channel)
        if leg is None:
            return None
        leg.stale = False
        call = self._home[channel]
        other = self._calls.get(linkedid)
        if other is None and linkedid:
            self._alias(linkedid, call)
        elif other is not None and other is not call:
            call = self._join(call, other, at)
        call.advance(at)
        return leg, call

    def _join(self, one: LiveCall, other: LiveCall, at: float) -> LiveCall:
        """Make two calls one, the older; return it."""
        older, younger = (one, other) if one.record.started <= other.record.started else (other, one)
        older.advance(at)
        younger.advance(at)
        for channel, leg in younger.legs.items():
            older.legs[channel] = leg
            self._home[channel] = older
        younger.legs.clear()
        for linkedid in younger.linkedids:
            self._alias(linkedid, older)
        younger.merged = older
        younger.over = True
        younger.record.merged_into = older.record.id
        younger.record.ended = moment(younger.at)
        older.record.story = sorted([*older.record.story, *younger.record.story], key=lambda step: step.at)
        older.voicemail = older.voicemail or younger.voicemail
        self._settle(older)
        self._touch(older)
        self._touch(younger)
        return older

    # -- what happens to a leg

    def _state_changed(self, event: ev.ChannelRinging | ev.ChannelUp | ev.HangupAsked) -> None:
        found = self._find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        match event:
            case ev.ChannelRinging():
                if not leg.ringing and leg.is_party:
                    call.tell("rang", leg)
                leg.ringing = True
            case ev.ChannelUp():
                self._taken(leg, call)
            case ev.HangupAsked():
                self._asked_to_leave(leg, call, by_party=event.by_party)
        self._settle(call)

    def _taken(self, leg: Leg, call: LiveCall) -> None:
        leg.up, leg.ringing = True, False
        if leg.agents and call.caller is not None and not call.caller.up:
            call.caller = leg  # of an agent's several phones, the one he took

    def _asked_to_leave(self, leg: Leg, call: LiveCall, *, by_party: bool) -> None:
        leg.left_by_itself = leg.left_by_itself or by_party
        leg.holding = False  # it may live on while a transfer rings
        # The dialplan's own hang-up after a call that failed looks the same as one that breaks it off.
        broken_off = call.target is not None and not call.target.result
        made_by_us = call.target is None and call.record.origin != "dialled"
        told = not by_party and (broken_off or made_by_us)
        leg.told_to_leave = leg.told_to_leave or told
        if told and call.caller is not None and leg.channel.startswith(CALL_PREFIX):
            call.caller.told_to_leave = True  # his phones are behind the channel we made

    def _hold_changed(self, event: ev.HoldBegan | ev.HoldEnded) -> None:
        found = self._find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        held = isinstance(event, ev.HoldBegan)
        if held != leg.holding:  # an AMI transfer ends holds that never began
            leg.holding = held
            call.tell("held" if held else "resumed", leg)
        self._settle(call)

    def _place_changed(self, event: ev.VoicemailBegan | ev.VoicemailEnded | ev.QueueJoined | ev.QueueLeft) -> None:
        found = self._find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        match event:
            case ev.VoicemailBegan():
                leg.voicemail = call.voicemail = True
                call.tell("voicemail", leg)
            case ev.VoicemailEnded():
                leg.voicemail = False
            case ev.QueueJoined():
                self._queue_joined(leg, call, event.queue)
            case ev.QueueLeft():
                leg.queue = ""
                call.tell("left-queue", leg, event.queue)
        self._settle(call)

    def _queue_joined(self, leg: Leg, call: LiveCall, queue: str) -> None:
        leg.queue = queue
        record = call.record
        record.queue = queue
        if queue not in record.queues[-1:]:
            record.queues.append(queue)
        call.tell("queued", leg, queue)
        self._touch(call)

    def _ended(self, event: ev.ChannelEnded) -> None:
        found = self._find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        leg.cause = event.cause
        self._end_leg(leg, call)

    def _end_leg(self, leg: Leg, call: LiveCall) -> None:
        self._enter(leg, call, "")
        del self._legs[leg.channel], self._home[leg.channel], call.legs[leg.channel]
        if leg.is_party and leg.up:
            call.tell("left", leg)
        if call.legs:
            self._settle(call)
        else:
            self._finish(call)

    def _finish(self, call: LiveCall) -> None:
        for linkedid in call.linkedids:
            self._calls.pop(linkedid, None)
        call.over = True
        record = call.record
        record.ended = moment(call.at)
        record.outcome, record.cause = judge(call)
        self._touch(call)

    def _dial_began(self, event: ev.DialBegan) -> None:
        found = self._find(event.target, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        leg.called, leg.source = True, event.source
        if leg.endpoint.kind == "trunk" and event.dialled:
            leg.number = event.dialled
        if event.source is None and leg is call.caller:
            self._originated(call)
        elif self._is_for_agent(event.source):
            leg.agents = True
        elif leg.is_party:
            call.target = leg
            self._first_target(call, leg)
            if leg.endpoint.kind == "trunk":  # a phone's ringing says it better
                call.tell("dialled", leg)
        self._settle(call)

    def _is_for_agent(self, source: str | None) -> bool:
        """Tell whether a channel that dials does so for the agent of a click-to-call.

        Where his leg is plumbing (Local), its end that was called, ;1, calls the client later; what the other end
        dials, directly or through more plumbing, are the agent's phones.
        """
        leg = self._legs.get(source or "")
        while leg is not None and not leg.is_party:
            if leg.channel.startswith(CALL_PREFIX):
                return not leg.called
            pair = self._legs.get(leg.pair)
            leg = self._legs.get(pair.source or "") if pair else None
        return False

    def _originated(self, call: LiveCall) -> None:
        record = call.record
        if record.origin == "dialled":
            record.origin = "originated"
            record.callee = Party()
            self._touch(call)

    def _first_target(self, call: LiveCall, leg: Leg) -> None:
        """Learn the callee from the first leg dialled, where the caller didn't say whom he wanted."""
        record = call.record
        if record.direction == "incoming" and not record.queues:
            self._direct_number(call, leg)
        if record.callee.number is not None or leg is call.caller:
            return
        who = call.identity(leg)
        record.callee = Party(number=who, extension=leg.endpoint.name if leg.endpoint.kind == "extension" else None)
        if record.direction != "incoming":
            record.direction = "outgoing" if leg.endpoint.kind == "trunk" else "internal"
        self._touch(call)

    def _direct_number(self, call: LiveCall, leg: Leg) -> None:
        """Name the employee whose number it is: the one phone the call leads to, unless it rings several at once."""
        callee = call.record.callee
        if call.direct is None and leg.endpoint.kind == "extension":
            call.direct = leg
            callee.extension = callee.extension or leg.endpoint.name
            self._touch(call)
        elif call.direct is not None and not call.direct.result and call.direct.endpoint != leg.endpoint:
            callee.extension = None
            self._touch(call)

    def _dial_ended(self, event: ev.DialEnded) -> None:
        found = self._find(event.target, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        if not leg.result and leg.is_party and event.result != "answered":
            call.tell(event.result, leg, event.forward)
        leg.result = leg.result or event.result  # the losers of a ring-all get a second end
        leg.ringing = False
        self._settle(call)

    def _bridge_entered(self, event: ev.BridgeEntered) -> None:
        found = self._find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        self._settle(self._enter(leg, call, "" if event.kind == "holding" else event.bridge))

    def _enter(self, leg: Leg, call: LiveCall, bridge: str) -> LiveCall:
        """Put a leg where it converses (nowhere: an empty text); who converses there belongs to the same call."""
        if leg.bridge and leg.bridge != bridge:
            there = self._bridges.get(leg.bridge, [])
            if leg in there:
                there.remove(leg)
            if not there:
                self._bridges.pop(leg.bridge, None)
        leg.bridge = bridge
        if not bridge:
            return call
        there = self._bridges.setdefault(bridge, [])
        if leg not in there:
            there.append(leg)
        for other in list(there):
            if self._home[other.channel] is not call:
                call = self._join(call, self._home[other.channel], call.at)
        return call

    def _bridge_left(self, event: ev.BridgeLeft) -> None:
        found = self._find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        if leg.bridge == event.bridge:
            self._enter(leg, call, "")
        self._settle(call)

    def _paired(self, event: ev.PlumbingPaired) -> None:
        one, two = self._legs.get(event.one), self._legs.get(event.two)
        if one is not None and two is not None:
            one.pair, two.pair = two.channel, one.channel

    def _parking_changed(self, event: ev.Parked | ev.Unparked) -> None:
        found = self._find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        leg.parked = isinstance(event, ev.Parked)
        call.tell("parked" if leg.parked else "unparked", leg, event.space if isinstance(event, ev.Parked) else "")
        self._settle(call)

    def _transferred(self, event: ev.Transferred) -> None:
        one, other = self._home.get(event.by), self._home.get(event.second)
        if one is not None and other is not None and one is not other:
            self._join(one, other, event.at)
        self._note(event.by, event.at, f"{event.kind}-transfer", self._legs.get(event.by), event.number)

    def _purpose_told(self, event: ev.PurposeTold) -> None:
        found = self._find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        if call.caller is None:
            call.purpose = call.purpose or event.number
        elif leg is call.caller and call.record.callee.number is None:
            self._set_callee(call, event.number)
            self._touch(call)

    def _note(self, channel: str, at: float, what: str, who: Leg | None, detail: str = "") -> None:
        call = self._home.get(channel)
        if call is not None:
            call.advance(at)
            call.tell(what, who, detail)
            self._touch(call)

    # -- the link and its snapshots

    def _link_lost(self, at: float) -> None:
        self._unsure = True
        for call in set(self._home.values()):
            call.open_gap(max(at, call.at))
            self._touch(call)
        for leg in self._legs.values():
            leg.stale = True

    def _channel_seen(self, event: ev.ChannelSeen) -> None:
        if not self._unsure:
            return  # the events tell everything; the list may be ahead of them
        leg = self._legs.get(event.channel)
        unheard = leg is None or leg.stale
        if leg is None:
            # The caller's channel gives the conversation its name; whoever else is seen first was called.
            called = event.channel != event.linkedid
            leg = Leg(event.channel, event.endpoint, event.number, event.dialled, called=called)
            self._resume_call(event)
            self._adopt_leg(leg, event.linkedid or event.channel, event.at)
        found = self._find(event.channel, event.linkedid, event.at)
        if found is None:
            return
        leg, call = found
        # What was heard since the link was lost is as new as the list.
        leg.up = event.state == "up" or (leg.up and not unheard)
        leg.ringing = not leg.up and (event.state == "ringing" or (leg.ringing and not unheard))
        if event.bridge and not leg.parked:
            leg.queue = ""
            call = self._enter(leg, call, event.bridge)
        elif unheard:
            call = self._enter(leg, call, "")
        self._settle(call)

    def _resume_call(self, event: ev.ChannelSeen) -> None:
        """Begin a call whose beginning wasn't heard: from an earlier process's record, else from the channel's age."""
        if event.linkedid in self._calls:
            return
        remembered = self._remembered.pop(event.linkedid, None)
        if remembered is None:
            began = event.at - event.seconds
            call = self._new_call(event.linkedid, began)
            call.unheard = True
            call.record.gaps.append(Gap(moment(began), moment(event.at)))
            return
        call = LiveCall(remembered, self._rules, event.at)
        call.resume(event.at)
        self._alias(event.linkedid, call)

    def _choose_caller(self, call: LiveCall) -> None:
        """Take the first party there is for the caller when the channel that began the call is gone."""
        if call.caller is None and not call.resumed:
            parties = [leg for leg in call.legs.values() if leg.is_party]
            if parties:
                self._set_caller(call, parties[0])

    def _snapshot_ended(self, at: float) -> None:
        self._unsure = False
        for call in dict.fromkeys(self._home.values()):
            self._choose_caller(call)
            call.close_gap(at)
            self._touch(call)
        for leg in [leg for leg in self._legs.values() if leg.stale]:
            call = self._home[leg.channel]
            call.advance(at)
            self._end_leg(leg, call)
        for record in self._remembered.values():
            call = LiveCall(record, self._rules, at)
            call.resume(at)
            self._finish(call)
        self._remembered.clear()
