"""`pbxd employees`: our own people."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.book.employees import Employee, employee_json, employee_matches
from pbxd.book.texts import folded
from pbxd.cli.command import (
    N_,
    Group,
    Session,
    actor_option,
    argument,
    flag,
    json_option,
    language,
    option,
    pass_session,
    run,
)
from pbxd.cli.output import mark, print_card, print_json, print_line, print_table
from pbxd.errors import InvalidInputError, RefusedError
from pbxd.exchange.employees import MOST_ROWS, SIZE_LIMIT, WORKBOOK, EmployeeTable, read_employees, read_rows
from pbxd.exchange.sandbox import plain_rows
from pbxd.files import open_regular
from pbxd.i18n import _
from pbxd.numbers import display, rules_from
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees, Upserted
from pbxd.storage.search.filters import ContactFilter

CLIENTS_SHOWN = 20


@click.group("employees", cls=Group, help=N_("The company's own people."))
def employees() -> None:
    """Group the commands."""


@employees.command("list", help=N_("List employees by extension."))
@option("--search", default="", help=N_("Words of the name, extension, department or e-mail, or part of a number."))
@option("--department", default="", help=N_("Of this department or queue."))
@flag("--active/--left", default=None, help=N_("Only those who are here, or those who left."))
@json_option
@pass_session
def list_(session: Session, search: str, department: str, active: bool | None, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """List employees."""

    async def work() -> list[Employee]:
        async with await session.database() as database:
            return await Employees(database).list()

    people = [
        person
        for person in run(work())
        if employee_matches(person, search)
        and (not department or folded(department) in map(folded, person.departments))
        and active in (None, person.active)
    ]
    if as_json:
        print_json({"total": len(people), "items": [employee_json(person) for person in people]})
        return
    print_table(_heads(), map(_cells, people), _("total: {total}").format(total=len(people)))


@employees.command("show", help=N_("Show an employee with all departments and the clients tied to him."))
@argument("extension")
@actor_option
@json_option
@pass_session
def show(session: Session, extension: str, actor: Actor, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show an employee."""

    async def work() -> tuple[Employee, int, list[Contact]]:
        async with await session.database() as database:
            person = await Employees(database).get(extension)
            wanted = ContactFilter(manager=extension)
            return person, *await Contacts(database).list(wanted, actor=actor, limit=CLIENTS_SHOWN)

    person, total, clients = run(work())
    if as_json:
        shown = [{"id": client.id, "name": client.name, "company": client.company} for client in clients]
        print_json(employee_json(person) | {"clients": {"total": total, "items": shown}})
        return
    lines = [*zip(_heads(), _cells(person), strict=True), (_("Clients"), str(total or ""))]
    lines += [(_("Client"), f"{client.id}: {client.name}, {client.company}".rstrip(", ")) for client in clients]
    print_card(lines)


@employees.command(
    "import",
    help=N_(
        "Take employees over from a CSV file or a workbook with the columns"
        " extension, name, mobile, did, email, department (or their Russian names)."
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@pass_session
def import_(session: Session, file: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Import employees; bad rows are reported and don't stop the good ones."""
    table = _table(session, file)

    async def work() -> Upserted:
        async with await session.database() as database:
            return await Employees(database).upsert(table.employees, source="list")

    done = run(work())
    if as_json:
        print_json(
            {
                "created": done.created,
                "updated": done.updated,
                "same": done.same,
                "bad": len(table.bad),
                "errors": [asdict(bad) for bad in table.bad],
                "ignored_columns": table.ignored,
            }
        )
    else:
        _tell(table, done)
    if table.bad and not table.employees:
        raise RefusedError("nothing-imported", _("no row could be imported"))


def _table(session: Session, file: Path) -> EmployeeTable:
    data, rules = _content(file), rules_from(session.settings)
    if not data.startswith(WORKBOOK):
        return read_employees(data, rules)
    rows = run(plain_rows(file, language=language(session.settings.service.language), most=MOST_ROWS))
    return read_rows(iter(rows), rules)


def _content(file: Path) -> bytes:
    try:
        with open_regular(file) as stream:
            return stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        message = _("{file}: can't be read: {why}").format(file=file, why=error.strerror)
        raise InvalidInputError("file", message) from error


def _tell(table: EmployeeTable, done: Upserted) -> None:
    counts = _("new: {created}, changed: {updated}, as before: {same}, bad rows: {bad}")
    print_line(counts.format(created=done.created, updated=done.updated, same=done.same, bad=len(table.bad)))
    for bad in table.bad:
        print_line(_("row {row}: {message}").format(row=bad.row, message=bad.message))
    if table.ignored:
        print_line(_("columns left out: {columns}").format(columns=", ".join(table.ignored)))


def _heads() -> list[str]:
    return [_("Extension"), _("Name"), _("Departments"), _("Mobile"), _("Direct number"), _("E-mail"), _("Active")]


def _cells(person: Employee) -> list[str]:
    mobile, did = (display(number) if number else "" for number in (person.mobile, person.did))
    departments = ", ".join(person.departments)
    return [person.extension, person.name, departments, mobile, did, person.email, mark(person.active, "✓")]
