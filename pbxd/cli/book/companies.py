"""`pbxd companies`: companies' cards; their own numbers name a call when no contact does."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

from pbxd.book.companies import Company, company_json
from pbxd.cli.groups import group
from pbxd.cli.listing import Listing, page_length, print_all
from pbxd.cli.options import (
    INTEGER,
    LIMIT,
    actor_option,
    after_option,
    argument,
    flag,
    id_argument,
    json_option,
    option,
    takes,
    yes_option,
)
from pbxd.cli.output import print_card, print_json, print_line, print_table
from pbxd.cli.progress import progress
from pbxd.cli.session import Session, pass_session
from pbxd.i18n import N_, _
from pbxd.numbers import display
from pbxd.services import companies as book


@group("companies")
def companies() -> None:
    """Group the commands."""


@companies.command("add", help=N_("Add a company, or add numbers to the one with that name."))
@option("--name", required=True, about=N_("The company's name."))
@option(
    "--number", "numbers", multiple=True, metavar="NUMBER", about=N_("A number of the company itself. May be repeated.")
)
@json_option
@takes(book.AddCompany)
def add(session: Session, asked: book.AddCompany) -> None:
    """Add a company or numbers to it."""
    _show_saved(session, session.ask(book.add, asked))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `companies list`."""

    search: str
    doubles: bool
    limit: int | None
    after: str


@companies.command("list", help=N_("List companies by name."))
@option("--search", default="", about=N_("Words of the name."))
@flag("--doubles", about=N_("Only companies whose names differ by quotes, legal form, case or spaces alone."))
@option("--limit", type=LIMIT, about=N_("Show at most this many."))
@after_option()
@json_option
@takes(Options)
def list_(session: Session, asked: Options) -> None:
    """List companies; without a limit a page on a terminal, otherwise all of them."""
    listing = Listing([_("Id"), _("Company"), _("Numbers")], _cells, company_json)
    limit = page_length(session, asked.limit)
    wanted = book.FindCompanies(
        search=asked.search, doubles=asked.doubles, limit=None if asked.doubles else limit, after=asked.after
    )
    if limit is None and not asked.doubles:
        print_all(session, book.every, wanted, listing)
        return
    page = session.ask(book.find, wanted)
    if session.as_json:
        paging = {"total_is_exact": not page.more, "after": page.after}
        print_json({"total": page.total, "items": [company_json(company) for company in page.companies]} | paging)
        return
    total = _("total: more than {total}") if page.more else _("total: {total}")
    following = _("next page: --after {cursor}").format(cursor=page.after) if page.after else ""
    print_table(listing.heads, map(_cells, page.companies), total.format(total=page.total), following)


@companies.command("show", help=N_("Show a company and its people."))
@id_argument("company_id")
@actor_option
@json_option
@pass_session
def show(session: Session, company_id: int) -> None:
    """Show a company."""
    shown = session.ask(book.show, company_id)
    if session.as_json:
        people = [{"id": person.id, "name": person.name, "position": person.position} for person in shown.people]
        contacts = {"contacts": {"total": shown.total, "items": people}} if shown.total else {}
        print_json(company_json(shown.company) | contacts)
        return
    people_lines = [(_("Contact"), f"{person.id}: {person.name}") for person in shown.people]
    print_card([*_lines(shown.company), *people_lines, (_("Contacts"), str(shown.total or ""))])
    if shown.total > len(shown.people):
        said = _("and {count} more: {command}")
        command = f"pbxd contacts list --company {quote(shown.company.name)}"
        print_line(said.format(count=shown.total - len(shown.people), command=command))


@companies.command(
    "edit", help=N_("Change a company. Fields you don't name stay as they are; an empty text clears one.")
)
@id_argument("company_id")
@option("--name", about=N_("The company's name."))
@option("--address", about=N_("Its address."))
@option("--site", about=N_("Its website."))
@option("--add-number", "add_numbers", multiple=True, metavar="NUMBER", about=N_("Add a number. May be repeated."))
@option(
    "--remove-number", "remove_numbers", multiple=True, metavar="NUMBER", about=N_("Remove a number. May be repeated.")
)
@option("--add-email", "add_emails", multiple=True, about=N_("Add an e-mail address. May be repeated."))
@option("--remove-email", "remove_emails", multiple=True, about=N_("Remove an e-mail address. May be repeated."))
@option("--version", type=INTEGER, about=N_("Refuse if the company is no longer at this version."))
@json_option
@takes(book.EditCompany)
def edit(session: Session, asked: book.EditCompany) -> None:
    """Change a company."""
    _show_saved(session, session.ask(book.edit, asked))


@companies.command(
    "merge",
    help=N_(
        "Make companies one. Contacts, numbers and e-mails of the others move to the first company, which keeps its"
        " name. Asks first on a terminal."
    ),
)
@id_argument("company_id")
@argument("others", type=INTEGER, nargs=-1, required=True, metavar="ID…")
@yes_option
@json_option
@pass_session
def merge(session: Session, company_id: int, others: tuple[int, ...]) -> None:
    """Make several companies one."""
    joining = session.ask(book.to_merge, company_id, others)
    names = ", ".join(f"{other.name} ({other.id})" for other in joining.others)
    question = _("Make {others} one with {company} ({id})? {count} contacts move. This can't be undone.")
    session.confirm(question.format(others=names, company=joining.company.name, id=company_id, count=joining.contacts))
    with progress(_("contacts")) as report:
        merged = session.ask(book.merge, company_id, others, progress=report)
    if session.as_json:
        gone = [other.id for other in merged.others]
        print_json(company_json(merged.company) | {"merged": gone, "contacts_moved": merged.contacts})
        return
    print_card(_lines(merged.company))
    print_line(_("merged: {others}; contacts moved: {count}").format(others=names, count=merged.contacts))


@companies.command(
    "delete",
    help=N_("Delete a company. One that has contacts is refused without --leave-contacts. Asks first on a terminal."),
)
@id_argument("company_id")
@flag("--leave-contacts", about=N_("Delete it all the same; its contacts stay, without a company."))
@yes_option
@json_option
@pass_session
def delete(session: Session, company_id: int, *, leave_contacts: bool) -> None:
    """Delete a company."""
    session.confirm(_("Delete company {id}? This can't be undone.").format(id=company_id))
    with progress(_("contacts")) as report:
        left = session.ask(book.delete, company_id, leave_contacts=leave_contacts, progress=report)
    said = _("company {id} deleted; contacts without a company now: {count}")
    session.report({"deleted": company_id, "contacts_left": left}, said.format(id=company_id, count=left))


def _show_saved(session: Session, company: Company) -> None:
    if session.as_json:
        print_json(company_json(company))
    else:
        print_card(_lines(company))


def _lines(company: Company) -> list[tuple[str, str]]:
    return [
        (_("Id"), str(company.id)),
        (_("Company"), company.name),
        (_("Address"), company.address),
        (_("Site"), company.site),
        (_("Numbers"), _numbers(company)),
        (_("E-mail"), ", ".join(company.emails)),
        (_("Version"), str(company.version)),
    ]


def _cells(company: Company) -> list[str]:
    return [str(company.id), company.name, _numbers(company)]


def _numbers(company: Company) -> str:
    return ", ".join(map(display, company.numbers))
