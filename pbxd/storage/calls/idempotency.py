"""The call to which a request with an idempotency key led, so that repeating it rings nobody twice."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete, insert, select

from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.witnesses import unwitnessed
from pbxd.storage.tables import call_requests

KEPT = timedelta(days=7)  # a later repetition is a new request
_KEY = re.compile(r"[!-~]{1,255}")  # printable ASCII without blanks; usually a UUID


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A request that must not be carried out twice."""

    key: str
    digest: str  # of the request; the request itself names people and is not stored

    @classmethod
    def of(cls, key: str, asked: Mapping[str, object], caller: str = "") -> CallRequest:
        """Make one from the request (JSON). `caller`: whose key it is. Raises InvalidInputError for an invalid key."""
        if not _KEY.fullmatch(key):
            message = _("an idempotency key has 1 to 255 printable ASCII characters without blanks")
            raise InvalidInputError("Idempotency-Key", message)
        return cls(f"{caller} {key}" if caller else key, sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest())


class CallRequests:
    """The requests of the last days."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, request: CallRequest) -> str | None:
        """Return the id of the call to which this request led, None for a new request.

        Raises InvalidInputError if the key was used for a different request.
        """
        wanted = select(call_requests).where(call_requests.c.key == request.key, call_requests.c.at > _oldest())
        async with self._database.reading() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            return None
        if row.digest != request.digest:
            raise InvalidInputError("Idempotency-Key", _("this idempotency key was used for another request"))
        return str(row.call_id)

    async def claim(self, request: CallRequest, call_id: str) -> bool:
        """Store, before anything rings, that the request leads to this call. False: another process was first."""
        row = {"key": request.key, "digest": request.digest, "call_id": call_id, "at": datetime.now(UTC)}
        with unwitnessed():  # for the audit log nothing is done yet: the PBX may refuse the call
            return await self._claim(request.key, row)

    async def _claim(self, key: str, row: Mapping[str, object]) -> bool:
        async with self._database.writing() as connection:  # the only writer, so nothing can come between
            await connection.execute(delete(call_requests).where(call_requests.c.at <= _oldest()))
            taken = select(call_requests.c.key).where(call_requests.c.key == key)
            if (await connection.execute(taken)).scalar() is not None:
                return False
            await connection.execute(insert(call_requests).values(row))
            return True

    async def release(self, request: CallRequest) -> None:
        """Forget a request that surely rang nobody, so that it can be made again."""
        with unwitnessed():
            async with self._database.writing() as connection:
                await connection.execute(delete(call_requests).where(call_requests.c.key == request.key))


def _oldest() -> datetime:
    return datetime.now(UTC) - KEPT
