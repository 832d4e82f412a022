"""The caller and the callee of a call, and what the events show of them.

Only this module changes these fields of a record, so it holds every way to learn them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pbxd.calls.identity import CALL_PREFIX
from pbxd.calls.legs import Leg
from pbxd.calls.live_call import LiveCall
from pbxd.calls.party_numbers import read, readable
from pbxd.calls.record import Party, Step

_MAX_PAIRS = 10  # Local pairs one behind the other


def set_caller(call: LiveCall, leg: Leg) -> None:
    """Take a leg as the caller."""
    record = call.record
    call.caller = leg
    if call.target is leg:  # until now the one who dialled this leg counted as the caller
        record.callee, call.target, call.direct = Party(), None, None
    extension = leg.endpoint.name if leg.endpoint.kind == "extension" else None
    if call.reached is not None:  # somebody outside was called first and is given to this employee
        call.give_to(leg)
        return
    if extension:
        call.keyed = leg.dialled
        record.caller = Party(number=extension, extension=extension)
        record.direction = "outgoing" if call.target is not None and call.target.is_outside else "internal"
    else:
        record.caller = readable(leg.number, call.rules)
        record.caller.extension = None
    dialled = leg.dialled if any(character.isdigit() for character in leg.dialled) else ""  # `s` is no number
    if dialled or call.destination:
        set_callee(call, dialled or call.destination)
    whom = readable(dialled, call.rules).number if dialled else ""
    if call.began_in_gap:
        _add_called_step(call, call.identity(leg), whom)
    else:
        call.add_step("called", leg, whom)


def set_callee(call: LiveCall, dialled: str) -> None:
    """Take what was dialled as the callee."""
    record = call.record
    record.callee = readable(dialled, call.rules)
    if record.direction != "incoming":
        record.direction = "outgoing" if read(dialled, call.rules).kind == "e164" else "internal"
    if record.story and record.story[0].what == "called":  # its destination arrives after its channel
        record.story[0] = replace(record.story[0], detail=record.callee.number)


def unset_caller(call: LiveCall) -> None:
    """Undo the caller: this leg was dialled by a program's call that nobody has answered yet."""
    call.caller, call.record.caller, call.record.callee = None, Party(), Party()
    call.record.story = [step for step in call.record.story if step.what != "called"]


def set_answering_agent(call: LiveCall, leg: Leg) -> None:
    """Note who answered a program's call: which of the agent's phones, or which of several agents."""
    record = call.record
    before = record.caller.number
    call.caller = leg
    if call.reached is not None:
        call.give_to(leg)
    elif record.origin != "click-to-call" and leg.endpoint.kind == "extension":
        call.give_to(leg)
        if record.story and record.story[0].what == "called" and record.story[0].who == before:
            record.story[0] = replace(record.story[0], who=leg.endpoint.name)


def find_gone_caller(call: LiveCall, leg: Leg) -> bool:
    """Take the caller from the number that a called phone shows, when the caller's channel ended in a gap.

    Only an outside number counts, because anybody can send an extension as their number. Return whether there is one.
    """
    if leg.endpoint.kind != "extension" or not leg.called or read(leg.connected, call.rules).kind != "e164":
        return False
    if call.by_program:  # the employee whose phone rings is the caller; their phone shows the callee
        return False
    record, caller = call.record, readable(leg.connected, call.rules)
    if any(call.identity(other) == caller.number for other in call.legs.values() if other is not leg):
        return False  # the caller is still there: a program calls both sides
    record.caller, record.callee = caller, _called(call, leg)
    call.resumed = True
    _add_called_step(call, record.caller.number, record.callee.number)
    return True


def set_only_callee(call: LiveCall, leg: Leg) -> None:
    """Take the last called leg as the callee: it ended before a snapshot showed who called it.

    Without the Dial nobody knows whether another program rang it; the call counts as a call to it.
    """
    if call.by_program and leg.endpoint.kind == "extension":
        set_caller(call, leg)
        return
    if call.record.callee.number is None:
        call.record.callee = _called(call, leg)
    call.resumed = True


def set_intended(call: LiveCall, number: str, *, by_caller_id: bool) -> bool:
    """Take an outside number as the callee of a program's call while nobody has been dialled for it.

    Return whether it is the callee now. A caller id alone may be the company's own number, so a number dialled at a
    trunk replaces it.
    """
    known = call.record.callee.number is not None and not call.intended
    if known or call.record.origin != "originated" or call.target is not None or call.reached is not None:
        return False
    if read(number, call.rules).kind != "e164":
        return False
    call.destination, call.intended = number, by_caller_id
    if call.caller is not None:
        set_callee(call, number)
    return True


def forget_intended(call: LiveCall) -> None:
    """Drop that callee: the agent answered and nobody was dialled, so the call was an announcement for the agent."""
    if call.intended and call.target is None and call.caller is not None and call.caller.up:
        call.record.callee, call.record.direction = Party(), "internal"
        if call.record.story and call.record.story[0].what == "called":
            call.record.story[0] = replace(call.record.story[0], detail=None)


def set_originated(call: LiveCall, leg: Leg) -> bool:
    """Note that a program made the call and rings `leg` first; return whether that is news.

    An employee who is rung first is the caller, as in a click-to-call. An outside party is the callee.
    """
    record = call.record
    if call.by_program:
        return False
    record.origin = "originated"
    if leg is not call.caller:
        return True
    record.callee = Party()
    if leg.is_outside:
        set_client_first(call, leg)
    return True


def is_client_first(call: LiveCall, leg: Leg) -> bool:
    """Whether a program that rings its first party through Local channels rings an outside party.

    In our click-to-call such a party is the agent's phone outside; so it is beside another phone of the agent.
    """
    if not leg.is_outside or call.record.origin == "click-to-call" or call.reached is not None:
        return False
    return call.caller in {None, leg} and not any(other.is_agents_phone for other in call.legs.values())


def set_client_first(call: LiveCall, leg: Leg) -> None:
    """Take an outside party that a program rings first as the callee.

    The employee who is connected later will be the caller.
    """
    record = call.record
    record.origin = "originated" if record.origin == "dialled" else record.origin
    record.direction, record.caller = "outgoing", Party()
    record.callee = readable(leg.number, call.rules)
    call.caller, call.reached, call.target = None, leg, leg
    record.story.clear()
    add_dialled_step(call, leg)


def add_dialled_step(call: LiveCall, leg: Leg) -> None:
    """Add the step "dialled" for an outside leg; its phone may have rung before the Dial arrived."""
    call.add_step("dialled", leg)
    if leg.ringing:
        call.add_step("rang", leg)


def set_first_target(call: LiveCall, leg: Leg) -> bool:
    """Take the callee from the first dialled leg, if the caller dialled nobody; return whether anything changed."""
    record = call.record
    changed = record.direction == "incoming" and not record.queues and _direct_number(call, leg)
    if (record.callee.number is not None and not call.intended) or leg is call.caller:
        return changed
    call.intended = False
    record.callee = _called(call, leg)
    if record.direction != "incoming":
        record.direction = "outgoing" if leg.endpoint.kind == "trunk" else "internal"
    return True


def _add_called_step(call: LiveCall, who: str | None, whom: str | None) -> None:
    """Put the step "called" first, in a call whose phones rang before the caller was known."""
    call.record.story.insert(0, Step(call.record.started, "called", who, whom or None))


def _called(call: LiveCall, leg: Leg) -> Party:
    extension = leg.endpoint.name if leg.endpoint.kind == "extension" else None
    return Party(number=call.identity(leg), extension=extension)


def _direct_number(call: LiveCall, leg: Leg) -> bool:
    """Set the employee whose direct number was called: the one phone that rings, unless several ring at once."""
    callee = call.record.callee
    if call.direct is None and leg.endpoint.kind == "extension":
        call.direct = leg
        callee.extension = callee.extension or leg.endpoint.name
        return True
    if call.direct is not None and not call.direct.result and call.direct.endpoint != leg.endpoint:
        callee.extension = None
        return True
    return False


def dials_for_agent(legs: Mapping[str, Leg], source: str | None) -> bool:
    """Whether a channel dials for the employee whom a program calls first.

    If that employee's leg is a Local pair, its called end `;1` dials the other side later. What its end `;2` dials,
    directly or through more pairs, are the employee's phones.
    """
    leg = legs.get(source or "")
    for _step in range(_MAX_PAIRS):  # lost or repeated events could make a circle
        if leg is None or leg.is_party:
            break
        pair = leg.pair
        if leg.channel.startswith(CALL_PREFIX):
            return not leg.called
        if pair is not None and pair.called and pair.source is None:
            return True
        leg = legs.get(pair.source or "") if pair else None
    return False


def is_browser_phone(one: Leg, other: Leg) -> bool:
    """Whether one leg is the browser phone of the other's employee: FreePBX rings 99101 beside 101 in one Dial."""
    both = one.endpoint.kind == other.endpoint.kind == "extension"
    return both and one.source is not None and one.endpoint.name == f"99{other.endpoint.name}"


def shortest_spelling(call: LiveCall, dialled: str, source: Leg | None) -> str:
    """Return a number dialled at a trunk as people know it.

    The PBX may add or strip digits in front of the number that was asked for. Then the shorter spelling counts, unless
    only the longer one can be read as a number (E.164).
    """
    for asked in (
        source.dialled if source is not None else "",
        call.keyed,
        call.given_to,
        call.destination,
        call.outside,
    ):
        shorter, longer = sorted((asked, dialled), key=len)
        if shorter and longer.endswith(shorter):
            reads = [read(each, call.rules).kind == "e164" for each in (shorter, longer)]
            return longer if reads == [False, True] else shorter
    return dialled


def set_outside_callee(call: LiveCall, leg: Leg) -> bool:
    """Take the first number dialled at a trunk as the callee of an employee's call; return whether anything changed.

    Not if the employee dialled an extension (whose calls may be diverted), nor after a transfer, a queue, or another
    employee's phone.
    """
    record = call.record
    first, call.outside = not call.outside, call.outside or leg.number
    by_employee = record.caller.extension is not None and record.origin == "dialled" and not call.resumed
    if not first or not by_employee or call.given_to or record.queues:
        return False
    keyed = read(call.keyed, call.rules)
    rung = any(other.called and other.endpoint.kind == "extension" for other in call.legs.values())
    same = call.keyed.endswith(leg.number)  # such as 112: no colleague who diverts calls
    if (keyed.kind == "internal" and not same) or rung or not leg.number:
        return False
    record.callee, record.direction = Party(readable(leg.number, call.rules).number), "outgoing"
    if call.keyed and record.story and record.story[0].what == "called" and keyed.value != record.callee.number:
        record.story[0] = replace(record.story[0], detail=call.keyed)
    return True
