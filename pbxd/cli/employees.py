"""`pbxd employees`: our own people."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from pbxd.book import Employee
from pbxd.cli.command import N_, Group, Session, argument, json_option, pass_session, run
from pbxd.cli.output import mark, print_card, print_json, print_line, print_table
from pbxd.errors import InvalidInputError, RefusedError
from pbxd.exchange.employees import EmployeeTable, read_employees
from pbxd.i18n import _
from pbxd.numbers import display, rules_from
from pbxd.storage.employees import Employees, Upserted


@click.group("employees", cls=Group, help=N_("The company's own people."))
def employees() -> None:
    """Group the commands."""


@employees.command("list", help=N_("List employees by extension."))
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """List employees."""

    async def work() -> list[Employee]:
        async with await session.database() as database:
            return await Employees(database).list()

    people = run(work())
    if as_json:
        print_json({"total": len(people), "items": [asdict(person) for person in people]})
        return
    heads = [_("Extension"), _("Name"), _("Department"), _("Mobile"), _("Direct number"), _("E-mail"), _("Active")]
    print_table(heads, map(_cells, people), _("total: {total}").format(total=len(people)))


@employees.command("show", help=N_("Show an employee."))
@argument("extension")
@json_option
@pass_session
def show(session: Session, extension: str, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show an employee."""

    async def work() -> Employee:
        async with await session.database() as database:
            return await Employees(database).get(extension)

    person = run(work())
    if as_json:
        print_json(asdict(person))
        return
    names = [_("Extension"), _("Name"), _("Department"), _("Mobile"), _("Direct number"), _("E-mail"), _("Active")]
    print_card(zip(names, _cells(person), strict=True))


@employees.command(
    "import",
    help=N_(
        "Take employees over from a CSV file with the columns extension, name, mobile, did, email, department"
        " (or their Russian names)."
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@pass_session
def import_(session: Session, file: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Import employees; bad rows are reported and don't stop the good ones."""
    table = read_employees(_content(file), rules_from(session.settings))

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


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
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


def _cells(person: Employee) -> list[str]:
    mobile, did = (display(number) if number else "" for number in (person.mobile, person.did))
    return [person.extension, person.name, person.department, mobile, did, person.email, mark(person.active, "✓")]
