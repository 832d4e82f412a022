"""The legs and calls under way: which leg belongs to which call, who is in which bridge, which calls changed.

Two legs belong to one call if one was dialled for the other, if they are the two ends of one pipe inside the PBX, or if
an event says so (transfer, pickup, retrieval from parking, INVITE with Replaces).
The PBX's linkedid only groups channels that met, and it changes when they meet. It shows where a new leg most likely
belongs until its DialBegan arrives, and where a leg belongs that began in a gap.
"""

from __future__ import annotations

from pbxd.calls.identity import CALL_PREFIX, ChannelIds, call_id
from pbxd.calls.legs import Bridge, Leg, calls_around
from pbxd.calls.live_call import LiveCall
from pbxd.calls.record import CallRecord, moment
from pbxd.numbers import NumberRules


class Registry:
    """The legs and calls under way on one PBX. Times are epoch seconds (UTC) of the PBX."""

    def __init__(self, pbx: str, rules: NumberRules, ids: ChannelIds) -> None:
        self._pbx = pbx
        self.ids = ids
        self._rules = rules
        self.legs: dict[str, Leg] = {}  # by channel
        self._calls: dict[str, LiveCall] = {}  # by linkedid; that of an absorbed call leads to the one that absorbed it
        self._changed: dict[str, LiveCall] = {}
        self._bridges: dict[str, Bridge] = {}
        self._touched: set[LiveCall] = set()  # in which something may have happened

    @property
    def calls(self) -> list[LiveCall]:
        """The calls under way, oldest leg first."""
        return list(dict.fromkeys(leg.call for leg in self.legs.values() if leg.call is not None))

    def call_of(self, channel: str) -> LiveCall | None:
        """Return the call that a channel belongs to."""
        leg = self.legs.get(channel)
        return leg.call if leg is not None else None

    def has_call(self, linkedid: str) -> bool:
        """Whether a call under way has, or had, this linkedid."""
        return linkedid in self._calls

    def lacks_caller(self, linkedid: str) -> bool:
        """Whether the caller of this linkedid's call is unknown: there is no such call, or it began in a gap."""
        call = self._calls.get(linkedid)
        return call is None or (call.began_in_gap and call.caller is None and not call.resumed)

    def take_changes(self) -> list[CallRecord]:
        """Return the current records of all calls that changed since the last time, oldest change first."""
        changed, self._changed = self._changed, {}
        return [call.record.copy() for call in changed.values()]

    def take_touched(self) -> set[LiveCall]:
        """Return the calls in which something may have happened since the last time, also those that are over."""
        touched, self._touched = self._touched, set()
        return touched

    def mark_changed(self, call: LiveCall) -> None:
        """Note that a call's record changed, if people can see the call."""
        self._touched.add(call)
        if call.is_shown:
            call.seen = True
            self._changed[call.record.id] = call

    def update(self, call: LiveCall) -> None:
        """Work out what a call is doing now."""
        self._touched.add(call)
        if call.update_state():
            self.mark_changed(call)

    def open_call(self, linkedid: str, at: float) -> LiveCall:
        """Open a new call."""
        began = self.ids.began(linkedid)
        own = call_id(self._pbx, linkedid, at if began is None else began)
        record = CallRecord(own, self._pbx, linkedid, moment(at))
        call = LiveCall(record, self._rules, at)
        if linkedid.startswith(CALL_PREFIX):
            record.origin = "click-to-call"
        self.add_linkedid(call, linkedid)
        return call

    def resume_call(self, record: CallRecord, at: float) -> LiveCall:
        """Continue, at `at`, the call of an earlier process's record."""
        call = LiveCall(record, self._rules, at)
        call.resume(at)
        return call

    def add_linkedid(self, call: LiveCall, linkedid: str) -> None:
        """Index a call by this linkedid too."""
        self._calls[linkedid] = call
        call.linkedids.append(linkedid)

    def add_leg(self, leg: Leg, linkedid: str, at: float) -> LiveCall:
        """Add a leg to the call with this linkedid; open that call if there is none. Return the call."""
        call = self._calls.get(linkedid) or self.open_call(linkedid, at)
        call.advance(at)
        call.legs[leg.channel] = leg
        call.had_outside = call.had_outside or leg.is_outside
        self.legs[leg.channel] = leg
        leg.call = call
        self._touched.add(call)
        return call

    def remove_leg(self, leg: Leg, call: LiveCall) -> None:
        """Remove a leg whose channel ended."""
        self.set_bridge(leg, call, "")
        if leg.pair is not None:
            leg.pair.pair = None
        del self.legs[leg.channel], call.legs[leg.channel]
        leg.call, call.last = None, leg

    def drop_call(self, call: LiveCall) -> None:
        """Stop indexing a finished call. A leg that still has one of its linkedids passes that to its own call."""
        for linkedid in call.linkedids:
            if self._calls.get(linkedid) is call:
                del self._calls[linkedid]
                heir = next((leg.call for leg in self.legs.values() if leg.linkedid == linkedid and leg.call), None)
                if heir is not None:
                    self.add_linkedid(heir, linkedid)
        call.over = True
        self._touched.add(call)

    def find(self, channel: str, linkedid: str, at: float) -> tuple[Leg, LiveCall] | None:
        """Return the leg of a channel and its call; index the call by this linkedid if no other call has it."""
        leg = self.legs.get(channel)
        if leg is None or leg.call is None:
            return None
        leg.stale = False
        call = leg.call
        self._touched.add(call)
        leg.linkedid = linkedid or leg.linkedid
        if linkedid and linkedid not in self._calls:
            self.add_linkedid(call, linkedid)
        call.advance(at)
        return leg, call

    def join(self, one: LiveCall, other: LiveCall, at: float) -> LiveCall:
        """Join two calls, as an event says. Return the one that stays.

        A call with an outside party stays. If both have one, both stay and name each other, and `one` is returned. If
        neither has one, the older call stays.
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
        """Make `other` a part of `call` and return `call`. Both are written, or neither."""
        if call is other:
            return call
        for linkedid in other.linkedids:
            if self._calls.get(linkedid) is other:
                self.add_linkedid(call, linkedid)
        shown = other.is_shown
        self._touched.add(other)
        call.absorb(other, at)
        self._replace_borrower(other, call)
        self.update(call)
        if shown or call.is_shown:
            call.seen = True
            self._changed[call.record.id] = call
            self._changed[other.record.id] = other
        return call

    def _replace_borrower(self, former: LiveCall, call: LiveCall) -> None:
        """Let the legs that talked in `former`, and the calls of such legs, lead to the call that absorbed it."""
        for leg in self.legs.values():
            leg.lent = _replaced(leg.lent, former, call, own=leg.call is call)
        for each in self.calls:
            each.lent_to = _replaced(each.lent_to, former, call, own=each is call)

    def _link(self, one: LiveCall, other: LiveCall, at: float) -> None:
        for call, its in ((one, other), (other, one)):
            call.advance(at)
            if its.record.id not in call.record.joined:
                call.record.joined.append(its.record.id)
            self.mark_changed(call)

    def move(self, leg: Leg, call: LiveCall, at: float) -> None:
        """Move a leg, and all legs dialled for it, to the call to which it turns out to belong."""
        former = leg.call
        if former is None or former is call:
            return
        former.advance(at)
        call.advance(at)
        branch = self._branch(leg)
        if former.is_shown:  # then people were told that these ring
            call.ringing |= former.ringing & {each.endpoint.name for each in branch}
        for each in branch:
            if each.call is former:
                del former.legs[each.channel]
                call.legs[each.channel] = each
                call.had_outside = call.had_outside or each.is_outside
                each.call = call
        if former.legs:
            self.update(former)
        else:
            self._merge_empty(former, call)

    def _merge_empty(self, call: LiveCall, real: LiveCall) -> None:
        """Merge a call without legs into the call that has them now."""
        shown = call.is_shown
        self._touched.add(call)
        call.merged, call.over = real, True
        call.record.merged_into, call.record.ended = real.record.id, moment(call.at)
        for linkedid in call.linkedids:
            if self._calls.get(linkedid) is call:
                self.add_linkedid(real, linkedid)
        if shown:
            real.seen = True
            self._changed[call.record.id] = call
            self._changed[real.record.id] = real

    def _branch(self, leg: Leg) -> list[Leg]:
        """Return a leg, its Local pair, and all legs dialled by these."""
        found = [leg]
        for each in found:
            if each.pair is not None and each.pair not in found:
                found.append(each.pair)
            found += [one for one in self.legs.values() if one.source == each.channel and one not in found]
        return found

    def set_bridge(self, leg: Leg, call: LiveCall, name: str, *, conference: bool = False) -> None:
        """Put a leg into a bridge (empty: into none) and update the other calls in the old and the new bridge."""
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
            leg.transferred_away = False
            leg.bridge = self._bridges.setdefault(name, Bridge(name, conference))
            leg.bridge.legs.append(leg)
            around += calls_around(leg.bridge)
            if not leg.bridge.conference:
                _remember_meeting(leg.bridge)
        for other in dict.fromkeys(around):
            if other is not call and not other.over:
                other.advance(call.at)
                self.update(other)


def _replaced(calls: list[LiveCall], former: LiveCall, call: LiveCall, *, own: bool) -> list[LiveCall]:
    """Return the calls with `call` in the place of `former`, once. With `own` leave it out: it is no other call."""
    if former not in calls and call not in calls:
        return calls
    there = dict.fromkeys(call if each is former else each for each in calls)
    return [each for each in there if not (own and each is call)]


def _remember_meeting(bridge: Bridge) -> None:
    """Let the parties in this bridge, and in those connected to it, remember each other."""
    there = [leg for each in bridge.connected() for leg in each.legs if leg.is_party]
    for leg in there if len(there) > 1 else ():
        leg.meet(there)
