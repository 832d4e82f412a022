"""`pbxd contacts`: the clients' cards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from getpass import getuser
from typing import Any, TypeVar

import click
import structlog

from pbxd import logs
from pbxd.actor import Actor
from pbxd.book.contacts import Contact, contact_json
from pbxd.book.fields import BUILT_IN
from pbxd.cli.calls.formats import print_last_calls
from pbxd.cli.command import (
    EXTENSION,
    LIMIT,
    N_,
    OFFSET,
    Group,
    Session,
    actor_option,
    flag,
    json_option,
    option,
    pass_session,
    run,
)
from pbxd.cli.contacts.export import export, template
from pbxd.cli.contacts.formats import cells, changed_cells, duplicate_json, duplicate_line, lines, main_lines
from pbxd.cli.contacts.imports import import_, import_undo
from pbxd.cli.output import print_card, print_json, print_line, print_table
from pbxd.i18n import _
from pbxd.numbers import rules_from
from pbxd.services import contact_edits
from pbxd.services.call_history import CallHistory
from pbxd.services.number_input import contact_number
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.duplicates import Duplicate
from pbxd.storage.search.paging import SORTINGS, PageAsked

_T = TypeVar("_T")
EVERYBODY = 10**9  # more than any book has


@click.group("contacts", cls=Group, help=N_("The clients' cards."))
def contacts() -> None:
    """Group the commands."""


for _command in (import_, import_undo, template, export):
    contacts.add_command(_command)

_MANAGER = N_("Extension of the responsible employee.")
_NUMBER = N_("A number, with the client's extension behind it if he has one; may be repeated.")
_LABEL = N_("What one of the numbers is, such as mobile or work; may be repeated.")


@contacts.command("add", help=N_("Add a contact. The first number is the main one."))
@option("--name", required=True, help=N_("Full name."))
@option("--number", "numbers", multiple=True, help=_NUMBER)
@option("--label", "labels", multiple=True, metavar="NUMBER=LABEL", help=_LABEL)
@option("--company", help=N_("Company; a new one is created."))
@option("--position", help=N_("Position in the company."))
@option("--manager", metavar="EXT", help=_MANAGER)
@flag("--vip", help=N_("Goes to the head of every queue."))
@option("--tag", "tags", multiple=True, help=N_("A tag; may be repeated."))
@option("--email", "emails", multiple=True, help=N_("An e-mail address; may be repeated."))
@option("--comment", help=N_("A comment."))
@option("--birth-date", metavar="YYYY-MM-DD", help=N_("Date of birth."))
@flag("--personal", help=N_("Seen by its owner alone."))
@option("--owner", metavar="EXT", help=N_("Owner of a personal contact."))
@actor_option
@json_option
@pass_session
def add(session: Session, /, actor: Actor, as_json: bool, **given: Any) -> None:  # noqa: FBT001, ANN401 - click passes options so
    """Add a contact."""
    draft = contact_edits.draft(given, rules_from(session.settings))

    async def work() -> tuple[Contact, list[Duplicate]]:
        async with await session.database() as database:
            book = Contacts(database)
            contact = await book.add(draft, actor=actor)
            return contact, await book.duplicates(contact, actor=actor)

    _show_saved(*run(work()), as_json=as_json)


@contacts.command("list", help=N_("List contacts: a search's best hits first, else by name."))
@option("--search", default="", help=N_("Words of the name, company, e-mails, tags or comment, or part of a number."))
@flag("--vip/--no-vip", default=None, help=N_("Only VIPs, or all others."))
@option("--company", default="", help=N_("Of this company."))
@option("--tag", default="", help=N_("With this tag."))
@option("--manager", default="", metavar="EXT", help=_MANAGER)
@option("--number", default="", help=N_("With this very number."))
@flag("--favourites", help=N_("One's favourites."))
@flag("--mine", help=N_("Whose manager one is, and one's personal ones."))
@option("--sort", type=click.Choice(SORTINGS), default="rank", help=N_("By this column."))
@flag("--descending", help=N_("The other way round."))
@option("--limit", type=LIMIT, help=N_("At most so many."))
@option("--after", default="", metavar="MARK", help=N_("The page after the one that ended with this mark."))
@flag("--count", help=N_("Count all hits, also when there are more than 10,000."))
@option("--offset", type=OFFSET, default=0, help=N_("Leave out so many first."))
@actor_option
@json_option
@pass_session
def list_(session: Session, /, actor: Actor, as_json: bool, **given: Any) -> None:  # noqa: FBT001, ANN401 - click passes options so
    """List contacts; without a limit all of them."""
    rules = rules_from(session.settings)
    wanted = contact_edits.wanted(given, rules)
    asked = PageAsked(
        given["sort"],
        given["descending"],
        given["after"],
        given["offset"] + (given["limit"] or EVERYBODY),
        exact=given["count"] or given["limit"] is None,
    )

    page = _asked(session, lambda book: book.page(wanted, asked, actor=actor))
    found = page.items[given["offset"] :]
    if as_json:
        items = [contact_json(contact, BUILT_IN) for contact in found]
        print_json(
            {"total": page.total, "items": items}
            | ({} if given["limit"] is None else {"total_is_exact": not page.more, "after": page.after})
        )
        return
    said = _("total: more than {total}") if page.more else _("total: {total}")
    heads = [_("Id"), _("VIP"), _("Name"), _("Number"), _("Company"), _("Position"), _("Manager")]
    print_table(heads, map(cells, found), said.format(total=page.total))
    if page.after:
        print_line(_("next page: --after {mark}").format(mark=page.after))


@contacts.command("show", help=N_("Show a contact, with the last five calls."))
@click.argument("contact_id", type=int, metavar="ID")
@flag("--text", help=N_("Only the main data, as text to send to somebody."))
@actor_option
@json_option
@pass_session
def show(session: Session, contact_id: int, text: bool, actor: Actor, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show a contact."""
    rules = rules_from(session.settings)

    async def work() -> tuple[Contact, list[dict[str, Any]]]:
        async with await session.database() as database:
            contact = await Contacts(database).get(contact_id, actor=actor)
            return contact, await CallHistory(database, rules).last(contact_id, actor)

    contact, last = run(work())
    if as_json:
        print_json(contact_json(contact, BUILT_IN) | {"last_calls": last})
        return
    if text:
        for line in main_lines(contact):
            print_line(line)
        return
    _show(contact, as_json=False)
    print_last_calls(last)


@contacts.command("edit", help=N_("Change a contact; what isn't named stays. An empty text clears a field."))
@click.argument("contact_id", type=int, metavar="ID")
@option("--name", help=N_("Full name."))
@option("--company", help=N_("Company; a new one is created."))
@option("--position", help=N_("Position in the company."))
@option("--manager", metavar="EXT", help=_MANAGER)
@flag("--vip/--no-vip", default=None, help=N_("Goes to the head of every queue."))
@option("--comment", help=N_("A comment."))
@option("--birth-date", metavar="YYYY-MM-DD", help=N_("Date of birth."))
@option("--add-number", multiple=True, help=_NUMBER)
@option("--remove-number", multiple=True, help=N_("Remove a number; may be repeated."))
@option("--main-number", help=N_("Which of the numbers is called by default."))
@option("--label", "labels", multiple=True, metavar="NUMBER=LABEL", help=_LABEL)
@option("--add-tag", multiple=True, help=N_("A tag; may be repeated."))
@option("--remove-tag", multiple=True, help=N_("Remove a tag; may be repeated."))
@option("--add-email", multiple=True, help=N_("An e-mail address; may be repeated."))
@option("--remove-email", multiple=True, help=N_("Remove an e-mail address; may be repeated."))
@flag("--shared/--personal", default=None, help=N_("Seen by everybody, or by its owner alone."))
@option("--owner", metavar="EXT", help=N_("Owner of a personal contact."))
@option("--version", type=int, help=N_("Refuse when the contact isn't at this version any more."))
@actor_option
@json_option
@pass_session
def edit(session: Session, /, contact_id: int, actor: Actor, as_json: bool, **given: Any) -> None:  # noqa: FBT001, ANN401 - click passes options so
    """Change a contact as it stands at that moment, so that no other edit gets lost."""
    rules = rules_from(session.settings)

    async def work() -> tuple[Contact, list[Duplicate]]:
        async with await session.database() as database:
            book = Contacts(database)
            contact = await book.edit(
                contact_id,
                lambda card: contact_edits.changes(card, given, rules),
                actor=actor,
                version=given["version"],
            )
            return contact, await book.duplicates(contact, actor=actor)

    _show_saved(*run(work()), as_json=as_json)


@contacts.command("delete", help=N_("Delete a contact; asks first on a terminal."))
@click.argument("contact_id", type=int, metavar="ID")
@flag("--yes", help=N_("Don't ask."))
@actor_option
@json_option
@pass_session
def delete(session: Session, contact_id: int, yes: bool, actor: Actor, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Delete a contact."""
    _confirm(_("Delete contact {id}? This can't be undone.").format(id=contact_id), yes=yes)
    _asked(session, lambda book: book.delete(contact_id, actor=actor))
    _tell({"deleted": contact_id}, _("contact {id} deleted").format(id=contact_id), as_json=as_json)


@contacts.command(
    "erase", help=N_("Erase personal contacts unseen, for administrators; asks first on a terminal. Its use is logged.")
)
@option("--owner", type=EXTENSION, default="", metavar="EXT", help=N_("All of this owner, or those with the number."))
@option("--number", default="", help=N_("All with this number, or the owner's."))
@flag("--yes", help=N_("Don't ask."))
@json_option
@pass_session
def erase(session: Session, owner: str, number: str, yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Erase personal contacts, which an administrator doesn't see."""
    wanted = contact_number(number, rules_from(session.settings)).number if number else ""
    user = getuser()
    _confirm(_("Erase these personal contacts? This can't be undone."), yes=yes)
    erased = _asked(session, lambda book: book.erase_personal(owner=owner, number=wanted, by=user))
    logs.configure(session.settings.logs)
    structlog.get_logger(__name__).warning(
        "personal_contacts_erased", erased=erased, owner=owner, number=wanted, user=user
    )
    _tell({"erased": erased}, _("personal contacts erased: {count}").format(count=erased), as_json=as_json)


@contacts.command("history", help=N_("Show who changed what in a contact, and when."))
@click.argument("contact_id", type=int, metavar="ID")
@actor_option
@json_option
@pass_session
def history(session: Session, contact_id: int, actor: Actor, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show a contact's changes."""
    changes = _asked(session, lambda book: book.history(contact_id, actor=actor))
    if as_json:
        items = [asdict(change) | {"at": change.at.isoformat()} for change in changes]
        print_json({"total": len(items), "items": items})
        return
    heads = [_("Version"), _("When"), _("Who"), _("Field"), _("Before"), _("After")]
    print_table(heads, (row for change in changes for row in changed_cells(change)))


@contacts.command("favourite", help=N_("Put a contact among one's favourites."))
@click.argument("contact_id", type=int, metavar="ID")
@flag("--off", help=N_("Take it away again."))
@actor_option
@json_option
@pass_session
def favourite(session: Session, contact_id: int, off: bool, actor: Actor, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Mark or unmark a favourite."""
    _asked(session, lambda book: book.set_favourite(contact_id, actor=actor, favourite=not off))
    said = _("contact {id} is a favourite no more") if off else _("contact {id} is a favourite")
    _tell({"id": contact_id, "favourite": not off}, said.format(id=contact_id), as_json=as_json)


def _asked(session: Session, question: Callable[[Contacts], Coroutine[Any, Any, _T]]) -> _T:
    """Ask the book, or have it do something."""

    async def work() -> _T:
        async with await session.database() as database:
            return await question(Contacts(database))

    return run(work())


def _confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal whether it is meant."""
    if not yes and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)


def _tell(form: dict[str, Any], said: str, *, as_json: bool) -> None:
    """Say what was done, to a program or to a person."""
    if as_json:
        print_json(form)
    else:
        print_line(said)


def _show_saved(contact: Contact, duplicates: list[Duplicate], *, as_json: bool) -> None:
    """Show what was saved, and who else has its numbers and e-mails."""
    if as_json:
        print_json(contact_json(contact, BUILT_IN) | {"duplicates": [duplicate_json(each) for each in duplicates]})
        return
    _show(contact, as_json=False)
    for each in duplicates:
        print_line(duplicate_line(each))


def _show(contact: Contact, *, as_json: bool) -> None:
    if as_json:
        print_json(contact_json(contact, BUILT_IN))
        return
    print_card(lines(contact))
