"""`pbxd employees`: our own people."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from pbxd.book.employees import Employee, employee_json
from pbxd.cli.groups import group
from pbxd.cli.options import FILE, actor_option, argument, flag, json_option, option, takes
from pbxd.cli.output import mark, print_bad_rows, print_card, print_json, print_line, print_table
from pbxd.cli.session import Session, pass_session
from pbxd.errors import RefusedError
from pbxd.i18n import N_, _
from pbxd.numbers import display
from pbxd.services import employees as book


@group("employees")
def employees() -> None:
    """Group the commands."""


@employees.command("list", help=N_("List employees by extension."))
@option("--search", default="", about=N_("Words of the name, extension, department or e-mail, or part of a number."))
@option("--department", default="", about=N_("Only this department or queue."))
@flag("--active/--left", default=None, about=N_("Only those who work here, or only those who left."))
@json_option
@takes(book.FindEmployees)
def list_(session: Session, asked: book.FindEmployees) -> None:
    """List employees."""
    people = session.ask(book.find, asked)
    if session.as_json:
        print_json({"total": len(people), "items": [employee_json(person) for person in people]})
        return
    print_table(_heads(), map(_cells, people), _("total: {total}").format(total=len(people)))


@employees.command("show", help=N_("Show an employee with all departments and the clients they manage."))
@argument("extension")
@actor_option
@json_option
@pass_session
def show(session: Session, extension: str) -> None:
    """Show an employee."""
    shown = session.ask(book.show, extension)
    if session.as_json:
        clients = [{"id": client.id, "name": client.name, "company": client.company} for client in shown.clients]
        print_json(employee_json(shown.employee) | {"clients": {"total": shown.total, "items": clients}})
        return
    lines = [*zip(_heads(), _cells(shown.employee), strict=True), (_("Clients"), str(shown.total or ""))]
    lines += [(_("Client"), f"{client.id}: {client.name}, {client.company}".rstrip(", ")) for client in shown.clients]
    print_card(lines)


@employees.command(
    "import",
    help=N_(
        "Import employees from a CSV file or a workbook with the columns"
        " extension, name, mobile, did, email, department (or their Russian names)."
    ),
)
@argument("file", type=FILE)
@json_option
@pass_session
def import_(session: Session, file: Path) -> None:
    """Import employees; bad rows are reported and don't stop the good ones."""
    done = session.ask(book.import_file, file)
    counts = {"created": done.created, "updated": done.updated, "same": done.same, "bad": len(done.bad)}
    if session.as_json:
        errors = [asdict(bad) for bad in done.bad]
        print_json(counts | {"errors": errors, "ignored_columns": done.ignored})
    else:
        print_line(_("new: {created}, changed: {updated}, unchanged: {same}, bad rows: {bad}").format(**counts))
        print_bad_rows(done.bad, done.ignored)
    if done.bad and not done.created + done.updated + done.same:
        raise RefusedError("nothing-imported", _("no row could be imported"))


def _heads() -> list[str]:
    return [_("Extension"), _("Name"), _("Departments"), _("Mobile"), _("Direct number"), _("E-mail"), _("Active")]


def _cells(person: Employee) -> list[str]:
    mobile, did = (display(number) if number else "" for number in (person.mobile, person.did))
    departments = ", ".join(person.departments)
    return [person.extension, person.name, departments, mobile, did, person.email, mark(person.active, "✓")]
