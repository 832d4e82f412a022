"""What somebody asks of the history, in words, made into a filter: the same words on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple

from pbxd.actor import Actor
from pbxd.book.texts import folded
from pbxd.calls.record import CallRecord, Direction, Outcome
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.lookup.partial_index import named_contact
from pbxd.numbers import NumberRules, parse
from pbxd.services.past_names import contacts_in, extensions_in, name_calls, numbers_in, spans_of
from pbxd.storage.book.number_ownership import of_company, of_contacts, past_of
from pbxd.storage.calls.call_filter import CallFilter, Span
from pbxd.storage.calls.history import newest, page
from pbxd.storage.calls.outages import count_touching, touching
from pbxd.storage.engine.database import Database, Reading

_MOST_GAPS = 100  # in a page
_DAYS = ("%d.%m.%Y", "%Y-%m-%d")
_INSTANTS = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")


@dataclass(frozen=True, slots=True)
class CallsAsked:
    """Which calls somebody wants; what is empty doesn't matter."""

    actor: Actor  # who asks: their personal contacts count
    since: str = ""  # a local date or time, as in `instant_of`
    until: str = ""  # likewise; a date means that whole day
    direction: Direction | None = None
    outcome: Outcome | None = None
    agent: str = ""
    client: str = ""  # a number, or a contact: id or whole name
    company: str = ""  # whole name
    queue: str = ""
    min_talk: float = 0  # seconds


class Listed(NamedTuple):
    """A page of the history, newest first, named; `gaps`: the outages in its time, up to the call above it.

    The newest 100 of them; where there are more, `gaps_total` says how many.
    """

    total: int
    total_is_exact: bool
    items: list[dict[str, Any]]
    gaps: list[dict[str, Any]]
    gaps_total: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the public form: `gaps_total` stands there where the gaps are not all."""
        told = self._asdict()
        if self.gaps_total <= len(self.gaps):
            del told["gaps_total"]
        return told


async def filter_of(database: Database, asked: CallsAsked, rules: NumberRules) -> CallFilter:
    """Return the filter. Raises InvalidInputError for a date that is none, NotFoundError for an unknown contact."""
    return await database.ask(_filter, asked, rules)


def _filter(connection: Reading, asked: CallsAsked, rules: NumberRules) -> CallFilter:
    spans: tuple[Span, ...] | None = None
    if asked.client:
        spans = _client(connection, asked.client, asked.actor, rules)
    if asked.company:
        firm = _company(connection, asked.company, asked.actor)
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
    database: Database, records: Sequence[CallRecord], rules: NumberRules, actor: Actor
) -> list[dict[str, Any]]:
    """Return calls in their public form, named as `past` says, for the eyes of `actor`."""
    return await database.ask(_named, records, rules, actor)


def _named(
    connection: Reading, records: Sequence[CallRecord], rules: NumberRules, actor: Actor
) -> list[dict[str, Any]]:
    calls = [record.to_json() for record in records]
    past = past_of(connection, numbers_in(calls), contacts_in(calls), extensions_in(calls), actor)
    name_calls(calls, past, rules, actor)
    return calls


async def last_calls(
    database: Database, client: str | int, rules: NumberRules, actor: Actor, *, limit: int = 5
) -> list[dict[str, Any]]:
    """Return the newest calls with a client, named: a contact by its id, or as `filter_of` takes one."""
    return await database.ask(_last_calls, client, rules, actor, limit)


def _last_calls(
    connection: Reading, client: str | int, rules: NumberRules, actor: Actor, limit: int
) -> list[dict[str, Any]]:
    if isinstance(client, int):
        wanted = CallFilter(spans=_of_contacts(connection, {client}, actor))
    else:
        wanted = _filter(connection, CallsAsked(actor, client=client), rules)
    return _named(connection, newest(connection, wanted, limit), rules, actor)


async def listed(
    database: Database, asked: CallsAsked, rules: NumberRules, *, limit: int, offset: int = 0, before: str = ""
) -> Listed:
    """Return a page of the history as of one moment. Raises what `filter_of` and `History.page` do."""
    return await database.ask(_listed, asked, rules, limit, offset, before)


def _listed(connection: Reading, asked: CallsAsked, rules: NumberRules, limit: int, offset: int, before: str) -> Listed:
    shown = page(connection, _filter(connection, asked, rules), limit, offset, before)
    found = _named(connection, shown.records, rules, asked.actor)
    unheard = touching(connection, shown.since, shown.until, _MOST_GAPS)
    count = len(unheard) if len(unheard) < _MOST_GAPS else count_touching(connection, shown.since, shown.until)
    return Listed(shown.total, not shown.more, found, [each.to_json() for each in unheard], count)


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
