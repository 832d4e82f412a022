"""Imports of uploaded files before they are committed: they have an id, and nothing of them is in the book.

States: `checking` → `checked` → `writing`, or `refused` (the file can't be read), or `dropped` (given up).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import Actor
from pbxd.errors import ConflictError
from pbxd.i18n import _
from pbxd.storage.access.employee_ids import known_author
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import imports

_WAITING = ("checking", "checked")
OPEN = (*_WAITING, "refused")  # nothing of it is in the book; a refused one can be checked another way


async def reserve(database: Database, file: str, visibility: str, actor: Actor, caller: str) -> int:
    """Give an uploaded file the id that its import will have. `caller`: the token or user that uploads it."""
    now = datetime.now(UTC)
    async with database.writing() as connection:
        actor = await known_author(connection, actor)
        row = {"file": file, "visibility": visibility, "state": "checking", "counts": {}, "created": now, "beat": now}
        row |= {"actor_id": actor.employee or 0, "caller": caller}
        made = await connection.execute(insert(imports).returning(imports.c.id), [row])
        return int(made.scalar_one())


async def leave(connection: AsyncConnection, import_id: int, state: str, values: Mapping[str, Any]) -> None:
    """Take an import out of a state. Raises ConflictError if it is in another one."""
    mine = update(imports).where(imports.c.id == import_id, imports.c.state == state).values(dict(values))
    if (await connection.execute(mine)).rowcount != 1:
        raise ConflictError(_("import {id} is not waiting to be committed").format(id=import_id))


async def end_check(database: Database, import_id: int, state: str, counts: Mapping[str, Any]) -> None:
    """Say what became of a check. Raises ConflictError if somebody gave it up meanwhile."""
    async with database.writing() as connection:
        await leave(
            connection, import_id, "checking", {"state": state, "counts": dict(counts), "beat": datetime.now(UTC)}
        )


async def check_again(database: Database, import_id: int, visibility: str) -> None:
    """Begin another check of an upload that is not committed. Raises ConflictError if there is none."""
    again = imports.c.state.in_(OPEN)
    values = {"state": "checking", "visibility": visibility, "counts": {}, "beat": datetime.now(UTC)}
    async with database.writing() as connection:
        mine = update(imports).where(imports.c.id == import_id, again).values(values)
        if (await connection.execute(mine)).rowcount != 1:
            raise ConflictError(_("import {id} is not waiting to be committed").format(id=import_id))


async def begin_work(database: Database, import_id: int, state: str) -> None:
    """Say that somebody begins to work at an import in a state. Raises ConflictError if it is in another one.

    The child process that does the work is not known to the audit log: this is the transaction that it is logged with.
    """
    async with database.writing() as connection:
        await leave(connection, import_id, state, {"beat": datetime.now(UTC)})


async def forget(database: Database, import_id: int) -> None:
    """Delete an import that nobody was told of."""
    async with database.writing() as connection:
        mine = delete(imports).where(imports.c.id == import_id, imports.c.state.in_(OPEN))
        await connection.execute(mine)


async def give_up_all(database: Database) -> None:
    """Give up all imports that are not committed."""
    async with database.writing() as connection:
        waiting = imports.c.state.in_(OPEN)
        await connection.execute(update(imports).where(waiting).values(state="dropped", beat=datetime.now(UTC)))


async def give_up(database: Database, age: timedelta, checking_age: timedelta, most: int) -> list[int]:
    """Give up imports that nobody committed for so long, and checks whose process died; return their ids.

    Only the newest `most` uploads of an employee are kept, or of a token or user without one.
    """
    now = datetime.now(UTC)
    old = (imports.c.state == "checked") & (imports.c.beat < now - age)
    dead = (imports.c.state == "checking") & (imports.c.beat < now - checking_age)
    uploader = (imports.c.actor_id, case((imports.c.actor_id == literal_column("0"), imports.c.caller), else_=""))
    place = func.row_number().over(partition_by=uploader, order_by=imports.c.id.desc())
    waiting = select(imports.c.id, place.label("place")).where(imports.c.state.in_(_WAITING)).subquery()
    surplus = (imports.c.state == "checked") & imports.c.id.in_(select(waiting.c.id).where(waiting.c.place > most))
    async with database.reading() as connection:
        if (await connection.execute(select(imports.c.id).where(old | dead | surplus).limit(1))).first() is None:
            return []
    async with database.writing() as connection:
        ending = update(imports).where(old | dead | surplus).values(state="dropped", beat=now).returning(imports.c.id)
        return list((await connection.execute(ending)).scalars())
