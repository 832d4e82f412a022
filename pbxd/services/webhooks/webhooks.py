"""Webhooks as administrators manage them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pbxd import rights
from pbxd.actor import Actor
from pbxd.errors import InvalidInputError, Mistakes
from pbxd.i18n import _
from pbxd.services import employees
from pbxd.services.events.hearing import checked_kinds, event_json
from pbxd.services.webhooks.addresses import Network, check_leads_outside, checked_url
from pbxd.services.webhooks.sender import Outcome, Sender, as_curl, signed_headers
from pbxd.services.workspace import Workspace
from pbxd.storage.access.webhook_deliveries import Backlog, Deliveries, Delivery
from pbxd.storage.access.webhook_deliveries import State as State
from pbxd.storage.access.webhooks import Webhook, Webhooks
from pbxd.storage.search.paging import FIRST_PART, PART

ROTATION = timedelta(hours=24)  # for which the former secret signs too
_LONGEST_FILTER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AddWebhook:
    """Where events are to be sent, and which."""

    url: str
    events: Sequence[str]
    queue: str = ""  # of events about calls and queues, only those of this queue
    extension: str = ""  # and only those of this employee, by extension or full name
    allowed: Sequence[Network] = field(default=())  # networks besides public addresses


@dataclass(frozen=True, slots=True)
class ShownWebhook:
    """A webhook, and how many of its events wait or were given up."""

    webhook: Webhook
    pending: int
    dead: int


@dataclass(frozen=True, slots=True)
class Tested:
    """How a test went, and the command that repeats it."""

    outcome: Outcome
    curl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindDeliveries:
    """Which deliveries of a webhook are wanted."""

    webhook_id: int
    state: State | None = None
    before: int | None = None  # only events with a lower number
    limit: int | None = 50  # None: all


async def add(workspace: Workspace, actor: Actor, asked: AddWebhook) -> Webhook:
    """Make a webhook; the answer has its secret. Raises InvalidInputError with all mistakes."""
    rights.check_administrator(actor)
    mistakes = Mistakes()
    with mistakes.collected():
        await check_leads_outside(checked_url(asked.url), asked.allowed)
    kinds: frozenset[str] = frozenset()
    with mistakes.collected():
        if not asked.events:
            raise InvalidInputError("events", _("events: name at least one kind"))
        kinds = checked_kinds(asked.events, "events", durable=True)
    for name, text in (("queue", asked.queue), ("extension", asked.extension)):
        if len(text) > _LONGEST_FILTER:
            mistakes.add(InvalidInputError(name, _("{field}: too long").format(field=name)))
    extension = ""
    if asked.extension and not mistakes.names("extension"):
        with mistakes.collected():
            extension = await employees.known_extension_of(workspace, "extension", asked.extension)
    mistakes.refuse()
    return await Webhooks(workspace.database).add(asked.url, tuple(sorted(kinds)), asked.queue, extension)


async def find(workspace: Workspace, actor: Actor) -> list[ShownWebhook]:
    """Return all webhooks, oldest first."""
    rights.check_administrator(actor)
    backlogs = await Deliveries(workspace.database).backlogs()
    return [_shown(each, backlogs.get(each.id)) for each in await Webhooks(workspace.database).list()]


async def show(workspace: Workspace, actor: Actor, webhook_id: int) -> ShownWebhook:
    """Return a webhook. Raises NotFoundError."""
    rights.check_administrator(actor)
    found = await Webhooks(workspace.database).get(webhook_id)
    return _shown(found, (await Deliveries(workspace.database).backlogs()).get(webhook_id))


async def delete(workspace: Workspace, actor: Actor, webhook_id: int) -> None:
    """Delete a webhook, with what was still to be sent. Raises NotFoundError."""
    rights.check_administrator(actor)
    await Webhooks(workspace.database).delete(webhook_id)


async def rotate(workspace: Workspace, actor: Actor, webhook_id: int) -> Webhook:
    """Give a webhook another secret; for a day both sign. Raises NotFoundError."""
    rights.check_administrator(actor)
    return await Webhooks(workspace.database).rotate(webhook_id, datetime.now(UTC) + ROTATION)


async def replay(workspace: Workspace, actor: Actor, webhook_id: int, after: int) -> Webhook:
    """Send everything after an event again; a disabled webhook is enabled. Raises NotFoundError, ConflictError."""
    rights.check_administrator(actor)
    return await Webhooks(workspace.database).replay(webhook_id, after)


async def deliveries(workspace: Workspace, actor: Actor, asked: FindDeliveries) -> list[Delivery]:
    """Return what was and is to be sent, the newest event first. Raises NotFoundError."""
    rights.check_administrator(actor)
    await Webhooks(workspace.database).get(asked.webhook_id)
    return await Deliveries(workspace.database).log(asked.webhook_id, asked.state, asked.before, asked.limit)


async def every_delivery(
    workspace: Workspace, actor: Actor, asked: FindDeliveries
) -> AsyncGenerator[list[Delivery], None]:
    """Yield everything that was and is to be sent, the newest event first, in parts. Raises NotFoundError."""
    length = FIRST_PART
    while found := await deliveries(workspace, actor, replace(asked, limit=length)):
        yield found
        if len(found) < length:
            return
        asked, length = replace(asked, before=found[-1].queued.seq), PART


async def test(workspace: Workspace, actor: Actor, webhook_id: int, allowed: Sequence[Network]) -> Tested:
    """Send an event of the kind `test`, once. Raises NotFoundError."""
    rights.check_administrator(actor)
    store = Webhooks(workspace.database)
    webhook, now = await store.get(webhook_id), datetime.now(UTC)
    body = event_json(0, now, "test", str(webhook_id), {})
    message_id = f"{await store.installation()}.test-{secrets.token_hex(8)}"
    headers = signed_headers(webhook, message_id, body, now)
    async with Sender(lambda: allowed) as sender:
        outcome = await sender.send(webhook.url, headers, body)
    return Tested(outcome, as_curl(webhook.url, headers, body))


def _shown(webhook: Webhook, backlog: Backlog | None) -> ShownWebhook:
    return ShownWebhook(webhook, backlog.pending if backlog else 0, backlog.dead if backlog else 0)
