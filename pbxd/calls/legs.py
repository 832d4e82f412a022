"""The channels of calls, the bridges they are in, and who hears whom.

A bridge is a time in which parties talk, nothing more: parties of several calls may meet in one, and stay parties of
their own calls. Why two legs belong to one call is `calls.registry`'s business.
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
    """Where legs hear each other. `conference`: a room for whoever dials it."""

    name: str
    conference: bool = False
    legs: list[Leg] = field(default_factory=list)

    def connected(self) -> list[Bridge]:
        """Return this bridge and all that plumbing joins to it."""
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
    number: str  # what the channel says of itself; for one we dialled, the number dialled
    dialled: str
    linkedid: str = ""  # the last one that was told
    connected: str = ""  # who is at the other end, by who dialled it or by the last list
    call: LiveCall | None = None  # the call it belongs to, while it lives
    up: bool = False
    ringing: bool = False
    called: bool = False  # it was dialled by the PBX, it didn't call us
    source: str | None = None  # the channel that dialled it; none where a program had the PBX do it
    is_agents_phone: bool = False  # a phone of the agent a click-to-call was made for
    result: DialResult | Literal[""] = ""
    forward: str = ""  # where the phone sent the call on to (a 302)
    bridge: Bridge | None = None  # where it converses; a holding place (a parking lot) isn't one
    met: list[Leg] = field(default_factory=list)  # the parties it heard, first heard first
    awaits: list[Leg] = field(default_factory=list)  # phones of another call that it hears ringing
    talked: bool = False  # it was told of as an answer
    lent: list[LiveCall] = field(default_factory=list)  # other calls that told of it as an answer
    transferred_away: bool = False  # it transferred who it talked with
    holding: bool = False
    parked: bool = False
    voicemail: bool = False
    queue: str = ""
    pair: Leg | None = None  # the other end, when this is plumbing
    hung_up: bool = False
    hangup_requested: bool = False
    cause: int = 0
    stale: bool = False  # not heard of since the link was lost

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

        A trunk may send early media instead of a ringing state: a call to the outside rings from its first moment.
        """
        if self.up or self.result or not self.is_party:
            return False
        return self.ringing or (self.called and self.is_outside)

    def meet(self, others: list[Leg]) -> None:
        """Remember whom this leg hears now."""
        self.met += [other for other in others if other is not self and other not in self.met]
        del self.met[:-_MOST_MET]


@dataclass(frozen=True, slots=True)
class Room:
    """Who hears whom, seen from one call: its own parties in it, and those of other calls."""

    own: list[Leg]
    others: list[Leg]
    conference: bool

    @property
    def lends(self) -> bool:
        """Whether this call, without an outside party here, lends its phones to one that has one.

        So does an agent's standing line, or a dialler's.
        """
        outside = any(leg.is_outside for leg in self.others) and not any(leg.is_outside for leg in self.own)
        return outside and not self.conference

    @property
    def talkers(self) -> list[Leg]:
        """Return the parties whose talk belongs to this call; the guests of a conference count in their own calls."""
        if self.conference:
            return self.own if len(self.own) + len(self.others) > 1 else []
        there = self.own if self.lends else [*self.own, *self.others]
        return there if len(there) > 1 else []


def rooms(call: LiveCall) -> list[Room]:
    """Return the rooms in which parties of a call are."""
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
    """Return the calls that have a leg in a bridge or in what plumbing joins to it."""
    there = (leg.call for each in bridge.connected() for leg in each.legs)
    return list(dict.fromkeys(call for call in there if call is not None))
