"""What other programs call contacts and companies: read, and written in the transaction of the object's change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, delete, insert, select

from pbxd.book.external_ids import SYSTEMS_LIMIT, ExternalId
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.storage.engine.database import in_parts
from pbxd.storage.tables import companies, company_external, contact_external, contacts

Ids = dict[str, str]  # the key by system


class Kind(NamedTuple):
    """A kind of objects that have such ids."""

    table: Table
    owner: Column[int]  # the object's id, in that table
    objects: Table


CONTACT: Final = Kind(contact_external, contact_external.c.contact_id, contacts)
COMPANY: Final = Kind(company_external, company_external.c.company_id, companies)


def external_of(connection: Connection, kind: Kind, ids: Collection[int]) -> dict[int, Ids]:
    """Return the ids that other programs have for these objects."""
    found: defaultdict[int, Ids] = defaultdict(dict)
    for part in in_parts(ids):
        wanted = select(kind.owner, kind.table.c.system, kind.table.c.key).where(kind.owner.in_(part))
        for owner, system, key in connection.execute(wanted.order_by(kind.table.c.system)):
            found[owner][system] = key
    return found


def called(kind: Kind, wanted: ExternalId) -> Select[Any]:
    """Return the query for the objects that a system calls so."""
    return select(kind.owner).where(kind.table.c.system == wanted.system, kind.table.c.key == wanted.key)


def merged(
    connection: Connection, kind: Kind, object_id: int, changes: Mapping[str, str | None], seen: ColumnElement[bool]
) -> Ids | None:
    """Return an object's ids with some changes (None: taken away); None if nothing changes.

    Raises InvalidInputError for an id that another object has, of those that meet the condition `seen`.
    """
    before = external_of(connection, kind, [object_id]).get(object_id, {}) if object_id else {}
    after = {system: key for system, key in {**before, **changes}.items() if key is not None}
    if after == before:
        return None
    if len(after) > SYSTEMS_LIMIT:
        message = _("{field}: more than {limit}").format(field="external", limit=SYSTEMS_LIMIT)
        raise InvalidInputError("external", message)
    for system, key in after.items() - before.items():
        others = select(kind.objects.c.id).where(
            kind.objects.c.id.in_(called(kind, ExternalId(system, key))), kind.objects.c.id != object_id, seen
        )
        other = connection.execute(others.limit(1)).scalar()
        if other is not None:
            message = _("{system}: {key} is the id of another one already: {other}")
            raise InvalidInputError(
                "external", message.format(system=system, key=key, other=other), at=(system,), code="taken"
            )
    return after


def joined(connection: Connection, kind: Kind, object_id: int, others: Sequence[int]) -> Ids:
    """Return the ids of an object that others become a part of: its own, and of each other system the first one."""
    found = external_of(connection, kind, [object_id, *others])
    own = found.get(object_id, {})
    ids = {system: key for each in reversed((object_id, *others)) for system, key in found.get(each, {}).items()}
    return dict(sorted(ids.items(), key=lambda entry: entry[0] not in own)[:SYSTEMS_LIMIT])


def write(connection: Connection, kind: Kind, object_id: int, ids: Ids) -> None:
    """Replace all ids of an object."""
    connection.execute(delete(kind.table).where(kind.owner == object_id))
    if ids:
        rows = [{kind.owner.name: object_id, "system": system, "key": key} for system, key in ids.items()]
        connection.execute(insert(kind.table), rows)
