"""The history of calls, as an actor may see it: named with what was known when each call came."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pbxd.actor import Actor
from pbxd.calls.record import CallRecord
from pbxd.numbers import NumberRules
from pbxd.services.call_filters import CallsAsked, filter_of, spans_of_contacts
from pbxd.services.past_names import contacts_in, extensions_in, name_calls, numbers_in
from pbxd.storage.book.number_ownership import past_of
from pbxd.storage.calls.call_filter import CallFilter
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps, count_gaps_between, gaps_between
from pbxd.storage.calls.history import History, newest, page
from pbxd.storage.engine.database import Database, Reading

_MOST_GAPS = 100  # in a page
Call = dict[str, Any]


class CallPage(NamedTuple):
    """A page of the history, newest first, named; `gaps`: those in its time, up to the call above it.

    The newest 100 of them; where there are more, `gaps_total` says how many.
    """

    total: int
    total_is_exact: bool
    items: list[dict[str, Any]]
    gaps: list[dict[str, Any]]
    gaps_total: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the public form: `gaps_total` stands there where the gaps are not all."""
        answer = self._asdict()
        if self.gaps_total <= len(self.gaps):
            del answer["gaps_total"]
        return answer


@dataclass(frozen=True, slots=True)
class CallHistory:
    """Reads recorded calls, in their public form."""

    database: Database
    rules: NumberRules

    async def call(self, call_id: str, actor: Actor) -> Call:
        """Return a call. Raises NotFoundError."""
        (found,) = await self._named([await Calls(self.database).record(call_id)], actor)
        return found

    async def page(self, asked: CallsAsked, *, limit: int, offset: int = 0, before: str = "") -> CallPage:
        """Return a page, newest first, as of one moment. Raises what `filter_of` and `history.page` raise."""
        return await self.database.ask(_page, asked, self.rules, limit, offset, before)

    async def every(self, asked: CallsAsked) -> AsyncIterator[list[Call]]:
        """Find all calls, newest first; the result yields some at a time. Raises what `filter_of` raises."""
        wanted = await self.database.ask(filter_of, asked, self.rules)
        return self._portions(wanted, asked.actor)

    async def last(self, client: str | int, actor: Actor, *, limit: int = 5) -> list[Call]:
        """Return the newest calls with a client: a contact by its id, or as `filter_of` takes one."""
        return await self.database.ask(_last, client, self.rules, actor, limit)

    async def gaps(self, *, limit: int, offset: int = 0) -> tuple[int, list[dict[str, Any]]]:
        """Return how many gaps there are, and a page of them, newest first."""
        gaps = HistoryGaps(self.database)
        found = await gaps.list(limit=limit, offset=offset)
        return await gaps.count(), [each.to_json() for each in found]

    async def _portions(self, wanted: CallFilter, actor: Actor) -> AsyncIterator[list[Call]]:
        async for records in History(self.database).every(wanted):
            yield await self._named(records, actor)

    async def _named(self, records: Sequence[CallRecord], actor: Actor) -> list[Call]:
        return await self.database.ask(_name, records, self.rules, actor)


def _page(connection: Reading, asked: CallsAsked, rules: NumberRules, limit: int, offset: int, before: str) -> CallPage:
    shown = page(connection, filter_of(connection, asked, rules), limit, offset, before)
    found = _name(connection, shown.records, rules, asked.actor)
    gaps = gaps_between(connection, shown.since, shown.until, _MOST_GAPS)
    count = len(gaps) if len(gaps) < _MOST_GAPS else count_gaps_between(connection, shown.since, shown.until)
    return CallPage(shown.total, not shown.more, found, [each.to_json() for each in gaps], count)


def _last(connection: Reading, client: str | int, rules: NumberRules, actor: Actor, limit: int) -> list[Call]:
    if isinstance(client, int):
        wanted = CallFilter(spans=spans_of_contacts(connection, {client}, actor))
    else:
        wanted = filter_of(connection, CallsAsked(actor, client=client), rules)
    return _name(connection, newest(connection, wanted, limit), rules, actor)


def _name(connection: Reading, records: Sequence[CallRecord], rules: NumberRules, actor: Actor) -> list[Call]:
    """Return calls in their public form, named as `past_names` says."""
    calls = [record.to_json() for record in records]
    past = past_of(connection, numbers_in(calls), contacts_in(calls), extensions_in(calls), actor)
    name_calls(calls, past, rules, actor)
    return calls
