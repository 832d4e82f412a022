"""The company's own people."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pbxd import i18n, rights
from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employee_names import is_placeholder
from pbxd.book.employees import Employee, employee_matches
from pbxd.book.texts import folded, is_extension
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError
from pbxd.exchange.cells import BadRow
from pbxd.exchange.employees import MOST_ROWS, SIZE_LIMIT, WORKBOOK, EmployeeTable, read_employees, read_rows
from pbxd.exchange.sandbox import plain_rows
from pbxd.files import open_regular
from pbxd.i18n import _
from pbxd.numbers import NumberRules
from pbxd.services.number_input import company_number
from pbxd.services.workspace import Workspace
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.book.extension_ownership import Joining, Passed
from pbxd.storage.book.managed import managed_counts
from pbxd.storage.search import cursor
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.search.paging import FIRST_PART

CLIENTS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FindEmployees:
    """Which employees are wanted; an empty field doesn't matter."""

    search: str = ""  # words of the card, or part of a number
    department: str = ""  # or queue
    active: bool | None = None  # False: those who left


@dataclass(frozen=True, slots=True)
class EmployeePage:
    """A page of employees; `next`: the cursor of the next one, `seq`: the feed's number at the reading."""

    items: Sequence[Employee]
    total: int
    next: str | None
    seq: int


@dataclass(frozen=True, slots=True)
class Department:
    """A department, and how many people who work here are in it."""

    name: str
    employees: int


@dataclass(frozen=True, slots=True)
class ShownEmployee:
    """An employee and the first of the clients they manage whom the actor sees; `total` counts all those."""

    employee: Employee
    total: int
    clients: Sequence[Contact]


@dataclass(frozen=True, slots=True)
class ImportedEmployees:
    """How many employees were new, changed and the same, what was wrong in the file, and which columns weren't used."""

    created: int
    updated: int
    same: int
    bad: Sequence[BadRow]
    ignored: Sequence[str]
    stale: Sequence[Employee]  # rows left out: the file calls an extension as somebody who had it before was called
    passed: Sequence[Passed]  # extensions that now belong to another person, or to a person with another name


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveEmployee:
    """What is known of an employee; an empty field says nothing."""

    extension: str
    name: str = ""
    mobile: str = ""  # in any notation; likewise `did`
    did: str = ""
    email: str = ""
    department: str = ""


async def find(workspace: Workspace, _actor: Actor, asked: FindEmployees) -> list[Employee]:
    """Return employees by extension."""
    return [
        person
        for person in await Employees(workspace.database).list()
        if employee_matches(person, asked.search)
        and (not asked.department or folded(asked.department) in map(folded, person.departments))
        and asked.active in (None, person.active)
    ]


async def every(workspace: Workspace, actor: Actor, asked: FindEmployees) -> AsyncGenerator[list[Employee], None]:
    """Yield the employees that `find` returns, in parts."""
    found = await find(workspace, actor, asked)
    for begin in range(0, len(found), FIRST_PART):
        yield found[begin : begin + FIRST_PART]


async def page(workspace: Workspace, actor: Actor, asked: FindEmployees, *, limit: int, after: str) -> EmployeePage:
    """Return a page of employees by extension. Raises InvalidInputError (`after`)."""
    seq = await workspace.seq()  # before the list: what comes meanwhile is told twice, not never
    found = await find(workspace, actor, asked)
    tied = cursor.bound(asked)
    last, begin = cursor.read_entry("employees", after, tied), 0
    if last is not None:
        places = [place for place, person in enumerate(found) if person.id == last]
        if not places:
            message = _("the entries at this cursor were changed meanwhile: begin with the first page")
            raise InvalidInputError("after", message, code="cursor")
        begin = places[0] + 1
    shown = found[begin : begin + limit]
    more = begin + limit < len(found)
    following = cursor.written_entry("employees", shown[-1].id, tied) if more else None
    return EmployeePage(shown, len(found), following, seq)


async def by_id(workspace: Workspace, _actor: Actor, employee_id: int) -> Employee:
    """Return an employee. Raises NotFoundError."""
    person = await Employees(workspace.database).by_id(employee_id)
    if not person.listed:
        raise NotFoundError(_("there is no employee with the id {id}").format(id=employee_id))
    return person


async def departments(workspace: Workspace, actor: Actor) -> list[Department]:
    """Return all departments by name, queues too, and how many people who work here are in each."""
    return departments_of(await find(workspace, actor, FindEmployees(active=True)))


def departments_of(people: Iterable[Employee]) -> list[Department]:
    """Return the departments of these people by name, queues too, and how many of them are in each."""
    found: dict[str, Department] = {}
    for person in people:
        for name in person.departments:
            known = found.get(folded(name), Department(name, 0))
            found[folded(name)] = Department(known.name, known.employees + 1)
    return [found[key] for key in sorted(found)]


async def clients_managed(workspace: Workspace, actor: Actor) -> dict[int, int]:
    """Return how many clients that the actor sees each employee manages, by the employee's id."""
    return await workspace.database.ask(managed_counts, actor)


async def lookup(workspace: Workspace) -> EmployeeLookup:
    """Return what finds the employees of the company book by extension or full name."""
    return EmployeeLookup(await Employees(workspace.database).everybody())


async def named(workspace: Workspace, field: str, text: str) -> Employee:
    """Return the employee with this extension or full name. Raises InvalidInputError that names the field."""
    return (await lookup(workspace)).find(field, text)


async def extension_of(workspace: Workspace, field: str, text: str) -> str:
    """Return the extension of the employee that a text names: by extension, or by full name.

    An extension that nobody has is returned as it is; it needs a digit, so that a mistyped name isn't taken for one.
    Raises InvalidInputError for a name that nobody has, that several have, or whose bearer has no extension any more.
    """
    try:
        person = await named(workspace, field, text)
    except InvalidInputError:
        if any(map(str.isdigit, text)) and is_extension(text):
            return text
        raise
    return _extension(field, person)


async def known_extension_of(workspace: Workspace, field: str, text: str) -> str:
    """Return the extension of the employee that a text names, as `extension_of`; one that nobody has is refused too.

    Raises InvalidInputError.
    """
    return _extension(field, await named(workspace, field, text))


async def show(workspace: Workspace, actor: Actor, extension: str) -> ShownEmployee:
    """Return an employee and the clients they manage. Raises NotFoundError."""
    person = await Employees(workspace.database).get(extension)
    wanted = ContactFilter(manager=extension)
    total, clients = await Contacts(workspace.database).list(wanted, actor=actor, limit=CLIENTS_SHOWN)
    return ShownEmployee(person, total, clients)


async def import_file(workspace: Workspace, actor: Actor, file: Path) -> ImportedEmployees:
    """Take employees over from a CSV file or a workbook; bad rows are reported and don't stop the good ones.

    Raises InvalidInputError for a file that can't be read.
    """
    rights.check_administrator(actor)
    table = await _table(file, workspace.rules)
    done = await Employees(workspace.database).upsert(table.employees, source="list")
    stale = [person for person in table.employees if person.extension in done.stale]
    return ImportedEmployees(done.created, done.updated, done.same, table.bad, table.ignored, stale, done.passed)


async def add(workspace: Workspace, actor: Actor, asked: SaveEmployee) -> tuple[Employee, Sequence[Passed]]:
    """Add an employee, or name who has the extension without a name («Agent 101»).

    Raises InvalidInputError, ConflictError when somebody else has the extension.
    """
    rights.check_administrator(actor)
    known = [person for person in await Employees(workspace.database).list() if person.extension == asked.extension]
    if known and not is_placeholder(known[0].name):
        message = _("extension {extension} belongs to {name}; if it passed to somebody else: {command}")
        command = f"pbxd employees edit {asked.extension} --name …"
        raise ConflictError(message.format(extension=asked.extension, name=known[0].name, command=command))
    return await _save(workspace, asked)


async def edit(workspace: Workspace, actor: Actor, asked: SaveEmployee) -> tuple[Employee, Sequence[Passed]]:
    """Change an employee. A name that shares no word with the one before is another person's.

    Raises InvalidInputError, NotFoundError.
    """
    rights.check_administrator(actor)
    await Employees(workspace.database).get(asked.extension)
    return await _save(workspace, asked)


async def to_join(workspace: Workspace, actor: Actor, extension: str, former: int) -> Joining:
    """Return whom `same_person` would make one, and what they have. Raises NotFoundError, ConflictError as it does."""
    rights.check_administrator(actor)
    return await Employees(workspace.database).to_join(extension, former)


async def same_person(workspace: Workspace, actor: Actor, extension: str, former: int) -> Passed:
    """Say that who has the extension is the one who had it before; `former`: an employee's id, 0 if only one had it.

    Raises NotFoundError, ConflictError.
    """
    rights.check_administrator(actor)
    return await Employees(workspace.database).same_person(extension, former)


async def other_person(workspace: Workspace, actor: Actor, extension: str, name: str) -> Passed:
    """Say that an extension had passed to somebody else. Raises NotFoundError, ConflictError, InvalidInputError."""
    rights.check_administrator(actor)
    return await Employees(workspace.database).other_person(extension, name)


async def _save(workspace: Workspace, asked: SaveEmployee) -> tuple[Employee, Sequence[Passed]]:
    person = Employee(
        asked.extension,
        asked.name,
        company_number(asked.mobile, workspace.rules) if asked.mobile else "",
        company_number(asked.did, workspace.rules) if asked.did else "",
        asked.email,
        asked.department,
    )
    employees = Employees(workspace.database)
    done = await employees.upsert([person], source="hand")
    return await employees.get(asked.extension), done.passed


async def _table(file: Path, rules: NumberRules) -> EmployeeTable:
    data = _content(file)
    if not data.startswith(WORKBOOK):
        return read_employees(data, rules)
    return read_rows(iter(await plain_rows(file, language=i18n.current(), most=MOST_ROWS)), rules)


def _extension(field: str, person: Employee) -> str:
    if not person.extension:
        message = _("{name} (id {id}) has no extension any more")
        raise InvalidInputError(field, message.format(name=person.name, id=person.id))
    return person.extension


def _content(file: Path) -> bytes:
    try:
        with open_regular(file) as stream:
            return stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        message = _("{file}: can't be read: {why}").format(file=file, why=error.strerror)
        raise InvalidInputError("file", message) from error
