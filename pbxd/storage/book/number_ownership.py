"""Who had which number when: recorded with each change of numbers, read to name calls of the past."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    exists,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import Actor
from pbxd.book.companies import Company
from pbxd.book.employees import Employee
from pbxd.book.texts import folded
from pbxd.storage.access.employee_ids import known
from pbxd.storage.book import employees
from pbxd.storage.book.company_rows import find_by_name
from pbxd.storage.book.extension_ownership import Ownership, owners
from pbxd.storage.engine.database import in_parts, possible
from pbxd.storage.search.filters import SEEN, seen_values
from pbxd.storage.search.visibility import shown
from pbxd.storage.tables import Instant, companies, company_numbers, contact_numbers, contacts, number_holdings


@dataclass(frozen=True, slots=True)
class Holding:
    """A contact had a number since one instant until before another (None: still has it)."""

    number: str
    contact: int
    since: datetime
    until: datetime | None = None
    name: str | None = None  # the present one; None: there is no such contact any more
    company: str = ""
    owner: int = 0  # of a personal contact: an employee's id
    main: bool = False  # it is the contact's main number now


@dataclass(frozen=True, slots=True)
class Card:
    """What a contact is called now."""

    name: str
    company: str
    seen: bool  # by the one who asks
    vip: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """Everything needed to name some calls, as of one moment."""

    holdings: dict[str, list[Holding]] = field(default_factory=dict)  # by number, those the asker may know of
    hidden: dict[str, list[Holding]] = field(default_factory=dict)  # those of contacts that the asker does not see
    cards: dict[int, Card] = field(default_factory=dict)  # of contacts asked for; one that is missing is gone
    firms: list[Company] = field(default_factory=list)  # that have one of the numbers themselves
    people: list[Employee] = field(default_factory=list)
    extensions: dict[str, list[Ownership]] = field(default_factory=dict)  # who had which when


def past_of(
    connection: Connection,
    numbers: Collection[str],
    contact_ids: Collection[int],
    extensions: Collection[str],
    actor: Actor,
) -> Past:
    """Return who had these numbers when, as far as `actor` may see it, and the present names of these contacts.

    Of the employees those with one of the extensions or numbers.
    """
    actor = known(connection, actor)
    return Past(
        *_holdings(connection, _BY_NUMBER, numbers, actor),
        cards_of(connection, contact_ids, actor),
        _firms(connection, numbers),
        employees.having(connection, extensions, numbers),
        owners(connection, extensions),
    )


def of_contacts(connection: Connection, contact_ids: Collection[int], actor: Actor) -> dict[str, list[Holding]]:
    """Return the ownership of each number that one of these contacts has or had, of all contacts, by number."""
    actor = known(connection, actor)
    theirs, _hidden = _holdings(connection, _BY_CONTACT, possible(contact_ids), actor)
    return _holdings(connection, _BY_NUMBER, theirs, actor)[0]


def of_company(connection: Connection, name: str, actor: Actor) -> tuple[list[int], list[str]]:
    """Return the contacts of a company that `actor` may see, and the company's own numbers."""
    company = find_by_name(connection, [name]).get(folded(name))
    if company is None:
        return [], []
    seen = {"company": company.id, **seen_values(known(connection, actor))}
    people = list(connection.execute(_COLLEAGUES, seen).scalars())
    return people, list(connection.execute(_COMPANY_S, {"company": company.id}).scalars())


async def note_new(connection: AsyncConnection, numbers: Mapping[int, Iterable[str]]) -> None:
    """Record the numbers of new contacts."""
    now = datetime.now(UTC)
    rows = [
        {"number": number, "contact_id": contact_id, "since": now}
        for contact_id, theirs in numbers.items()
        for number in set(theirs)
    ]
    if rows:
        await connection.execute(insert(number_holdings), rows)


async def note(connection: AsyncConnection, contact_ids: Collection[int]) -> None:
    """Record changes of these contacts' numbers, after their cards were written or deleted."""
    now = datetime.now(UTC)
    has = exists().where(
        contact_numbers.c.contact_id == number_holdings.c.contact_id,
        contact_numbers.c.number == number_holdings.c.number,
    )
    known = exists().where(
        number_holdings.c.contact_id == contact_numbers.c.contact_id,
        number_holdings.c.number == contact_numbers.c.number,
        number_holdings.c.until.is_(None),
    )
    for part in in_parts(contact_ids):
        theirs = number_holdings.c.contact_id.in_(part)
        ended = update(number_holdings).where(theirs, number_holdings.c.until.is_(None), ~has)
        await connection.execute(ended.values(until=now))
        fresh = select(contact_numbers.c.number, contact_numbers.c.contact_id, literal(now, Instant())).distinct()
        fresh = fresh.where(contact_numbers.c.contact_id.in_(part), ~known)
        await connection.execute(insert(number_holdings).from_select(["number", "contact_id", "since"], fresh))


async def forget(connection: AsyncConnection, contact_ids: Iterable[int]) -> None:
    """Delete the ownership of these contacts: nobody but their owner could see it."""
    for part in in_parts(list(contact_ids)):
        await connection.execute(delete(number_holdings).where(number_holdings.c.contact_id.in_(part)))


def _those(column: Column[Any]) -> Select[Any]:
    main = exists().where(
        contact_numbers.c.contact_id == number_holdings.c.contact_id,
        contact_numbers.c.number == number_holdings.c.number,
        contact_numbers.c.main,
    )
    joined = number_holdings.outerjoin(contacts, contacts.c.id == number_holdings.c.contact_id)
    joined = joined.outerjoin(companies, companies.c.id == contacts.c.company_id)
    seen = or_(contacts.c.id.is_(None), SEEN).label("seen")
    named = (contacts.c.name, contacts.c.owner_id, companies.c.name.label("company"), main.label("main"), seen)
    there = or_(contacts.c.id.is_(None), shown())
    return (
        select(number_holdings, *named)
        .select_from(joined)
        .where(there, column.in_(bindparam("wanted", expanding=True)))
    )


# Built once: a page of the history runs all of these, and building them takes longer than running them.
_BY_NUMBER = _those(number_holdings.c.number)
_BY_CONTACT = _those(number_holdings.c.contact_id)
_CARDS = (
    select(contacts.c.id, contacts.c.name, contacts.c.vip, companies.c.name.label("company"), SEEN.label("seen"))
    .select_from(contacts.outerjoin(companies, companies.c.id == contacts.c.company_id))
    .where(contacts.c.id.in_(bindparam("wanted", expanding=True)), shown())
)
_COLLEAGUES = (  # without the hint SQLite would read all visible contacts
    select(contacts.c.id)
    .where(contacts.c.company_id == bindparam("company"), SEEN)
    .with_hint(contacts, "INDEXED BY ix_contacts_company_id", "sqlite")
)
_COMPANY_S = select(company_numbers.c.number).where(company_numbers.c.company_id == bindparam("company"))
_FIRMS = (
    select(companies.c.id, companies.c.name, company_numbers.c.number)
    .select_from(company_numbers.join(companies, companies.c.id == company_numbers.c.company_id))
    .where(company_numbers.c.number.in_(bindparam("wanted", expanding=True)))
)


def _holdings(
    connection: Connection, those: Select[Any], wanted: Collection[Any], actor: Actor
) -> tuple[dict[str, list[Holding]], dict[str, list[Holding]]]:
    """Return the ownership of numbers: by contacts that the actor may know of, and by others."""
    found: defaultdict[str, list[Holding]] = defaultdict(list)
    hidden: defaultdict[str, list[Holding]] = defaultdict(list)
    for part in in_parts(wanted):
        for row in connection.execute(those, {"wanted": part, **seen_values(actor)}):
            (found if row.seen else hidden)[row.number].append(_holding(row))
    return found, hidden


def _holding(row: Row[Any]) -> Holding:
    return Holding(
        row.number,
        row.contact_id,
        row.since,
        row.until,
        row.name,
        row.company or "",
        row.owner_id or 0,
        bool(row.main),
    )


def cards_of(connection: Connection, contact_ids: Collection[int], actor: Actor) -> dict[int, Card]:
    """Return what these contacts are called now, and whether `actor` sees them."""
    actor = known(connection, actor)
    found: dict[int, Card] = {}
    for part in in_parts(possible(contact_ids)):
        for row in connection.execute(_CARDS, {"wanted": part, **seen_values(actor)}):
            found[row.id] = Card(row.name, row.company or "", bool(row.seen), bool(row.vip))
    return found


def _firms(connection: Connection, numbers: Collection[str]) -> list[Company]:
    found: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for part in in_parts(numbers):
        for row in connection.execute(_FIRMS, {"wanted": part}):
            found[row.id, row.name].append(row.number)
    return [Company(key, name, tuple(sorted(held))) for (key, name), held in found.items()]
