"""What somebody asks of the history, in words, made into a filter: the same words on the command line and over HTTP."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from pbxd.actor import Actor
from pbxd.book.texts import folded
from pbxd.calls.record import Direction, Outcome
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.lookup.partial_index import named_contact
from pbxd.numbers import NumberRules, parse
from pbxd.services.past_names import spans_of
from pbxd.storage.book.number_ownership import of_company, of_contacts
from pbxd.storage.calls.call_filter import CallFilter, Span
from pbxd.storage.engine.database import Reading

_DAYS = ("%d.%m.%Y", "%Y-%m-%d")
_INSTANTS = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")


@dataclass(frozen=True, slots=True)
class CallsAsked:
    """Which calls somebody wants; what is empty doesn't matter."""

    actor: Actor  # who asks: their personal contacts count
    since: str = ""  # a local date or time, as in `instant_of`
    until: str = ""  # the same; a date means that whole day
    direction: Direction | None = None
    outcome: Outcome | None = None
    agent: str = ""
    client: str = ""  # a number, or a contact: id or whole name
    company: str = ""  # whole name
    queue: str = ""
    min_talk: float = 0  # seconds


def filter_of(connection: Reading, asked: CallsAsked, rules: NumberRules) -> CallFilter:
    """Return the filter. Raises InvalidInputError for a date that is none, NotFoundError for an unknown contact."""
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


def _client(connection: Reading, text: str, actor: Actor, rules: NumberRules) -> tuple[Span, ...]:
    parsed = parse(text, rules)
    if parsed.kind == "e164":
        return (Span(parsed.value),)
    return spans_of_contacts(connection, {named_contact(connection, text, actor).id}, actor)


def _company(connection: Reading, name: str, actor: Actor) -> tuple[Span, ...]:
    people, numbers = of_company(connection, folded(name), actor)
    return (*(Span(number) for number in numbers), *spans_of_contacts(connection, set(people), actor))


def spans_of_contacts(connection: Reading, contacts: set[int], actor: Actor) -> tuple[Span, ...]:
    """Return the numbers of contacts, each with the times in which it was theirs."""
    held = of_contacts(connection, contacts, actor)
    return tuple(span for number, holdings in held.items() for span in spans_of(number, holdings, contacts))
