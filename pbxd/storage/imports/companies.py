"""Companies of an import: rows with a company and no person.

They wait in a table until the import is visible. Then each is made, or gets the numbers and e-mails that it hasn't. An
undo takes them away again, unless the company was edited since; a company that has contacts stays without them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book.companies import Company
from pbxd.book.texts import EMAILS_LIMIT, NUMBERS_LIMIT, folded, without_repeats
from pbxd.storage.book import company_rows
from pbxd.storage.engine.database import Database, in_parts
from pbxd.storage.engine.feed import tell
from pbxd.storage.tables import companies, import_companies


async def known(database: Database, names: Collection[str]) -> dict[str, Company]:
    """Return the companies with these names, in any spelling, that everybody sees, by `folded` name."""
    found: dict[int, Company] = {}
    async with database.reading() as connection:
        named = await company_rows.known_by_name(connection, names)
        for part in in_parts({each.id for each in named.values()}):
            wanted = select(companies.c.id).where(companies.c.id.in_(part), company_rows.everybodys())
            ids = (await connection.execute(wanted)).scalars().all()
            found |= {each.id: each for each in await company_rows.cards(connection, ids)}
    return {key: found[each.id] for key, each in named.items() if each.id in found}


async def keep(connection: AsyncConnection, import_id: int, firms: Sequence[Company]) -> None:
    """Keep companies until the import is visible. `id` is 0 for one that isn't in the book yet."""
    if firms:
        last = select(func.coalesce(func.max(import_companies.c.place), 0)).where(
            import_companies.c.import_id == import_id
        )
        first = (await connection.execute(last)).scalar_one() + 1
        rows = [
            {
                "import_id": import_id,
                "place": first + place,
                "name": firm.name,
                "numbers": list(firm.numbers),
                "emails": list(firm.emails),
                "known": bool(firm.id),
            }
            for place, firm in enumerate(firms)
        ]
        await connection.execute(insert(import_companies), rows)


async def make(connection: AsyncConnection, import_id: int, most: int) -> int:
    """Write the next companies of a visible import to the book. Return how many."""
    mine = import_companies.c.import_id == import_id, import_companies.c.version.is_(None)
    wanted = select(import_companies).where(*mine).order_by(import_companies.c.place).limit(most)
    rows = (await connection.execute(wanted)).all()
    if not rows:
        return 0
    ids = await company_rows.ids_by_name(connection, [row.name for row in rows])
    changed: list[int] = []
    for row in rows:
        before = await company_rows.one(connection, _id_of(ids, row.name))
        after = added(before, row.numbers, row.emails)
        if after != before:
            await company_rows.write(connection, after)
            changed.append(before.id)
        done = {
            "company_id": before.id,
            "before": {"numbers": list(before.numbers), "emails": list(before.emails)},
            "version": before.version + (after != before),
        }
        key = import_companies.c.import_id == import_id, import_companies.c.place == row.place
        await connection.execute(update(import_companies).where(*key).values(**done))
    await tell(connection, [company_rows.changed(key) for key in changed])
    return len(rows)


async def give_back(connection: AsyncConnection, import_id: int, most: int) -> int:
    """Take the last companies of an import out of the book again. Return how many rows are done with."""
    mine = import_companies.c.import_id == import_id
    wanted = select(import_companies).where(mine).order_by(import_companies.c.place.desc()).limit(most)
    rows = (await connection.execute(wanted)).all()
    made = {row.company_id for row in rows if row.company_id}
    there = {firm.id: firm for firm in await company_rows.cards(connection, made)}
    for row in rows:
        firm = there.get(row.company_id or 0)
        if firm and firm.version == row.version:
            before = replace(firm, numbers=tuple(row.before["numbers"]), emails=tuple(row.before["emails"]))
            if before != firm:
                await company_rows.write(connection, before)
                await tell(connection, [company_rows.changed(firm.id)])
                there[firm.id] = replace(before, version=firm.version + 1)
                await _expect(connection, firm.id, row.version - 1, firm.version + 1)
    await company_rows.drop_orphans(connection, {row.company_id for row in rows if row.company_id and not row.known})
    await connection.execute(
        delete(import_companies).where(mine, import_companies.c.place.in_([r.place for r in rows]))
    )
    return len(rows)


def added(firm: Company, numbers: Collection[str], emails: Collection[str]) -> Company:
    """Return a company with further numbers and e-mails, as many as it may have: those that it has come first."""
    new_numbers = [number for number in dict.fromkeys(numbers) if number not in firm.numbers]
    all_numbers = [*firm.numbers, *new_numbers][:NUMBERS_LIMIT]
    all_emails = without_repeats("emails", (*firm.emails, *emails), len(firm.emails) + len(emails))
    return replace(firm, numbers=tuple(sorted(all_numbers)), emails=all_emails[:EMAILS_LIMIT])


async def _expect(connection: AsyncConnection, company_id: int, version: int, now: int) -> None:
    """Say that a company is as earlier imports left it again, though its version is another now."""
    theirs = import_companies.c.company_id == company_id, import_companies.c.version == version
    await connection.execute(update(import_companies).where(*theirs).values(version=now))


def _id_of(ids: Mapping[str, int], name: str) -> int:
    return ids[folded(name)]
