"""Webhooks: where events are sent. Secrets are kept as they are, since they sign."""

from __future__ import annotations

import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.errors import ConflictError, NotFoundError
from pbxd.i18n import _
from pbxd.storage.access.request_keys import note_made
from pbxd.storage.engine.database import Database, possible
from pbxd.storage.engine.feed import cursor
from pbxd.storage.tables import feed, installation, webhook_deliveries, webhooks

PREFIX = "whsec_"  # as Standard Webhooks says
_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook."""

    id: int
    url: str
    kinds: tuple[str, ...]
    queue: str
    extension: str
    secret: str = field(repr=False)
    former_secret: str | None = field(repr=False)  # signs too, until `former_until`
    former_until: datetime | None
    created: datetime
    disabled: datetime | None
    disabled_why: str
    cursor: int
    version: int

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that sign at a time, the present one first."""
        rotating = self.former_secret and self.former_until and now < self.former_until
        return (self.secret, self.former_secret) if rotating and self.former_secret else (self.secret,)


EveryWebhook = list[Webhook]


class Webhooks:
    """The webhooks of this installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, url: str, kinds: tuple[str, ...], queue: str, extension: str) -> Webhook:
        """Make a webhook that gets events from now on."""
        async with self._database.writing() as connection:
            values = {
                "url": url,
                "kinds": list(kinds),
                "queue": queue,
                "extension": extension,
                "secret": new_secret(),
                "created": datetime.now(UTC),
                "cursor": await cursor(connection),
            }
            made = await connection.execute(insert(webhooks).values(values).returning(*webhooks.c))
            webhook = _webhook(made.one())
            await note_made(connection, webhook.id)
            return webhook

    async def list(self) -> EveryWebhook:
        """Return all webhooks, oldest first."""
        async with self._database.reading() as connection:
            return [_webhook(row) for row in await connection.execute(select(webhooks).order_by(webhooks.c.id))]

    async def get(self, webhook_id: int) -> Webhook:
        """Return a webhook. Raises NotFoundError."""
        async with self._database.reading() as connection:
            return await _one(connection, webhook_id)

    async def delete(self, webhook_id: int) -> None:
        """Delete a webhook and its deliveries. Raises NotFoundError."""
        async with self._database.writing() as connection:
            await _one(connection, webhook_id)
            await connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id))

    async def rotate(self, webhook_id: int, former_until: datetime) -> Webhook:
        """Give a webhook another secret; the former one signs too until then. Raises NotFoundError."""
        async with self._database.writing() as connection:
            before = await _one(connection, webhook_id)
            values = {"secret": new_secret(), "former_secret": before.secret, "former_until": former_until}
            return await _change(connection, webhook_id, values)

    async def replay(self, webhook_id: int, after: int) -> Webhook:
        """Send everything after an event again, also what was delivered; a disabled webhook is enabled.

        Raises NotFoundError, and ConflictError for a number before the feed's beginning or after its end.
        """
        async with self._database.writing() as connection:
            await _one(connection, webhook_id)
            oldest = (await connection.execute(select(func.min(feed.c.seq)))).scalar_one() or 0
            newest = await cursor(connection)
            if after > newest or 0 < after < oldest - 1:
                message = _("the feed has events {oldest} to {newest}")
                raise ConflictError(message.format(oldest=oldest, newest=newest))
            again = (webhook_deliveries.c.webhook_id == webhook_id, webhook_deliveries.c.seq > after)
            await connection.execute(delete(webhook_deliveries).where(*again))
            return await _change(connection, webhook_id, {"cursor": after, "disabled": None, "disabled_why": ""})

    async def disable(self, webhook_id: int, why: str) -> None:
        """Send nothing there any more, until a replay."""
        async with self._database.writing() as connection:
            mine = (webhooks.c.id == webhook_id, webhooks.c.disabled.is_(None))
            values = {"disabled": datetime.now(UTC), "disabled_why": why, "version": webhooks.c.version + 1}
            await connection.execute(update(webhooks).where(*mine).values(values))

    async def installation(self) -> str:
        """Return the id of this installation, which is made at the first use."""
        async with self._database.reading() as connection:
            found = (await connection.execute(select(installation.c.id))).scalar()
        if found is None:
            async with self._database.writing() as connection:
                found = (await connection.execute(select(installation.c.id))).scalar()
                if found is None:
                    found = uuid4().hex
                    await connection.execute(insert(installation).values(id=found))
        return str(found)


def new_secret() -> str:
    """Make a secret that signs."""
    return PREFIX + b64encode(secrets.token_bytes(_BYTES)).decode()


async def _one(connection: AsyncConnection, webhook_id: int) -> Webhook:
    wanted = select(webhooks).where(webhooks.c.id.in_(possible([webhook_id])))
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise NotFoundError(_("there is no webhook {id}").format(id=webhook_id))
    return _webhook(row)


async def _change(connection: AsyncConnection, webhook_id: int, values: dict[str, Any]) -> Webhook:
    """Change a webhook; its version says to the daemon that it must begin anew with it."""
    changing = update(webhooks).where(webhooks.c.id == webhook_id)
    changed = changing.values(**values, version=webhooks.c.version + 1).returning(*webhooks.c)
    return _webhook((await connection.execute(changed)).one())


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(**{**row._mapping, "kinds": tuple(row.kinds)})  # noqa: SLF001 - SQLAlchemy's own name for it, public
