"""`pbxd employees`: our own people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote

from pbxd.book.employees import Employee, employee_json
from pbxd.calls.record import instant
from pbxd.cli.groups import group
from pbxd.cli.listing import Listing, page_length, print_all
from pbxd.cli.options import (
    EXTENSION,
    FILE,
    INTEGER,
    LIMIT,
    actor_option,
    after_option,
    argument,
    employee_argument,
    flag,
    json_option,
    option,
    takes,
    yes_option,
)
from pbxd.cli.output import mark, print_bad_rows, print_card, print_json, print_line, print_table
from pbxd.cli.session import Session, pass_session
from pbxd.errors import RefusedError
from pbxd.i18n import N_, _
from pbxd.numbers import display
from pbxd.services import employees as book
from pbxd.storage.book.extension_ownership import Passed

_EVERYBODY = 2**31  # more than any company has


@group("employees")
def employees() -> None:
    """Group the commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `employees list`."""

    search: str
    department: str
    active: bool | None
    limit: int | None
    after: str

    @property
    def request(self) -> book.FindEmployees:
        """Who is wanted."""
        return book.FindEmployees(search=self.search, department=self.department, active=self.active)


@employees.command("list", help=N_("List employees by extension."))
@option("--search", default="", about=N_("Words of the name, extension, department or e-mail, or part of a number."))
@option("--department", default="", about=N_("Only this department or queue."))
@flag("--active/--left", default=None, about=N_("Only those who work here, or only those who left."))
@option("--limit", type=LIMIT, about=N_("Show at most this many."))
@after_option()
@json_option
@takes(Options)
def list_(session: Session, asked: Options) -> None:
    """List employees; without a limit a page on a terminal, otherwise all of them."""
    limit = page_length(session, asked.limit)
    if limit is None and not asked.after:
        print_all(session, book.every, asked.request, Listing(_heads(), _cells, employee_json))
        return
    page = session.ask(book.page, asked.request, limit=limit or _EVERYBODY, after=asked.after)
    if session.as_json:
        items = [employee_json(person) for person in page.items]
        print_json({"total": page.total, "items": items, "total_is_exact": True, "after": page.next})
        return
    following = _("next page: --after {cursor}").format(cursor=page.next) if page.next else ""
    print_table(_heads(), map(_cells, page.items), _("total: {total}").format(total=page.total), following)


@employees.command("show", help=N_("Show an employee with all departments and the clients they manage."))
@employee_argument()
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
    if shown.total > len(shown.clients):
        said = _("and {count} more: {command}")
        command = f"pbxd contacts list --manager {quote(shown.employee.extension or shown.employee.name)}"
        print_line(said.format(count=shown.total - len(shown.clients), command=command))


@employees.command(
    "import",
    help=N_(
        "Import employees from a CSV file or a workbook. Columns: extension, name, mobile, did, email, department;"
        " extension is required."
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
        told: dict[str, object] = {"passed": [_passed_json(each) for each in done.passed]} if done.passed else {}
        if done.stale:
            told["stale"] = [{"extension": person.extension, "name": person.name} for person in done.stale]
        print_json(counts | {"errors": errors, "ignored_columns": done.ignored} | told)
    else:
        print_line(_("new: {created}, changed: {updated}, unchanged: {same}, bad rows: {bad}").format(**counts))
        print_bad_rows(done.bad, done.ignored)
        _print_stale(done.stale)
        _print_passed(done.passed)
    if done.bad and not done.created + done.updated + done.same:
        raise RefusedError("nothing-imported", _("no row could be imported"))


_SAVED = (
    option(
        "--name",
        default="",
        about=N_("Full name. If it shares no word with the known one, the extension passes to another person."),
    ),
    option("--mobile", default="", metavar="NUMBER", about=N_("Mobile number.")),
    option("--did", default="", metavar="NUMBER", about=N_("Direct number from outside (DID).")),
    option("--email", default="", about=N_("E-mail address.")),
    option("--department", default="", about=N_("Department; several are separated by “;”.")),
    json_option,
)


def _saving(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of an employee's card."""
    for declare in reversed(_SAVED):
        command = declare(command)
    return command


@employees.command("add", help=N_("Add an employee."))
@argument("extension", type=EXTENSION)
@_saving
@takes(book.SaveEmployee)
def add(session: Session, asked: book.SaveEmployee) -> None:
    """Add an employee."""
    _show_saved(session, *session.ask(book.add, asked))


@employees.command("edit", help=N_("Change an employee, or give the extension to somebody else by another name."))
@employee_argument(checked=True)
@_saving
@takes(book.SaveEmployee)
def edit(session: Session, asked: book.SaveEmployee) -> None:
    """Change an employee."""
    _show_saved(session, *session.ask(book.edit, asked))


@employees.command(
    "same",
    help=N_(
        "Correct: the extension has the same person, under a new name. If several had it before, ID says which."
        " Asks first on a terminal."
    ),
)
@employee_argument()
@argument("former", type=INTEGER, required=False, default=0, metavar="[ID]")
@yes_option
@json_option
@pass_session
def same(session: Session, extension: str, former: int) -> None:
    """Undo the decision that an extension passed to another person."""
    joining = session.ask(book.to_join, extension, former)
    question = _(
        "{extension}: make {before} and {now} one person? Whoever has the extension gets the personal contacts of both"
        " ({count_before} and {count_now}). This can't be undone."
    )
    session.confirm(
        question.format(
            extension=extension,
            before=joining.former_name,
            now=joining.now.name,
            count_before=joining.personal_before,
            count_now=joining.personal_now,
        )
    )
    _show_passed(session, session.ask(book.same_person, extension, int(joining.before["id"])))


@employees.command(
    "replaced",
    help=N_("Correct: the extension has another person now. The employee before keeps contacts and favourites."),
)
@employee_argument()
@option("--name", default="", about=N_("Name of the new employee; without it the extension's present name."))
@json_option
@pass_session
def replaced(session: Session, extension: str, name: str) -> None:
    """Undo the decision that an employee was renamed."""
    _show_passed(session, session.ask(book.other_person, extension, name))


def _show_saved(session: Session, person: Employee, passed: Sequence[Passed]) -> None:
    if session.as_json:
        told = {"passed": [_passed_json(each) for each in passed]} if passed else {}
        print_json(employee_json(person) | told)
        return
    print_card(zip(_heads(), _cells(person), strict=True))
    _print_passed(passed)


def _show_passed(session: Session, passed: Passed) -> None:
    if session.as_json:
        print_json(_passed_json(passed))
    else:
        _print_passed([passed])


def _passed_json(passed: Passed) -> dict[str, object]:
    return asdict(passed) | {"at": instant(passed.at)}


def _print_passed(passed: Iterable[Passed]) -> None:
    """Say whom pbxd takes for another person, and how to correct it."""
    for each in passed:
        if each.another:
            said = _("{extension} passed from {before} to {after}; if that is one person: {command}")
            command = f"pbxd employees same {each.extension}"
        else:
            said = _("{extension}: {before} is called {after} now; if that is somebody else: {command}")
            command = f"pbxd employees replaced {each.extension}"
        print_line(said.format(extension=each.extension, before=each.before, after=each.after, command=command))


def _print_stale(rows: Iterable[Employee]) -> None:
    """Say which rows of a file are about the employee before, and how to correct it."""
    for each in rows:
        said = _("{extension}: row left out, {name} had the extension before; if {name} still has it: {command}")
        command = f"pbxd employees same {each.extension}"
        print_line(said.format(extension=each.extension, name=each.name, command=command))


def _heads() -> list[str]:
    return [
        _("Id"),
        _("Extension"),
        _("Name"),
        _("Departments"),
        _("Mobile"),
        _("Direct number"),
        _("E-mail"),
        _("Active"),
    ]


def _cells(person: Employee) -> list[str]:
    mobile, did = (display(number) if number else "" for number in (person.mobile, person.did))
    departments = ", ".join(person.departments)
    return [
        str(person.id),
        person.extension,
        person.name,
        departments,
        mobile,
        did,
        person.email,
        mark(person.active, "✓"),
    ]
