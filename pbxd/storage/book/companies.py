"""Companies: one card a name, however it is spelled, with address, site, numbers and e-mails of their own.

A company that only personal contacts have is visible to their owners only, and is deleted with the last of them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book.companies import Company, CompanyChanges, checked_company
from pbxd.book.company_names import company_key
from pbxd.book.spellings import readings
from pbxd.book.texts import checked_name, folded
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.storage.book import company_rows as rows
from pbxd.storage.book.cards import find_by_new_company
from pbxd.storage.engine.database import Database, in_parts, possible
from pbxd.storage.engine.feed import tell
from pbxd.storage.search import cursor
from pbxd.storage.search.paging import FIRST_PART, PART
from pbxd.storage.tables import companies, company_numbers

Page = tuple[int, list[Company]]
Several = list[Company]
Editing = CompanyChanges | Callable[[Company], CompanyChanges]  # or a function of the present card


class CompanyPage(NamedTuple):
    """A page of companies. `more`: more than `total` match. `after`: the cursor of the next page, if there is one."""

    companies: Several
    after: str
    total: int = 0
    more: bool = False


class Companies:
    """The companies that everybody sees and may change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_or_create(self, name: str, numbers: Iterable[str] = ()) -> Company:
        """Return the company with this name and these additional numbers (E.164); create it if there is none.

        Raises InvalidInputError for an unusable name or number.
        """
        name, added = checked_name("company", name), tuple(numbers)
        async with self._database.writing() as connection:
            company_id = (await rows.ids_by_name(connection, [name]))[folded(name)]
            return await self._edit(
                connection, company_id, lambda company: {"numbers": (*company.numbers, *added)}, None
            )

    async def get(self, company_id: int) -> Company:
        """Return a company. Raises NotFoundError."""
        async with self._database.reading() as connection:
            shown = select(companies.c.id).where(companies.c.id.in_(possible([company_id])), rows.everybodys())
            if (await connection.execute(shown)).scalar() is None:
                raise NotFoundError(_("there is no company {id}").format(id=company_id))
            return await rows.one(connection, company_id)

    async def load(self, ids: Collection[int]) -> dict[int, Company]:
        """Return the existing companies with these ids."""
        async with self._database.reading() as connection:
            return {company.id: company for company in await rows.cards(connection, ids)}

    async def doubles(self, search: str = "") -> Several:
        """Return the companies whose names differ from another one's by spelling alone, those of one name together."""
        other = companies.alias("other")
        double = exists().where(other.c.name_key == companies.c.name_key, other.c.id != companies.c.id)
        wanted = select(companies.c.id).where(*_matching(search), double).order_by(companies.c.name_key, companies.c.id)
        async with self._database.reading() as connection:
            return await rows.cards(connection, (await connection.execute(wanted)).scalars().all())

    async def having(self, numbers: Collection[str]) -> Several:
        """Return the companies that have one of these numbers (E.164) as their own."""
        owners = select(company_numbers.c.company_id).distinct()
        async with self._database.reading() as connection:
            ids: set[int] = set()
            for part in in_parts(numbers):
                ids |= set((await connection.execute(owners.where(company_numbers.c.number.in_(part)))).scalars())
            return await rows.cards(connection, sorted(ids))

    async def list(self, search: str = "", *, limit: int | None = None, offset: int = 0) -> Page:
        """Return the number of companies with these words in their name, and a page of them by name."""
        matching = _matching(search)
        page = select(companies.c.id).where(*matching).order_by(companies.c.folded).limit(limit).offset(offset)
        async with self._database.reading() as connection:
            counted = select(func.count()).select_from(companies).where(*matching)
            total = (await connection.execute(counted)).scalar_one()
            return total, await rows.cards(connection, (await connection.execute(page)).scalars().all())

    async def page(self, search: str, after: str, limit: int | None, most: int) -> CompanyPage:
        """Return a page of the companies with these words in their name, by name, from behind the cursor on.

        They are counted up to `most`. Raises InvalidInputError for a text that is no cursor.
        """
        async with self._database.reading() as connection:
            found = await _page(connection, search, after, limit)
            counted = select(companies.c.id).where(*_matching(search)).limit(most + 1).subquery()
            total = (await connection.execute(select(func.count()).select_from(counted))).scalar_one()
            return found._replace(total=min(total, most), more=total > most)

    async def every(self, search: str, after: str = "") -> AsyncGenerator[Several, None]:
        """Yield all companies with these words in their name, by name, some hundreds at a time, as of one moment."""
        async with self._database.reading() as connection:
            limit = FIRST_PART
            while True:
                found = await _page(connection, search, after, limit)
                yield found.companies
                after, limit = found.after, PART
                if not after:
                    return

    async def edit(self, company_id: int, changes: Editing, *, version: int | None = None) -> Company:
        """Replace fields of a company. If nothing changes, the version stays.

        Changes that depend on the present card, such as an additional number, are given as a function of it; nobody
        else writes between its reading and its writing.
        Raises NotFoundError, InvalidInputError, and ConflictError if another company has the name, or if `version` is
        given and the card has changed since.
        """
        async with self._database.writing() as connection:
            return await self._edit(connection, company_id, changes, version)

    async def _edit(
        self, connection: AsyncConnection, company_id: int, changes: Editing, version: int | None
    ) -> Company:
        before = await rows.one(connection, company_id)
        rows.check_version(before.version, version)
        after = checked_company(replace(before, **(changes(before) if callable(changes) else changes)))
        if after == before:
            return before
        if folded(after.name) != folded(before.name):
            await rows.refuse_taken(connection, after)
        await rows.write(connection, after)
        if after.name != before.name:
            await find_by_new_company(connection, company_id, self._database.fields)
            await rows.renamed(connection, company_id)
        await tell(connection, [rows.changed(company_id)])
        return await rows.one(connection, company_id)


def _matching(search: str) -> list[ColumnElement[bool]]:
    """Return the conditions that everybody sees a company and that its name has these words, in any spelling."""
    typed = (
        or_(*(companies.c.folded.contains(each, autoescape=True) for each in readings(word)))
        for word in folded(search).split()
    )
    spelled = (companies.c.name_key.contains(word, autoescape=True) for word in company_key(search).split())
    return [or_(and_(true(), *typed), and_(true(), *spelled)), rows.everybodys()]


async def _page(connection: AsyncConnection, search: str, after: str, limit: int | None) -> CompanyPage:
    wanted = select(companies.c.folded, companies.c.id).where(*_matching(search)).order_by(companies.c.folded)
    if mark := cursor.read("company", after):
        wanted = wanted.where(companies.c.folded > mark[0])  # one company a name
    keys = [tuple(row) for row in await connection.execute(wanted.limit(limit and limit + 1))]
    kept = keys[:limit]
    following = cursor.written("company", kept[-1]) if limit and len(keys) > limit else ""
    return CompanyPage(await rows.cards(connection, [key[1] for key in kept]), following)
