"""The history of calls, as an actor may see it: named with what was known when each call came."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from pbxd.actor import Actor
from pbxd.book.external_ids import checked_external
from pbxd.calls.record import CallRecord
from pbxd.errors import UnavailableError
from pbxd.numbers import NumberRules
from pbxd.services.call_filters import FindCalls, filter_of, spans_of_contacts
from pbxd.services.past_names import contacts_in, extensions_in, name_calls, numbers_in
from pbxd.services.workspace import Workspace
from pbxd.storage.access.colleagues import calls_seen
from pbxd.storage.access.employee_ids import known
from pbxd.storage.book.number_ownership import past_of
from pbxd.storage.calls.call_filter import CallFilter, SeenCalls
from pbxd.storage.calls.call_rows import agents_of
from pbxd.storage.calls.calls import Calls, unknown_call
from pbxd.storage.calls.external_ids import external_of_calls, name_call
from pbxd.storage.calls.gaps import count_gaps_between, gaps_between
from pbxd.storage.calls.history import History, newest, page
from pbxd.storage.engine.database import Reading
from pbxd.storage.engine.feed import newest as newest_row
from pbxd.storage.search import cursor

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
    next: str | None = None  # the cursor of the next page
    seq: int = 0  # the feed's number when the page was read

    def to_json(self) -> dict[str, Any]:
        """Return the command line's form: `gaps_total` stands there where the gaps are not all."""
        answer = self._asdict()
        del answer["next"], answer["seq"]
        if self.gaps_total <= len(self.gaps):
            del answer["gaps_total"]
        return answer


async def find(workspace: Workspace, actor: Actor, asked: FindCalls) -> CallPage:
    """Return a page, newest first, as of one moment.

    Raises what `filter_of` raises, and InvalidInputError for a `before` that is no call.
    """
    return await workspace.database.ask(_page, asked, actor, workspace.rules)


async def every(workspace: Workspace, actor: Actor, asked: FindCalls) -> AsyncIterator[list[Call]]:
    """Yield all such calls, newest first, some hundreds at a time. Raises what `filter_of` raises."""
    actor = await workspace.database.ask(known, actor)  # the extension may pass to somebody else on the way
    wanted = await workspace.database.ask(_wanted, asked, actor, workspace.rules)
    async for records in History(workspace.database).every(wanted):
        yield await workspace.database.ask(named, records, actor, workspace.rules)


async def show(workspace: Workspace, actor: Actor, call_id: str) -> Call:
    """Return a call. Raises NotFoundError."""
    record = await seen_record(workspace, actor, call_id)
    (call,) = await workspace.database.ask(named, [record], actor, workspace.rules)
    return call


async def with_external(workspace: Workspace, calls: Sequence[Call]) -> list[Call]:
    """Return calls with what other programs call them."""
    found = await workspace.database.ask(external_of_calls, [call["id"] for call in calls])
    return [call | {"external": found.get(call["id"], {})} for call in calls]


async def name(
    workspace: Workspace, actor: Actor, call_id: str, external: Mapping[str, str | None]
) -> Mapping[str, str]:
    """Change what other programs call a call; return all its names. Raises NotFoundError, InvalidInputError."""
    checked = checked_external(external)
    await seen_record(workspace, actor, call_id)
    return await name_call(workspace.database, call_id, checked)


async def name_new(workspace: Workspace, call_id: str, external: Mapping[str, str | None]) -> None:
    """Say what other programs call a call that was just made here and may have no record yet.

    It is no reason to fail if the database is away: the phone rings already.
    """
    with suppress(UnavailableError):
        await name_call(workspace.database, call_id, checked_external(external))


async def last_calls(workspace: Workspace, actor: Actor, client: str | int, *, limit: int = 5) -> list[Call]:
    """Return the newest calls with a client: a contact by its id, or as `FindCalls.client` names one."""
    return await workspace.database.ask(_last, client, actor, workspace.rules, limit)


async def seen_record(workspace: Workspace, actor: Actor, call_id: str) -> CallRecord:
    """Return the record of a call that the actor sees. Raises NotFoundError."""
    record = await Calls(workspace.database).record(call_id)
    seen = await workspace.database.ask(seen_by, actor)
    if seen is not None and not seen.has(agents_of(record), record.queue or "", record.started):
        raise unknown_call(call_id)
    return record


def seen_by(connection: Reading, actor: Actor) -> SeenCalls | None:
    """Return the calls that an actor sees; None: all."""
    return calls_seen(connection, known(connection, actor))


def _wanted(connection: Reading, asked: FindCalls, actor: Actor, rules: NumberRules) -> CallFilter:
    return _limited(connection, actor, filter_of(connection, asked, actor, rules))


def _limited(connection: Reading, actor: Actor, wanted: CallFilter) -> CallFilter:
    """Return the filter of what the actor sees. One extension's calls are read by its index."""
    seen = seen_by(connection, actor)
    if seen is None:
        return wanted
    numbers = {each.number for each in seen.extensions}
    agent = next(iter(numbers)) if len(numbers) == 1 and not seen.queues else ""
    return replace(wanted, seen=seen, agent=wanted.agent or agent)


def _page(connection: Reading, asked: FindCalls, actor: Actor, rules: NumberRules) -> CallPage:
    tied = cursor.bound(replace(asked, limit=0, offset=0, before="", after=""))
    last = cursor.read_entry("calls", asked.after, tied) or asked.before
    wanted = _wanted(connection, asked, actor, rules)
    shown = page(connection, wanted, asked.limit, asked.offset, str(last))
    found = named(connection, shown.records, actor, rules)
    gaps = gaps_between(connection, shown.since, shown.until, _MOST_GAPS)
    count = len(gaps) if len(gaps) < _MOST_GAPS else count_gaps_between(connection, shown.since, shown.until)
    following = cursor.written_entry("calls", shown.records[-1].id, tied) if shown.older else None
    listed = [each.to_json() for each in gaps]
    return CallPage(shown.total, not shown.more, found, listed, count, following, newest_row(connection))


def _last(connection: Reading, client: str | int, actor: Actor, rules: NumberRules, limit: int) -> list[Call]:
    if isinstance(client, int):
        wanted = CallFilter(spans=spans_of_contacts(connection, {client}, actor))
        wanted = _limited(connection, actor, wanted)
    else:
        wanted = _wanted(connection, FindCalls(client=client), actor, rules)
    return named(connection, newest(connection, wanted, limit), actor, rules)


def named(connection: Reading, records: Sequence[CallRecord], actor: Actor, rules: NumberRules) -> list[Call]:
    """Return calls in their public form, named as `past_names` says."""
    calls = [record.to_json() for record in records]
    actor = known(connection, actor)
    past = past_of(connection, numbers_in(calls), contacts_in(calls), extensions_in(calls), actor)
    name_calls(calls, past, rules, actor)
    return calls
