"""What somebody asks of the history, in words, made into a filter: the same words on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple

from pbxd.book import folded
from pbxd.calls.record import CallRecord, Direction, Outcome
from pbxd.directory.excerpt import contact_named
from pbxd.directory.past import contacts_in, extensions_in, name_calls, numbers_in, spans_of
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.numbers import NumberRules, parse
from pbxd.storage.database import Database
from pbxd.storage.history import CallFilter, History, Span
from pbxd.storage.holdings import Holdings
from pbxd.storage.outages import Outages

_DAYS = ("%d.%m.%Y", "%Y-%m-%d")
_INSTANTS = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")


@dataclass(frozen=True, slots=True)
class CallsAsked:
    """Which calls somebody wants; what is empty doesn't matter."""

    since: str = ""  # a local date or time, as in `instant_of`
    until: str = ""  # likewise; a date means that whole day
    direction: Direction | None = None
    outcome: Outcome | None = None
    agent: str = ""
    client: str = ""  # a number, or a contact: id or whole name
    company: str = ""  # whole name
    queue: str = ""
    min_talk: float = 0  # seconds
    actor: str = ""  # the employee who asks: his personal contacts count


class Listed(NamedTuple):
    """A page of the history, newest first, named; `gaps`: the outages in its time, up to the call above it."""

    total: int
    total_is_exact: bool
    items: list[dict[str, Any]]
    gaps: list[dict[str, Any]]


async def filter_of(database: Database, asked: CallsAsked, rules: NumberRules) -> CallFilter:
    """Return the filter. Raises InvalidInputError for a date that is none, NotFoundError for an unknown contact."""
    spans: tuple[Span, ...] | None = None
    if asked.client:
        spans = await _client(database, asked.client, asked.actor, rules)
    if asked.company:
        firm = await _company(database, asked.company, asked.actor)
        spans = (
            firm if spans is None else tuple(span for span in spans if span.number in {each.number for each in firm})
        )
    return CallFilter(
        since=instant_of("from", asked.since) if asked.since else None,
        until=instant_of("to", asked.until, whole_day=True) if asked.until else None,
        direction=asked.direction,
        outcome=asked.outcome,
        agent=asked.agent,
        queue=asked.queue,
        talk=asked.min_talk,
        spans=spans,
    )


def instant_of(field: str, text: str, *, whole_day: bool = False) -> datetime:
    """Read `31.12.2026`, `2026-12-31`, either with a time, or RFC 3339 with a zone; local time unless it has one.

    `whole_day`: of a date without a time, the end instead of the beginning. Raises InvalidInputError.
    """
    try:
        return _read(text.strip(), whole_day=whole_day)
    except (ValueError, OverflowError) as error:
        raise InvalidInputError(field, _("{field}: not a date: {text}").format(field=field, text=text)) from error


def _read(text: str, *, whole_day: bool) -> datetime:
    for form in _DAYS:
        with suppress(ValueError):
            day = datetime.strptime(text, form).date()  # noqa: DTZ007 - the local zone is put on below
            return datetime.combine(day + timedelta(days=whole_day), time()).astimezone()
    for form in _INSTANTS:
        with suppress(ValueError):
            return datetime.strptime(text, form).astimezone()
    return datetime.fromisoformat(text).astimezone()


async def named(
    database: Database, records: Iterable[CallRecord], rules: NumberRules, *, viewer: str = ""
) -> list[dict[str, Any]]:
    """Return calls in their public form, named as `past` says, for the eyes of `viewer`."""
    calls = [record.to_json() for record in records]
    concerned = numbers_in(calls), contacts_in(calls), extensions_in(calls)
    past = await Holdings(database).past(*concerned, viewer=viewer)
    name_calls(calls, past, rules, viewer=viewer)
    return calls


async def last_calls(
    database: Database, client: str | int, rules: NumberRules, *, viewer: str = "", limit: int = 5
) -> list[dict[str, Any]]:
    """Return the newest calls with a client, named: a contact by its id, or as `filter_of` takes one."""
    async with database.moment():
        if isinstance(client, int):
            wanted = CallFilter(spans=await _of_contacts(database, {client}, viewer))
        else:
            wanted = await filter_of(database, CallsAsked(client=client, actor=viewer), rules)
        return await named(database, await History(database).newest(wanted, limit), rules, viewer=viewer)


async def listed(
    database: Database, asked: CallsAsked, rules: NumberRules, *, limit: int, offset: int = 0, before: str = ""
) -> Listed:
    """Return a page of the history as of one moment. Raises what `filter_of` and `History.page` do."""
    async with database.moment():
        wanted = await filter_of(database, asked, rules)
        page = await History(database).page(wanted, limit=limit, offset=offset, before=before)
        found = await named(database, page.records, rules, viewer=asked.actor)
        unheard = await Outages(database).list(page.since, page.until)
    return Listed(page.total, not page.more, found, [each.to_json() for each in unheard])


async def _client(database: Database, text: str, actor: str, rules: NumberRules) -> tuple[Span, ...]:
    parsed = parse(text, rules)
    if parsed.kind == "e164":
        return (Span(parsed.value),)
    contact = await contact_named(database, text, actor=actor)
    return await _of_contacts(database, {contact.id}, actor)


async def _company(database: Database, name: str, actor: str) -> tuple[Span, ...]:
    people, numbers = await Holdings(database).of_company(folded(name), viewer=actor)
    return (*(Span(number) for number in numbers), *await _of_contacts(database, set(people), actor))


async def _of_contacts(database: Database, contacts: set[int], actor: str) -> tuple[Span, ...]:
    held = await Holdings(database).of_contacts(contacts, viewer=actor)
    return tuple(span for number, holdings in held.items() for span in spans_of(number, holdings, contacts))
