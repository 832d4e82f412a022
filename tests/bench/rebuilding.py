"""Rebuilding a period from Asterisk's own log: 50,000 calls that the history lacks, found and written."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pbxd.history.backfill import Backfill
from pbxd.settings import BackfillSettings, Settings
from pbxd.storage.engine.database import Database
from tests.bench.figures import Figure, figure
from tests.bench.options import Options

CALLS = 50_000
_FLOW = Path(__file__).parent.parent / "captures" / "queue_answered" / "cel.csv"
_SECONDS_BETWEEN = 5  # longer than the flow lasts, so that the log is in order
_CHANNELS_A_FLOW = 2
_TIME = re.compile(r"\b(\d{10})\.(\d+)\b")  # with six digits behind the point an instant, else a channel's id
_CHANNEL = re.compile(r"-([0-9a-f]{8})\b")
_INSTANT_DIGITS = 6


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Compare with an empty history, then let it say what the log says."""
    compared: list[float] = []
    rebuilt: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "cel.csv"
        began = _write(log)
        settings = Settings(backfill=BackfillSettings(cel=str(log)))
        for number in range(min(options.rounds, 2)):
            file = Path(folder) / f"pbxd-{number}.db"
            async with await Database.open(f"sqlite+aiosqlite:///{file}", create=True) as database:
                backfill = Backfill(settings, database)
                start = time.monotonic()
                found = await backfill.compare(began, began + timedelta(seconds=(CALLS + 1) * _SECONDS_BETWEEN))
                compared.append(time.monotonic() - start)
                await backfill.rebuild(found)
                rebuilt.append(time.monotonic() - start)
                if len(found) != CALLS:
                    raise RuntimeError(f"the log tells of {CALLS} calls, {len(found)} were found")
    reference = f"{min(compared):.1f} of it to find the differences"
    yield figure(f"rebuild of {CALLS:,} calls", rebuilt, "s", goal=60, reference=reference)


def _write(log: Path) -> datetime:
    """Write the flow again and again, a call every few seconds; return when the first began."""
    flow = _FLOW.read_text("utf-8")
    with log.open("w", encoding="utf-8") as stream:
        for number in range(CALLS):
            stream.write(_again(flow, number))
    first = _TIME.search(flow)
    if first is None:
        raise RuntimeError("a log without times")
    return datetime.fromtimestamp(int(first[1]) - 1, UTC)


def _again(flow: str, number: int) -> str:
    def later(found: re.Match[str]) -> str:
        at, rest = int(found[1]) + number * _SECONDS_BETWEEN, found[2]
        return f"{at}.{rest if len(rest) == _INSTANT_DIGITS else int(rest) + number * _CHANNELS_A_FLOW}"

    def another(found: re.Match[str]) -> str:
        return f"-{int(found[1], 16) + number * _CHANNELS_A_FLOW:08x}"

    return _CHANNEL.sub(another, _TIME.sub(later, flow))
