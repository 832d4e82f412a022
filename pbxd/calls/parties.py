"""Who began a call and whom it was for, learnt from its legs as they come.

Nothing else changes these fields of a record, which is why all the ways to learn them stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pbxd.calls.identity import CALL_PREFIX
from pbxd.calls.legs import Leg, rooms
from pbxd.calls.live_call import LiveCall
from pbxd.calls.party_numbers import read, readable
from pbxd.calls.record import Party, Step

_MAX_PAIRS = 10  # Local pairs one behind the other


def set_caller(call: LiveCall, leg: Leg) -> None:
    """Take a leg for the one who began the call."""
    record = call.record
    call.caller = leg
    if call.target is leg:  # whoever dialled him was taken for the caller
        record.callee, call.target, call.direct = Party(), None, None
    extension = leg.endpoint.name if leg.endpoint.kind == "extension" else None
    if call.reached is not None:  # somebody outside was called first; the employee is whom they were given to
        call.give_to(leg)
        return
    if extension:
        call.keyed = leg.dialled
        record.caller = Party(number=extension, extension=extension)
        record.direction = "outgoing" if call.target is not None and call.target.is_outside else "internal"
    else:
        record.caller = readable(leg.number, call.rules)
        record.caller.extension = None
    dialled = leg.dialled if any(character.isdigit() for character in leg.dialled) else ""  # `s` is nobody
    if dialled or call.destination:
        set_callee(call, dialled or call.destination)
    whom = readable(dialled, call.rules).number if dialled else ""
    if call.began_in_gap:
        _add_called_step(call, call.identity(leg), whom)
    else:
        call.add_step("called", leg, whom)


def set_callee(call: LiveCall, dialled: str) -> None:
    """Take what was dialled for whom the call is for."""
    record = call.record
    record.callee = readable(dialled, call.rules)
    if record.direction != "incoming":
        record.direction = "outgoing" if read(dialled, call.rules).kind == "e164" else "internal"
    if record.story and record.story[0].what == "called":  # a click-to-call's purpose is told right after its channel
        record.story[0] = replace(record.story[0], detail=record.callee.number)


def unset_caller(call: LiveCall) -> None:
    """Learn that the one taken for the caller was dialled, by a program's call that nobody has taken yet."""
    call.caller, call.record.caller, call.record.callee = None, Party(), Party()
    call.record.story = [step for step in call.record.story if step.what != "called"]


def set_answering_agent(call: LiveCall, leg: Leg) -> None:
    """Learn who took a program's call: of an agent's several phones that one, of several agents that one."""
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
    """Learn from a phone that was called who called it, when his own channel is gone; return whether it says so.

    Only a number outside counts: anybody can send an extension as his number.
    """
    if leg.endpoint.kind != "extension" or not leg.called or read(leg.connected, call.rules).kind != "e164":
        return False
    if call.by_program:  # who is rung is the caller, and sees whom he will reach
        return False
    record, caller = call.record, readable(leg.connected, call.rules)
    if any(call.identity(other) == caller.number for other in call.legs.values() if other is not leg):
        return False  # he isn't gone: a program calls both
    record.caller, record.callee = caller, _called(call, leg)
    call.resumed = True
    _add_called_step(call, record.caller.number, record.callee.number)
    return True


def set_only_callee(call: LiveCall, leg: Leg) -> None:
    """Learn that the last one called is gone before any list said who called him.

    Unless its Dial was heard it isn't known then that a program other than ours rang him: it counts as a call to him.
    """
    if call.by_program and leg.endpoint.kind == "extension":
        set_caller(call, leg)
        return
    if call.record.callee.number is None:
        call.record.callee = _called(call, leg)
    call.resumed = True


def set_intended(call: LiveCall, number: str, *, by_caller_id: bool) -> bool:
    """Take a number outside for whom a program's call is, while nobody has been dialled for it; return whether it is.

    A caller id alone may be the company's own, so that what is dialled at a trunk beats it.
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
    """Learn that the agent took the call and nobody was dialled: an announcement is for nobody else."""
    if call.intended and call.target is None and call.caller is not None and call.caller.up:
        call.record.callee, call.record.direction = Party(), "internal"
        if call.record.story and call.record.story[0].what == "called":
            call.record.story[0] = replace(call.record.story[0], detail=None)


def set_originated(call: LiveCall, leg: Leg) -> bool:
    """Learn that a program makes this call, and `leg` is whom it rings first; return whether that is news.

    An employee rung first is the caller, as in a click-to-call; somebody outside is the callee.
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
    """Whether a program that rings its first party through Local channels rings somebody outside.

    In a click-to-call of ours it is the agent's phone outside, and so it is beside another phone of the agent.
    """
    if not leg.is_outside or call.record.origin == "click-to-call" or call.reached is not None:
        return False
    return call.caller in {None, leg} and not any(other.is_agents_phone for other in call.legs.values())


def set_client_first(call: LiveCall, leg: Leg) -> None:
    """Take somebody outside whom a program rings first for the callee; who they are given to will be the caller."""
    record = call.record
    record.origin = "originated" if record.origin == "dialled" else record.origin
    record.direction, record.caller = "outgoing", Party()
    record.callee = readable(leg.number, call.rules)
    call.caller, call.reached, call.target = None, leg, leg
    record.story.clear()
    add_dialled_step(call, leg)


def add_dialled_step(call: LiveCall, leg: Leg) -> None:
    """Say that somebody outside is called; he may have rung before anybody said whom that leg is for."""
    call.add_step("dialled", leg)
    if leg.ringing:
        call.add_step("rang", leg)


def set_first_target(call: LiveCall, leg: Leg) -> bool:
    """Learn the callee from the first leg dialled, where the caller said nobody; return whether anything changed."""
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
    """Say who called, of a call whose phones may have rung before that was known."""
    call.record.story.insert(0, Step(call.record.started, "called", who, whom or None))


def _called(call: LiveCall, leg: Leg) -> Party:
    extension = leg.endpoint.name if leg.endpoint.kind == "extension" else None
    return Party(number=call.identity(leg), extension=extension)


def _direct_number(call: LiveCall, leg: Leg) -> bool:
    """Name the employee whose number it is: the one phone the call leads to, unless it rings several at once."""
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
    """Tell whether a channel that dials does so for the employee whom a program calls first.

    Where his leg is plumbing (Local), its end that was called, ;1, calls the other side later; what the other end
    dials, directly or through more plumbing, are his phones.
    """
    leg = legs.get(source or "")
    for _step in range(_MAX_PAIRS):  # events that are lost or doubled could lead round in a circle
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

    Where it is what was asked for with digits added or stripped in front, the shorter spelling counts, unless only the
    longer one reads as a number (E.164).
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
    """Learn the callee of a call that an employee began from the first number dialled at a trunk.

    Not where an employee's extension was keyed, whose calls may be diverted, nor after a transfer, a queue or another
    employee's phone. Returns whether anything changed.
    """
    record = call.record
    first, call.outside = not call.outside, call.outside or leg.number
    by_employee = record.caller.extension is not None and record.origin == "dialled" and not call.resumed
    if not first or not by_employee or call.given_to or record.queues:
        return False
    keyed = read(call.keyed, call.rules)
    rung = any(other.called and other.endpoint.kind == "extension" for other in call.legs.values())
    same = call.keyed.endswith(leg.number)  # such as 112, which is no colleague who diverts calls
    if (keyed.kind == "internal" and not same) or rung or not leg.number:
        return False
    record.callee, record.direction = Party(readable(leg.number, call.rules).number), "outgoing"
    if call.keyed and record.story and record.story[0].what == "called" and keyed.value != record.callee.number:
        record.story[0] = replace(record.story[0], detail=call.keyed)
    return True


def borrower(call: LiveCall) -> LiveCall | None:
    """Return the client's call that a call which is over became part of: it lent its last phone to that one for good.

    Another program joined the two (AMI Bridge, Bridge()). A line that served several calls, or went on, stays a call.
    """
    if call.has_outside or not call.lent_to_the_end or len(call.lent_to) != 1:
        return None
    found = call.lent_to[0]
    while found.merged is not None:
        found = found.merged
    return found if found is not call else None


def client_call_of(call: LiveCall) -> LiveCall | None:
    """Return the client's call that a call found by a list, of phones that were called by nobody known, talks in.

    The transfer that brought them there went unheard.
    """
    if not call.began_in_gap or call.resumed or call.caller is not None or call.has_outside:
        return None
    found = {other.call for room in rooms(call) if room.lends for other in room.others if other.is_outside}
    return found.pop() if len(found) == 1 else None
