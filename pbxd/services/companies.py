"""Companies: their cards, their own numbers, their people."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.companies import Company, CompanyChanges
from pbxd.book.contacts import Contact
from pbxd.book.texts import folded
from pbxd.numbers import NumberRules
from pbxd.services.number_input import company_number
from pbxd.services.workspace import Workspace
from pbxd.storage.book import company_merging
from pbxd.storage.book.companies import Companies, CompanyPage
from pbxd.storage.book.company_merging import Joining, Report
from pbxd.storage.book.contacts import Contacts
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
    doubles: bool = False  # only those whose names differ by spelling alone; all of them
    limit: int | None = None  # None: all
    after: str = ""  # cursor of the page before


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
    add_numbers: Sequence[str] = ()
    remove_numbers: Sequence[str] = ()
    add_emails: Sequence[str] = ()
    remove_emails: Sequence[str] = ()


async def add(workspace: Workspace, _actor: Actor, asked: AddCompany) -> Company:
    """Add a company, or numbers to the one of that name. Raises InvalidInputError."""
    numbers = [company_number(number, workspace.rules) for number in asked.numbers]
    return await Companies(workspace.database).get_or_create(asked.name, numbers)


async def find(workspace: Workspace, _actor: Actor, asked: FindCompanies) -> CompanyPage:
    """Return a page of the companies that have all the words in their names. Raises InvalidInputError (`after`)."""
    if asked.doubles:
        found = await Companies(workspace.database).doubles(asked.search)
        return CompanyPage(found, "", len(found))
    return await Companies(workspace.database).page(asked.search, asked.after, asked.limit, MOST_COUNTED)


def every(workspace: Workspace, _actor: Actor, asked: FindCompanies) -> AsyncGenerator[Sequence[Company], None]:
    """Yield all companies that have all the words in their names, some hundreds at a time."""
    return Companies(workspace.database).every(asked.search, asked.after)


async def show(workspace: Workspace, actor: Actor, company_id: int) -> ShownCompany:
    """Return a company and its people. Raises NotFoundError."""
    company = await Companies(workspace.database).get(company_id)
    wanted = ContactFilter(company=company.name)
    total, people = await Contacts(workspace.database).list(wanted, actor=actor, limit=PEOPLE_SHOWN)
    return ShownCompany(company, total, people)


async def edit(workspace: Workspace, _actor: Actor, asked: EditCompany) -> Company:
    """Change the present state of a company, so that no other edit gets lost.

    Raises NotFoundError, InvalidInputError, and ConflictError for a version that is no longer current.
    """
    return await Companies(workspace.database).edit(
        asked.company_id, lambda company: _changes(company, asked, workspace.rules), version=asked.version
    )


async def to_merge(workspace: Workspace, actor: Actor, company_id: int, others: Sequence[int]) -> Joining:
    """Return which companies `merge` would make one. Raises NotFoundError, InvalidInputError as it does."""
    rights.check_administrator(actor)
    return await company_merging.to_merge(workspace.database, company_id, others)


async def merge(
    workspace: Workspace,
    actor: Actor,
    company_id: int,
    others: Sequence[int],
    *,
    progress: Report = lambda _done, _total: None,
) -> Joining:
    """Make several companies one. Raises NotFoundError, InvalidInputError."""
    rights.check_administrator(actor)
    return await company_merging.merge(workspace.database, company_id, others, actor=actor, progress=progress)


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


def _changes(company: Company, asked: EditCompany, rules: NumberRules) -> CompanyChanges:
    removed = [company_number(number, rules) for number in asked.remove_numbers]
    added = [company_number(number, rules) for number in asked.add_numbers]
    gone = {folded(email) for email in asked.remove_emails}
    changed: CompanyChanges = {
        "numbers": tuple(number for number in (*company.numbers, *added) if number not in removed),
        "emails": (*(email for email in company.emails if folded(email) not in gone), *asked.add_emails),
    }
    if asked.name is not None:
        changed["name"] = asked.name
    if asked.address is not None:
        changed["address"] = asked.address
    if asked.site is not None:
        changed["site"] = asked.site
    return changed
