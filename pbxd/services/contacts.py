"""The clients' cards: what people ask of them, and what they get."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.book.external_ids import ExternalId
from pbxd.book.texts import checked_email, is_extension
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.services import contact_edits, employees
from pbxd.services.call_history import Call, last_calls
from pbxd.services.contact_edits import AddContact as AddContact
from pbxd.services.contact_edits import EditContact as EditContact
from pbxd.services.contact_edits import Reading
from pbxd.services.number_input import contact_number
from pbxd.services.workspace import Workspace
from pbxd.storage.book.changes import Change as Change
from pbxd.storage.book.contacts import ContactPage as ContactPage
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.duplicates import Duplicate as Duplicate
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.progress import Report
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.search.paging import SORTINGS as SORTINGS
from pbxd.storage.search.paging import PageAsked, Sorting

_EVERYBODY = 10**9  # more than any book has


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactsWanted:
    """Which contacts are wanted; an empty field doesn't matter."""

    search: str = ""  # words, each of which must occur in the card; or part of a number
    vip: bool | None = None
    company: str = ""  # whole name
    tag: str = ""
    manager: str = ""  # extension; `find` takes a full name too
    number: str = ""  # in any notation
    favourites: bool = False  # the actor's
    mine: bool = False  # contacts that the actor manages, and personal ones
    personal: bool = False  # only the actor's personal contacts
    managed_by: int = 0  # an employee's id
    company_id: int = 0
    changed_after: datetime | None = None
    external: ExternalId | None = None


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
    external: Mapping[str, str] = field(default_factory=dict)  # what other programs call it


@dataclass(frozen=True, slots=True)
class ShownContact:
    """A contact with its last calls, newest first, in their public form."""

    contact: Contact
    last_calls: Sequence[Call]
    external: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePersonal:
    """Which personal contacts to erase: an owner's, those with a number, or an owner's with that number."""

    owner: str = ""  # extension
    owner_id: int = 0  # or the employee, who may have no extension any more
    number: str = ""  # in any notation
    by: str  # the user of the operating system or of pbxd who does it, for the feed and the log


async def add(workspace: Workspace, actor: Actor, asked: AddContact, *, known_people: bool = False) -> SavedContact:
    """Add a contact; a company that isn't known yet is made.

    `known_people`: refuse a manager or owner whom nobody knows; otherwise an extension that nobody has is kept too.
    Raises InvalidInputError with everything that is wrong, RefusedError.
    """
    reading = await _reading(workspace, asked, known_people=known_people)
    draft = contact_edits.draft(asked, reading)
    return await _saved(
        workspace, actor, await Contacts(workspace.database).add(draft, actor=actor, external=asked.external)
    )


async def check(workspace: Workspace, asked: AddContact | EditContact) -> None:
    """Raise InvalidInputError with everything that is wrong with what a program sends, without the book's own rules."""
    reading = await _reading(workspace, asked, known_people=True)
    contact_edits.checked_values(asked.values, asked.external, reading)


async def _reading(workspace: Workspace, asked: AddContact | EditContact, *, known_people: bool) -> Reading:
    named = any(each.kind == "employee" and asked.values.get(each.name) for each in workspace.fields)
    people = await employees.lookup(workspace) if named else None
    return Reading(workspace.rules, workspace.fields, datetime.now().astimezone().date(), people, known_people)


async def saved(workspace: Workspace, actor: Actor, contact_id: int) -> SavedContact:
    """Return a contact as `add` answers. Raises NotFoundError."""
    return await _saved(workspace, actor, await get(workspace, actor, contact_id))


async def _saved(workspace: Workspace, actor: Actor, contact: Contact) -> SavedContact:
    book = Contacts(workspace.database)
    external = await book.external([contact.id])
    return SavedContact(contact, await book.duplicates(contact, actor=actor), external.get(contact.id, {}))


async def find(workspace: Workspace, actor: Actor, asked: FindContacts) -> ContactPage:
    """Return a page of the contacts that the actor sees: the best hits of a search first, otherwise by name.

    Raises InvalidInputError for a number or a cursor that can't be used.
    """
    if asked.manager and not is_extension(asked.manager):
        person = await employees.named(workspace, "manager", asked.manager)
        asked = replace(asked, manager="", managed_by=person.id)
    if asked.favourites:
        rights.check_favourites(actor)
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
        personal=asked.personal,
        managed_by=asked.managed_by,
        company_id=asked.company_id,
        changed_after=asked.changed_after,
        external=asked.external,
    )


async def show(workspace: Workspace, actor: Actor, contact_id: int) -> ShownContact:
    """Return a contact and its last calls. Raises NotFoundError."""
    contact = await Contacts(workspace.database).get(contact_id, actor=actor)
    external = await Contacts(workspace.database).external([contact_id])
    return ShownContact(contact, await last_calls(workspace, actor, contact_id), external.get(contact_id, {}))


async def edit(workspace: Workspace, actor: Actor, asked: EditContact, *, known_people: bool = False) -> SavedContact:
    """Change the present state of a contact, so that no other edit gets lost. `known_people`: see `add`.

    Raises NotFoundError, InvalidInputError, RefusedError, and ConflictError for a version that is no longer current.
    """
    reading = await _reading(workspace, asked, known_people=known_people)
    contact = await Contacts(workspace.database).edit(
        asked.contact_id,
        lambda card: contact_edits.changes(card, asked, reading),
        actor=actor,
        version=asked.version,
        external=asked.external,
    )
    return await _saved(workspace, actor, contact)


async def save_external(
    workspace: Workspace, actor: Actor, called: ExternalId, asked: AddContact, *, version: int | None = None
) -> tuple[SavedContact, bool]:
    """Change the contact that a program calls so, or add it; return whether it was added.

    Of a known contact, what isn't named stays. Raises what `add` and `edit` raise.
    """
    external = {**asked.external, called.system: called.key}
    known = await find_external(workspace, actor, called)
    if known is None:
        try:
            return await add(workspace, actor, replace(asked, external=external), known_people=True), True
        except InvalidInputError as error:
            known = await find_external(workspace, actor, called)
            if error.code != "taken" or known is None:
                raise
    change = EditContact(contact_id=known.id, version=version, values=asked.values, external=external)
    return await edit(workspace, actor, change, known_people=True), False


async def find_external(workspace: Workspace, actor: Actor, called: ExternalId) -> Contact | None:
    """Return the contact that a program calls so, of those that the actor sees."""
    _total, found = await Contacts(workspace.database).list(ContactFilter(external=called), actor=actor, limit=1)
    return found[0] if found else None


async def external_of(workspace: Workspace, contacts: Sequence[Contact]) -> Mapping[int, Mapping[str, str]]:
    """Return what other programs call contacts."""
    return await Contacts(workspace.database).external([contact.id for contact in contacts])


async def duplicates(
    workspace: Workspace, actor: Actor, number: str, email: str, *, own: int = 0
) -> Sequence[Duplicate]:
    """Return the contacts with a number, whatever its extension, or an e-mail, without the contact `own`.

    Raises InvalidInputError.
    """
    if not number and not email:
        raise InvalidInputError("number", _("a number or an e-mail is needed"), code="missing")
    numbers = [contact_number(number, workspace.rules).number] if number else []
    emails = [checked_email(email, "email")] if email else []
    return await Contacts(workspace.database).sharing(numbers, emails, own=own, actor=actor)


async def get(workspace: Workspace, actor: Actor, contact_id: int) -> Contact:
    """Return a contact. Raises NotFoundError."""
    return await Contacts(workspace.database).get(contact_id, actor=actor)


async def delete(workspace: Workspace, actor: Actor, contact_id: int, *, version: int | None = None) -> None:
    """Delete a contact. Raises NotFoundError, RefusedError, ConflictError for a version that is no longer current."""
    await Contacts(workspace.database).delete(contact_id, actor=actor, version=version)


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


async def erase_personal(
    workspace: Workspace, actor: Actor, asked: ErasePersonal, *, progress: Report = lambda _done, _total: None
) -> int:
    """Erase personal contacts that an administrator doesn't see; return how many. It is logged.

    Raises InvalidInputError when neither owner nor number is given, NotFoundError for an id that no employee has.
    """
    import structlog  # noqa: PLC0415 - for this alone: every list would load it, which takes as long as the list

    rights.check_administrator(actor)
    number = contact_number(asked.number, workspace.rules).number if asked.number else ""
    book = Contacts(workspace.database)
    erased = await book.erase_personal(
        owner=asked.owner, owner_id=asked.owner_id, number=number, by=asked.by, progress=progress
    )
    whose = {"owner": asked.owner, "owner_id": asked.owner_id or None}
    structlog.get_logger(__name__).warning(
        "personal_contacts_erased", erased=erased, **whose, number=number, user=asked.by
    )
    return erased


async def history(workspace: Workspace, actor: Actor, contact_id: int) -> Sequence[Change]:
    """Return who changed what in a contact, the oldest change first. Raises NotFoundError."""
    return await Contacts(workspace.database).history(contact_id, actor=actor)


async def doubles(workspace: Workspace, actor: Actor, contact: Contact) -> Sequence[Duplicate]:
    """Return who else has the numbers and e-mails of a contact."""
    return await Contacts(workspace.database).duplicates(contact, actor=actor)


async def set_favourite(workspace: Workspace, actor: Actor, contact_id: int, *, favourite: bool) -> None:
    """Put a contact among the actor's favourites, or take it away. Raises NotFoundError, RefusedError."""
    await Contacts(workspace.database).set_favourite(contact_id, actor=actor, favourite=favourite)


async def favourites(workspace: Workspace, actor: Actor) -> set[int]:
    """Return the ids of the actor's favourites."""
    return await Contacts(workspace.database).favourites(actor=actor)
