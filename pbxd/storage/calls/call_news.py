"""The feed's events of calls: what happened to a call since it was stored, and the facts that each event has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.calls.record import CallRecord, Party, instant
from pbxd.storage.calls.call_rows import agents_of
from pbxd.storage.engine.database import in_parts, possible
from pbxd.storage.engine.feed import News
from pbxd.storage.tables import companies, contacts

_SHARED = select(contacts.c.id, contacts.c.company_id).where(
    contacts.c.id.in_(bindparam("ids", expanding=True)), contacts.c.visibility == "shared"
)
_COMPANIES = select(companies.c.name, companies.c.id).where(companies.c.name.in_(bindparam("names", expanding=True)))
_JOINED = "queue.joined"


class Milestones(NamedTuple):
    """How far a call was when it was stored."""

    answered: bool
    ended: bool
    into: str | None  # the call into which it was merged
    joined: Sequence[str]
    rings: Mapping[str, int]  # by extension, how often its phones had begun to ring


@dataclass(frozen=True, slots=True)
class Cards:
    """Which shared contacts the calls of one transaction name, and the companies. Names stay inside."""

    companies_of: Mapping[int, int | None]  # by the id of a contact that is shared now
    by_name: Mapping[str, int]

    @classmethod
    async def of(cls, connection: AsyncConnection, records: Collection[CallRecord]) -> Cards:
        """Read them within the transaction that writes the calls."""
        sides = [side for record in records for side in (record.caller, record.callee)]
        ids = {side.contact for side in sides if side.contact is not None}
        names = {side.company for side in sides if side.company and side.contact is None}
        found: dict[int, int | None] = {}
        for part in in_parts(possible(ids)):
            found |= {row.id: row.company_id for row in await connection.execute(_SHARED, {"ids": part})}
        by_name: dict[str, int] = {}
        for words in in_parts(names):
            by_name |= {row.name: row.id for row in await connection.execute(_COMPANIES, {"names": words})}
        return cls(found, by_name)

    def facts(self, record: CallRecord) -> dict[str, Any]:
        """Return what every event of a call says. No name: not every reader may see every card."""
        sides = (record.callee, record.caller) if record.direction == "outgoing" else (record.caller, record.callee)
        contact = next((side.contact for side in sides if side.contact in self.companies_of), None)
        firms = [self.by_name[side.company] for side in sides if side.company and side.company in self.by_name]
        return {
            "direction": record.direction,
            "caller": party_facts(record.caller),
            "callee": party_facts(record.callee),
            "extensions": sorted(agents_of(record) | {agent.extension for agent in record.agents}),
            "queue": record.queue,
            "contact": contact,
            "company": self.companies_of[contact] if contact is not None else next(iter(firms), None),
            "started": instant(record.started),
            "outcome": record.outcome,
        }


def party_facts(party: Party) -> dict[str, Any]:
    """Return one end of a call without its name."""
    return {"number": party.number, "extension": party.extension}


def rings_of(record: CallRecord) -> dict[str, int]:
    """Return how often the phones of each employee began to ring."""
    return {agent.extension: agent.rings for agent in record.agents if agent.rings}


def news_of(
    record: CallRecord, before: Milestones | None, facts: dict[str, Any], beside: Sequence[News] = ()
) -> Iterator[News]:
    """Yield the events of a call since it was stored (None: it was not), in the order in which they must be read.

    `beside`: what happened to the call in queues meanwhile.
    """
    known = before or Milestones(answered=False, ended=False, into=None, joined=(), rings={})
    entered = max((place + 1 for place, each in enumerate(beside) if each.kind == _JOINED), default=0)
    yield from beside[:entered]
    for extension, times in rings_of(record).items():
        if times > known.rings.get(extension, 0):
            yield News("call.ringing", record.id, {"extension": extension, **facts})
    yield from _later(record, known, facts, beside[entered:])


def _later(record: CallRecord, known: Milestones, facts: dict[str, Any], beside: Iterable[News]) -> Iterator[News]:
    if record.answered and not known.answered and not record.merged_into:
        yield News("call.answered", record.id, facts)
    for other in record.joined if not record.merged_into else ():
        if other not in known.joined:
            yield News("call.joined", record.id, {"with": other, **facts})
    yield from beside
    if record.merged_into and record.merged_into != known.into:
        yield News("call.merged", record.id, {"into": record.merged_into, **facts})
    if record.ended and not known.ended and not record.merged_into:
        yield News("call.ended", record.id, facts)
