"""Which events somebody hears, and the JSON of an event. Live streams and webhooks read the feed through this."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from pbxd.calls.record import instant
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.rights import SHARED, ContactSight
from pbxd.scopes import Scope, Scopes
from pbxd.storage.calls.call_filter import SeenCalls
from pbxd.storage.engine.feed import FeedRow

STATE: Final = "extension.state"  # live only
CALL: Final = "live.call"  # live only, and only for who asks for it by name
KINDS: Final[Mapping[str, Scope]] = {
    "call.ringing": "calls:read",
    "call.answered": "calls:read",
    "call.ended": "calls:read",
    "call.joined": "calls:read",
    "call.merged": "calls:read",
    "call.filled": "calls:read",
    "contact.added": "contacts:read",
    "contact.changed": "contacts:read",
    "contact.deleted": "contacts:read",
    "company.changed": "contacts:read",
    "employee.changed": "contacts:read",
    "import.done": "contacts:read",
    "import.undone": "contacts:read",
    "gap": "calls:read",
    "gap.filled": "calls:read",
    "queue.joined": "queues:read",
    "queue.left": "queues:read",
    "vip.moved": "queues:read",
    STATE: "calls:read",
    CALL: "calls:read",
}
_LIVE: Final = frozenset({STATE, CALL})
_OF_CALLS: Final = ("call.", "queue.", "vip.")  # their subject is a call
_OF_QUEUES: Final = ("queue.", "vip.")
# Facts for pbxd's own readers of the feed.
_INSIDE: Final = frozenset({"owner_id", "manager_id", "other", "first", "last"})


def checked_kinds(names: Collection[str], field: str, *, durable: bool = False) -> frozenset[str]:
    """Return kinds of events by their names; `call.*` names all of a group. Raises InvalidInputError for unknown ones.

    `durable`: only those that the feed keeps.
    """
    there = [kind for kind in KINDS if kind not in _LIVE or not durable]
    found: set[str] = set()
    for name in names:
        matching = {kind for kind in there if kind == name or (name.endswith(".*") and kind.startswith(name[:-1]))}
        if not matching:
            message = _("there is no kind of event {kind}; there are {known}")
            raise InvalidInputError(field, message.format(kind=name, known=", ".join(there)))
        found |= matching
    return frozenset(found)


class Card(NamedTuple):
    """Who decides on a contact's visibility: its owner and its manager, by id."""

    owner: int
    manager: int


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is handed out, with what decides who hears it."""

    seq: int
    kind: str
    subject: str
    card: Card | None  # only who sees it hears the event; None: no such limit
    # What the card was before, or is now. True: only who sees that too hears the event; False: only who does not.
    other: tuple[Card, bool] | None
    queue: str
    extensions: frozenset[str]  # whom it is about: of a phone that begins to ring, that one alone
    people: frozenset[str]  # the extensions of all who take part in the call, or whose phones it rang
    started: datetime  # of the call
    text: bytes  # JSON

    @property
    def order(self) -> str:
        """What must be handed out in order: everything about one call, or about one thing."""
        return self.subject if self.kind.startswith(_OF_CALLS) else f"{self.kind.partition('.')[0]} {self.subject}"


def event_of(row: FeedRow) -> Event | None:
    """Return the event of a row of the feed; None for one that is pbxd's own affair."""
    if row.kind not in KINDS:
        return None
    data = row.data
    rings = data.get("extension")
    caller = (data.get("caller") or {}).get("extension")
    people = frozenset((*data.get("extensions", ()), *(each for each in (caller, rings) if each)))
    public = {name: value for name, value in data.items() if name not in _INSIDE}
    return Event(
        seq=row.seq,
        kind=row.kind,
        subject=row.subject,
        card=_card(data) if row.kind.startswith("contact.") or data.get("owner_id") else None,
        other=(_card(beside), beside["seen"]) if (beside := data.get("other")) else None,
        queue=data.get("queue") or "",
        extensions=frozenset({rings}) if rings else people,
        people=people,
        started=datetime.fromisoformat(started) if (started := data.get("started")) else row.at,
        text=event_json(row.seq, row.at, row.kind, row.subject, public),
    )


def _card(facts: Mapping[str, Any]) -> Card:
    return Card(facts.get("owner_id") or SHARED, facts.get("manager_id") or 0)


def event_json(seq: int, at: datetime, kind: str, subject: str, data: Mapping[str, Any]) -> bytes:
    """Return the JSON of an event, the same in streams and webhooks."""
    said = {"seq": seq, "at": instant(at), "kind": kind, "subject": subject, "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def frame(kind: str, text: bytes, seq: int | None = None) -> bytes:
    """Return an event as a stream sends it: no line of JSON has a line break."""
    number = b"" if seq is None else b"id: %d\n" % seq
    return b"%bevent: %b\ndata: %b\n\n" % (number, kind.encode(), text)


def state_json(at: datetime, kind: str, subject: str, data: Mapping[str, Any]) -> bytes:
    """Return the JSON of a present state."""
    said = {"at": instant(at), "kind": kind, "subject": subject, "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Hearing:
    """What one reader hears. Readers with equal hearings get the same bytes."""

    kinds: frozenset[str]
    sight: ContactSight = field(default_factory=ContactSight)  # which contacts they see
    queue: str = ""  # of events about calls and queues, only those of this queue
    calls_of: frozenset[str] | None = None  # of events about calls, queues and phones, only those of these extensions
    seen: SeenCalls | None = None  # the calls that the reader sees, in the history too; None: all
    phones: frozenset[str] | None = None  # whose states the reader hears; None: everybody's
    sees_queues: bool = True  # events of queues are not limited to the calls that the reader sees

    def hears(self, event: Event) -> bool:
        """Tell whether the reader gets an event."""
        if event.kind not in self.kinds or not self._sees(event):
            return False
        if not event.kind.startswith(_OF_CALLS):
            return True
        if self.queue and event.queue != self.queue:
            return False
        if self.calls_of is not None and self.calls_of.isdisjoint(event.extensions):
            return False
        if self.sees_queues and event.kind.startswith(_OF_QUEUES):
            return True
        return self.seen is None or self.seen.has(event.people, event.queue, event.started)

    def _sees(self, event: Event) -> bool:
        """Tell whether the reader sees the contact that an event is about, and gets this event of those of a change."""
        if event.card is None:
            return True
        if event.other and self.sight.has(*event.other[0]) != event.other[1]:
            return False
        return self.sight.has(*event.card)

    def hears_state(
        self, kind: str, extensions: frozenset[str], queue: str = "", started: datetime | None = None
    ) -> bool:
        """Tell whether the reader gets the state of a phone, or with `started` of a call, about these extensions."""
        if kind not in self.kinds or self.queue:
            return False
        if self.calls_of is not None and self.calls_of.isdisjoint(extensions):
            return False
        if started is None:
            return self.phones is None or not self.phones.isdisjoint(extensions)
        return self.seen is None or self.seen.has(extensions, queue, started)


def kinds_read(scopes: Scopes, wanted: Collection[str]) -> frozenset[str]:
    """Return the kinds that the scopes read; of those `wanted`, if any are."""
    asked = wanted or KINDS.keys() - {CALL}
    return frozenset(kind for kind, scope in KINDS.items() if scope in scopes and kind in asked)
