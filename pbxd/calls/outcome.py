"""How a call ended, judged once it is over, and how a leg did that nobody took."""

from __future__ import annotations

from pbxd.calls.legs import Leg
from pbxd.calls.live_call import LiveCall
from pbxd.calls.record import Outcome

# Q.850 causes, as Asterisk's causes.h names them.
_BUSY, _REJECTED = 17, 21
# With these a phone was reached, or at least tried, and nobody took it: 16 is Asterisk's own end of a dial that ran
# out, 127 and 0 come with a CANCEL, 18 and 19 are no response and no answer, 26 a ring-all's loser, 31 unspecified.
_NOBODY_TOOK_IT = frozenset({0, 16, 18, 19, 26, 31, 102, 127})


def judge(call: LiveCall) -> tuple[Outcome, int | None]:
    """Return the outcome and the Q.850 cause (None where there is none) of a call that is over."""
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
    """Tell whether the caller, or the agent who was to take his own phone first, ended it."""
    caller = call.caller
    if caller is None:
        return call.reached is None or call.reached.up
    if caller.called and not caller.up:
        return True
    # The dialplan hangs up after a Dial that could not even begin, and leaves the reason for it as the cause.
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
    """Say how a leg that nobody took ended: by its Q.850 cause first, which tells more than the result of the dial."""
    if leg.forward:
        return "forwarded"
    if leg.cause == _REJECTED:
        return "rejected"
    if leg.cause == _BUSY or leg.result == "busy":
        return "busy"
    if leg.result in {"congestion", "unavailable"}:
        return "unreachable"
    return "no-answer" if leg.result == "no-answer" else "cancelled"
