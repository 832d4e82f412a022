"""The contact book: cards, their changes, duplicates and favourites, as far as `pbxd.rights` allows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.companies import Company
from pbxd.book.contacts import ATTRIBUTES, Contact, ContactChanges, ContactDraft, Listing, checked, with_changes
from pbxd.book.employees import Employee
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.i18n import _
from pbxd.storage.access.employee_ids import ids_of, known, known_author, with_ids
from pbxd.storage.access.request_keys import note_made
from pbxd.storage.book import changes as changes_of
from pbxd.storage.book import company_rows, employees, number_ownership, overlay_changes
from pbxd.storage.book.card_json import draft_of
from pbxd.storage.book.card_news import card_news, change_news
from pbxd.storage.book.card_updates import update_cards
from pbxd.storage.book.cards import cards, insert_cards, listings, main_rows, read_cards
from pbxd.storage.book.changes import Change
from pbxd.storage.book.duplicates import Duplicate, duplicates_of, sharing
from pbxd.storage.book.external_ids import CONTACT, Ids, external_of, merged
from pbxd.storage.book.external_ids import write as write_external
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import News, cursor, newest, tell
from pbxd.storage.engine.progress import Report, silent
from pbxd.storage.search.filters import ContactFilter, find, seen_by
from pbxd.storage.search.paging import FIRST_PART, PART, PageAsked, page
from pbxd.storage.search.visibility import shown
from pbxd.storage.tables import contact_numbers, contacts, favourites

Page = tuple[int, list[Contact]]
Several = list[Contact]
Changes = list[Change]
Duplicates = list[Duplicate]
Editing = ContactChanges | Callable[[Contact], ContactChanges]  # or a function of the present card
External = Mapping[str, str | None]  # keys by system; None takes one away
NOTHING: Final[External] = {}
_ERASED = 1000  # contacts deleted by one statement: a person sees how far it is
_CHANGEABLE = frozenset({*ATTRIBUTES, "extra"})


class Snapshot(NamedTuple):
    """The whole book as of one moment, and the feed's cursor at that moment.

    The contacts are read on demand, some hundreds at a time, so that a big book is not in memory twice.
    """

    cursor: int
    contacts: AsyncIterator[list[Listing]]
    companies: list[Company]
    employees: list[Employee]


class ContactPage(NamedTuple):
    """A page of contacts. `more`: more than `total` match. `after`: the cursor of the next page, if there is one."""

    total: int
    more: bool
    items: Several
    after: str
    seq: int = 0  # the feed's number when the page was read


class Contacts:
    """The contact book. Every method is one transaction, which also writes the change to the feed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, draft: ContactDraft, *, actor: Actor, external: External = NOTHING) -> Contact:
        """Add a contact; create its company if it is new. Raises InvalidInputError, RefusedError."""
        return (await self.add_many([draft], actor=actor, external=external))[0]

    async def add_many(self, drafts: Sequence[ContactDraft], *, actor: Actor, external: External = NOTHING) -> Several:
        """Add contacts, all or none of them. A few thousand at a time: other writers wait meanwhile.

        `external`: what other programs call the first one.
        """
        fields = self._database.fields
        if not drafts:
            return []
        async with self._database.writing() as connection:
            actor = await known_author(connection, actor)
            named = await with_ids(connection, drafts)
            ready = await with_ids(connection, [checked(_added(draft, actor), fields) for draft in named])
            rows = main_rows(ready, fields)
            made = await cards(connection, await insert_cards(connection, ready, actor, prepared=rows, fields=fields))
            await _renamed_elsewhere(connection, made[0].id, external, actor)
            await tell(connection, [card_news("added", contact) for contact in made])
            await note_made(connection, made[0].id)
            return made

    async def get(self, contact_id: int, *, actor: Actor) -> Contact:
        """Return a contact. Raises NotFoundError if there is none or the actor may not see it."""
        async with self._database.reading() as connection:
            return await _visible(connection, contact_id, actor)

    async def list(
        self, wanted: ContactFilter | None = None, *, actor: Actor, limit: int | None = None, offset: int = 0
    ) -> Page:
        """Call `listed` in a transaction."""
        return await self._database.ask(listed, wanted or ContactFilter(), actor, limit, offset)

    async def page(
        self, wanted: ContactFilter | None = None, asked: PageAsked | None = None, *, actor: Actor
    ) -> ContactPage:
        """Return a page of the contacts that match among those the actor sees (S2.17).

        Raises InvalidInputError for a cursor (`after`) of another order.
        """
        return await self._database.ask(_paged, wanted or ContactFilter(), asked or PageAsked(), actor)

    async def every(self, wanted: ContactFilter, asked: PageAsked, *, actor: Actor) -> AsyncGenerator[Several, None]:
        """Yield all contacts that match in the order that `asked` names, some hundreds at a time, as of one moment."""
        async with self._database.reading() as connection:
            part = replace(asked, limit=FIRST_PART, counted=False)
            while True:
                found = await connection.run_sync(_paged, wanted, part, actor)
                yield found.items
                part = replace(part, limit=PART, after=found.after)
                if not found.after:
                    return

    async def edit(
        self,
        contact_id: int,
        changes: Editing,
        *,
        actor: Actor,
        version: int | None = None,
        external: External = NOTHING,
    ) -> Contact:
        """Replace fields of a contact, and some of the ids that other programs have for it.

        If nothing changes, the version stays.

        Changes that depend on the present card, such as an additional number, are given as a function of it; nobody
        else writes between its reading and its writing.
        Raises NotFoundError, InvalidInputError, RefusedError (making somebody else's shared contact personal), and
        ConflictError if `version` is given and the contact has changed since.
        """
        fields = self._database.fields
        async with self._database.writing() as connection:
            await overlay_changes.settle(connection, contact_id, fields)
            before = await _visible(connection, contact_id, actor)
            actor = await known_author(connection, actor)
            company_rows.check_version(before.version, version)
            draft = _changed(before, changes(before) if callable(changes) else changes)
            (named,) = await with_ids(connection, [draft])
            (after,) = await with_ids(connection, [checked(_allowed(before, named, actor), fields)])
            firms = await company_rows.known_by_name(connection, [after.company])
            if after.company and (firm := firms.get(folded(after.company))):
                after = replace(after, company=firm.name)
            renamed = await _renamed_elsewhere(connection, contact_id, external, actor)
            if after == draft_of(before) and not renamed:
                return before
            left = await overlay_changes.company_ids(connection, [contact_id])
            await update_cards(connection, {contact_id: before}, {contact_id: after}, fields)
            await company_rows.drop_orphans(connection, left)
            contact = (await cards(connection, [contact_id]))[0]
            if after != draft_of(before):
                await changes_of.record(connection, [(before, contact)], actor)
            await tell(connection, change_news(before, contact))
            return contact

    async def delete(self, contact_id: int, *, actor: Actor, version: int | None = None) -> None:
        """Delete a contact for good.

        Raises NotFoundError, RefusedError unless by its creator or an administrator, and ConflictError if `version` is
        given and the contact has changed since.
        """
        async with self._database.writing() as connection:
            contact = await _visible(connection, contact_id, actor)
            company_rows.check_version(contact.version, version)
            actor = await connection.run_sync(known, actor)
            rights.check_delete(actor, contact.owner_id, contact.created_by_id)
            await _erase(connection, [contact])

    async def history(self, contact_id: int, *, actor: Actor) -> Changes:
        """Return the changes of a contact, by whom and when, the oldest first.

        Only the owner sees changes from the time when it was a personal contact. Raises NotFoundError.
        """
        async with self._database.reading() as connection:
            actor = await connection.run_sync(known, actor)
            await _visible(connection, contact_id, actor)
            return await changes_of.listed(connection, contact_id, actor)

    async def set_favourite(self, contact_id: int, *, actor: Actor, favourite: bool) -> None:
        """Add a contact to the actor's favourites or remove it. Raises NotFoundError, RefusedError."""
        rights.check_favourites(actor)
        async with self._database.writing() as connection:
            await _visible(connection, contact_id, actor)
            actor = await known_author(connection, actor)
            mine = {"employee_id": actor.employee, "contact_id": contact_id}
            await connection.execute(delete(favourites).filter_by(**mine))
            if favourite:
                await connection.execute(insert(favourites), mine)

    async def favourites(self, *, actor: Actor) -> set[int]:
        """Return the ids of the actor's favourites, also of contacts that became personal since."""
        async with self._database.reading() as connection:
            actor = await connection.run_sync(known, actor)
            wanted = select(favourites.c.contact_id).where(favourites.c.employee_id == (actor.employee or 0))
            return set((await connection.execute(wanted)).scalars())

    async def external(self, ids: Collection[int]) -> dict[int, Ids]:
        """Return what other programs call these contacts."""
        return await self._database.ask(external_of, CONTACT, ids)

    async def sharing(self, numbers: Sequence[str], emails: Sequence[str], *, own: int = 0, actor: Actor) -> Duplicates:
        """Return which contacts that the actor sees, besides `own`, have these numbers (E.164) and e-mails."""
        async with self._database.reading() as connection:
            return await sharing(connection, numbers, emails, own, await connection.run_sync(known, actor))

    async def duplicates(self, contact: Contact, *, actor: Actor) -> Duplicates:
        """Return the numbers and e-mails of a contact that other contacts, visible to the actor, have too (S2.9)."""
        async with self._database.reading() as connection:
            return await duplicates_of(connection, contact, await connection.run_sync(known, actor))

    async def erase_personal(
        self, *, owner: str = "", owner_id: int = 0, number: str = "", by: str, progress: Report = silent
    ) -> int:
        """Delete personal contacts unseen, by owner (extension or id), by number (E.164) or by both. Return how many.

        For an administrator, whom the law may oblige to erase. The feed keeps whose contacts were erased and `by` which
        user of the system, but no number. Raises InvalidInputError if neither owner nor number is given.
        """
        if not owner and not owner_id and not number:
            raise InvalidInputError("owner", _("whose personal contacts, or with which number?"))
        wanted = select(contacts.c.id).where(contacts.c.visibility == "personal", shown())
        if number:
            having = select(contact_numbers.c.contact_id).where(contact_numbers.c.number == number)
            wanted = wanted.where(contacts.c.id.in_(having))
        async with self._database.writing() as connection:
            if owner:
                owner_id = (await connection.run_sync(ids_of, [owner])).get(owner, 0)
            if owner or owner_id:
                wanted = wanted.where(contacts.c.owner_id == owner_id)
            ids = (await connection.execute(wanted)).scalars().all()
            await _erase(connection, await cards(connection, ids), progress)
            data = {
                "erased": len(ids),
                "owner": owner,
                "owner_id": owner_id or None,
                "by_number": bool(number),
                "by": by,
            }
            await tell(connection, [News("contacts.erased", owner, data)])
            return len(ids)

    async def load(self, ids: Collection[int]) -> dict[int, Contact]:
        """Return the contacts with these ids, personal ones too: for the daemon's index, not for people."""
        async with self._database.reading() as connection:
            return {contact.id: contact for contact in await cards(connection, ids)}

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """Open the whole book as of one moment, personal contacts too, with the feed's cursor."""
        async with self._database.reading() as connection:
            firms = await company_rows.every_card(connection)
            names = {firm.id: firm.name for firm in firms}
            people = await connection.run_sync(employees.everybody)
            yield Snapshot(await cursor(connection), listings(connection, names), firms, people)


def listed(
    connection: Connection, wanted: ContactFilter, actor: Actor, limit: int | None = None, offset: int = 0
) -> Page:
    """Return how many contacts match among those the actor sees, and a page of them by name."""
    total, ids = find(connection, *_known(connection, wanted, actor), limit, offset)
    return total, read_cards(connection, ids)


def best_hits(connection: Connection, wanted: ContactFilter, actor: Actor, limit: int) -> list[int]:
    """Return the ids of the first contacts that match among those the actor sees, best first, without a total."""
    wanted, actor = _known(connection, wanted, actor)
    return page(connection, wanted, PageAsked(limit=limit, counted=False), actor).ids


def matching_ids(connection: Connection, wanted: ContactFilter, actor: Actor) -> list[int]:
    """Return the ids of the contacts that match among those the actor sees, by name."""
    if wanted != ContactFilter():
        return find(connection, *_known(connection, wanted, actor), None, 0)[1]
    seen = seen_by(known(connection, actor))  # all: no need to ask the full-text index
    every = select(contacts.c.id).where(seen).order_by(contacts.c.folded, contacts.c.id)
    return list(connection.execute(every).scalars().all())


def _paged(connection: Connection, wanted: ContactFilter, asked: PageAsked, actor: Actor) -> ContactPage:
    wanted, actor = _known(connection, wanted, actor)
    found = page(connection, wanted, asked, actor)
    return ContactPage(found.total, found.more, read_cards(connection, found.ids), found.after, newest(connection))


def _known(connection: Connection, wanted: ContactFilter, actor: Actor) -> tuple[ContactFilter, Actor]:
    """Return a filter and an actor with the ids of the employees that they name by extension.

    The filter's company is spelled as the book has it.
    """
    if wanted.company and (firm := company_rows.find_by_name(connection, [wanted.company]).get(folded(wanted.company))):
        wanted = replace(wanted, company=firm.name)
    if not wanted.manager:
        return wanted, known(connection, actor)
    found = ids_of(connection, {wanted.manager})
    return replace(wanted, manager_id=found.get(wanted.manager, 0)), known(connection, actor)


async def _visible(connection: AsyncConnection, contact_id: int, actor: Actor) -> Contact:
    return await connection.run_sync(visible, contact_id, actor)


def visible(connection: Connection, contact_id: int, actor: Actor) -> Contact:
    """Return a contact that the actor sees; raises NotFoundError."""
    found = read_cards(connection, [contact_id])
    if not found or not rights.sees_card(known(connection, actor), found[0].owner_id, found[0].manager_id):
        raise NotFoundError(_("there is no contact {id}").format(id=contact_id))
    return found[0]


async def _renamed_elsewhere(connection: AsyncConnection, contact_id: int, external: External, actor: Actor) -> bool:
    """Write the changes of what other programs call a contact; return whether there are any."""
    if not external:
        return False
    ids = await connection.run_sync(merged, CONTACT, contact_id, external, seen_by(actor))
    if ids is not None:
        await connection.run_sync(write_external, CONTACT, contact_id, ids)
    return ids is not None


async def _erase(connection: AsyncConnection, gone: Sequence[Contact], progress: Report = silent) -> None:
    for start in range(0, len(gone), _ERASED):
        ids = [contact.id for contact in gone[start : start + _ERASED]]
        left = await overlay_changes.company_ids(connection, ids)
        await connection.execute(delete(contacts).where(contacts.c.id.in_(ids)))
        await company_rows.drop_orphans(connection, left)
        await number_ownership.note(connection, ids)
        progress(start + len(ids), len(gone))
    await number_ownership.forget(connection, [contact.id for contact in gone if contact.visibility == "personal"])
    await tell(connection, [card_news("deleted", contact) for contact in gone])


def _added(draft: ContactDraft, actor: Actor) -> ContactDraft:
    """Give a contact that an employee adds its owner, or its manager."""
    if draft.visibility == "personal":
        return _owned(draft, actor)
    return replace(draft, manager_id=rights.manager_of_added(actor, draft.manager_id))


def _owned(draft: ContactDraft, actor: Actor) -> ContactDraft:
    """Make an employee the owner of the personal contact that they add."""
    if draft.visibility != "personal":
        return draft
    return replace(draft, owner="", owner_id=rights.owner_of_personal(actor, draft.owner_id))


def _changed(before: Contact, changes: ContactChanges) -> ContactDraft:
    unknown = sorted(set(changes) - _CHANGEABLE)
    if unknown:
        raise InvalidInputError(unknown[0], _("{field}: a contact has no such field").format(field=unknown[0]))
    draft = with_changes(draft_of(before), changes)
    if draft.visibility == "shared" and not changes.get("owner"):
        return replace(draft, owner="", owner_id=rights.SHARED)
    return draft


def _allowed(before: Contact, draft: ContactDraft, actor: Actor) -> ContactDraft:
    """Return the changes that the actor may make. Raises RefusedError."""
    if draft.visibility == "personal" and before.owner_id == rights.SHARED:
        rights.check_take_away(actor, before.created_by_id)
    return _owned(draft, actor)
