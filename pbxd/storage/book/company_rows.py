"""Companies as rows: their cards, their ids by name, and their deletion with the last contact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book.companies import Company
from pbxd.book.company_names import company_key
from pbxd.book.texts import folded
from pbxd.errors import NameTakenError, NotFoundError, StaleError
from pbxd.i18n import _
from pbxd.storage.book import external_ids
from pbxd.storage.engine.database import in_parts, in_steps, possible
from pbxd.storage.engine.feed import News, about_contact, tell
from pbxd.storage.search.visibility import shown
from pbxd.storage.tables import companies, company_emails, company_numbers, contacts


class Named(NamedTuple):
    """A company, and how it is spelled."""

    id: int
    name: str


async def ids_by_name(connection: AsyncConnection, names: Iterable[str], *, quiet: bool = False) -> dict[str, int]:
    """Call `made_by_name`; return the ids only."""
    return {key: found.id for key, found in (await made_by_name(connection, names, quiet=quiet)).items()}


async def made_by_name(connection: AsyncConnection, names: Iterable[str], *, quiet: bool = False) -> dict[str, Named]:
    """Return the companies with these names, by `folded` name; create those that are missing.

    The first spelling of a name is kept. `quiet`: do not write new ones to the feed, since nobody may see their
    contacts yet.
    """
    wanted = {folded(name): name for name in reversed(list(names)) if name}
    found = await known_by_name(connection, wanted.values())
    first = {company_key(name): name for key, name in wanted.items() if key not in found}  # of several spellings
    missing = [
        {"name": name, "folded": folded(name), "name_key": name_key} for name_key, name in reversed(first.items())
    ]
    if missing:
        columns = (companies.c.id, companies.c.name, companies.c.name_key)
        made = await connection.execute(insert(companies).returning(*columns), missing)
        new = {row.name_key: Named(row.id, row.name) for row in made}
        await tell(connection, [] if quiet else [changed(company.id) for company in new.values()])
        found |= {key: new[company_key(name)] for key, name in wanted.items() if key not in found}
    return found


async def known_by_name(connection: AsyncConnection, names: Iterable[str]) -> dict[str, Named]:
    """Return the known companies with these names, by `folded` name.

    One with this very name comes before one that is spelled in another way; of several the oldest.
    """
    return await connection.run_sync(find_by_name, names)


def find_by_name(connection: Connection, names: Iterable[str]) -> dict[str, Named]:
    """Return what `known_by_name` returns."""
    wanted = {folded(name): company_key(name) for name in names if name}
    found: dict[str, Named] = {}
    for part in in_parts(wanted):
        for row in connection.execute(_BY_NAME, {"wanted": part}):
            found[row.folded] = Named(row.id, row.name)
    by_key: dict[str, Named] = {}
    for part in in_parts({name_key for key, name_key in wanted.items() if key not in found}):
        for row in connection.execute(_BY_KEY, {"wanted": part}):
            by_key[row.name_key] = Named(row.id, row.name)  # the oldest comes last
    return found | {
        key: by_key[name_key] for key, name_key in wanted.items() if key not in found and name_key in by_key
    }


_BY_NAME = select(companies.c.folded, companies.c.id, companies.c.name).where(
    companies.c.folded.in_(bindparam("wanted", expanding=True))
)
_BY_KEY = (
    select(companies.c.name_key, companies.c.id, companies.c.name)
    .where(companies.c.name_key.in_(bindparam("wanted", expanding=True)))
    .order_by(companies.c.id.desc())
)


async def drop_orphans(connection: AsyncConnection, ids: Collection[int]) -> None:
    """Delete those companies that have no contact any more and nothing of their own."""
    for part in in_parts(ids):
        gone = await connection.execute(_DELETE_UNUSED, {"wanted": part})
        await tell(connection, [changed(company_id) for company_id in gone.scalars()])


async def cards(connection: AsyncConnection, ids: Collection[int]) -> list[Company]:
    """Return the existing companies with these ids, in their order."""
    found: dict[int, Company] = {}
    for part in in_parts(possible(ids)):
        numbers: defaultdict[int, list[str]] = defaultdict(list)
        for row in await connection.execute(select(company_numbers).where(company_numbers.c.company_id.in_(part))):
            numbers[row.company_id].append(row.number)
        emails: defaultdict[int, list[str]] = defaultdict(list)
        written = select(company_emails).where(company_emails.c.company_id.in_(part)).order_by(company_emails.c.place)
        for row in await connection.execute(written):
            emails[row.company_id].append(row.email)
        for row in await connection.execute(select(companies).where(companies.c.id.in_(part))):
            found[row.id] = _company(row, numbers[row.id], emails[row.id])
    return [found[company_id] for company_id in ids if company_id in found]


async def every_card(connection: AsyncConnection) -> list[Company]:
    """Return all companies by id, with what look-ups need: names and numbers."""
    numbers: defaultdict[int, list[str]] = defaultdict(list)
    async for rows in in_steps(connection, select(company_numbers)):
        for row in rows:
            numbers[row.company_id].append(row.number)
    found: list[Company] = []
    listed = select(companies.c.id, companies.c.name).order_by(companies.c.id)
    async for rows in in_steps(connection, listed):
        found += [Company(row.id, row.name, tuple(sorted(numbers[row.id]))) for row in rows]
    return found


def check_version(now: int, wanted: int | None) -> None:
    """Raise StaleError if the card has another version than the edit expects."""
    if wanted not in (None, now):
        raise StaleError(
            _("the card was changed meanwhile: it is at version {now}, not {version}").format(now=now, version=wanted)
        )


async def renamed(connection: AsyncConnection, company_id: int) -> None:
    """Write to the feed that the contacts of a company changed: their company has another name."""
    told = (contacts.c[name] for name in ("id", "visibility", "owner_id", "manager_id", "version"))
    rows = await connection.execute(select(*told).where(contacts.c.company_id == company_id))
    await tell(connection, [about_contact("changed", *row) for row in rows])


async def refuse_taken(connection: AsyncConnection, company: Company, *, new: bool = False) -> None:
    """Raise NameTakenError if another company that everybody sees has this one's new name, in any spelling.

    `new`: this one is not in the book. A company that not everybody sees becomes this one, see `take_in`.
    """
    found = select(companies.c.id, companies.c.name).where(_namesake(company), everybodys()).order_by(companies.c.id)
    row = (await connection.execute(found.limit(1))).first()
    if row is not None and new:
        message = _("there is a company named {name} already: {id}")
        raise NameTakenError(row.name, message.format(name=row.name, id=row.id))
    if row is not None:
        message = _("there is another company named {name}; to make them one: {command}")
        command = f"pbxd companies merge {row.id} {company.id}"
        raise NameTakenError(row.name, message.format(name=row.name, command=command))


async def take_in(connection: AsyncConnection, company: Company) -> None:
    """Make the companies of this one's new name that not everybody sees a part of it: one card a name.

    It gets the ids that other programs have for them. Changes of imports that wait name a company, so they find it.
    """
    hidden = select(companies.c.id).where(_namesake(company), ~everybodys()).order_by(companies.c.id)
    gone = (await connection.execute(hidden)).scalars().all()
    if gone:
        theirs = contacts.c.company_id.in_(gone)
        await connection.execute(update(contacts).where(theirs).values(company_id=company.id))
        ids = await connection.run_sync(external_ids.joined, external_ids.COMPANY, company.id, gone)
        await connection.execute(delete(companies).where(companies.c.id.in_(gone)))
        await connection.run_sync(external_ids.write, external_ids.COMPANY, company.id, ids)
        await tell(connection, [changed(company_id) for company_id in gone])


def _namesake(company: Company) -> ColumnElement[bool]:
    same = or_(companies.c.folded == folded(company.name), companies.c.name_key == company_key(company.name))
    return and_(same, companies.c.id != company.id)


async def write(connection: AsyncConnection, company: Company) -> None:
    """Write a changed company with the next version."""
    values = {
        "name": company.name,
        "folded": folded(company.name),
        "name_key": company_key(company.name),
        "address": company.address,
        "site": company.site,
    }
    counted = companies.c.version + 1
    await connection.execute(update(companies).where(companies.c.id == company.id).values(**values, version=counted))
    for table in (company_numbers, company_emails):
        await connection.execute(delete(table).where(table.c.company_id == company.id))
    key = {"company_id": company.id}
    if company.numbers:
        await connection.execute(insert(company_numbers), [key | {"number": number} for number in company.numbers])
    if company.emails:
        rows = [key | {"place": place, "email": email} for place, email in enumerate(company.emails)]
        await connection.execute(insert(company_emails), rows)


def _company(row: Row[Any], numbers: list[str], emails: list[str]) -> Company:
    return Company(row.id, row.name, tuple(sorted(numbers)), row.address, row.site, tuple(emails), row.version)


def everybodys(of: FromClause = companies) -> ColumnElement[bool]:
    """Return the condition that everybody sees a company: a shared contact, anything of its own, or added by itself.

    `of`: the table of companies, or an alias of it.
    """
    shared = _has_contact(contacts.c.visibility == "shared", shown(), of=of)
    return or_(shared, _has_own(of), ~_has_contact(of=of))


def _has_contact(*conditions: ColumnElement[bool], of: FromClause = companies) -> ColumnElement[bool]:
    return exists().where(contacts.c.company_id == of.c.id, *conditions)


def _has_own(of: FromClause = companies) -> ColumnElement[bool]:
    listed = (exists().where(table.c.company_id == of.c.id) for table in (company_numbers, company_emails))
    return or_(of.c.address != "", of.c.site != "", *listed)


_DELETE_UNUSED = (  # built once: an undo asks for each of hundreds of transactions
    delete(companies)
    .where(companies.c.id.in_(bindparam("wanted", expanding=True)), ~_has_contact(), ~_has_own())
    .returning(companies.c.id)
)


async def one(connection: AsyncConnection, company_id: int, *, seen: bool = False) -> Company:
    """Return a company; `seen`: only if everybody sees it. Raises NotFoundError."""
    found = await cards(connection, [company_id])
    if found and seen:
        visible = select(companies.c.id).where(companies.c.id == company_id, everybodys())
        found = found if (await connection.execute(visible)).first() else []
    if not found:
        raise NotFoundError(_("there is no company {id}").format(id=company_id))
    return found[0]


def changed(company_id: int) -> News:
    """Return the event of a company."""
    return News("company.changed", str(company_id), {})
