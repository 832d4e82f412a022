"""Gaps filled from MariaDB as FreePBX keeps its logs there: local times in whole seconds, rows ordered by id."""

from __future__ import annotations

import csv
import getpass
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pbxd.calls.record import CallRecord, HistoryGap
from pbxd.errors import UnavailableError
from pbxd.history.backfill import Backfill
from pbxd.history.replay import replay
from pbxd.settings import CEL_COLUMNS, BackfillSettings, Settings
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps
from pbxd.storage.calls.history import History
from pbxd.storage.engine.database import Database
from pbxd.storage.pbx_log.readers import Values, configured_log, rows, tail, without_password
from tests.storage.mariadb import TABLES, Server, server

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "tests" / "captures"
MOSCOW = ZoneInfo("Europe/Moscow")
FLOWS = ("queue_answered", "incoming_abandoned", "blind_to_outside", "attended_refer", "voicemail", "two_equal_pairs")
GRANT = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "freepbx.md").read_text(encoding="utf-8"), re.DOTALL)[0]


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Server]:
    with server() as running:
        running.run(TABLES)
        # The page's own lines; the service's user is here whoever runs the tests, since the socket tells who connects.
        user = getpass.getuser()
        running.run(GRANT.replace("CREATE USER IF NOT EXISTS", "CREATE OR REPLACE USER").replace("pbxd@", f"'{user}'@"))
        running.run(
            "CREATE USER reader@localhost IDENTIFIED BY 'hush'; GRANT SELECT ON asteriskcdrdb.* TO reader@localhost"
        )
        yield running


@pytest.fixture
def tables(mariadb: Server) -> Server:
    mariadb.run("TRUNCATE asteriskcdrdb.cel; TRUNCATE asteriskcdrdb.cdr")
    return mariadb


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'pbxd.db'}", create=True) as opened:
        yield opened


def local(at: float) -> str:
    return f"{datetime.fromtimestamp(at, MOSCOW):%Y-%m-%d %H:%M:%S}"


def insert(server: Server, table: str, values: list[Values]) -> None:
    columns = ", ".join(values[0])
    lines = (
        ", ".join("'" + text.replace("\\", "\\\\").replace("'", "''") + "'" for text in row.values()) for row in values
    )
    server.run(f"INSERT INTO asteriskcdrdb.{table} ({columns}) VALUES " + ", ".join(f"({line})" for line in lines))  # noqa: S608 - our own


def logged(flow: str, shift: float = 0.0) -> list[Values]:
    """The log of a flow as FreePBX's table has it."""
    with (CAPTURES / flow / "cel.csv").open(encoding="utf-8", newline="") as stream:
        lines = [dict(zip(CEL_COLUMNS, line, strict=True)) for line in csv.reader(stream)]
    return [line | {"eventtime": local(float(line["eventtime"]) + shift)} for line in lines]


def reading(server: Server, **keys: str) -> Settings:
    told = {"cel": server.url(getpass.getuser()), "time_zone": "Europe/Moscow"} | keys
    return Settings(backfill=BackfillSettings.model_validate(told))


def facts(record: CallRecord) -> tuple[object, ...]:
    return record.id, record.direction, record.caller.number, record.callee.number, record.queues, record.outcome


@pytest.mark.parametrize("flow", FLOWS)
async def test_calls_of_a_gap_are_those_that_would_have_been_heard(
    tables: Server, database: Database, flow: str
) -> None:
    insert(tables, "cel", logged(flow))
    heard = sorted(replay(CAPTURES / flow / "stream.ami", Settings()), key=lambda record: record.id)
    since, to = heard[0].started - timedelta(minutes=1), heard[0].started + timedelta(minutes=5)
    await Calls(database).upsert([], [HistoryGap("pbx", since, to, "link")])
    (gap,) = await HistoryGaps(database).list()
    await Backfill(reading(tables), database).fill(gap)
    filled = sorted((await History(database).page(limit=100)).records, key=lambda record: record.id)
    leading = [record for record in heard if record.merged_into is None]
    assert [facts(record) for record in filled] == [facts(record) for record in leading]
    for record, like in zip(filled, leading, strict=True):
        assert record.source == "cel"
        assert record.ended is not None
        assert like.ended is not None
        assert abs(record.started - like.started) <= timedelta(seconds=1)
        assert abs(record.ended - like.ended) <= timedelta(seconds=1)


async def test_rows_come_from_a_time_on_in_the_order_of_their_ids(tables: Server) -> None:
    flow = logged("queue_answered")
    insert(tables, "cel", [*logged("incoming_missed", -86_400), *flow])
    begin = datetime.fromisoformat(flow[0]["eventtime"]).replace(tzinfo=MOSCOW).timestamp()
    for driver in ("mysql+aiomysql", "mysql+asyncmy", "mysql", "mariadb"):  # one driver, whatever is asked for
        url = tables.url("reader", "hush", driver)
        found = [row async for part in rows(configured_log(reading(tables, cel=url)), begin) for row in part]
        assert [row["eventtype"] for row in found] == [row["eventtype"] for row in flow]
        assert float(found[0]["eventtime"]) == begin
    last = await tail(configured_log(reading(tables)))
    assert [row["uniqueid"] for row in last[-3:]] == [row["uniqueid"] for row in flow[-3:]]
    tables.run("ALTER TABLE asteriskcdrdb.cel CHANGE extra eventextra VARCHAR(512) NOT NULL DEFAULT ''")
    try:
        (row, *_more) = await tail(configured_log(reading(tables)))
    finally:
        tables.run("ALTER TABLE asteriskcdrdb.cel CHANGE eventextra extra VARCHAR(512) NOT NULL DEFAULT ''")
    assert row["extra"] == row["eventextra"]


async def test_call_detail_records_with_a_beginning_and_two_lengths(tables: Server, database: Database) -> None:
    at = datetime(2026, 11, 28, 9, 0, tzinfo=UTC).timestamp()
    common = {"dcontext": "from-trunk", "lastapp": "Dial", "lastdata": "PJSIP/101,20"}
    answered = {
        "calldate": local(at),
        "src": "89161234567",
        "dst": "101",
        "channel": "PJSIP/trunk-1",
        "linkedid": "1.1",
    }
    answered |= {"dstchannel": "PJSIP/101-2", "duration": "40", "billsec": "30", "disposition": "ANSWERED"}
    missed = {
        "calldate": local(at + 100),
        "src": "89160000000",
        "dst": "101",
        "channel": "PJSIP/trunk-3",
        "linkedid": "1.3",
    }
    missed |= {"dstchannel": "PJSIP/101-4", "duration": "20", "billsec": "0", "disposition": "NO ANSWER"}
    insert(tables, "cdr", [answered | common, missed | common])
    settings = reading(tables, cel="", cdr=tables.url(getpass.getuser()))
    assert [row["src"] async for part in rows(configured_log(settings), at + 41) for row in part] == ["89160000000"]
    began = datetime.fromtimestamp(at, UTC)
    since, to = began - timedelta(minutes=1), began + timedelta(minutes=5)
    await Calls(database).upsert([], [HistoryGap("pbx", since, to, "link")])
    (gap,) = await HistoryGaps(database).list()
    await Backfill(settings, database).fill(gap)
    records = sorted((await History(database).page(limit=10)).records, key=lambda record: record.started)
    assert [(record.outcome, record.started) for record in records] == [
        ("answered", began),
        ("missed", began + timedelta(seconds=100)),
    ]
    assert records[0].answered == began + timedelta(seconds=10)
    assert records[0].ended == began + timedelta(seconds=40)


async def test_the_grant_of_the_page_reads_two_tables_and_writes_nothing(tables: Server) -> None:
    assert await tail(configured_log(reading(tables))) == []
    granted = tables.run(f"SHOW GRANTS FOR '{getpass.getuser()}'@localhost")
    assert re.findall("GRANT (.*?) ON (.*?) TO", granted)[1:] == [
        ("SELECT", "`asteriskcdrdb`.`cdr`"),
        ("SELECT", "`asteriskcdrdb`.`cel`"),
    ] or re.findall("GRANT (.*?) ON (.*?) TO", granted)[1:] == [
        ("SELECT", "`asteriskcdrdb`.`cel`"),
        ("SELECT", "`asteriskcdrdb`.`cdr`"),
    ]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cel_table": "nowhere"}, "nowhere"),
        ({"cel_table": "cdr"}, "no column channame, eventtime, eventtype"),
    ],
)
async def test_what_cannot_be_read_is_named(tables: Server, change: dict[str, str], named: str) -> None:
    with pytest.raises(UnavailableError, match=named):
        await tail(configured_log(reading(tables, **change)))


async def test_a_refusal_is_a_line_without_the_password(tables: Server) -> None:
    for url in (tables.url("reader", "wrong-pass"), tables.url("reader", "wrong-pass").replace("/socket", "/nowhere")):
        with pytest.raises(UnavailableError) as refused:
            await tail(configured_log(reading(tables, cel=url)))
        assert "wrong-pass" not in str(refused.value)
        assert "wrong-pass" not in without_password(url)
