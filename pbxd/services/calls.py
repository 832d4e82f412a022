"""The history of calls: which calls somebody wants, and the calls with everybody's names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pbxd.actor import Actor
from pbxd.book.texts import folded
from pbxd.calls.record import CallRecord, Direction, Outcome
from pbxd.lookup.partial_index import named_contact
from pbxd.numbers import NumberRules, parse
from pbxd.services.dates import read_instant
from pbxd.services.past_names import contacts_in, extensions_in, name_calls, numbers_in, spans_of
from pbxd.services.workspace import Workspace
from pbxd.storage.book.number_ownership import of_company, of_contacts, past_of
from pbxd.storage.calls.call_filter import CallFilter, Span
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import count_gaps_between, gaps_between
from pbxd.storage.calls.history import History, newest, page
from pbxd.storage.engine.database import Reading

_MOST_GAPS = 100  # in a page
Call = dict[str, Any]  # in its public form


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCalls:
    """Which calls are wanted, and which page of them; an empty field doesn't matter."""

    since: str = ""  # a local date or time, as `dates.read_instant` reads it
    until: str = ""  # likewise; a date means that whole day
    direction: Direction | None = None
    outcome: Outcome | None = None
    agent: str = ""  # extension
    client: str = ""  # a number, or a contact: id or whole name
    company: str = ""  # whole name
    queue: str = ""
    min_talk: float = 0  # seconds
    limit: int = 50
    offset: int = 0
    before: str = ""  # id of the last call of the page before


class FoundCalls(NamedTuple):
    """A page of the history, newest first; `gaps`: the newest 100 in its time, up to the call above it.

    Where there are more gaps, `gaps_total` says how many.
    """

    total: int
    total_is_exact: bool
    items: list[Call]
    gaps: list[dict[str, Any]]
    gaps_total: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the public form: `gaps_total` is there only when some gaps are left out."""
        form = self._asdict()
        if self.gaps_total <= len(self.gaps):
            del form["gaps_total"]
        return form


async def find(workspace: Workspace, actor: Actor, asked: FindCalls) -> FoundCalls:
    """Return a page of the history as of one moment.

    Raises InvalidInputError for a date or a cursor that can't be used, NotFoundError for an unknown contact.
    """
    return await workspace.database.ask(_found, asked, workspace.rules, actor)


async def every(workspace: Workspace, actor: Actor, asked: FindCalls) -> AsyncIterator[list[Call]]:
    """Yield all calls, newest first, some hundreds at a time; pages don't count. Raises what `find` does."""
    chosen = await workspace.database.ask(_filter, asked, workspace.rules, actor)
    async for records in History(workspace.database).every(chosen):
        yield await named(workspace, actor, records)


async def show(workspace: Workspace, actor: Actor, call_id: str) -> Call:
    """Return a call. Raises NotFoundError."""
    (call,) = await named(workspace, actor, [await Calls(workspace.database).record(call_id)])
    return call


async def named(workspace: Workspace, actor: Actor, records: Sequence[CallRecord]) -> list[Call]:
    """Return calls in their public form, named as `past_names` says, as far as the actor may know."""
    return await workspace.database.ask(_named, records, workspace.rules, actor)


async def last_calls(workspace: Workspace, actor: Actor, client: str | int, *, limit: int = 5) -> list[Call]:
    """Return the newest calls with a client: a contact by its id, or as `FindCalls.client` names one."""
    return await workspace.database.ask(_last_calls, client, workspace.rules, actor, limit)


def _filter(connection: Reading, asked: FindCalls, rules: NumberRules, actor: Actor) -> CallFilter:
    spans: tuple[Span, ...] | None = None
    if asked.client:
        spans = _client(connection, asked.client, actor, rules)
    if asked.company:
        firm = _company(connection, asked.company, actor)
        spans = (
            firm if spans is None else tuple(span for span in spans if span.number in {each.number for each in firm})
        )
    return CallFilter(
        since=read_instant("from", asked.since) if asked.since else None,
        until=read_instant("to", asked.until, end_of_day=True) if asked.until else None,
        direction=asked.direction,
        outcome=asked.outcome,
        agent=asked.agent,
        queue=asked.queue,
        talk=asked.min_talk,
        spans=spans,
    )


def _named(
    connection: Reading, records: Sequence[CallRecord], rules: NumberRules, actor: Actor
) -> list[dict[str, Any]]:
    calls = [record.to_json() for record in records]
    past = past_of(connection, numbers_in(calls), contacts_in(calls), extensions_in(calls), actor)
    name_calls(calls, past, rules, actor)
    return calls


def _last_calls(
    connection: Reading, client: str | int, rules: NumberRules, actor: Actor, limit: int
) -> list[dict[str, Any]]:
    if isinstance(client, int):
        wanted = CallFilter(spans=_of_contacts(connection, {client}, actor))
    else:
        wanted = _filter(connection, FindCalls(client=client), rules, actor)
    return _named(connection, newest(connection, wanted, limit), rules, actor)


def _found(connection: Reading, asked: FindCalls, rules: NumberRules, actor: Actor) -> FoundCalls:
    shown = page(connection, _filter(connection, asked, rules, actor), asked.limit, asked.offset, asked.before)
    calls = _named(connection, shown.records, rules, actor)
    gaps = gaps_between(connection, shown.since, shown.until, _MOST_GAPS)
    count = len(gaps) if len(gaps) < _MOST_GAPS else count_gaps_between(connection, shown.since, shown.until)
    return FoundCalls(shown.total, not shown.more, calls, [each.to_json() for each in gaps], count)


def _client(connection: Reading, text: str, actor: Actor, rules: NumberRules) -> tuple[Span, ...]:
    parsed = parse(text, rules)
    if parsed.kind == "e164":
        return (Span(parsed.value),)
    return _of_contacts(connection, {named_contact(connection, text, actor).id}, actor)


def _company(connection: Reading, name: str, actor: Actor) -> tuple[Span, ...]:
    people, numbers = of_company(connection, folded(name), actor)
    return (*(Span(number) for number in numbers), *_of_contacts(connection, set(people), actor))


def _of_contacts(connection: Reading, contacts: set[int], actor: Actor) -> tuple[Span, ...]:
    held = of_contacts(connection, contacts, actor)
    return tuple(span for number, holdings in held.items() for span in spans_of(number, holdings, contacts))
