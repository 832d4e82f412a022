"""Companies: one card per name, whatever its case, with numbers of their own.

A company that only personal contacts have is their owners' affair: it isn't told to others, and goes with the last one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book import Company, checked_e164, checked_name, folded
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.storage.database import Database, in_parts, in_steps, possible
from pbxd.storage.feed import News, tell
from pbxd.storage.staging import shown
from pbxd.storage.tables import companies, company_numbers, contacts

Page = tuple[int, list[Company]]


class Companies:
    """The companies of the book that are everybody's: all see and change them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_or_create(self, name: str) -> Company:
        """Return the company of that name, made if there is none; raises InvalidInputError for an unusable name."""
        name = checked_name("company", name)
        async with self._database.writing() as connection:
            ids = await ids_by_name(connection, [name])
            return (await cards(connection, [ids[folded(name)]]))[0]

    async def get(self, company_id: int) -> Company:
        """Return a company; raises NotFoundError."""
        async with self._database.reading() as connection:
            shown = select(companies.c.id).where(companies.c.id.in_(possible([company_id])), _everybodys())
            if (await connection.execute(shown)).scalar() is None:
                raise NotFoundError(_("there is no company {id}").format(id=company_id))
            return await _one(connection, company_id)

    async def load(self, ids: Collection[int]) -> dict[int, Company]:
        """Return those of the companies that there are."""
        async with self._database.reading() as connection:
            return {company.id: company for company in await cards(connection, ids)}

    async def list(self, search: str = "", *, limit: int | None = None, offset: int = 0) -> Page:
        """Return how many companies have these words in their name, and a page of them by name."""
        words = [companies.c.folded.contains(word, autoescape=True) for word in folded(search).split()]
        matching = [*words, _everybodys()]
        page = select(companies.c.id).where(*matching).order_by(companies.c.folded).limit(limit).offset(offset)
        async with self._database.reading() as connection:
            counted = select(func.count()).select_from(companies).where(*matching)
            total = (await connection.execute(counted)).scalar_one()
            return total, await cards(connection, (await connection.execute(page)).scalars().all())

    async def set_numbers(self, company_id: int, numbers: Iterable[str]) -> Company:
        """Give the company these numbers (E.164) in place of those it has.

        Raises NotFoundError, or InvalidInputError when one isn't E.164.
        """
        wanted = sorted({checked_e164("numbers", number) for number in numbers})
        async with self._database.writing() as connection:
            known = await _one(connection, company_id)
            if list(known.numbers) == wanted:
                return known
            await connection.execute(delete(company_numbers).where(company_numbers.c.company_id == company_id))
            if wanted:
                rows = [{"company_id": company_id, "number": number} for number in wanted]
                await connection.execute(insert(company_numbers), rows)
            await tell(connection, [_changed(company_id)])
            return await _one(connection, company_id)


async def ids_by_name(connection: AsyncConnection, names: Iterable[str], *, quiet: bool = False) -> dict[str, int]:
    """Return the ids of the companies of those names by `folded` name, making those that are missing.

    The first way in which a name is written is the one kept. `quiet`: the feed isn't told of new ones, for nobody may
    see yet who has them.
    """
    wanted = {folded(name): name for name in reversed(list(names)) if name}
    found: dict[str, int] = {}
    for part in in_parts(wanted):
        rows = await connection.execute(select(companies.c.folded, companies.c.id).where(companies.c.folded.in_(part)))
        found |= {row.folded: row.id for row in rows}
    missing = [{"name": name, "folded": key} for key, name in reversed(wanted.items()) if key not in found]
    if missing:
        made = await connection.execute(insert(companies).returning(companies.c.folded, companies.c.id), missing)
        new = {row.folded: row.id for row in made}
        await tell(connection, [] if quiet else [_changed(company_id) for company_id in new.values()])
        found |= new
    return found


async def drop_orphans(connection: AsyncConnection, ids: Collection[int]) -> None:
    """Delete those of the companies that no contact has any more and that have no number of their own."""
    for part in in_parts(ids):
        unused = and_(companies.c.id.in_(part), ~_has_contact(), ~_has_number())
        gone = await connection.execute(delete(companies).where(unused).returning(companies.c.id))
        await tell(connection, [_changed(company_id) for company_id in gone.scalars()])


async def cards(connection: AsyncConnection, ids: Collection[int]) -> list[Company]:
    """Return those of the companies that there are, in the order asked for."""
    found: dict[int, Company] = {}
    for part in in_parts(possible(ids)):
        numbers: defaultdict[int, list[str]] = defaultdict(list)
        for row in await connection.execute(select(company_numbers).where(company_numbers.c.company_id.in_(part))):
            numbers[row.company_id].append(row.number)
        for row in await connection.execute(select(companies).where(companies.c.id.in_(part))):
            found[row.id] = Company(row.id, row.name, tuple(sorted(numbers[row.id])))
    return [found[company_id] for company_id in ids if company_id in found]


async def every_card(connection: AsyncConnection) -> list[Company]:
    """Return all companies, by id."""
    numbers: defaultdict[int, list[str]] = defaultdict(list)
    async for rows in in_steps(connection, select(company_numbers)):
        for row in rows:
            numbers[row.company_id].append(row.number)
    found: list[Company] = []
    async for rows in in_steps(connection, select(companies).order_by(companies.c.id)):
        found += [Company(row.id, row.name, tuple(sorted(numbers[row.id]))) for row in rows]
    return found


def _everybodys() -> ColumnElement[bool]:
    """Tell whether a company has a shared contact or a number, or was added for itself."""
    return or_(_has_contact(contacts.c.visibility == "shared", shown()), _has_number(), ~_has_contact())


def _has_contact(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(contacts.c.company_id == companies.c.id, *conditions)


def _has_number() -> ColumnElement[bool]:
    return exists().where(company_numbers.c.company_id == companies.c.id)


async def _one(connection: AsyncConnection, company_id: int) -> Company:
    found = await cards(connection, [company_id])
    if not found:
        raise NotFoundError(_("there is no company {id}").format(id=company_id))
    return found[0]


def _changed(company_id: int) -> News:
    return News("company.changed", str(company_id), {})
