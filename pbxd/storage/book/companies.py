"""Companies: one card a name, however it is spelled, with address, site, numbers and e-mails of their own.

A company that only personal contacts have is visible to their owners only, and is deleted with the last of them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book.companies import Company, CompanyChanges, checked_company
from pbxd.book.company_names import company_key
from pbxd.book.external_ids import ExternalId
from pbxd.book.spellings import readings
from pbxd.book.texts import checked_name, folded
from pbxd.storage.access.request_keys import note_made
from pbxd.storage.book import company_rows as rows
from pbxd.storage.book.cards import find_by_new_company
from pbxd.storage.book.contacts import NOTHING, External
from pbxd.storage.book.external_ids import COMPANY, Ids, called, external_of, merged
from pbxd.storage.book.external_ids import write as write_external
from pbxd.storage.engine.database import Database, in_parts
from pbxd.storage.engine.feed import cursor as feed_cursor
from pbxd.storage.engine.feed import tell
from pbxd.storage.search import cursor
from pbxd.storage.search.paging import FIRST_PART, PART
from pbxd.storage.tables import companies, company_numbers

Page = tuple[int, list[Company]]
Several = list[Company]
Editing = CompanyChanges | Callable[[Company], CompanyChanges]  # or a function of the present card


@dataclass(frozen=True, slots=True)
class CompanyFilter:
    """Which companies to find. An empty field matches all."""

    search: str = ""  # words of the name
    number: str = ""  # E.164, exactly; its own
    changed_after: datetime | None = None
    external: ExternalId | None = None


class CompanyPage(NamedTuple):
    """A page of companies. `more`: more than `total` match. `after`: the cursor of the next page, if there is one."""

    companies: Several
    after: str
    total: int = 0
    more: bool = False
    seq: int = 0  # the feed's number when the page was read


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
            return await rows.one(connection, company_id, seen=True)

    async def load(self, ids: Collection[int]) -> dict[int, Company]:
        """Return the existing companies with these ids."""
        async with self._database.reading() as connection:
            return {company.id: company for company in await rows.cards(connection, ids)}

    async def doubles(self, search: str = "", *, limit: int | None = None) -> Page:
        """Return how many companies have names that differ from another one's by spelling alone, and the first of them.

        Those of one name come together.
        """
        other = companies.alias("other")
        same = other.c.name_key == companies.c.name_key, other.c.id != companies.c.id
        double = exists().where(*same, rows.everybodys(other))
        wanted = select(companies.c.id).where(*_matching(search), double)
        page = wanted.order_by(companies.c.name_key, companies.c.id).limit(limit)
        async with self._database.reading() as connection:
            total = (await connection.execute(select(func.count()).select_from(wanted.subquery()))).scalar_one()
            return total, await rows.cards(connection, (await connection.execute(page)).scalars().all())

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

    async def page(
        self, wanted: CompanyFilter, *, after: str, limit: int | None, most: int, descending: bool = False
    ) -> CompanyPage:
        """Return a page of companies by name, from behind the cursor on. They are counted up to `most`.

        Raises InvalidInputError for a text that is no cursor of this list.
        """
        async with self._database.reading() as connection:
            read = partial(_page, descending=descending)
            ids, following = await connection.run_sync(read, wanted, after, limit)
            counted = select(companies.c.id).where(*_matching(wanted.search, wanted)).limit(most + 1).subquery()
            total = (await connection.execute(select(func.count()).select_from(counted))).scalar_one()
            found = await rows.cards(connection, ids)
            return CompanyPage(found, following, min(total, most), total > most, await feed_cursor(connection))

    async def every(self, search: str, after: str = "") -> AsyncGenerator[Several, None]:
        """Yield all companies with these words in their name, by name, some hundreds at a time, as of one moment."""
        wanted, limit = CompanyFilter(search), FIRST_PART
        async with self._database.reading() as connection:
            while True:
                ids, after = await connection.run_sync(partial(_page, descending=False), wanted, after, limit)
                yield await rows.cards(connection, ids)
                limit = PART
                if not after:
                    return

    async def external(self, ids: Collection[int]) -> dict[int, Ids]:
        """Return what other programs call these companies."""
        return await self._database.ask(external_of, COMPANY, ids)

    async def find_external(self, wanted: ExternalId) -> int | None:
        """Return the company that a program calls so, of those that everybody sees."""
        async with self._database.reading() as connection:
            query = select(companies.c.id).where(companies.c.id.in_(called(COMPANY, wanted)), rows.everybodys())
            return (await connection.execute(query.limit(1))).scalar()

    async def create(self, company: Company, external: External = NOTHING) -> Company:
        """Add a company. Raises InvalidInputError, and ConflictError if there is one with this name in any spelling."""
        good = checked_company(company)
        async with self._database.writing() as connection:
            await rows.refuse_taken(connection, good, new=True)
            company_id = (await rows.ids_by_name(connection, [good.name]))[folded(good.name)]
            await note_made(connection, company_id)
            changes = CompanyChanges(numbers=good.numbers, address=good.address, site=good.site, emails=good.emails)
            return await self._edit(connection, company_id, changes, None, external)

    async def edit(
        self, company_id: int, changes: Editing, *, version: int | None = None, external: External = NOTHING
    ) -> Company:
        """Replace fields of a company, and some of the ids that other programs have for it.

        If nothing changes, the version stays.

        Changes that depend on the present card, such as an additional number, are given as a function of it; nobody
        else writes between its reading and its writing.
        Raises NotFoundError, InvalidInputError, and ConflictError if another company has the name, or if `version` is
        given and the card has changed since.
        """
        async with self._database.writing() as connection:
            return await self._edit(connection, company_id, changes, version, external)

    async def _edit(
        self,
        connection: AsyncConnection,
        company_id: int,
        changes: Editing,
        version: int | None,
        external: External = NOTHING,
    ) -> Company:
        before = await rows.one(connection, company_id)
        rows.check_version(before.version, version)
        after = checked_company(replace(before, **(changes(before) if callable(changes) else changes)))
        ids = await connection.run_sync(merged, COMPANY, company_id, external, rows.everybodys()) if external else None
        if after == before and ids is None:
            return before
        if ids is not None:
            await connection.run_sync(write_external, COMPANY, company_id, ids)
        if folded(after.name) != folded(before.name):
            await rows.refuse_taken(connection, after)
            await rows.take_in(connection, after)
        await rows.write(connection, after)
        if after.name != before.name:
            await find_by_new_company(connection, company_id, self._database.fields)
            await rows.renamed(connection, company_id)
        await tell(connection, [rows.changed(company_id)])
        return await rows.one(connection, company_id)


def _matching(search: str, wanted: CompanyFilter = CompanyFilter()) -> list[ColumnElement[bool]]:
    """Return the conditions that everybody sees a company and that it is wanted; a name matches in any spelling."""
    typed = (
        or_(*(companies.c.folded.contains(each, autoescape=True) for each in readings(word)))
        for word in folded(search).split()
    )
    spelled = (companies.c.name_key.contains(word, autoescape=True) for word in company_key(search).split())
    conditions = [or_(and_(true(), *typed), and_(true(), *spelled)), rows.everybodys()]
    if wanted.number:
        having = select(company_numbers.c.company_id).where(company_numbers.c.number == wanted.number)
        conditions.append(companies.c.id.in_(having))
    if wanted.changed_after:
        conditions.append(companies.c.changed > wanted.changed_after)
    if wanted.external:
        conditions.append(companies.c.id.in_(called(COMPANY, wanted.external)))
    return conditions


def _page(
    connection: Connection, wanted: CompanyFilter, after: str, limit: int | None, *, descending: bool
) -> tuple[list[int], str]:
    """Return the ids of a page, and the cursor of the next one."""
    conditions = _matching(wanted.search, wanted)
    tied = cursor.bound(wanted, descending)

    def texts(ids: Collection[int]) -> dict[int, str]:
        named = select(companies.c.id, companies.c.folded).where(companies.c.id.in_(ids), rows.everybodys())
        return {row.id: row.folded for row in connection.execute(named)}

    if mark := cursor.read("company-name", after, tied, texts):  # one company a name
        conditions.append(companies.c.folded < mark[0] if descending else companies.c.folded > mark[0])
    order = companies.c.folded.desc() if descending else companies.c.folded
    page = select(companies.c.folded, companies.c.id).where(*conditions).order_by(order)
    keys = [tuple(row) for row in connection.execute(page.limit(limit and limit + 1))]
    kept = keys[:limit]
    following = cursor.written("company-name", kept, tied) if limit and len(keys) > limit else ""
    return [key[1] for key in kept], following
