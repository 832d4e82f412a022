"""What webhooks have still to send, for `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from pbxd.measures import Reading
from pbxd.storage.access.webhook_deliveries import Backlog, Deliveries
from pbxd.storage.engine.database import Database

_LABELS = ("webhook",)


async def backlog_readings(database: Database) -> Iterable[Reading]:
    """Ask what each webhook, also a disabled one, has still to send. Raises UnavailableError."""
    backlogs = await Deliveries(database).backlogs()

    def each(number: Callable[[Backlog], float]) -> Callable[[], dict[str, float]]:
        return lambda: {str(key): number(backlog) for key, backlog in backlogs.items()}

    about = "1 while a webhook, by its id, is enabled."
    enabled = Reading("pbxd_webhook_enabled", about, "gauge", each(lambda one: float(one.enabled)), _LABELS)
    about = "The last number of the feed that was looked at for a webhook."
    cursor = Reading("pbxd_webhook_cursor", about, "gauge", each(lambda one: one.cursor), _LABELS)
    about = "Events that a webhook was not sent yet."
    pending = Reading("pbxd_webhook_pending", about, "gauge", each(lambda one: one.pending), _LABELS)
    about = "Events that a webhook could not be sent and that were given up."
    dead = Reading("pbxd_webhook_dead", about, "gauge", each(lambda one: one.dead), _LABELS)
    about = "How long the oldest event that a webhook was not sent yet has waited."
    oldest = Reading("pbxd_webhook_oldest_pending_seconds", about, "gauge", each(_age), _LABELS)
    return enabled, cursor, pending, dead, oldest


def _age(backlog: Backlog) -> float:
    return max(0.0, (datetime.now(UTC) - backlog.oldest).total_seconds()) if backlog.oldest else 0.0
