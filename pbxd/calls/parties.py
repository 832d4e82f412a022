"""Who began a call and whom it was for, learnt from its legs as they come.

Nothing else changes these fields of a record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pbxd.calls.identity import CALL_PREFIX
from pbxd.calls.live import Leg, LiveCall, read, readable
from pbxd.calls.record import Party, Step

_MOST_PIPES = 10  # Local pairs one behind the other


def set_caller(call: LiveCall, leg: Leg) -> None:
    """Take a leg for the one who began the call."""
    record = call.record
    call.caller = leg
    if call.target is leg:  # whoever dialled him was taken for the caller
        record.callee, call.target, call.direct = Party(), None, None
    extension = leg.endpoint.name if leg.endpoint.kind == "extension" else None
    if call.reached is not None:  # somebody outside was called first; the employee is whom he was given to
        record.caller = Party(number=extension, extension=extension)
        return
    if extension:
        record.caller = Party(number=extension, extension=extension)
        record.direction = "internal"
    else:
        record.caller = readable(leg.number, call.rules)
        record.caller.extension = None
    dialled = leg.dialled if any(character.isdigit() for character in leg.dialled) else ""  # `s` is nobody
    if dialled or call.purpose:
        set_callee(call, dialled or call.purpose)
    whom = readable(dialled, call.rules).number if dialled else ""
    if call.unheard:
        _tell_called_first(call, call.identity(leg), whom)
    else:
        call.tell("called", leg, whom)


def set_callee(call: LiveCall, dialled: str) -> None:
    """Take what was dialled for whom the call is for."""
    record = call.record
    record.callee = readable(dialled, call.rules)
    if record.direction != "incoming":
        record.direction = "outgoing" if read(dialled, call.rules).kind == "e164" else "internal"
    if record.story and record.story[0].what == "called":  # a click-to-call's purpose is told right after its channel
        record.story[0] = replace(record.story[0], detail=record.callee.number)


def gone_caller(call: LiveCall, leg: Leg) -> bool:
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
    _tell_called_first(call, record.caller.number, record.callee.number)
    return True


def nobody_called(call: LiveCall, leg: Leg) -> None:
    """Learn that the last one called is gone before any list said who called him.

    Unless its Dial was heard it isn't known then that a program other than ours rang him: it counts as a call to him.
    """
    if call.by_program and leg.endpoint.kind == "extension":
        set_caller(call, leg)
        return
    if call.record.callee.number is None:
        call.record.callee = _called(call, leg)
    call.resumed = True


def originated(call: LiveCall, leg: Leg) -> bool:
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
    if leg.endpoint.kind == "trunk":
        record.direction, record.caller = "outgoing", Party()
        record.callee = readable(leg.number, call.rules)
        call.caller, call.reached, call.target = None, leg, leg
        record.story.clear()
        tell_dialled(call, leg)
    return True


def tell_dialled(call: LiveCall, leg: Leg) -> None:
    """Say that somebody outside is called; he may have rung before anybody said whom that leg is for."""
    call.tell("dialled", leg)
    if leg.ringing:
        call.tell("rang", leg)


def first_target(call: LiveCall, leg: Leg) -> bool:
    """Learn the callee from the first leg dialled, where the caller said nobody; return whether anything changed."""
    record = call.record
    changed = record.direction == "incoming" and not record.queues and _direct_number(call, leg)
    if record.callee.number is not None or leg is call.caller:
        return changed
    record.callee = _called(call, leg)
    if record.direction != "incoming":
        record.direction = "outgoing" if leg.endpoint.kind == "trunk" else "internal"
    return True


def _tell_called_first(call: LiveCall, who: str | None, whom: str | None) -> None:
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


def is_for_agent(legs: Mapping[str, Leg], source: str | None) -> bool:
    """Tell whether a channel that dials does so for the employee whom a program calls first.

    Where his leg is plumbing (Local), its end that was called, ;1, calls the other side later; what the other end
    dials, directly or through more plumbing, are his phones.
    """
    leg = legs.get(source or "")
    for _pipe in range(_MOST_PIPES):  # events that are lost or doubled could lead round in a circle
        if leg is None or leg.is_party:
            break
        pair = legs.get(leg.pair)
        if leg.channel.startswith(CALL_PREFIX):
            return not leg.called
        if pair is not None and pair.called and pair.source is None:
            return True
        leg = legs.get(pair.source or "") if pair else None
    return False


def far_end(call: LiveCall, by: Leg) -> Leg | None:
    """Return whom the one who transfers was talking to in this call: whom it called last, else who called him."""
    target = call.target
    return target if target is not None and target.endpoint != by.endpoint else call.caller
