"""What the database refuses of one call holds up no other, and is kept as far as it can be."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from pbxd.asterisk.ami.field_limits import LONGEST_TEXT
from pbxd.calls.record import PARTS, CallRecord, HistoryGap, Party
from pbxd.errors import UnavailableError
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps
from pbxd.storage.calls.history import History
from pbxd.storage.calls.safe_writer import SafeWriter
from pbxd.storage.engine.database import Database

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
LETTERS = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9000))  # nothing compresses it


def call(number: int, caller: str = "101") -> CallRecord:
    began = START + timedelta(minutes=number)
    return CallRecord(f"{number:04}", "pbx", f"1772355600.{number}", began, caller=Party(number=caller), ended=began)


async def kept(database: Database) -> dict[str, CallRecord]:
    return {record.id: record for record in (await History(database).page()).records}


@pytest.mark.parametrize(
    "stubborn",
    [
        call(0, LETTERS),  # no index of PostgreSQL takes it
        replace(call(0), seconds=dict.fromkeys(PARTS, math.nan)),
        replace(call(0), caller=Party(number="101", contact=2**70), cause=10**400),
        replace(call(0), queue=LETTERS, agents=[]),
    ],
)
async def test_the_calls_behind_one_that_is_refused_are_written(database: Database, stubborn: CallRecord) -> None:
    writing = SafeWriter(Calls(database))
    gap = HistoryGap("pbx", START, START, "link")
    with capture_logs():
        await writing.upsert([stubborn, *(call(number) for number in range(1, 21))], [gap], ("pbx", START))
    records = await kept(database)
    assert len(records) == 21
    assert writing.refused == 0
    assert records["0000"].started == START
    assert await HistoryGaps(database).cursor("pbx") == START
    assert len(await HistoryGaps(database).list()) == 1
    if writing.shortened:
        assert len(records["0000"].caller.number or "") <= LONGEST_TEXT


async def test_what_nothing_helps_is_given_up_and_counted(database: Database) -> None:
    writing = SafeWriter(Calls(database))
    naive = replace(call(0), started=datetime(2026, 3, 1))  # noqa: DTZ001 - a mistake of ours
    with capture_logs() as logs:
        await writing.upsert([naive, call(1)])
    assert list(await kept(database)) == ["0001"]
    assert (writing.shortened, writing.refused) == (0, 1)
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["calls_refused", "call_write_failed"]
    assert LETTERS not in str(logs)


async def test_a_database_that_is_away_is_still_asked_again(url: str) -> None:
    writing = SafeWriter(Calls(Database(url)))
    with pytest.raises(UnavailableError):
        await writing.upsert([call(1)])
    assert (writing.shortened, writing.refused) == (0, 0)
