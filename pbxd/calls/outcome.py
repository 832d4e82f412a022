"""The outcome of a finished call, and how a leg ended that nobody answered."""

from __future__ import annotations

from pbxd.calls.legs import Leg
from pbxd.calls.live_call import LiveCall
from pbxd.calls.record import Outcome

# Q.850 causes.
_BUSY, _REJECTED = 17, 21
# With these causes a phone was reached, or at least tried, and nobody answered. 16: the PBX ended a dial that timed
# out. 127 and 0: a CANCEL. 18 and 19: no response, no answer. 26: the loser of a ring-all. 31: unspecified.
_NOBODY_TOOK_IT = frozenset({0, 16, 18, 19, 26, 31, 102, 127})


def judge(call: LiveCall) -> tuple[Outcome, int | None]:
    """Return the outcome and the Q.850 cause (None: there is none) of a finished call."""
    record, caller = call.record, call.caller
    lent = call.reached is not None and caller is not None and caller.call is not call and not caller.cause
    own = call.reached if lent else caller
    own_cause = own.cause if own and own.cause else None
    if record.answered is not None:
        return "answered", own_cause
    if call.voicemail:
        return "voicemail", own_cause
    if record.direction == "incoming":
        return ("abandoned" if caller and caller.hung_up else "missed"), own_cause
    if _our_side_left(call):
        return "cancelled", own_cause
    if call.target is None:
        return "failed", own_cause
    return _called_side(call.target, own_cause)


def _our_side_left(call: LiveCall) -> bool:
    """Whether our side ended the call: the caller, or the agent of a click-to-call who did not answer the own phone."""
    caller = call.caller
    if caller is None:
        return call.reached is None or call.reached.up
    if caller.called and not caller.up:
        return True
    # After a Dial that could not begin, the dialplan hangs up and leaves the reason as the cause.
    never_began = call.target is None and caller.cause not in _NOBODY_TOOK_IT
    return caller.hung_up or (caller.hangup_requested and not never_began)


def _called_side(target: Leg, own_cause: int | None) -> tuple[Outcome, int | None]:
    cause = target.cause or own_cause
    if target.result == "busy" or target.cause == _BUSY:
        return "busy", _BUSY
    if target.cause == _REJECTED:
        return "rejected", cause
    if target.result in {"congestion", "unavailable"} or target.cause not in _NOBODY_TOOK_IT:
        return "failed", cause
    return "no-answer", cause


def refusal(leg: Leg) -> str:
    """Return the step for a leg that nobody answered.

    The Q.850 cause says more than the result of the Dial, so it counts first.
    """
    if leg.forward:
        return "forwarded"
    if leg.cause == _REJECTED:
        return "rejected"
    if leg.cause == _BUSY or leg.result == "busy":
        return "busy"
    if leg.result in {"congestion", "unavailable"}:
        return "unreachable"
    return "no-answer" if leg.result == "no-answer" else "cancelled"
