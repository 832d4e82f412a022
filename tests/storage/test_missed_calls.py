"""Whose phones rang where nobody answered, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from pbxd.calls.record import Agent, CallRecord, Direction, Outcome, Party
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.missed_calls import MOST_COUNTED, count_missed, missed_by, note_seen
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import missed_calls, users

BEGAN = datetime(2026, 11, 1, 9, tzinfo=UTC)
RANG = [Agent("101", 5.0, rings=1), Agent("102", 5.0), Agent("103")]


def call(number: int = 1, direction: Direction = "incoming", outcome: Outcome | None = "missed") -> CallRecord:
    started = BEGAN + timedelta(minutes=number)
    record = CallRecord(f"C{number}", "pbx", f"1.{number}", started, direction, ended=started, outcome=outcome)
    record.caller, record.agents = Party("+79160000001"), list(RANG)
    return record


@pytest.fixture
async def seen(database: Database) -> Database:
    """User 1 looked at the history when calls began."""
    async with database.writing() as connection:
        await connection.execute(insert(users).values(id=1, role="agent", created=BEGAN - timedelta(days=9)))
    await note_seen(database, 1, BEGAN)
    return database


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (call(), {"101", "102"}),
        (call(outcome="abandoned"), {"101", "102"}),
        (call(outcome="voicemail"), {"101", "102"}),
        (call(outcome="answered"), set()),
        (replace(call(), merged_into="C9"), set()),
        (replace(call(), ended=None, outcome=None), set()),
        (replace(call(), callee=Party("105", extension="105")), {"101", "102", "105"}),
        (call(direction="outgoing", outcome="no-answer"), set()),
        (replace(call(direction="internal", outcome="cancelled"), caller=Party("101", extension="101")), {"102"}),
        (call(direction="internal", outcome="failed"), set()),
    ],
)
def test_who_missed_a_call(record: CallRecord, found: set[str]) -> None:
    assert missed_by(record) == found


async def test_calls_are_counted_from_the_last_look_on(seen: Database) -> None:
    await Calls(seen).upsert([call(number) for number in range(-3, 4)])
    assert [await seen.ask(count_missed, 1, each) for each in ("101", "103", "")] == [3, 0, 0]
    assert await seen.ask(count_missed, 2, "101") == 0, "there is no such user"
    await note_seen(seen, 1, BEGAN + timedelta(minutes=2))
    assert await seen.ask(count_missed, 1, "101") == 1


async def test_what_a_call_becomes_later_counts(seen: Database) -> None:
    await Calls(seen).upsert([call(1), call(2)])
    await Calls(seen).upsert([call(1, outcome="answered"), replace(call(2), agents=RANG[:1])])
    await Calls(seen).upsert([call(2)])
    async with seen.reading() as connection:
        rows = (await connection.execute(select(missed_calls.c.extension).order_by("extension"))).scalars().all()
    assert rows == ["101", "102"]


async def test_many_are_not_counted_one_by_one(seen: Database) -> None:
    await Calls(seen).upsert([call(number) for number in range(1, MOST_COUNTED + 20)])
    assert await seen.ask(count_missed, 1, "101") == MOST_COUNTED
