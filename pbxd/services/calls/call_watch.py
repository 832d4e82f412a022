"""Watches the calls under way, and remembers those that ended a short time ago: what phones do in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pbxd.calls.presence import Presence
from pbxd.calls.record import CallRecord
from pbxd.services.events.present import Present

_REMEMBERED = 1000  # calls that ended; about 4 KB each


@dataclass(slots=True)
class CallWatch:
    """Looks at the calls under way; `presences` says what happens in them now."""

    presences: Callable[[], Iterable[Presence]] = tuple
    now: Callable[[], float] = time.time  # the present time by the PBX's clock
    _there: dict[str, Presence] = field(default_factory=dict)  # at the last look
    _shown: dict[str, tuple[Presence, Present]] = field(default_factory=dict)  # what was made of each
    _over: dict[str, CallRecord] = field(default_factory=dict)  # the oldest end first

    def look(self) -> Mapping[str, Present]:
        """Return what happens in the calls, by id, and whom each is about: all whom it has ever rung, too."""
        self._take()
        before, self._shown = self._shown, {}
        for call, presence in self._there.items():
            made = before.get(call)
            self._shown[call] = made if made and made[0] is presence else (presence, present_of(presence))
        return {call: present for call, (_presence, present) in self._shown.items()}

    def find(self, call_id: str) -> Presence | None:
        """Return what happens in a call now. Of one that ended a short time ago no phone does anything."""
        self._take()
        if found := self._there.get(call_id):
            return found
        record = self._over.get(call_id)
        return Presence(record, "", {}) if record else None

    def of(self, extensions: Collection[str] | None) -> list[Presence]:
        """Return the calls under way in which one of these takes or took part, oldest first; None: all."""
        self._take()
        there = self._there.values()
        found = [each for each in there if extensions is None or people_in(each).intersection(extensions)]
        return sorted(found, key=lambda each: each.record.started)

    def _take(self) -> None:
        now = {each.record.id: each for each in self.presences()}
        for call_id, before in self._there.items():
            if call_id not in now:
                self._over[call_id] = before.record
        self._there = now
        while len(self._over) > _REMEMBERED:
            del self._over[next(iter(self._over))]


def people_in(presence: Presence) -> frozenset[str]:
    """Return the extensions of all who take or took part in a call, or whose phones it rang."""
    record = presence.record
    caller = {record.caller.extension} if record.caller.extension else set()
    return frozenset(caller | {agent.extension for agent in record.agents} | presence.phones.keys())


def present_of(presence: Presence) -> Present:
    """Return what happens in a call as live events tell it, and whom it is about."""
    people = people_in(presence)
    data = {
        "state": presence.part or "over",
        "phones": dict(presence.phones),
        "people": sorted(people),
        "steps": len(presence.record.story),
    }
    return Present(people, data, presence.record.queue or "", presence.record.started)
