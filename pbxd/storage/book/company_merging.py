"""Make several companies one, or delete one: their contacts move some at a time, so that no other writer waits long.

Between two transactions every contact has one company, the former or the new. After an interruption the same command
completes the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import Actor
from pbxd.book.companies import Company, checked_company
from pbxd.book.texts import EMAILS_LIMIT, NUMBERS_LIMIT, without_repeats
from pbxd.errors import ConflictError, InvalidInputError
from pbxd.i18n import _
from pbxd.storage.book import changes as changes_of
from pbxd.storage.book import company_rows as rows
from pbxd.storage.book import overlay_changes
from pbxd.storage.book.card_json import draft_of
from pbxd.storage.book.card_news import card_news
from pbxd.storage.book.card_updates import update_cards
from pbxd.storage.book.cards import cards
from pbxd.storage.book.external_ids import COMPANY, joined, write
from pbxd.storage.engine.batches import BatchWriter
from pbxd.storage.engine.database import Database, possible
from pbxd.storage.engine.feed import tell
from pbxd.storage.engine.progress import Report, silent
from pbxd.storage.search.visibility import shown
from pbxd.storage.tables import companies, contacts


@dataclass(frozen=True, slots=True)
class Joining:
    """Companies that would become one, and how many contacts move."""

    company: Company
    others: tuple[Company, ...]
    contacts: int


async def to_merge(database: Database, company_id: int, others: Sequence[int], *, seen: bool = False) -> Joining:
    """Return what `merge` would make one. Raises NotFoundError, InvalidInputError as it does."""
    async with database.reading() as connection:
        return await _joining(connection, company_id, others, seen=seen)


async def merge(
    database: Database,
    company_id: int,
    others: Sequence[int],
    *,
    actor: Actor,
    progress: Report = silent,
    seen: bool = False,
) -> Joining:
    """Move the contacts, numbers and e-mails of other companies to one, then delete the others.

    The one keeps its name; an address or a site that it hasn't it gets from the first that has it, and so the ids that
    other programs have for it. Contacts that come to one of the others meanwhile move too.
    `seen`: only companies that everybody sees; what an interrupted merge left may be hidden.
    Raises NotFoundError, InvalidInputError for too many numbers or e-mails, ConflictError if the database refuses a
    contact's move: the same command goes on where this one broke off.
    """
    async with database.reading() as connection:
        joining = await _joining(connection, company_id, others, seen=seen)
    total = max(joining.contacts, 1)
    try:
        moved = 0
        while True:
            for other in joining.others:
                moved += await _move(database, other.id, joining.company.id, actor, _after(progress, moved, total))
            async with database.writing() as connection:
                if await _join(connection, await _joining(connection, company_id, others)):
                    return replace(joining, company=await rows.one(connection, company_id))
    except IntegrityError as error:
        message = _("not all contacts could be moved to company {id}; run the same command again to move the rest")
        raise ConflictError(message.format(id=company_id)) from error


async def _join(connection: AsyncConnection, now: Joining) -> bool:
    """Make companies without contacts a part of the first one. Return False if one of them has contacts again."""
    gone = [other.id for other in now.others]
    if await _contacts_of(connection, gone):
        return False
    kept = await connection.run_sync(joined, COMPANY, now.company.id, gone)
    await connection.execute(delete(companies).where(companies.c.id.in_(gone)))
    await rows.write(connection, _united(now.company, now.others))
    await connection.run_sync(write, COMPANY, now.company.id, kept)
    await tell(connection, [rows.changed(each) for each in (*gone, now.company.id)])
    return True


def _after(progress: Report, before: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(before + done, total)


async def delete_company(
    database: Database, company_id: int, *, actor: Actor, leave_contacts: bool = False, progress: Report = silent
) -> int:
    """Delete a company. Return how many contacts are left without one.

    Raises NotFoundError, ConflictError if it has contacts, unless they are to be left without a company.
    """
    async with database.reading() as connection:
        await rows.one(connection, company_id)
        if not leave_contacts:
            await _refuse_people(connection, [company_id])
        total = max(await _people(connection, [company_id]), 1)
    moved = 0
    if leave_contacts:
        moved = await _move(database, company_id, None, actor, lambda done: progress(done, total))
    async with database.writing() as connection:
        await _refuse_people(connection, [company_id])
        gone = await connection.execute(delete(companies).where(companies.c.id == company_id).returning(companies.c.id))
        await tell(connection, [rows.changed(each) for each in gone.scalars()])
    return moved


async def _joining(
    connection: AsyncConnection, company_id: int, others: Sequence[int], *, seen: bool = False
) -> Joining:
    company = await rows.one(connection, company_id, seen=seen)
    wanted = [other for other in dict.fromkeys(others) if other != company_id]
    if not wanted:
        raise InvalidInputError("others", _("which companies? Name others than {id}").format(id=company_id))
    found = tuple([await rows.one(connection, other, seen=seen) for other in wanted])
    _united(company, found)
    return Joining(company, found, await _people(connection, wanted))


def _united(company: Company, others: Sequence[Company]) -> Company:
    """Return a company with the numbers and e-mails of the others. Raises InvalidInputError for too many."""
    everybody = (company, *others)
    numbers = tuple(dict.fromkeys(number for each in everybody for number in each.numbers))
    emails = without_repeats("emails", (email for each in everybody for email in each.emails), EMAILS_LIMIT)
    if len(numbers) > NUMBERS_LIMIT:
        raise InvalidInputError("numbers", _("{field}: more than {limit}").format(field="numbers", limit=NUMBERS_LIMIT))
    address = next((each.address for each in everybody if each.address), "")
    site = next((each.site for each in everybody if each.site), "")
    return checked_company(replace(company, numbers=numbers, emails=emails, address=address, site=site))


async def _move(
    database: Database, company_id: int, to: int | None, actor: Actor, progress: Callable[[int], None]
) -> int:
    """Give all contacts of a company another one, hidden contacts too. Return how many of them people see."""
    batches, moved = BatchWriter(database), 0
    theirs = select(contacts.c.id).where(contacts.c.company_id == company_id).order_by(contacts.c.id)
    while True:
        async with batches.writing(batches.size) as connection:
            ids = (await connection.execute(theirs.limit(batches.size))).scalars().all()
            if not ids:
                return moved
            name = (await rows.one(connection, to)).name if to is not None else ""
            for contact_id in await overlay_changes.unsettled(connection, ids):
                await overlay_changes.settle(connection, contact_id, database.fields)
            ids = (await connection.execute(theirs.where(contacts.c.id.in_(ids)))).scalars().all()  # some may have left
            before = {card.id: card for card in await cards(connection, ids, staged=True)}
            drafts = {key: replace(draft_of(card), company=name) for key, card in before.items()}
            await update_cards(connection, before, drafts, database.fields)
            after = await cards(connection, ids, staged=True)
            await changes_of.record(connection, [(before[card.id], card) for card in after], actor)
            seen = await cards(connection, ids)
            await tell(connection, [card_news("changed", card) for card in seen])
            moved += len(seen)
        progress(moved)


async def _people(connection: AsyncConnection, ids: Sequence[int]) -> int:
    counted = select(func.count()).select_from(contacts).where(contacts.c.company_id.in_(possible(ids)), shown())
    return (await connection.execute(counted)).scalar_one()


async def _refuse_people(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """Raise ConflictError if one of the companies has contacts, hidden ones too: they would lose their company."""
    found = await _contacts_of(connection, ids)
    if found:
        message = _("company {id} has {count} contacts; leave them without a company with --leave-contacts")
        raise ConflictError(message.format(id=ids[0], count=found))


async def _contacts_of(connection: AsyncConnection, ids: Sequence[int]) -> int:
    """Return how many contacts the companies have, hidden ones too."""
    counted = select(func.count()).select_from(contacts).where(contacts.c.company_id.in_(possible(ids)))
    return (await connection.execute(counted)).scalar_one()
