"""The channels of calls (legs), their bridges, and who can hear whom.

Parties of several calls may meet in one bridge; each stays a party of its own call. `calls.registry` says why two legs
belong to one call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pbxd.calls.events import DialResult, Endpoint

if TYPE_CHECKING:
    from pbxd.calls.live_call import LiveCall

_MOST_MET = 8  # far ends that a leg remembers


@dataclass(slots=True, eq=False)
class Bridge:
    """The legs that hear each other. `conference`: a room that people dial."""

    name: str
    conference: bool = False
    legs: list[Leg] = field(default_factory=list)

    def connected(self) -> list[Bridge]:
        """Return this bridge and all bridges that Local pairs connect to it."""
        found = [self]
        for bridge in found:
            for leg in bridge.legs:
                other = leg.pair.bridge if leg.pair is not None else None
                if other is not None and other not in found:
                    found.append(other)
        return found


@dataclass(slots=True, eq=False)
class Leg:
    """One channel of a call."""

    channel: str
    endpoint: Endpoint
    number: str  # the number that the channel states; of a leg that we dialled, the number dialled
    dialled: str
    linkedid: str = ""  # the last one that an event had
    connected: str = ""  # the number at the other end, from the Dial or the last snapshot
    call: LiveCall | None = None  # the call it belongs to; None once the channel ended
    up: bool = False
    ringing: bool = False
    called: bool = False  # the PBX dialled it; it did not call us
    source: str | None = None  # the channel that dialled it; None if a program had the PBX dial it
    is_agents_phone: bool = False  # a phone of the agent for whom a click-to-call was made
    result: DialResult | Literal[""] = ""
    forward: str = ""  # where the phone redirected the call to (SIP 302)
    bridge: Bridge | None = None  # the conversation it is in; a holding bridge (a parking lot) isn't one
    met: list[Leg] = field(default_factory=list)  # the parties it could hear, in the order of meeting
    awaits: list[Leg] = field(default_factory=list)  # phones of another call whose ringing it hears
    talked: bool = False  # its call has a step "answered" for it
    lent: list[LiveCall] = field(default_factory=list)  # other calls with a step "answered" for this leg
    transferred_away: bool = False  # it transferred the party with whom it talked
    holding: bool = False
    parked: bool = False
    voicemail: bool = False
    queue: str = ""
    pair: Leg | None = None  # the other end of a Local pair
    hung_up: bool = False
    hangup_requested: bool = False
    cause: int = 0
    stale: bool = False  # no event or snapshot has shown it since the link was lost

    @property
    def is_party(self) -> bool:
        """Whether a person or the outside world is at the far end."""
        return self.endpoint.kind != "local"

    @property
    def is_outside(self) -> bool:
        """Whether the outside world is at the far end."""
        return self.endpoint.kind == "trunk"

    @property
    def is_ringing(self) -> bool:
        """Whether somebody's phone rings.

        A trunk may send early media instead of a ringing state, so a leg to the outside counts as ringing from its
        start.
        """
        if self.up or self.result or not self.is_party:
            return False
        return self.ringing or (self.called and self.is_outside)

    def meet(self, others: list[Leg]) -> None:
        """Remember the parties that this leg can hear now."""
        self.met += [other for other in others if other is not self and other not in self.met]
        del self.met[:-_MOST_MET]


@dataclass(frozen=True, slots=True)
class Room:
    """Parties that hear each other, as one call sees them: its own parties, and those of other calls."""

    own: list[Leg]
    others: list[Leg]
    conference: bool

    @property
    def lends(self) -> bool:
        """Whether this call, without an outside party here, lends its phones to a call that has one.

        An agent's standing line does so, and a dialler's line.
        """
        outside = any(leg.is_outside for leg in self.others) and not any(leg.is_outside for leg in self.own)
        return outside and not self.conference

    @property
    def talkers(self) -> list[Leg]:
        """Return the parties whose talk counts for this call. Guests of a conference count for their own calls."""
        if self.conference:
            return self.own if len(self.own) + len(self.others) > 1 else []
        there = self.own if self.lends else [*self.own, *self.others]
        return there if len(there) > 1 else []


def rooms(call: LiveCall) -> list[Room]:
    """Return the rooms that have parties of a call."""
    found: list[Room] = []
    seen: list[Bridge] = []
    for leg in call.legs.values():
        bridge = leg.bridge
        if bridge is None or not leg.is_party or bridge in seen:
            continue
        bridges = bridge.connected()
        seen += bridges
        there = [each for one in bridges for each in one.legs if each.is_party]
        own = [each for each in there if each.call is call]
        others = [each for each in there if each.call is not call] if len(own) < len(there) else []
        found.append(Room(own, others, any(each.conference for each in bridges)))
    return found


def calls_around(bridge: Bridge) -> list[LiveCall]:
    """Return the calls that have a leg in this bridge or in a bridge that a Local pair connects to it."""
    there = (leg.call for each in bridge.connected() for leg in each.legs)
    return list(dict.fromkeys(call for call in there if call is not None))
