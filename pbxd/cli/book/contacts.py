"""`pbxd contacts`: the clients' cards."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from getpass import getuser

import click

from pbxd.book.contacts import contact_json
from pbxd.cli.book import contact_options
from pbxd.cli.book.contact_filters import filters
from pbxd.cli.book.formats import cells, changed_cells, duplicate_line, lines
from pbxd.cli.calls.formats import print_last_calls
from pbxd.cli.groups import Later, group
from pbxd.cli.listing import Listing, page_length, print_all
from pbxd.cli.options import (
    ID,
    INTEGER,
    LIMIT,
    OFFSET,
    actor_option,
    after_option,
    employee_option,
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
from pbxd.services import contacts as book
from pbxd.services.calls.card_text import main_lines
from pbxd.services.contact_edits import AddContact, EditContact
from pbxd.storage.search.paging import SORTINGS


@group("contacts")
def contacts() -> None:
    """Group the commands."""


@contacts.command("add", cls=contact_options.AddCommand, help=N_("Add a contact. The first number is the main one."))
@actor_option
@json_option
@takes(contact_options.add_contact)
def add(session: Session, asked: AddContact) -> None:
    """Add a contact."""
    _show_saved(session, session.ask(book.add, asked))


@contacts.command("list", help=N_("List contacts by name, or the best hits of a search first."))
@filters
@option(
    "--sort",
    type=click.Choice(SORTINGS),
    default="rank",
    about=N_("Sort by this column; rank is the best hits of a search first."),
)
@flag("--descending", about=N_("Sort in descending order."))
@option("--limit", type=LIMIT, about=N_("Show at most this many."))
@after_option()
@flag("--count", about=N_("Count all hits, even if there are more than 10,000."))
@option("--offset", type=OFFSET, default=0, about=N_("Skip this many."))
@json_option
@takes(book.FindContacts)
def list_(session: Session, asked: book.FindContacts) -> None:
    """List contacts; without a limit a page on a terminal, otherwise all of them."""
    heads = [_("Id"), _("VIP"), _("Name"), _("Number"), _("Company"), _("Position"), _("Manager")]
    asked = replace(asked, limit=page_length(session, asked.limit))
    if asked.limit is None and not asked.offset:
        print_all(
            session, book.every, asked, Listing(heads, cells, lambda contact: contact_json(contact, session.fields))
        )
        return
    page = session.ask(book.find, asked)
    if session.as_json:
        paging = {} if asked.limit is None else {"total_is_exact": not page.more, "after": page.after}
        print_json(
            {"total": page.total, "items": [contact_json(contact, session.fields) for contact in page.items]} | paging
        )
        return
    total = _("total: more than {total}") if page.more else _("total: {total}")
    following = _("next page: --after {cursor}").format(cursor=page.after) if page.after else ""
    print_table(heads, map(cells, page.items), total.format(total=page.total), following)


@dataclass(frozen=True, slots=True)
class ShowContact:
    """Which contact to show, and how."""

    contact_id: int
    text: bool


@contacts.command("show", help=N_("Show a contact with the last five calls."))
@id_argument("contact_id")
@flag("--text", about=N_("Only the main data, as text to send to somebody."))
@actor_option
@json_option
@takes(ShowContact)
def show(session: Session, asked: ShowContact) -> None:
    """Show a contact."""
    shown = session.ask(book.show, asked.contact_id)
    if session.as_json:
        print_json(contact_json(shown.contact, session.fields) | {"last_calls": shown.last_calls})
    elif asked.text:
        for line in main_lines(shown.contact):
            print_line(line)
    else:
        print_card(lines(shown.contact, session.fields))
        print_last_calls(shown.last_calls)


@contacts.command(
    "edit",
    cls=contact_options.EditCommand,
    help=N_("Change a contact. Fields you don't name stay as they are; an empty text clears one."),
)
@id_argument("contact_id")
@option("--version", type=INTEGER, about=N_("Refuse if the contact is no longer at this version."))
@actor_option
@json_option
@takes(contact_options.edit_contact)
def edit(session: Session, asked: EditContact) -> None:
    """Change a contact."""
    _show_saved(session, session.ask(book.edit, asked))


@contacts.command("delete", help=N_("Delete a contact for good. Asks first on a terminal."))
@id_argument("contact_id")
@yes_option
@actor_option
@json_option
@pass_session
def delete(session: Session, contact_id: int) -> None:
    """Delete a contact."""
    session.confirm(_("Delete contact {id}? This can't be undone.").format(id=contact_id))
    session.ask(book.delete, contact_id)
    session.report({"deleted": contact_id}, _("contact {id} deleted").format(id=contact_id))


@contacts.command(
    "erase",
    help=N_(
        "Erase employees' personal contacts without seeing them, as administrator. Asks first on a terminal; logged."
    ),
)
@employee_option("--owner", checked=True, about=N_("Only this employee's personal contacts."))
@option(
    "--owner-id",
    type=ID,
    default=None,
    metavar="ID",
    about=N_("Only this employee's personal contacts; for one who has no extension any more."),
)
@option("--number", default="", metavar="NUMBER", about=N_("Only personal contacts with this number."))
@yes_option
@json_option
@pass_session
def erase(session: Session, owner: str, owner_id: int | None, number: str) -> None:
    """Erase personal contacts, which an administrator doesn't see."""
    if owner and owner_id:
        raise click.UsageError(_("either --owner or --owner-id, not both"))
    asked = book.ErasePersonal(owner=owner, owner_id=owner_id or 0, number=number, by=getuser())
    whose = session.ask(book.owner_to_erase, asked)
    question, said = _("Erase these personal contacts? This can't be undone."), _("personal contacts erased: {count}")
    if whose:
        question = _("Erase these personal contacts of {owner}? This can't be undone.")
        said = _("personal contacts of {owner} erased: {count}")
    session.confirm(question.format(owner=whose))
    from pbxd import logs  # noqa: PLC0415 - structlog: for this command alone

    logs.configure(session.settings.logs)
    with progress(_("contacts")) as report:
        erased = session.ask(book.erase_personal, asked, progress=report)
    session.report({"erased": erased}, said.format(owner=whose, count=erased))


@contacts.command("history", help=N_("Show who changed what in a contact, and when."))
@id_argument("contact_id")
@actor_option
@json_option
@pass_session
def history(session: Session, contact_id: int) -> None:
    """Show a contact's changes."""
    changes = session.ask(book.history, contact_id)
    if session.as_json:
        items = [asdict(change) | {"at": change.at.isoformat()} for change in changes]
        print_json({"total": len(items), "items": items})
        return
    heads = [_("Version"), _("When"), _("Who"), _("Field"), _("Before"), _("After")]
    print_table(heads, (row for change in changes for row in changed_cells(change, session.fields)), whole=True)


@dataclass(frozen=True, slots=True)
class SetFavourite:
    """Which contact becomes a favourite, or is one no longer."""

    contact_id: int
    off: bool


@contacts.command("favourite", help=N_("Add a contact to your favourites."))
@id_argument("contact_id")
@flag("--off", about=N_("Remove it from your favourites."))
@actor_option
@json_option
@takes(SetFavourite)
def favourite(session: Session, asked: SetFavourite) -> None:
    """Mark or unmark a favourite."""
    session.ask(book.set_favourite, asked.contact_id, favourite=not asked.off)
    line = _("contact {id} is no longer a favourite") if asked.off else _("contact {id} is a favourite")
    session.report({"id": asked.contact_id, "favourite": not asked.off}, line.format(id=asked.contact_id))


contacts.later.update(
    {
        "import": Later(
            "book.imports", "import_", N_("Import contacts from a file: xlsx, xls, ods, csv, vcf, LDIF or XML.")
        ),
        "imports": Later("book.imports", "list_", N_("List imports, and whether they can be undone.")),
        "import-undo": Later(
            "book.imports",
            "import_undo",
            N_("Undo an import, except contacts edited since. Asks first on a terminal."),
        ),
        "template": Later("book.exports", "template", N_("Write a template (.xlsx or .csv) to fill in and import.")),
        "export": Later("book.exports", "export", N_("Export the contacts you see to a file: xlsx, csv or vcf.")),
    }
)


def _show_saved(session: Session, saved: book.SavedContact) -> None:
    """Show what was saved, and who else has its numbers and e-mails."""
    if session.as_json:
        duplicates = [each.to_json() for each in saved.duplicates]
        print_json(contact_json(saved.contact, session.fields) | {"duplicates": duplicates})
        return
    print_card(lines(saved.contact, session.fields))
    for each in saved.duplicates:
        print_line(duplicate_line(each))
