"""Which legs there are, which call each belongs to, who converses where, and which calls changed.

Why two legs belong to one call: one was dialled for the other (Dial, Queue), they are the two ends of a pipe (a Local
pair), or an event said so (transfer, pickup, retrieval from parking, INVITE with Replaces). Asterisk's linkedid only
groups channels that met, and changes when they do (src, channel_internal_api.c): it says where a new leg most likely
belongs, until the Dial is told, and where one belongs whose beginning was not heard.
"""

from __future__ import annotations

from pbxd.calls.identity import CALL_PREFIX, ChannelIds, call_id
from pbxd.calls.legs import Bridge, Leg, calls_around
from pbxd.calls.live import LiveCall, moment
from pbxd.calls.record import CallRecord
from pbxd.numbers import NumberRules


class Registry:
    """The legs and calls under way on one PBX. Times are epoch seconds (UTC) of the PBX."""

    def __init__(self, pbx: str, rules: NumberRules, ids: ChannelIds) -> None:
        self._pbx = pbx
        self._ids = ids
        self._rules = rules
        self.legs: dict[str, Leg] = {}  # by channel
        self._calls: dict[str, LiveCall] = {}  # by linkedid; a merged one stays as an alias while its survivor lives
        self._changed: dict[str, LiveCall] = {}
        self._bridges: dict[str, Bridge] = {}

    @property
    def calls(self) -> list[LiveCall]:
        """The calls under way, oldest leg first."""
        return list(dict.fromkeys(leg.call for leg in self.legs.values() if leg.call is not None))

    def home(self, channel: str) -> LiveCall | None:
        """Return the call that a channel belongs to."""
        leg = self.legs.get(channel)
        return leg.call if leg is not None else None

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
        """Note that people can see a change of a call."""
        if call.is_shown:
            call.seen = True
            self._changed[call.record.id] = call

    def settle(self, call: LiveCall) -> None:
        """Let a call find out what it is doing now."""
        if call.settle():
            self.touch(call)

    def begin(self, linkedid: str, at: float) -> LiveCall:
        """Open a call."""
        began = self._ids.began(linkedid)
        own = call_id(self._pbx, linkedid, at if began is None else began)
        record = CallRecord(own, self._pbx, linkedid, moment(at))
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
        call.had_outside = call.had_outside or leg.is_outside
        self.legs[leg.channel] = leg
        leg.call = call
        return call

    def remove(self, leg: Leg, call: LiveCall) -> None:
        """Take away a leg that is gone."""
        self.converse(leg, call, "")
        if leg.pair is not None:
            leg.pair.pair = None
        del self.legs[leg.channel], call.legs[leg.channel]
        leg.call, call.last = None, leg

    def forget(self, call: LiveCall) -> None:
        """Stop indexing a finished call."""
        for linkedid in call.linkedids:
            if self._calls.get(linkedid) is call:
                del self._calls[linkedid]
                heir = next((leg.call for leg in self.legs.values() if leg.linkedid == linkedid and leg.call), None)
                if heir is not None:
                    self.name(heir, linkedid)
        call.over = True

    def find(self, channel: str, linkedid: str, at: float) -> tuple[Leg, LiveCall] | None:
        """Return a known leg and its call; a linkedid that no call has becomes one more of this call."""
        leg = self.legs.get(channel)
        if leg is None or leg.call is None:
            return None
        leg.stale = False
        call = leg.call
        leg.linkedid = linkedid or leg.linkedid
        if linkedid and linkedid not in self._calls:
            self.name(call, linkedid)
        call.advance(at)
        return leg, call

    def join(self, one: LiveCall, other: LiveCall, at: float) -> LiveCall:
        """Let two calls go on as one, as an event says; return the one that stays.

        A call with an outside party stays; where both have one, both stay and name each other, and `one` is returned.
        Where none has, the older stays.
        """
        if one is other:
            return one
        if one.has_outside and other.has_outside:
            self._link(one, other, at)
            return one
        if one.has_outside != other.has_outside:
            return self.absorb(one, other, at) if one.has_outside else self.absorb(other, one, at)
        older, younger = (one, other) if one.record.started <= other.record.started else (other, one)
        return self.absorb(older, younger, at)

    def absorb(self, call: LiveCall, other: LiveCall, at: float) -> LiveCall:
        """Make `other` a part of `call`; return that. Both are written, or neither."""
        if call is other:
            return call
        for linkedid in other.linkedids:
            if self._calls.get(linkedid) is other:
                self.name(call, linkedid)
        shown = other.is_shown
        call.absorb(other, at)
        self.settle(call)
        if shown or call.is_shown:
            call.seen = True
            self._changed[call.record.id] = call
            self._changed[other.record.id] = other
        return call

    def _link(self, one: LiveCall, other: LiveCall, at: float) -> None:
        for call, its in ((one, other), (other, one)):
            call.advance(at)
            if its.record.id not in call.record.joined:
                call.record.joined.append(its.record.id)
            self.touch(call)

    def move(self, leg: Leg, call: LiveCall, at: float) -> None:
        """Bring a leg, and all that was dialled for it, to the call that it turns out to belong to."""
        former = leg.call
        if former is None or former is call:
            return
        former.advance(at)
        call.advance(at)
        for each in self._branch(leg):
            if each.call is former:
                del former.legs[each.channel]
                call.legs[each.channel] = each
                call.had_outside = call.had_outside or each.is_outside
                each.call = call
        if former.legs:
            self.settle(former)
        else:
            self._drop(former, call)

    def _drop(self, call: LiveCall, real: LiveCall) -> None:
        """Forget a call that never was one: what there was of it belongs to `real`."""
        shown = call.is_shown
        call.merged, call.over = real, True
        call.record.merged_into, call.record.ended = real.record.id, moment(call.at)
        for linkedid in call.linkedids:
            if self._calls.get(linkedid) is call:
                self.name(real, linkedid)
        if shown:
            real.seen = True
            self._changed[call.record.id] = call
            self._changed[real.record.id] = real

    def _branch(self, leg: Leg) -> list[Leg]:
        found = [leg]
        for each in found:
            if each.pair is not None and each.pair not in found:
                found.append(each.pair)
            found += [one for one in self.legs.values() if one.source == each.channel and one not in found]
        return found

    def converse(self, leg: Leg, call: LiveCall, name: str, *, conference: bool = False) -> None:
        """Put a leg where it converses (nowhere: an empty text); the other calls there settle."""
        if (leg.bridge.name if leg.bridge else "") == name:
            return
        around: list[LiveCall] = []
        if leg.bridge is not None:
            around += calls_around(leg.bridge)
            leg.bridge.legs.remove(leg)
            if not leg.bridge.legs:
                self._bridges.pop(leg.bridge.name, None)
            leg.bridge = None
        if name:
            leg.gave_away = False
            leg.bridge = self._bridges.setdefault(name, Bridge(name, conference))
            leg.bridge.legs.append(leg)
            around += calls_around(leg.bridge)
            if not leg.bridge.conference:
                _introduce(leg.bridge)
        for other in dict.fromkeys(around):
            if other is not call and not other.over:
                other.advance(call.at)
                self.settle(other)


def _introduce(bridge: Bridge) -> None:
    """Let all that hear each other through this bridge remember it."""
    there = [leg for each in bridge.connected() for leg in each.legs if leg.is_party]
    for leg in there if len(there) > 1 else ():
        leg.meet(there)
