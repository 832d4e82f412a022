"""Gaps: times in which the PBX was not heard. They are listed, filled from the PBX's own log, and compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pbxd import rights
from pbxd.actor import Actor
from pbxd.history.backfill import Backfill, Difference
from pbxd.services.context import Context
from pbxd.services.dates import read_instant
from pbxd.settings import Settings
from pbxd.storage.calls.outages import KeptOutage, Outages


@dataclass(frozen=True, slots=True, kw_only=True)
class FindGaps:
    """Which page of the gaps, newest first."""

    limit: int = 1000
    offset: int = 0


@dataclass(frozen=True, slots=True)
class FoundGaps:
    """A page of gaps; `total` counts all."""

    total: int
    gaps: Sequence[KeptOutage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """A period of the history; dates and times as `dates.read_instant` reads them."""

    since: str
    until: str  # a date means that whole day


async def find(context: Context, _actor: Actor, asked: FindGaps) -> FoundGaps:
    """Return a page of the gaps."""
    outages = Outages(context.database)
    return FoundGaps(await outages.count(), await outages.list(limit=asked.limit, offset=asked.offset))


async def fill(context: Context, actor: Actor, settings: Settings, *, again: bool) -> Sequence[KeptOutage]:
    """Fill the gaps that aren't filled, or with `again` all of them; return all gaps. Raises ConfigurationError."""
    rights.check_administrator(actor)
    backfill, outages = Backfill(settings, context.database), Outages(context.database)
    for gap in await (outages.list() if again else outages.unfilled(settings.asterisk.name, datetime.now(UTC))):
        await backfill.fill(gap)
    return await outages.list()


async def compare(context: Context, actor: Actor, settings: Settings, asked: Compare) -> list[Difference]:
    """Return the calls of a period that differ in the log. Raises InvalidInputError, ConfigurationError."""
    rights.check_administrator(actor)
    since, until = read_instant("from", asked.since), read_instant("to", asked.until, end_of_day=True)
    return await Backfill(settings, context.database).compare(since.astimezone(UTC), until.astimezone(UTC))


async def rebuild(context: Context, actor: Actor, settings: Settings, differences: list[Difference]) -> int:
    """Let the history say what the log says; return how many calls changed. Calls that changed meanwhile stay."""
    rights.check_administrator(actor)
    return await Backfill(settings, context.database).rebuild(differences)
