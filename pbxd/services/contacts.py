"""The clients' cards: what people ask of them, and what they get."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.contacts import Contact, ContactChanges, check_reachable
from pbxd.book.dates import refuse_future
from pbxd.services import contact_edits
from pbxd.services.call_history import Call, last_calls
from pbxd.services.contact_edits import AddContact, EditContact
from pbxd.services.number_input import contact_number
from pbxd.services.workspace import Workspace
from pbxd.storage.book.changes import Change
from pbxd.storage.book.contacts import ContactPage, Contacts
from pbxd.storage.book.duplicates import Duplicate
from pbxd.storage.book.employees import Employees
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.search.paging import PageAsked, Sorting

_EVERYBODY = 10**9  # more than any book has


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactsWanted:
    """Which contacts are wanted; an empty field doesn't matter."""

    search: str = ""  # words, each of which must occur in the card; or part of a number
    vip: bool | None = None
    company: str = ""  # whole name
    tag: str = ""
    manager: str = ""  # extension
    number: str = ""  # in any notation
    favourites: bool = False  # the actor's
    mine: bool = False  # contacts that the actor manages, and personal ones


@dataclass(frozen=True, slots=True, kw_only=True)
class FindContacts(ContactsWanted):
    """Which contacts are wanted, and which page of them."""

    sort: Sorting = "rank"
    descending: bool = False
    limit: int | None = None  # None: all of them
    offset: int = 0
    after: str = ""  # cursor of the page before
    count: bool = False  # count all hits, however many


@dataclass(frozen=True, slots=True)
class SavedContact:
    """A contact as it was saved, and who else has its numbers and e-mails."""

    contact: Contact
    duplicates: Sequence[Duplicate]


@dataclass(frozen=True, slots=True)
class ShownContact:
    """A contact with its last calls, newest first, in their public form."""

    contact: Contact
    last_calls: Sequence[Call]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePersonal:
    """Which personal contacts to erase: an owner's, those with a number, or an owner's with that number."""

    owner: str = ""  # extension
    owner_id: int = 0  # or the employee, who may have no extension any more
    number: str = ""  # in any notation
    by: str  # the user of the operating system or of pbxd who does it, for the feed and the log


async def add(workspace: Workspace, actor: Actor, asked: AddContact) -> SavedContact:
    """Add a contact; a company that isn't known yet is made. Raises InvalidInputError, RefusedError."""
    book = Contacts(workspace.database)
    draft = contact_edits.draft(asked, workspace.rules, workspace.fields)
    if draft.name.strip():  # else that is what to say first
        check_reachable(draft)
    refuse_future("birth_date", draft.birth_date, _today())
    contact = await book.add(draft, actor=actor)
    return SavedContact(contact, await book.duplicates(contact, actor=actor))


async def find(workspace: Workspace, actor: Actor, asked: FindContacts) -> ContactPage:
    """Return a page of the contacts that the actor sees: the best hits of a search first, otherwise by name.

    Raises InvalidInputError for a number or a cursor that can't be used.
    """
    page = PageAsked(
        asked.sort,
        asked.descending,
        asked.after,
        asked.offset + (asked.limit or _EVERYBODY),
        exact=asked.count or asked.limit is None,
    )
    found = await Contacts(workspace.database).page(filter_of(workspace, asked), page, actor=actor)
    return found._replace(items=found.items[asked.offset :])


def every(workspace: Workspace, actor: Actor, asked: FindContacts) -> AsyncGenerator[Sequence[Contact], None]:
    """Yield all such contacts, some hundreds at a time, without regard to limit and offset.

    Raises InvalidInputError for a number or a cursor that can't be used.
    """
    order = PageAsked(asked.sort, asked.descending, asked.after)
    return Contacts(workspace.database).every(filter_of(workspace, asked), order, actor=actor)


def filter_of(workspace: Workspace, asked: ContactsWanted) -> ContactFilter:
    """Return the filter that a request asks for. Raises InvalidInputError for a number that can't be used."""
    return ContactFilter(
        search=asked.search,
        vip=asked.vip,
        company=asked.company,
        tag=asked.tag,
        manager=asked.manager,
        number=contact_number(asked.number, workspace.rules).number if asked.number else "",
        favourites=asked.favourites,
        mine=asked.mine,
    )


async def show(workspace: Workspace, actor: Actor, contact_id: int) -> ShownContact:
    """Return a contact and its last calls. Raises NotFoundError."""
    contact = await Contacts(workspace.database).get(contact_id, actor=actor)
    return ShownContact(contact, await last_calls(workspace, actor, contact_id))


async def edit(workspace: Workspace, actor: Actor, asked: EditContact) -> SavedContact:
    """Change the present state of a contact, so that no other edit gets lost.

    Raises NotFoundError, InvalidInputError, RefusedError, and ConflictError for a version that is no longer current.
    """

    def changes(card: Contact) -> ContactChanges:
        found = contact_edits.changes(card, asked, workspace.rules, workspace.fields)
        refuse_future("birth_date", found.get("birth_date"), _today())
        return found

    book = Contacts(workspace.database)
    contact = await book.edit(asked.contact_id, changes, actor=actor, version=asked.version)
    return SavedContact(contact, await book.duplicates(contact, actor=actor))


async def delete(workspace: Workspace, actor: Actor, contact_id: int) -> None:
    """Delete a contact. Raises NotFoundError, RefusedError."""
    await Contacts(workspace.database).delete(contact_id, actor=actor)


async def owner_to_erase(workspace: Workspace, actor: Actor, asked: ErasePersonal) -> str:
    """Return whose personal contacts would be erased, for people; empty: everybody's with the number.

    Raises NotFoundError for an id that no employee has.
    """
    rights.check_administrator(actor)
    book = Employees(workspace.database)
    if asked.owner_id:
        person = await book.by_id(asked.owner_id)
        return " ".join(filter(None, (person.extension, person.name))) or str(person.id)
    names = {person.extension: person.name for person in await book.list()}
    return " ".join(filter(None, (asked.owner, names.get(asked.owner)))) if asked.owner else ""


async def erase_personal(workspace: Workspace, actor: Actor, asked: ErasePersonal) -> int:
    """Erase personal contacts that an administrator doesn't see; return how many. It is logged.

    Raises InvalidInputError when neither owner nor number is given, NotFoundError for an id that no employee has.
    """
    import structlog  # noqa: PLC0415 - for this alone: every list would load it, which takes as long as the list

    rights.check_administrator(actor)
    number = contact_number(asked.number, workspace.rules).number if asked.number else ""
    book = Contacts(workspace.database)
    erased = await book.erase_personal(owner=asked.owner, owner_id=asked.owner_id, number=number, by=asked.by)
    whose = {"owner": asked.owner, "owner_id": asked.owner_id or None}
    structlog.get_logger(__name__).warning(
        "personal_contacts_erased", erased=erased, **whose, number=number, user=asked.by
    )
    return erased


async def history(workspace: Workspace, actor: Actor, contact_id: int) -> Sequence[Change]:
    """Return who changed what in a contact, the oldest change first. Raises NotFoundError."""
    return await Contacts(workspace.database).history(contact_id, actor=actor)


async def set_favourite(workspace: Workspace, actor: Actor, contact_id: int, *, favourite: bool) -> None:
    """Put a contact among the actor's favourites, or take it away. Raises NotFoundError, RefusedError."""
    await Contacts(workspace.database).set_favourite(contact_id, actor=actor, favourite=favourite)


def _today() -> date:
    return datetime.now().astimezone().date()
