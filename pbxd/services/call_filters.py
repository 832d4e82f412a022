"""What somebody asks of the history, in words, made into a filter: the same words on the command line and over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from pbxd.actor import Actor
from pbxd.book.external_ids import ExternalId
from pbxd.calls.record import Direction, Outcome
from pbxd.lookup.partial_index import named_contact
from pbxd.numbers import NumberRules, parse
from pbxd.services.dates import read_instant
from pbxd.services.past_names import spans_of
from pbxd.storage.access.colleagues import calls_of_department
from pbxd.storage.book.contacts import best_hits, visible
from pbxd.storage.book.number_ownership import of_company, of_contacts
from pbxd.storage.calls.call_filter import CallFilter, Span
from pbxd.storage.calls.external_ids import calls_named
from pbxd.storage.engine.database import Reading
from pbxd.storage.search.filters import ContactFilter

MOST_SEARCHED = 100  # clients whose calls a search lists


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCalls:
    """Which calls are wanted, and which page of them; an empty field doesn't matter."""

    since: str = ""  # a local date or time, as `dates.read_instant` reads it
    until: str = ""  # the same; a date means that whole day
    direction: Direction | None = None
    outcome: Outcome | None = None
    agent: str = ""  # extension
    client: str = ""  # a number, or a contact: id or whole name
    company: str = ""  # whole name
    queue: str = ""
    department: str = ""  # or a queue, as `employees` lists them
    no_callback: bool = False  # clients who reached nobody, whom nobody called and who reached nobody since
    search: str = ""  # words of a client's card or part of a number
    companies: tuple[str, ...] | None = None  # whole names, of any of them
    min_talk: float = 0  # seconds
    limit: int = 50
    offset: int = 0
    before: str = ""  # id of the last call of the page before
    after: str = ""  # cursor of the page before
    contact: int = 0  # a contact by id
    external: ExternalId | None = None


def filter_of(connection: Reading, asked: FindCalls, actor: Actor, rules: NumberRules) -> CallFilter:
    """Return the filter; the actor's personal contacts count too.

    Raises InvalidInputError for a text that is no date, NotFoundError for an unknown contact or department.
    """
    spans: tuple[Span, ...] | None = None
    if asked.client:
        spans = _client(connection, asked.client, actor, rules)
    if asked.contact:
        spans = spans_of_contacts(connection, {visible(connection, asked.contact, actor).id}, actor)
    names = (asked.company,) if asked.company else asked.companies
    if names is not None:
        firm = tuple(span for name in names for span in _company(connection, name, actor))
        spans = firm if spans is None else _common(spans, firm)
    if asked.search:
        clients = _searched(connection, asked.search, actor, rules)
        spans = clients if spans is None else _common(spans, clients)
    found = CallFilter(
        since=read_instant("from", asked.since) if asked.since else None,
        until=read_instant("to", asked.until, end_of_day=True) if asked.until else None,
        direction=asked.direction,
        outcome=asked.outcome,
        agent=asked.agent,
        queue=asked.queue,
        talk=asked.min_talk,
        no_callback=asked.no_callback,
        department=calls_of_department(connection, asked.department) if asked.department else None,
        spans=spans,
    )
    return calls_named(connection, found, asked.external) if asked.external else found


def _common(spans: tuple[Span, ...], others: tuple[Span, ...]) -> tuple[Span, ...]:
    numbers = {each.number for each in others}
    return tuple(span for span in spans if span.number in numbers)


def _searched(connection: Reading, text: str, actor: Actor, rules: NumberRules) -> tuple[Span, ...]:
    """Return the numbers of the clients that a search finds first, and the number that the text is."""
    parsed = parse(text, rules)
    whole = (Span(parsed.value),) if parsed.kind == "e164" else ()
    found = best_hits(connection, ContactFilter(search=text), actor, MOST_SEARCHED)
    theirs = spans_of_contacts(connection, set(found), actor)
    return (*whole, *(span for span in theirs if Span(span.number) not in whole))


def _client(connection: Reading, text: str, actor: Actor, rules: NumberRules) -> tuple[Span, ...]:
    parsed = parse(text, rules)
    if parsed.kind == "e164":
        return (Span(parsed.value),)
    return spans_of_contacts(connection, {named_contact(connection, text, actor).id}, actor)


def _company(connection: Reading, name: str, actor: Actor) -> tuple[Span, ...]:
    people, numbers = of_company(connection, name, actor)
    return (*(Span(number) for number in numbers), *spans_of_contacts(connection, set(people), actor))


def spans_of_contacts(connection: Reading, contacts: set[int], actor: Actor) -> tuple[Span, ...]:
    """Return the numbers of contacts, each with the times in which it was theirs."""
    held = of_contacts(connection, contacts, actor)
    return tuple(span for number, holdings in held.items() for span in spans_of(number, holdings, contacts))
