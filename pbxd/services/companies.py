"""Companies: their cards, their own numbers, their people."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from datetime import datetime

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.companies import Company, CompanyChanges, checked_company
from pbxd.book.contacts import Contact
from pbxd.book.external_ids import ExternalId, checked_external
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError, Mistakes, NotFoundError
from pbxd.numbers import NumberRules
from pbxd.services.number_input import company_number, contact_number
from pbxd.services.workspace import Workspace
from pbxd.storage.book import company_merging
from pbxd.storage.book.companies import Companies, CompanyFilter
from pbxd.storage.book.companies import CompanyPage as CompanyPage
from pbxd.storage.book.company_merging import Joining
from pbxd.storage.book.company_rows import find_by_name
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.progress import Report
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.search.paging import MOST_COUNTED

PEOPLE_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCompany:
    """A company, or further numbers of one that is there already."""

    name: str
    numbers: Sequence[str] = ()  # in any notation


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCompanies:
    """Which companies are wanted."""

    search: str = ""  # words of the name
    doubles: bool = False  # only those whose names differ by spelling alone; without cursors
    limit: int | None = None  # None: all
    after: str = ""  # cursor of the page before
    descending: bool = False
    number: str = ""  # in any notation
    changed_after: datetime | None = None
    external: ExternalId | None = None


@dataclass(frozen=True, slots=True)
class ShownCompany:
    """A company and the first of its people whom the actor sees; `total` counts all those."""

    company: Company
    total: int
    people: Sequence[Contact]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditCompany:
    """Changes of one company. None: stays as it is; an empty text clears the field."""

    company_id: int
    version: int | None = None  # refuse unless the company is at this version
    name: str | None = None
    address: str | None = None
    site: str | None = None
    numbers: Sequence[str] | None = None  # all of them, in any notation; likewise the e-mails
    emails: Sequence[str] | None = None
    add_numbers: Sequence[str] = ()
    remove_numbers: Sequence[str] = ()
    add_emails: Sequence[str] = ()
    remove_emails: Sequence[str] = ()
    external: Mapping[str, str | None] = attribute(default_factory=dict)  # None takes one away


async def add(workspace: Workspace, _actor: Actor, asked: AddCompany) -> Company:
    """Add a company, or numbers to the one of that name. Raises InvalidInputError."""
    numbers = [company_number(number, workspace.rules) for number in asked.numbers]
    return await Companies(workspace.database).get_or_create(asked.name, numbers)


async def find(workspace: Workspace, _actor: Actor, asked: FindCompanies) -> CompanyPage:
    """Return a page of the companies that have all the words in their names. Raises InvalidInputError (`after`)."""
    if asked.doubles:
        total, found = await Companies(workspace.database).doubles(asked.search, limit=asked.limit)
        return CompanyPage(found, "", total)
    wanted = CompanyFilter(
        search=asked.search,
        number=contact_number(asked.number, workspace.rules).number if asked.number else "",
        changed_after=asked.changed_after,
        external=asked.external,
    )
    return await Companies(workspace.database).page(
        wanted, after=asked.after, limit=asked.limit, most=MOST_COUNTED, descending=asked.descending
    )


def every(workspace: Workspace, _actor: Actor, asked: FindCompanies) -> AsyncGenerator[Sequence[Company], None]:
    """Yield all companies that have all the words in their names, some hundreds at a time."""
    return Companies(workspace.database).every(asked.search, asked.after)


async def show(workspace: Workspace, actor: Actor, company_id: int) -> ShownCompany:
    """Return a company and its people. Raises NotFoundError."""
    company = await Companies(workspace.database).get(company_id)
    wanted = ContactFilter(company=company.name)
    total, people = await Contacts(workspace.database).list(wanted, actor=actor, limit=PEOPLE_SHOWN)
    return ShownCompany(company, total, people)


async def id_of(workspace: Workspace, _actor: Actor, name: str) -> int:
    """Return the id of the company of this name, as contacts spell it; 0 if nobody or not everybody sees one."""
    found = await workspace.database.ask(find_by_name, [name]) if name else {}
    for each in found.values():
        with suppress(NotFoundError):
            return (await Companies(workspace.database).get(each.id)).id
    return 0


async def edit(workspace: Workspace, _actor: Actor, asked: EditCompany) -> Company:
    """Change the present state of a company, so that no other edit gets lost.

    Raises NotFoundError, InvalidInputError, and ConflictError for a version that is no longer current.
    """
    check(workspace, asked)
    return await Companies(workspace.database).edit(
        asked.company_id,
        lambda company: _changes(company, asked, workspace.rules),
        version=asked.version,
        external=asked.external,
    )


async def to_merge(
    workspace: Workspace, actor: Actor, company_id: int, others: Sequence[int], *, seen: bool = False
) -> Joining:
    """Return which companies `merge` would make one. Raises NotFoundError, InvalidInputError as it does."""
    rights.check_administrator(actor)
    return await company_merging.to_merge(workspace.database, company_id, others, seen=seen)


async def merge(
    workspace: Workspace,
    actor: Actor,
    company_id: int,
    others: Sequence[int],
    *,
    progress: Report = lambda _done, _total: None,
    seen: bool = False,
) -> Joining:
    """Make several companies one; `seen`: only those that everybody sees. Raises NotFoundError, InvalidInputError."""
    rights.check_administrator(actor)
    return await company_merging.merge(
        workspace.database, company_id, others, actor=actor, progress=progress, seen=seen
    )


async def delete(
    workspace: Workspace,
    actor: Actor,
    company_id: int,
    *,
    leave_contacts: bool,
    progress: Report = lambda _done, _total: None,
) -> int:
    """Delete a company; return how many contacts are left without one.

    Raises NotFoundError, ConflictError if it has contacts that are not to be left.
    """
    rights.check_administrator(actor)
    return await company_merging.delete_company(
        workspace.database, company_id, actor=actor, leave_contacts=leave_contacts, progress=progress
    )


async def create(workspace: Workspace, _actor: Actor, asked: EditCompany) -> Company:
    """Add a company; its id doesn't matter.

    Raises InvalidInputError with everything that is wrong, ConflictError if there is one of this name.
    """
    check(workspace, asked if asked.name is not None else nameless(asked))
    company = Company(0, asked.name or "")
    company = replace(company, **_changes(company, asked, workspace.rules))
    return await Companies(workspace.database).create(company, asked.external)


async def save_external(
    workspace: Workspace, actor: Actor, called: ExternalId, asked: EditCompany
) -> tuple[Company, bool]:
    """Change the company that a program calls so, or add it; return whether it was added.

    Raises what `create` and `edit` raise.
    """
    asked = replace(asked, external={**asked.external, called.system: called.key})
    known = await find_external(workspace, called)
    if known is None:
        return await create(workspace, actor, asked), True
    return await edit(workspace, actor, replace(asked, company_id=known)), False


async def find_external(workspace: Workspace, called: ExternalId) -> int | None:
    """Return the id of the company that a program calls so."""
    return await Companies(workspace.database).find_external(called)


async def external_of(workspace: Workspace, companies: Sequence[Company]) -> Mapping[int, Mapping[str, str]]:
    """Return what other programs call companies."""
    return await Companies(workspace.database).external([company.id for company in companies])


async def get(workspace: Workspace, _actor: Actor, company_id: int) -> Company:
    """Return a company. Raises NotFoundError."""
    return await Companies(workspace.database).get(company_id)


def check(workspace: Workspace, asked: EditCompany) -> None:
    """Raise InvalidInputError with everything that is wrong with what a program sends."""
    mistakes = Mistakes()
    company = Company(0, "x")
    for name in ("name", "address", "site"):
        if (text := getattr(asked, name)) is not None:
            try:
                checked_company(replace(company, **{name: text}))
            except InvalidInputError as error:
                mistakes.add(InvalidInputError(name, str(error)))
    for place, number in enumerate(asked.numbers or ()):
        with mistakes.collected():
            _number_at(place, number, workspace.rules)
    for place, email in enumerate(asked.emails or ()):
        try:
            checked_company(replace(company, emails=(email,)))
        except InvalidInputError as error:
            mistakes.add(InvalidInputError("emails", str(error), at=(place,)))
    with mistakes.collected():
        checked_external(asked.external)
    mistakes.refuse()


def nameless(asked: EditCompany) -> EditCompany:
    """Return a new company whose missing name will be told."""
    return replace(asked, name="")


def _number_at(place: int, text: str, rules: NumberRules) -> str:
    try:
        return company_number(text, rules)
    except InvalidInputError as error:
        raise InvalidInputError("numbers", str(error), at=(place,)) from error


def _changes(company: Company, asked: EditCompany, rules: NumberRules) -> CompanyChanges:
    removed = [company_number(number, rules) for number in asked.remove_numbers]
    added = [company_number(number, rules) for number in asked.add_numbers]
    gone = {folded(email) for email in asked.remove_emails}
    numbers, emails = company.numbers, company.emails
    if asked.numbers is not None:
        numbers = tuple(_number_at(place, number, rules) for place, number in enumerate(asked.numbers))
    if asked.emails is not None:
        emails = tuple(asked.emails)
    changed: CompanyChanges = {
        "numbers": tuple(number for number in (*numbers, *added) if number not in removed),
        "emails": (*(email for email in emails if folded(email) not in gone), *asked.add_emails),
    }
    if asked.name is not None:
        changed["name"] = asked.name
    if asked.address is not None:
        changed["address"] = asked.address
    if asked.site is not None:
        changed["site"] = asked.site
    return changed
