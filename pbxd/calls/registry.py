"""Which legs there are, which call each belongs to, who converses where, and which calls changed.

Two calls become one when the PBX says so (a leg takes the `linkedid` of another call) or shows it (both have a leg in
one bridge). The older call stays and never gives way again: events that carry a stale `linkedid` follow the switch.
Guests of a conference are in one bridge too, but each keeps a call of his own to it.
"""

from __future__ import annotations

from pbxd.calls.identity import CALL_PREFIX, call_id
from pbxd.calls.live import Leg, LiveCall, moment
from pbxd.calls.record import CallRecord
from pbxd.numbers import NumberRules


class Registry:
    """The legs and calls under way on one PBX. Times are epoch seconds (UTC) of the PBX."""

    def __init__(self, pbx: str, rules: NumberRules) -> None:
        self._pbx = pbx
        self._rules = rules
        self.legs: dict[str, Leg] = {}  # by channel
        self.home: dict[str, LiveCall] = {}  # by channel
        self._calls: dict[str, LiveCall] = {}  # by linkedid; a merged one stays as an alias while its survivor lives
        self._changed: dict[str, LiveCall] = {}
        self._bridges: dict[str, list[Leg]] = {}  # who converses where

    @property
    def calls(self) -> list[LiveCall]:
        """The calls under way, oldest leg first."""
        return list(dict.fromkeys(self.home.values()))

    def knows(self, linkedid: str) -> bool:
        """Whether a call under way has, or had, this linkedid."""
        return linkedid in self._calls

    def lacks_caller(self, linkedid: str) -> bool:
        """Whether nobody knows who began the call with this linkedid: it isn't known, or its beginning wasn't heard."""
        call = self._calls.get(linkedid)
        return call is None or (call.unheard and call.caller is None and not call.resumed)

    def take_changes(self) -> list[CallRecord]:
        """Return, once, the present records of all calls that changed since the last time, oldest change first."""
        changed, self._changed = self._changed, {}
        return [call.record.copy() for call in changed.values()]

    def touch(self, call: LiveCall) -> None:
        """Note that people can see a change of a call; one without any party is nothing to see."""
        if call.caller is not None or call.reached is not None or call.resumed or call.merged is not None:
            self._changed[call.record.id] = call

    def settle(self, call: LiveCall) -> None:
        """Let a call find out what it is doing now."""
        if call.settle():
            self.touch(call)

    def begin(self, linkedid: str, at: float) -> LiveCall:
        """Open a call."""
        record = CallRecord(call_id(self._pbx, linkedid, at), self._pbx, linkedid, moment(at))
        call = LiveCall(record, self._rules, at)
        if linkedid.startswith(CALL_PREFIX):
            record.origin = "click-to-call"
        self.name(call, linkedid)
        return call

    def name(self, call: LiveCall, linkedid: str) -> None:
        """Let a call be found by this linkedid."""
        self._calls[linkedid] = call
        call.linkedids.append(linkedid)

    def adopt(self, leg: Leg, linkedid: str, at: float) -> LiveCall:
        """Add a leg to the call with this linkedid, a new one if need be; return the call."""
        call = self._calls.get(linkedid) or self.begin(linkedid, at)
        call.advance(at)
        call.legs[leg.channel] = leg
        self.legs[leg.channel] = leg
        self.home[leg.channel] = call
        return call

    def remove(self, leg: Leg, call: LiveCall) -> None:
        """Take away a leg that is gone."""
        self.converse(leg, call, "")
        del self.legs[leg.channel], self.home[leg.channel], call.legs[leg.channel]

    def forget(self, call: LiveCall) -> None:
        """Find a call that is over no more."""
        for linkedid in call.linkedids:
            self._calls.pop(linkedid, None)
        call.over = True

    def find(self, channel: str, linkedid: str, at: float) -> tuple[Leg, LiveCall] | None:
        """Return a known leg and its call, after following the linkedid the event carries."""
        leg = self.legs.get(channel)
        if leg is None:
            return None
        leg.stale = False
        call = self.home[channel]
        other = self._calls.get(linkedid)
        if other is None and linkedid:
            self.name(call, linkedid)
        elif other is not None and other is not call:
            call = self.join(call, other, at)
        call.advance(at)
        return leg, call

    def join(self, one: LiveCall, other: LiveCall, at: float) -> LiveCall:
        """Make two calls one, the older; return it."""
        older, younger = (one, other) if one.record.started <= other.record.started else (other, one)
        for channel in younger.legs:
            self.home[channel] = older
        for linkedid in younger.linkedids:
            self.name(older, linkedid)
        older.absorb(younger, at)
        self.settle(older)
        self.touch(older)
        self.touch(younger)
        return older

    def converse(self, leg: Leg, call: LiveCall, bridge: str, *, conference: bool = False) -> LiveCall:
        """Put a leg where it converses (nowhere: an empty text); who converses there belongs to the same call.

        Returns the call the leg belongs to now.
        """
        if leg.bridge and leg.bridge != bridge:
            self._leave(leg, call.at)
        leg.bridge = bridge
        if not bridge:
            return call
        there = self._bridges.setdefault(bridge, [])
        if leg not in there:
            there.append(leg)
        if conference:
            leg.guests = there
            self._guests_changed(there, call)
            return call
        for other in list(there):
            if self.home[other.channel] is not call and not other.guests:
                call = self.join(call, self.home[other.channel], call.at)
        return call

    def _leave(self, leg: Leg, at: float) -> None:
        there = self._bridges.get(leg.bridge, [])
        if leg in there:
            there.remove(leg)
        if not there:
            self._bridges.pop(leg.bridge, None)
        if leg.guests:
            leg.guests = []
            call = self.home[leg.channel]
            call.advance(at)
            self._guests_changed(there, call)

    def _guests_changed(self, guests: list[Leg], changed: LiveCall) -> None:
        for guest in guests:
            call = self.home[guest.channel]
            if call is not changed:
                call.advance(changed.at)
                self.settle(call)
