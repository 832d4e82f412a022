"""Our own people, and what may stand in an employee's card. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pbxd.book.spellings import spellings, typed, unified
from pbxd.book.texts import (
    EMAIL_LIMIT,
    NAME_LIMIT,
    checked_e164,
    checked_email,
    checked_extension,
    checked_line,
    number_matches,
    without_repeats,
)
from pbxd.errors import InvalidInputError
from pbxd.i18n import _


@dataclass(frozen=True, slots=True)
class Employee:
    """One of our own people."""

    extension: str  # that they have now; empty: none, for it passed to somebody else
    name: str = ""
    mobile: str = ""  # E.164
    did: str = ""  # E.164
    email: str = ""
    department: str = ""  # as a list names it
    active: bool = True  # False: they left; calls still refer to them
    queues: tuple[str, ...] = ()  # that the PBX says they are a member of
    id: int = field(default=0, compare=False)  # 0: not in the book yet
    listed: bool = True  # False: known only because a contact or a token names the extension

    @property
    def departments(self) -> tuple[str, ...]:
        """All departments: those of `department`, separated by `;`, and the queues."""
        return without_repeats("department", (*map(str.strip, self.department.split(";")), *self.queues), NAME_LIMIT)


QUEUES_LIMIT = 200


def employee_json(employee: Employee) -> dict[str, Any]:
    """Return an employee's public form. `departments` has all of them, `department` those of the imported list."""
    form = asdict(employee) | {"queues": list(employee.queues), "departments": list(employee.departments)}
    del form["listed"]
    return form | {"extension": employee.extension or None}


def employee_matches(employee: Employee, text: str) -> bool:
    """Tell whether every word of the text occurs in the employee's card, or the whole text in one of their numbers."""
    if not text:
        return True
    words = map(spellings, typed(text).split())
    fields = (employee.extension, employee.name, employee.email, *employee.departments)
    known = unified("\n".join((*fields, employee.mobile, employee.did)))
    if all(any(spelling in known for spelling in word) for word in words):
        return True
    return any(number and number_matches(number, text) for number in (employee.mobile, employee.did))


def checked_employee(employee: Employee) -> Employee:
    """Return the employee as they may be kept. Raises InvalidInputError naming the field."""
    if not employee.extension:
        raise InvalidInputError("extension", _("an employee needs an extension"))
    email = checked_line("email", employee.email, EMAIL_LIMIT)
    return replace(
        employee,
        queues=without_repeats(
            "queues", (checked_line("queues", queue, NAME_LIMIT) for queue in employee.queues), QUEUES_LIMIT
        ),
        extension=checked_extension("extension", employee.extension),
        name=checked_line("name", employee.name, NAME_LIMIT),
        mobile=checked_e164("mobile", employee.mobile) if employee.mobile else "",
        did=checked_e164("did", employee.did) if employee.did else "",
        email=checked_email(email) if email else "",
        department=checked_line("department", employee.department, NAME_LIMIT),
    )
