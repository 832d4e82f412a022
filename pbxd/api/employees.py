"""Our own people, and their departments: filled by lists and the PBX, read here."""

from __future__ import annotations

from pbxd.api.contacts import ContactsAnswer, Sort, contacts_page, order_of
from pbxd.api.lists import ListAnswer, NumberPath, PageQuery, WholeListAnswer, link_to_next, whole
from pbxd.book.employees import employee_json
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.operations import Resource
from pbxd.http.requests import Words
from pbxd.services import contacts as clients
from pbxd.services import employees as book

EMPLOYEES = "/api/v1/employees"
ONE = EMPLOYEES + r"/{id:\d+}"

resource = Resource("employees", "Our own people, and their departments.")


class EmployeePath(NumberPath):
    """Which employee: the id, not the extension, which can pass to somebody else."""


class EmployeesQuery(PageQuery):
    """Which employees to list."""

    search: Words | None = None
    """Words of the card, or part of a number."""
    department: Words | None = None
    """Or queue."""
    active: bool | None = None
    """False: those who left."""


class EmployeeAnswer(Answer):
    """An employee."""

    id: int
    extension: str | None
    """Null: none any more."""
    name: str
    mobile: str
    """E.164."""
    did: str
    """E.164."""
    email: str
    department: str
    """As a list names it."""
    departments: tuple[str, ...]
    """All of them, queues too."""
    queues: tuple[str, ...]
    """That the PBX says they are a member of."""
    active: bool
    """False: they left; calls still refer to them."""


class EmployeesAnswer(ListAnswer):
    """A page of employees."""

    items: tuple[EmployeeAnswer, ...]


class DepartmentAnswer(Answer):
    """A department, or a queue."""

    name: str
    employees: int
    """How many people who work here are in it."""


class DepartmentsAnswer(WholeListAnswer):
    """All departments, by name."""

    items: tuple[DepartmentAnswer, ...]


class ClientsQuery(PageQuery):
    """Which page of an employee's clients, and in which order."""

    sort: Sort | None = None


@resource.operation("GET", EMPLOYEES, scope="contacts:read")
async def list_employees(context: Context, query: EmployeesQuery) -> Reply[EmployeesAnswer]:
    """List employees by extension, then those who have none any more."""
    asked = book.FindEmployees(search=query.search or "", department=query.department or "", active=query.active)
    found = await book.page(context.services.workspace, context.actor, asked, limit=query.limit, after=query.after)
    page = {
        "items": [employee_json(each) for each in found.items],
        "total": found.total,
        "total_is_exact": True,
        "next": found.next,
        "seq": found.seq,
    }
    return Reply(EmployeesAnswer.model_validate(page), headers=link_to_next(context.request, found.next))


@resource.operation("GET", ONE, scope="contacts:read")
async def show_employee(context: Context, path: EmployeePath) -> EmployeeAnswer:
    """Show an employee."""
    person = await book.by_id(context.services.workspace, context.actor, path.id)
    return EmployeeAnswer.model_validate(employee_json(person))


@resource.operation("GET", ONE + "/clients", scope="contacts:read")
async def list_clients_of_employee(context: Context, path: EmployeePath, query: ClientsQuery) -> Reply[ContactsAnswer]:
    """List the contacts that an employee manages, as far as the one who acts sees them."""
    workspace = context.services.workspace
    person = await book.by_id(workspace, context.actor, path.id)
    wanted = clients.FindContacts(managed_by=person.id, **order_of(query.sort), limit=query.limit, after=query.after)
    return await contacts_page(context, await clients.find(workspace, context.actor, wanted))


@resource.operation("GET", "/api/v1/departments", scope="contacts:read")
async def list_departments(context: Context) -> DepartmentsAnswer:
    """List departments and queues by name."""
    return await whole(context, DepartmentsAnswer, book.departments, DepartmentAnswer.model_validate)
