"""Who calls whom: Dial, Queue and Originate, and what the call learns of its parties from them.

Part of the state machine; only `calls.tracker` and its other handlers call these functions.
"""

from __future__ import annotations

from pbxd.calls import events as ev
from pbxd.calls import leg_events, parties
from pbxd.calls.legs import Leg
from pbxd.calls.live_call import LiveCall
from pbxd.calls.registry import Registry


def begin(registry: Registry, event: ev.DialBegan, *, in_gap: bool) -> None:
    """Handle the start of a dial. `in_gap`: events may be missing, so a snapshot will show the caller."""
    found = registry.find(event.target, event.linkedid, event.at)
    if found is None:
        return
    leg, call = found
    leg.called, leg.source, leg.connected = True, event.source, event.number or leg.connected
    source = registry.legs.get(event.source or "")
    if source is not None and source.call is not None and source.call is not call:
        call = source.call
        registry.move(leg, call, event.at)
        leg_events.find_caller(registry, call, leg)
    if not in_gap and registry.lacks_caller(call.record.linkedid):
        parties.find_gone_caller(call, leg)
    _set_endpoint(leg, call, event.endpoint)
    if leg.is_outside and event.dialled:
        leg.number = parties.shortest_spelling(call, event.dialled, source)
    _set_role(registry, leg, call, event.source)
    if event.source is None and not leg.is_outside and parties.set_intended(call, event.number, by_caller_id=True):
        registry.mark_changed(call)
    registry.update(call)


def _set_endpoint(leg: Leg, call: LiveCall, endpoint: ev.Endpoint | None) -> None:
    """Correct the far end of a leg by the dial string, and by the other legs of the same Dial."""
    if endpoint is not None and endpoint != leg.endpoint:
        call.relabel(leg, endpoint)
    siblings = [other for other in call.legs.values() if other.source == leg.source and other is not leg]
    for one, other in [(leg, other) for other in siblings] + [(other, leg) for other in siblings]:
        if parties.is_browser_phone(one, other):
            call.relabel(one, other.endpoint)


def _set_role(registry: Registry, leg: Leg, call: LiveCall, source: str | None) -> None:
    """Find the role of a dialled leg: a program's first leg, a phone of the agent, or the called side."""
    if source is None and (leg is call.caller or call.caller is None):
        if parties.set_originated(call, leg):
            registry.mark_changed(call)
    elif parties.dials_for_agent(registry.legs, source):
        if parties.is_client_first(call, leg):
            parties.set_client_first(call, leg)
            registry.mark_changed(call)
        else:
            leg.is_agents_phone = leg.is_party
    elif call.reached is not None and leg.endpoint.kind == "extension":
        leg.is_agents_phone = True
    elif leg.is_party:
        if leg is call.caller and call.by_program:
            parties.unset_caller(call)
        _set_target(registry, call, leg)


def _set_target(registry: Registry, call: LiveCall, leg: Leg) -> None:
    call.target = leg
    if parties.set_first_target(call, leg):
        registry.mark_changed(call)
    if leg.is_outside:  # for a phone the step "rang" says it
        if parties.set_outside_callee(call, leg):
            registry.mark_changed(call)
        parties.add_dialled_step(call, leg)


def end(registry: Registry, event: ev.DialEnded) -> None:
    """Note the result of a dial."""
    found = registry.find(event.target, event.linkedid, event.at)
    if found is None:
        return
    leg, call = found
    leg.result = leg.result or event.result  # a leg that lost a ring-all gets a second end
    leg.forward = leg.forward or event.forward
    leg.ringing = False
    registry.update(call)


def set_destination(registry: Registry, event: ev.DestinationSet) -> None:
    """Note whom a call is for that we originated."""
    found = registry.find(event.channel, event.linkedid, event.at)
    if found is None:
        return
    leg, call = found
    call.destination = call.destination or event.number
    if leg is call.caller and call.record.callee.number is None:
        parties.set_callee(call, event.number)
        registry.mark_changed(call)


def end_originate(registry: Registry, event: ev.OriginateEnded) -> None:
    """Take the target of a program's call as its callee, if nothing better is known."""
    call = registry.call_of(event.channel)
    if call is not None and parties.set_intended(call, event.number, by_caller_id=False):
        registry.mark_changed(call)
