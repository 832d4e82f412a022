"""What brings legs together: bridges, Local pairs, parking, pickups and transfers; and the calls they join.

Part of the state machine; only `calls.tracker` and its other handlers call these functions.
"""

from __future__ import annotations

from pbxd.calls import events as ev
from pbxd.calls import parties, standing_lines
from pbxd.calls.legs import Leg
from pbxd.calls.live_call import LiveCall
from pbxd.calls.party_numbers import readable
from pbxd.calls.registry import Registry


def enter_bridge(registry: Registry, event: ev.BridgeEntered) -> None:
    """Put a leg into a bridge. A leg that replaces another one joins that one's call (RFC 3891)."""
    found = registry.find(event.channel, event.linkedid, event.at)
    if found is None:
        return
    leg, call = found
    conference = event.kind == "conference"
    if conference and (leg.bridge is None or leg.bridge.name != event.bridge):
        call.add_step("conference", leg)
    replaced = registry.legs.get(event.instead_of)
    if replaced is not None and replaced.is_party and replaced.call is not None and not conference:
        registry.join(_call_to_transfer(replaced) or replaced.call, call, event.at)
    bridge = "" if event.kind == "holding" else event.bridge
    set_bridge(registry, leg, bridge, conference=conference)


def leave_bridge(registry: Registry, event: ev.BridgeLeft) -> None:
    """Take a leg out of a bridge."""
    found = registry.find(event.channel, event.linkedid, event.at)
    if found is None:
        return
    leg, call = found
    if leg.bridge is not None and leg.bridge.name == event.bridge:
        set_bridge(registry, leg, "")
    else:
        registry.update(call)


def set_bridge(registry: Registry, leg: Leg, bridge: str, *, conference: bool = False) -> None:
    """Put a leg into a bridge (empty: into none) and update its call."""
    if leg.call is not None:
        registry.set_bridge(leg, leg.call, bridge, conference=conference)
        registry.update(leg.call)


def pair_local(registry: Registry, event: ev.LocalPaired) -> None:
    """Connect the two ends of a Local pair; the second end joins the call of the first."""
    one, two = registry.legs.get(event.one), registry.legs.get(event.two)
    if one is None or two is None or one is two:
        return
    for leg in (one, two):
        if leg.pair is not None:
            leg.pair.pair = None
    one.pair, two.pair = two, one
    if one.call is not None:
        registry.move(two, one.call, event.at)


def change_parking(registry: Registry, event: ev.Parked | ev.Unparked) -> None:
    """Park a leg, or take it out of its parking space; who retrieves it joins its call."""
    found = registry.find(event.channel, event.linkedid, event.at)
    if found is None:
        return
    leg, call = found
    leg.parked = isinstance(event, ev.Parked)
    match event:
        case ev.Parked():
            call.add_step("parked", event.by or leg, event.space)
        case ev.Unparked(by=by) if by:
            retriever = registry.legs.get(by)
            if retriever is not None and retriever.call is not None:
                call = registry.join(call, retriever.call, event.at)
            call.add_step("unparked", retriever)
        case ev.Unparked(timed_out=True):
            call.add_step("parking-timed-out", leg)
        case ev.Unparked():
            pass  # the party hung up: the step "left" follows
    registry.update(call)


def pick_up(registry: Registry, event: ev.PickedUp) -> None:
    """Join the picker's call to the call that rings at the target."""
    target, picker = registry.legs.get(event.target), registry.legs.get(event.picker)
    if target is None or target.call is None:
        return
    call = target.call
    call.advance(event.at)
    if picker is not None and picker.call is not None:
        if picker.call.has_outside:
            call = registry.join(call, picker.call, event.at)
        else:
            registry.absorb(call, picker.call, event.at)
        if target.is_agents_phone and not (call.caller is not None and call.caller.up):
            parties.set_answering_agent(call, picker)
    call.add_step("picked-up", picker, call.identity(target))
    registry.mark_changed(call)


def transfer(registry: Registry, event: ev.Transferred) -> None:
    """Handle a blind or an attended transfer."""
    by, second = registry.legs.get(event.by), registry.legs.get(event.second)
    if by is None or by.call is None:
        return
    if event.kind == "attended":
        _transfer_attended(registry, by, second or by, event.at)
        return
    call = _call_to_transfer(by) or by.call
    call.advance(event.at)
    by.transferred_away = True
    call.given_to = event.number
    call.add_step("blind-transfer", by, readable(event.number, call.rules).number or "")
    registry.mark_changed(call)


def _transfer_attended(registry: Registry, by: Leg, second: Leg, at: float) -> None:
    """Join the calls of the two parties that the transfer connects. Each call that stays gets a step.

    `second` is the transferer's other channel, or the same one if a feature code was used.
    """
    given, to = _parties_of_transfer(by, second)
    one = given.call if given is not None and given.call is not None else by.call
    other = to.call if to is not None and to.call is not None else second.call
    if one is None or other is None:
        return
    for call in (one, other):
        call.advance(at)
    names = [(call.identity(leg) or "" if leg else "") for call, leg in ((one, given), (other, to))]
    if to is None:
        names[1] = _take_place(other, given, second, by)
    elif by is not second and to.is_outside and given is not None and not given.is_outside:
        names.reverse()  # the client is the one who is transferred
    by.transferred_away = True
    if to is not None and standing_lines.leaves_line(by, given, to):
        registry.move(to, one, at)
        other = one
    joined = registry.join(one, other, at)
    steps = [(joined, names[1])]
    if one is not other and not one.over and not other.over:
        steps.append((other, names[0]))  # both have a client, and both stay
    for call, name in steps:
        call.add_step("attended-transfer", by, name)
        registry.mark_changed(call)


def _call_to_transfer(by: Leg) -> LiveCall | None:
    """Return the call of the party with whom the transferer talks; the transferer's own call may be a standing line."""
    bridges = by.bridge.connected() if by.bridge is not None else []
    there = [leg for bridge in bridges for leg in bridge.legs if leg.is_party and leg is not by]
    return (there or by.met)[-1].call if there or by.met else None


def _parties_of_transfer(by: Leg, second: Leg) -> tuple[Leg | None, Leg | None]:
    """Return who is transferred and to whom, as far as these two talked with the transferer."""
    if by is second:
        met = [leg for leg in by.met if leg.call is not None] or by.met
        return (met[-2], met[-1]) if len(met) > 1 else (met[-1] if met else None, None)
    given = [leg for leg in by.met if leg not in second.met] or by.met
    to = [leg for leg in second.met if leg not in by.met]
    return given[-1] if given else None, to[-1] if to else None


def _take_place(call: LiveCall, given: Leg | None, second: Leg, by: Leg) -> str:
    """Put the transferred party in the place of the transferer's consultation; return whom it called.

    That place is the consultation's queue, or a phone that still rings. `call` is the consultation, `second` the
    transferer's leg in it.
    """
    if given is not None:
        given.queue, second.queue = second.queue or given.queue, ""
        given.awaits = [leg for leg in call.legs.values() if leg.is_ringing] if call is not given.call else []
    keyed = second.dialled if second is not by else ""
    return _ringing_target(call, second) or readable(keyed, call.rules).number or ""


def _ringing_target(call: LiveCall, by: Leg) -> str | None:
    """Return whom the transferer was calling, if it is only one."""
    rung = [leg for leg in call.legs.values() if leg.called and leg.is_party and leg is not by and not leg.result]
    found = {call.identity(leg) for leg in rung}
    return found.pop() if len(found) == 1 else None
