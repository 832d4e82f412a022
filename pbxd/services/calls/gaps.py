"""List gaps (times in which pbxd did not hear the PBX), fill them from the PBX log, and compare with that log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pbxd import rights
from pbxd.actor import Actor
from pbxd.history.backfill import Backfill, Difference
from pbxd.services.dates import read_instant
from pbxd.services.workspace import Workspace
from pbxd.settings import Settings
from pbxd.storage.calls.gaps import HistoryGaps, StoredGap, count_gaps_between, gaps_between
from pbxd.storage.engine.database import Reading
from pbxd.storage.engine.feed import newest
from pbxd.storage.search import cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class FindGaps:
    """Which page of the gaps, newest first."""

    limit: int = 1000
    offset: int = 0
    after: str = ""  # the cursor of the page before


@dataclass(frozen=True, slots=True)
class FoundGaps:
    """A page of gaps; `total` counts all. `next`: the cursor of the next page, `seq`: the feed's number."""

    total: int
    gaps: Sequence[StoredGap]
    next: str | None = None
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """A period of the history; dates and times as `dates.read_instant` reads them."""

    since: str
    until: str  # a date means that whole day


async def find(workspace: Workspace, _actor: Actor, asked: FindGaps) -> FoundGaps:
    """Return a page of the gaps. Raises InvalidInputError (`after`)."""
    return await workspace.database.ask(_page, asked)


def _page(connection: Reading, asked: FindGaps) -> FoundGaps:
    tied = cursor.bound("gaps")
    last = cursor.read_number("gaps", asked.after, tied) or 0
    found = gaps_between(connection, None, None, asked.limit + 1, asked.offset, last)
    gaps = found[: asked.limit]
    following = cursor.written_entry("gaps", gaps[-1].id, tied) if len(found) > len(gaps) else None
    return FoundGaps(count_gaps_between(connection, None, None), gaps, following, newest(connection))


async def fill(
    workspace: Workspace,
    actor: Actor,
    settings: Settings,
    *,
    again: bool,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Sequence[StoredGap]:
    """Fill the gaps that aren't filled, or with `again` all of them; return all gaps. Raises ConfigurationError."""
    rights.check_administrator(actor)
    backfill, gaps = Backfill(settings, workspace.database), HistoryGaps(workspace.database)
    wanted = await (gaps.list() if again else gaps.unfilled(settings.asterisk.name, datetime.now(UTC)))
    for place, gap in enumerate(wanted, 1):
        await backfill.fill(gap)
        progress(place, len(wanted))
    return await gaps.list()


async def compare(
    workspace: Workspace,
    actor: Actor,
    settings: Settings,
    asked: Compare,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Difference]:
    """Return the calls of a period that differ in the log. Raises InvalidInputError, ConfigurationError."""
    rights.check_administrator(actor)
    since, until = read_instant("from", asked.since), read_instant("to", asked.until, end_of_day=True)
    return await Backfill(settings, workspace.database, progress).compare(since.astimezone(UTC), until.astimezone(UTC))


async def rebuild(
    workspace: Workspace,
    actor: Actor,
    settings: Settings,
    differences: list[Difference],
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Let the history say what the log says; return how many calls changed. Calls that changed meanwhile stay."""
    rights.check_administrator(actor)
    return await Backfill(settings, workspace.database, progress).rebuild(differences)
