"""The answers to requests with an idempotency key, so that a repeated request is not done twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.errors import ConflictError, InvalidInputError
from pbxd.i18n import _
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.witnesses import unwitnessed
from pbxd.storage.tables import request_keys as table

KEPT: Final = timedelta(days=7)  # a later repetition is a new request
ABANDONED: Final = timedelta(minutes=2)  # longer than any request lasts: pbxd was killed meanwhile


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A request that must not be done twice."""

    caller: str  # whose key it is
    operation: str
    key: str
    digest: str  # of the request; the request itself names people and is not kept


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer that a request had."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Made:
    """What a request made whose answer was not kept: pbxd was killed, or failed, after the change was committed."""

    id: int


_UNDER_WAY: ContextVar[RequestKey | None] = ContextVar("request_key", default=None)


@contextmanager
def under_way(asked: RequestKey) -> Iterator[None]:
    """Have `note_made`, called in this block, note what this request makes."""
    before = _UNDER_WAY.set(asked)
    try:
        yield
    finally:
        _UNDER_WAY.reset(before)


async def note_made(connection: AsyncConnection, made: int) -> None:
    """Note the id of what the request under way makes, if it has a key, in the transaction that makes it."""
    if asked := _UNDER_WAY.get():
        await connection.execute(update(table).where(_of(asked)).values(made=made))


class RequestKeys:
    """The requests of the last days."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that the audit log does not take for the request's change."""
        with unwitnessed():
            async with self._database.writing() as connection:
                yield connection

    async def claim(self, asked: RequestKey) -> Answered | Made | None:
        """Note that a request is under way; return the answer if it had one before, else what it made before.

        Raises InvalidInputError if the key was used for another request, ConflictError while the first is under way.
        """
        now = datetime.now(UTC)
        async with self._writing() as connection:  # the only writer, so nothing can come between
            await connection.execute(delete(table).where(table.c.at <= now - KEPT))
            if (known := await _known(connection, asked, now)) is not None:
                return known
            await connection.execute(delete(table).where(_of(asked)))
            key = {"caller": asked.caller, "operation": asked.operation, "key": asked.key}
            await connection.execute(insert(table), key | {"digest": asked.digest, "at": now})
        return None

    async def find(self, asked: RequestKey) -> Answered | Made | None:
        """Return what `claim` would, without a claim: None if the request could be made. Raises what `claim` raises."""
        async with self._database.reading() as connection:
            return await _known(connection, asked, datetime.now(UTC))

    async def keep(self, asked: RequestKey, answer: Answered) -> None:
        """Keep the answer of a request."""
        values = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
        async with self._writing() as connection:
            await connection.execute(update(table).where(_of(asked)).values(values))

    async def release(self, asked: RequestKey) -> None:
        """Forget a request that made nothing, so that it can be made again."""
        async with self._writing() as connection:
            await connection.execute(delete(table).where(_of(asked), table.c.made.is_(None)))

    async def forget(self, asked: RequestKey, made: int) -> None:
        """Forget a request that made this, which is gone, so that it can be made again; nothing if it has been."""
        gone = or_(table.c.made == made, table.c.body == str(made))
        async with self._writing() as connection:
            await connection.execute(delete(table).where(_of(asked), gone))


async def _known(connection: AsyncConnection, asked: RequestKey, now: datetime) -> Answered | Made | None:
    wanted = select(table).where(_of(asked), table.c.at > now - KEPT)
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        return None
    if row.digest != asked.digest:
        message = _("this idempotency key was used for another request")
        raise InvalidInputError("Idempotency-Key", message, code="used")
    if row.status is not None:
        return Answered(row.status, row.headers, row.body)
    if row.made is not None:
        return Made(row.made)
    if row.at > now - ABANDONED:
        raise ConflictError(_("the first request with this idempotency key is still under way"))
    return None


def _of(asked: RequestKey) -> ColumnElement[bool]:
    return and_(table.c.caller == asked.caller, table.c.operation == asked.operation, table.c.key == asked.key)
