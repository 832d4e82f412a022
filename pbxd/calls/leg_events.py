"""What happens to one leg of a call, from its creation to its end; and the end of the call with its last leg.

Part of the state machine; only `calls.tracker` and its other handlers call these functions.
"""

from __future__ import annotations

from pbxd.calls import events as ev
from pbxd.calls import parties, standing_lines
from pbxd.calls.identity import CALL_PREFIX
from pbxd.calls.legs import Leg
from pbxd.calls.live_call import LiveCall
from pbxd.calls.outcome import judge, refusal
from pbxd.calls.record import moment
from pbxd.calls.registry import Registry


def new_leg(event: ev.ChannelCreated) -> Leg:
    """Make the leg of a new channel."""
    return Leg(event.channel, event.endpoint, event.number, event.dialled, linkedid=event.linkedid)


def add_leg(registry: Registry, leg: Leg, linkedid: str, at: float) -> None:
    """Add a leg to the call with this linkedid."""
    call = registry.add_leg(leg, linkedid, at)
    find_caller(registry, call, leg)
    registry.update(call)


def find_caller(registry: Registry, call: LiveCall, leg: Leg) -> None:
    """Take a new leg as the caller, or recognise the caller of a resumed call, unless the caller is known."""
    if call.caller is None and leg.is_party:
        if not call.resumed and not (call.began_in_gap and leg.called):
            set_caller(registry, call, leg)
        elif call.identity(leg) == call.record.caller.number:
            call.caller = leg


def set_caller(registry: Registry, call: LiveCall, leg: Leg) -> None:
    """Take a leg as the caller. If a program called somebody outside first, only an employee can be the caller."""
    if call.reached is None or leg.endpoint.kind == "extension":
        parties.set_caller(call, leg)
        registry.mark_changed(call)


def change_state(registry: Registry, event: ev.ChannelRinging | ev.ChannelUp | ev.HangupRequested) -> None:
    """Note that a leg rings, is answered, or is about to end."""
    found = registry.find(event.channel, event.linkedid, event.at)
    if found is None:
        return
    leg, call = found
    match event:
        case ev.ChannelRinging():
            if not leg.ringing and (leg.called or leg.endpoint.kind == "extension") and leg.is_party:
                call.add_step("rang", leg)
            leg.ringing = True
        case ev.ChannelUp():
            _answer(registry, leg, call)
        case ev.HangupRequested():
            if event.refused and not leg.called:
                _refuse(leg, call, event)
            else:
                _request_hangup(leg, call, by_party=event.by_party)
    registry.update(call)


def _answer(registry: Registry, leg: Leg, call: LiveCall) -> None:
    leg.up, leg.ringing = True, False
    if leg.is_agents_phone and call.caller is not None and not call.caller.up:
        parties.set_answering_agent(call, leg)
        registry.mark_changed(call)


def _refuse(leg: Leg, call: LiveCall, event: ev.HangupRequested) -> None:
    """Note that we refused or redirected a caller, who hung up nothing."""
    leg.holding = False
    if event.technology_cause.startswith("3"):
        call.add_step("forwarded", leg)


def _request_hangup(leg: Leg, call: LiveCall, *, by_party: bool) -> None:
    leg.hung_up = leg.hung_up or by_party
    leg.holding = False  # the channel may live on while a transfer rings
    if by_party and leg.is_party and not leg.transferred_away and (leg.up or leg is call.caller):
        for each in (call, *(other for other in leg.lent if not other.over)):
            each.note_hangup(leg, call.at)
    # The dialplan's own hang-up after a failed call looks the same as one that cancels the call.
    cancelled = call.target is not None and not call.target.result
    made_by_us = call.target is None and call.by_program
    requested = not by_party and (cancelled or made_by_us)
    leg.hangup_requested = leg.hangup_requested or requested
    if requested and call.caller is not None and leg.channel.startswith(CALL_PREFIX):
        call.caller.hangup_requested = True  # the agent's phones are behind the channel that we originated


def change_hold(registry: Registry, event: ev.HoldBegan | ev.HoldEnded) -> None:
    """Note that a leg holds the other party, or no longer does."""
    found = registry.find(event.channel, event.linkedid, event.at)
    if found is None:
        return
    leg, call = found
    holds = isinstance(event, ev.HoldBegan)
    if holds != leg.holding:  # a transfer made by a program ends holds that never began
        leg.holding = holds
        call.add_step("held" if holds else "resumed", leg)
    registry.update(call)


def change_place(
    registry: Registry, event: ev.VoicemailBegan | ev.VoicemailEnded | ev.QueueJoined | ev.QueueLeft
) -> None:
    """Note that a leg reached or left voicemail or a queue."""
    found = registry.find(event.channel, event.linkedid, event.at)
    if found is None:
        return
    leg, call = found
    match event:
        case ev.VoicemailBegan():
            leg.voicemail = call.voicemail = True
            call.add_step("voicemail", leg, event.box)
        case ev.VoicemailEnded():
            leg.voicemail = False
        case ev.QueueJoined():
            _join_queue(registry, leg, call, event.queue)
        case ev.QueueLeft():
            leg.queue = ""
            call.add_step("left-queue", leg, event.queue)
    registry.update(call)


def see_in_queue(registry: Registry, event: ev.QueueSeen) -> None:
    """Note from a list who waits in a queue. The event of joining may have arrived before, or arrive later."""
    found = registry.find(event.channel, "", event.at)
    if found is None or found[0].bridge is not None:
        return
    leg, call = found
    _join_queue(registry, leg, call, event.queue)
    registry.update(call)


def _join_queue(registry: Registry, leg: Leg, call: LiveCall, queue: str) -> None:
    if leg.queue == queue:
        return
    leg.queue = queue
    call.record.add_queue(queue)
    call.add_step("queued", leg, queue)
    registry.mark_changed(call)


def note_moved(registry: Registry, channel: str, queue: str, who: str, at: float) -> None:
    """Note who moved a waiting caller to the front of a queue."""
    call = registry.call_of(channel)
    if call is not None:
        call.advance(at)
        call.add_step("moved", who, queue)
        registry.mark_changed(call)


def start_recording(registry: Registry, event: ev.RecordingBegan) -> None:
    """Note a recording and its file."""
    found = registry.find(event.channel, event.linkedid, event.at)
    if found is None:
        return
    _leg, call = found
    if event.file and event.file not in call.record.recordings:
        call.record.recordings.append(event.file)
    call.add_step("recorded", None, event.file)
    registry.mark_changed(call)


def end_channel(registry: Registry, event: ev.ChannelEnded) -> None:
    """Remove the leg of a channel that ended."""
    found = registry.find(event.channel, event.linkedid, event.at)
    if found is None:
        return
    leg, call = found
    leg.cause = event.cause
    end_leg(registry, leg, call)


def end_leg(registry: Registry, leg: Leg, call: LiveCall) -> None:
    """Remove a leg. The call ends with its last leg."""
    registry.remove_leg(leg, call)
    call.lent_to += [other for other in leg.lent if other not in call.lent_to]
    nameless = not call.legs and leg.is_party and registry.lacks_caller(call.record.linkedid)
    if nameless and not parties.find_gone_caller(call, leg):
        parties.set_only_callee(call, leg)
    if leg.is_party and leg.up:
        for each in (call, *(other for other in leg.lent if not other.over)):
            each.advance(call.at)
            each.add_step("left", leg)
    elif leg.is_party and leg.called and not leg.stale:
        call.add_step(refusal(leg), leg, leg.forward)
    if call.legs:
        registry.update(call)
        return
    finish_call(registry, call, in_gap=leg.stale)


def finish_call(registry: Registry, call: LiveCall, *, in_gap: bool) -> None:
    """End a call and judge its outcome. `in_gap`: its end lies in a gap, so nobody knows who ended it."""
    registry.drop_call(call)
    record = call.record
    record.ended = moment(call.at)
    call.close_gap(call.at)  # its end arrived without a snapshot
    borrower = standing_lines.borrower(call)
    if borrower is not None:
        borrower.absorb_finished(call)
        registry.mark_changed(borrower)
    else:
        parties.forget_intended(call)
        record.outcome, record.cause = judge(call)
        call.add_end_step(in_gap=in_gap)
    registry.mark_changed(call)
