"""What an agent sees where the configuration limits it: whose contacts, and which calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection, select

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.texts import folded
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.storage.calls.call_filter import SeenCalls, Span
from pbxd.storage.tables import employees, extension_ownership


class _Circle(NamedTuple):
    """The employees whose work an actor sees, and the names of their departments and queues."""

    employees: frozenset[int]
    departments: frozenset[str]


def with_managers(connection: Connection, actor: Actor) -> Actor:
    """Return the actor, whose employee is known, with the managers whose shared contacts they see."""
    sight = rights.contacts_seen(actor)
    if sight == "all" or actor.managers is not None:
        return actor
    return replace(actor, managers=_circle(connection, actor, whole=sight == "department").employees)


def calls_seen(connection: Connection, actor: Actor) -> SeenCalls | None:
    """Return the calls that the actor, whose employee is known, sees; None: all."""
    sight = rights.calls_seen(actor)
    if sight == "all":
        return None
    circle = _circle(connection, actor, whole=sight == "department")
    return SeenCalls(tuple(_held(connection, circle.employees)), circle.departments)


def own_calls(connection: Connection, actor: Actor) -> SeenCalls:
    """Return the calls in which the actor, whose employee is known, took part."""
    return SeenCalls(tuple(_held(connection, _circle(connection, actor, whole=False).employees)), frozenset())


def calls_of_department(connection: Connection, name: str) -> SeenCalls:
    """Return the calls of a department, or of a queue: those of its people and those in its queues.

    A queue is a department's if it has the same name, or if nobody of another department is in it. Raises
    NotFoundError.
    """
    wanted = select(employees.c.id, employees.c.department, employees.c.queues)
    people = list(connection.execute(wanted))
    within = {row.id for row in people if folded(name) in _departments(row.department, row.queues)}
    if not within:
        raise NotFoundError(_("there is no department {name}").format(name=name))
    theirs = {queue for row in people if row.id in within for queue in row.queues.split("\n") if queue}
    others = {queue for row in people if row.id not in within for queue in row.queues.split("\n")}
    same = {queue for queue in theirs if folded(queue) == folded(name)}
    return SeenCalls(tuple(_held(connection, within)), frozenset(same or theirs - others))


def _circle(connection: Connection, actor: Actor, *, whole: bool) -> _Circle:
    """Return the actor alone, or with `whole` everybody who shares a department or queue with them."""
    own = frozenset() if actor.employee is None else frozenset({actor.employee})
    if not whole or not own:
        return _Circle(own, frozenset())
    wanted = select(employees.c.id, employees.c.department, employees.c.queues)
    names = {row.id: _departments(row.department, row.queues) for row in connection.execute(wanted)}
    mine = names.get(actor.employee or 0, {})
    beside = {each for each, theirs in names.items() if mine.keys() & theirs.keys()}
    shared = {name for theirs in names.values() for key, name in theirs.items() if key in mine}  # in every spelling
    return _Circle(own | beside, frozenset(shared))


def _departments(department: str, queues: str) -> dict[str, str]:
    """Return the names of departments and queues, by how they are compared."""
    names = [*map(str.strip, department.split(";")), *queues.split("\n")]
    return {folded(name): name for name in names if name}


def _held(connection: Connection, ids: Iterable[int]) -> Iterable[Span]:
    """Return the extensions that employees had, with the times. Before anybody is known, it was the first one's."""
    theirs = set(ids)
    rows = connection.execute(
        select(extension_ownership).order_by(extension_ownership.c.since, extension_ownership.c.id)
    )
    known: set[str] = set()
    for row in rows:
        first = row.extension not in known
        known.add(row.extension)
        if row.employee_id in theirs:
            yield Span(row.extension, None if first else row.since, row.until)
