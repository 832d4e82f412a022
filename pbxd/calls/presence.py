"""What employees' phones do in the calls under way. Only reads the state machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pbxd.calls.legs import Leg
from pbxd.calls.live_call import LiveCall
from pbxd.calls.record import CallRecord

PhoneState = Literal[
    "ringing",
    "calling",  # the employee calls, or is called to call somebody, and talks with nobody yet
    "talking",
    "held",  # on hold, or has the other party on hold
]
_RANKS: Final[Mapping[PhoneState, int]] = {"ringing": 0, "calling": 1, "held": 2, "talking": 3}


@dataclass(frozen=True, slots=True)
class Presence:
    """A call under way: its record, which goes on changing, its part now, and what each employee's phone does."""

    record: CallRecord
    part: str
    phones: Mapping[str, PhoneState]  # by extension


def presence_of(call: LiveCall) -> Presence:
    """Return what happens in a call now. Of several phones of one employee the busiest counts."""
    phones: dict[str, PhoneState] = {}
    for leg in call.legs.values():
        state = _state(call, leg) if leg.endpoint.kind == "extension" else None
        before = phones.get(leg.endpoint.name)
        if state and (before is None or _RANKS[state] > _RANKS[before]):
            phones[leg.endpoint.name] = state
    return Presence(call.record, call.part, phones)


def _state(call: LiveCall, leg: Leg) -> PhoneState | None:
    """Return what a phone does; None: it is done with the call."""
    if not leg.up:
        if leg is call.caller or leg.is_agents_phone:
            return None if leg.called and leg.result else "calling"
        return "ringing" if leg.called and not leg.result else None
    if call.part == "hold":
        return "held"
    there = [each for bridge in leg.bridge.connected() for each in bridge.legs] if leg.bridge else []
    return "talking" if any(each.is_party and each is not leg for each in there) else "calling"
