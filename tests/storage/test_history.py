"""Lists of calls: filters, pages, totals, and which index answers them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from sqlalchemy import Connection, event

from pbxd.calls.record import PARTS, CallRecord, Direction, Outcome, Party
from pbxd.errors import InvalidInputError
from pbxd.storage.calls import history, plan
from pbxd.storage.calls.call_filter import CallFilter, CallKey, SeenCalls, Span
from pbxd.storage.calls.call_rows import agents_of
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.history import History, Page
from pbxd.storage.engine.database import Database

START = datetime(2026, 3, 1, 9, 0, 0, 123457, tzinfo=UTC)
ONE, TWO, THREE = "+79160000001", "+79160000002", "+79160000003"


def call(number: int, **changes: Any) -> CallRecord:  # noqa: ANN401 - any field of a record
    plain = CallRecord(f"{number:04}", "pbx", f"1772355600.{number}", START + timedelta(minutes=number))
    talk = changes.pop("talk", 0.0)
    return replace(plain, seconds=dict.fromkeys(PARTS, 0.0) | {"talk": talk}, **changes)


async def ids(database: Database, wanted: CallFilter | None = None) -> list[str]:
    page = await History(database).page(wanted)
    assert (page.total, page.more) == (len(page.records), False)
    return [each.id for each in page.records]


@pytest.fixture
async def book(database: Database) -> Database:
    await Calls(database).upsert(
        [
            call(1, caller=Party(ONE, contact=7), callee=Party(extension="101"), queue="sales"),
            call(2, caller=Party(TWO), outcome="missed", queue="sales", ended=START),
            call(3, direction="outgoing", caller=Party(extension="102"), callee=Party(ONE, contact=7)),
            call(4, direction="internal", caller=Party(extension="101"), callee=Party(extension="102")),
            call(5, answered_by=["103", "101", "103", ONE], outcome="answered", queue="support", talk=61.0),
        ]
    )
    return database


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(), ["0005", "0004", "0003", "0002", "0001"]),
        (CallFilter(direction="outgoing"), ["0003"]),
        (CallFilter(outcome="missed"), ["0002"]),
        (CallFilter(queue="sales"), ["0002", "0001"]),
        (CallFilter(queue="sales", outcome="missed"), ["0002"]),
        (CallFilter(talk=61), ["0005"]),
        (CallFilter(talk=61.01), []),
        (CallFilter(talk=1, direction="outgoing"), []),
        (CallFilter(agent="101"), ["0005", "0004", "0001"]),
        (CallFilter(agent="103"), ["0005"]),
        (CallFilter(agent="10"), []),
        (CallFilter(agent="102", direction="outgoing"), ["0003"]),
        (CallFilter(agent="101", queue="support", outcome="answered", talk=1), ["0005"]),
        (CallFilter(agent="а\0\ud800"), []),
        (CallFilter(since=minute(2), until=minute(4)), ["0003", "0002"]),
        (CallFilter(agent="101", until=minute(4)), ["0001"]),
        (CallFilter(spans=(Span(ONE),)), ["0003", "0001"]),
        (CallFilter(spans=(Span(ONE), Span(TWO))), ["0003", "0002", "0001"]),
        (CallFilter(spans=(Span(ONE, minute(2)), Span(TWO, None, minute(2)))), ["0003"]),
        (CallFilter(spans=(Span(ONE),), direction="outgoing"), ["0003"]),
        (CallFilter(spans=(Span(ONE),), agent="101"), ["0001"]),
        (CallFilter(spans=()), []),
        (CallFilter(spans=tuple(Span(f"+7916000000{last}", minute(2)) for last in range(9))), ["0003", "0002"]),
        (CallFilter(spans=tuple(Span(f"+7916000000{last}") for last in range(9)), queue="sales"), ["0002", "0001"]),
    ],
)
async def test_filters(book: Database, wanted: CallFilter, found: list[str]) -> None:
    assert await ids(book, wanted) == found


async def test_an_agent_who_is_no_longer_in_the_record_no_longer_finds_it(book: Database) -> None:
    await Calls(book).upsert([call(1, callee=Party(extension="105"))])
    assert await ids(book, CallFilter(agent="101")) == ["0005", "0004"]
    assert await ids(book, CallFilter(agent="105")) == ["0001"]
    await Calls(book).upsert([call(1, callee=Party(extension="105"), merged_into="0002")])
    assert await ids(book, CallFilter(agent="105")) == []


async def test_a_call_with_the_same_number_on_both_sides_is_listed_once(book: Database) -> None:
    await Calls(book).upsert([call(6, caller=Party(THREE), callee=Party(THREE))])
    assert await ids(book, CallFilter(spans=(Span(THREE),))) == ["0006"]


async def test_pages_by_offset_and_after_the_last_one_seen(book: Database) -> None:
    lists = History(book)
    everything = (await lists.page()).records
    assert await lists.page(limit=2, offset=2) == Page(5, False, everything[2:4], minute(2), minute(4), older=True)
    first = await lists.page(limit=2)
    assert first == Page(5, False, everything[:2], minute(4), None, older=True)
    await Calls(book).upsert([call(6)])  # a call comes in while somebody reads on
    second = await lists.page(limit=2, before=first.records[-1].id)
    assert second == Page(6, False, everything[2:4], minute(2), minute(4), older=True)
    assert await lists.page(before="0001") == Page(6, False, [], None, minute(1))
    assert (await lists.page(CallFilter(since=minute(0), until=minute(9))))[3:5] == (minute(0), minute(9))
    with pytest.raises(InvalidInputError):
        await lists.page(before="nothing")


@pytest.mark.parametrize(
    "wanted",
    [CallFilter(), CallFilter(agent="101"), CallFilter(spans=(Span(ONE), Span(THREE))), CallFilter(queue="sales")],
)
async def test_every_offset_leads_to_the_same_list_and_reads_no_more_than_the_page(
    book: Database, wanted: CallFilter
) -> None:
    lists = History(book)
    everything = (await lists.page(wanted)).records
    starts = [record.started for record in everything]
    for offset in range(len(everything) + 1):
        page = await lists.page(wanted, limit=2, offset=offset)
        assert (page.total, page.records) == (len(everything), everything[offset : offset + 2])
        if page.records:
            assert page.until == (starts[offset - 1] if offset else None)
    for offset in (100, 2_000_000_000, 2**31 - 1):
        assert (await lists.page(wanted, limit=2, offset=offset))[:3] == (len(everything), False, [])
    assert await book.ask(_read, wanted, 3) <= 4
    assert await book.ask(_read, wanted, 2_000_000_000) == 0


def _read(connection: Connection, wanted: CallFilter, offset: int) -> int:
    """Count the keys of calls that a page of two at this offset reads."""
    leader = plan.choose(connection, wanted)
    return len(history._keys(connection, wanted, None, 4, leader, offset - 1))


async def test_beyond_the_end_the_total_is_what_there_is(book: Database) -> None:
    page = await History(book).page(CallFilter(queue="nothing"), offset=100)
    assert (page.total, page.more, page.records) == (0, False, [])


async def test_any_number_of_numbers_that_changed_hands_can_be_asked_for(book: Database) -> None:
    others = [Span(f"+7916{number:07}", None, minute(1)) for number in range(100, 1200)]
    assert await ids(book, CallFilter(spans=(Span(ONE), *others))) == await ids(book, CallFilter(spans=(Span(ONE),)))


async def test_calls_of_one_instant_have_a_steady_order(database: Database) -> None:
    same = [replace(call(number), started=START, caller=Party(ONE), queue="q") for number in range(6)]
    await Calls(database).upsert(same)
    for wanted in (None, CallFilter(queue="q"), CallFilter(spans=(Span(ONE),))):
        seen: list[str] = []
        while page := (await History(database).page(wanted, limit=2, before=seen[-1] if seen else "")).records:
            seen += [each.id for each in page]
        assert seen == [each.id for each in reversed(same)]


async def test_a_total_is_exact_up_to_its_limit(book: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, total, more in ((5, 5, False), (4, 4, True), (3, 3, True)):
        monkeypatch.setattr(history, "COUNTED", limit)
        page = await History(book).page(limit=1)
        assert (page.total, page.more, len(page.records)) == (total, more, 1)


async def test_a_total_of_those_nobody_called_back_looks_at_fewer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "COUNTED", 10)
    missed = [
        call(each, direction="incoming", caller=Party(f"+7916{each:07}"), outcome="missed") for each in range(1, 9)
    ]
    await Calls(database).upsert(missed)
    page = await History(database).page(CallFilter(no_callback=True), limit=1)
    assert (page.total, page.more) == (2, True)
    assert (await History(database).page(CallFilter(outcome="missed"), limit=1))[:2] == (8, False)


async def test_department_lists_do_not_filter_by_department_again(book: Database) -> None:
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        asked.append(statement)

    event.listen(book._engine.sync_engine, "before_cursor_execute", note)
    sales = SeenCalls((Span("101"), Span("102", minute(4))), frozenset({"sales"}))
    wanted = CallFilter(department=sales, seen=SeenCalls((Span("101"),), frozenset()))
    async with book.reading() as connection:
        page = await connection.run_sync(history.page, wanted, 2)
    assert [each.id for each in page.records] == ["0005", "0004"]
    keys = [each for each in asked if "UNION" in each and "call_agents.extension =" in each]
    assert keys
    assert not [each for each in keys if each.count("EXISTS") > each.count("UNION ALL") + 1], "once for those seen"


def likely(chance: random.Random, number: int) -> CallRecord:
    answered = chance.random() < 0.6
    return call(
        number,
        direction=chance.choice(get_args(Direction)),
        outcome="answered" if answered else chance.choice([None, *get_args(Outcome)]),
        queue=chance.choice([None, "sales", "support"]),
        caller=Party(chance.choice([ONE, TWO, THREE])),
        callee=Party(chance.choice([ONE, "101"]), extension=chance.choice([None, "101", "102"])),
        answered_by=["103"] if answered else [],
        talk=chance.choice([5.0, 60.0, 600.0]) if answered else 0.0,
        merged_into="0000" if chance.random() < 0.05 else None,
    )


def in_circle(record: CallRecord, circle: SeenCalls | None) -> bool:
    return circle is None or circle.has(agents_of(record), record.queue or "", record.started)


def unreached(record: CallRecord, records: list[CallRecord]) -> bool:
    number = record.caller.number
    since = [each for each in records if each.started > record.started and each.merged_into is None]
    return (
        (record.direction, record.outcome in {"missed", "abandoned", "voicemail"}) == ("incoming", True)
        and not any(each.direction == "outgoing" and each.callee.number == number for each in since)
        and not any(each.outcome == "answered" and each.caller.number == number for each in since)
    )


def meant(record: CallRecord, wanted: CallFilter, records: list[CallRecord]) -> bool:
    """Say the same as the filter, in plain words."""
    numbers = {record.caller.number, record.callee.number}
    return (
        record.merged_into is None
        and (wanted.since is None or record.started >= wanted.since)
        and (wanted.until is None or record.started < wanted.until)
        and wanted.direction in {None, record.direction}
        and wanted.outcome in {None, record.outcome}
        and wanted.queue in {"", record.queue}
        and (not wanted.agent or wanted.agent in agents_of(record))
        and record.seconds["talk"] >= wanted.talk
        and in_circle(record, wanted.seen)
        and in_circle(record, wanted.department)
        and (not wanted.no_callback or unreached(record, records))
        and (wanted.spans is None or any(s.number in numbers and s.holds(record.started) for s in wanted.spans))
    )


CIRCLES = (
    SeenCalls((Span("101"), Span("102", minute(20), minute(300))), frozenset({"support"})),
    SeenCalls((Span("103", minute(200)),), frozenset()),
    SeenCalls((), frozenset()),
)


async def test_any_filters_together_find_what_they_say(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same calls, whichever of the filters leads."""
    chance = random.Random(4)
    records = [likely(chance, number) for number in range(400)]
    await Calls(database).upsert(records)
    for _round in range(120):
        monkeypatch.setattr(plan, "FEW", chance.choice([1, 20, 10_000]))
        monkeypatch.setattr(history, "_SPANS_AT_ONCE", chance.choice([1, 4]))
        monkeypatch.setattr(plan, "_MOST_LISTS", chance.choice([1, 60]))
        monkeypatch.setattr(plan, "_FEW_LISTS", chance.choice([0, 60]))
        monkeypatch.setattr(history, "_LISTS_AT_ONCE", chance.choice([1, 2, 60]))
        wanted = CallFilter(
            no_callback=chance.random() < 0.3,
            department=chance.choice([None, None, *CIRCLES]),
            seen=chance.choice([None, None, *CIRCLES]),
            since=chance.choice([None, minute(100)]),
            until=chance.choice([None, minute(300)]),
            direction=chance.choice([None, *get_args(Direction)]),
            outcome=chance.choice([None, "answered", "missed"]),
            agent=chance.choice(["", "101", "103"]),
            queue=chance.choice(["", "sales"]),
            talk=chance.choice([0, 60, 601]),
            spans=chance.choice([None, None, (Span(ONE, minute(50)), Span(TWO, None, minute(200)))]),
        )
        expected = [each for each in reversed(records) if meant(each, wanted, records)]
        whole = await History(database).page(wanted, limit=500)
        assert (whole.total, whole.records) == (len(expected), expected), wanted
        if len(expected) > 5:
            page = await History(database).page(wanted, limit=3, before=expected[1].id)
            assert (page.total, page.records) == (len(expected), expected[2:5]), wanted


FILTERS = {
    "ix_calls_started": CallFilter(direction="internal"),
    "ix_calls_outcome": CallFilter(outcome="busy"),
    "ix_calls_queue": CallFilter(queue="sales", direction="incoming"),
    "ix_calls_talk_seconds": CallFilter(talk=3600, outcome="answered"),
    "ix_calls_caller_number": CallFilter(spans=(Span(ONE),)),
    "PRIMARY KEY": CallFilter(agent="101", outcome="missed"),
    "ix_calls_callee_number": CallFilter(no_callback=True),
}


@pytest.mark.parametrize("index", FILTERS)
@pytest.mark.parametrize("backend", ["sqlite"])
async def test_every_filter_reads_one_index_and_sorts_nothing(database: Database, index: str) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        asked.append((statement, parameters))

    event.listen(database._engine.sync_engine, "before_cursor_execute", note)
    wanted = replace(FILTERS[index], since=START, until=minute(9))
    async with database.reading() as connection:
        leader = await connection.run_sync(plan.choose, wanted)
        await connection.run_sync(history._keys, wanted, CallKey(minute(5), 3), 50, leader)
        statement, parameters = asked[-1]
        steps = [row.detail for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert any(index in step for step in steps), steps
    assert not [step for step in steps if step.startswith("SCAN calls")], steps
    if index not in {
        "ix_calls_caller_number",
        "ix_calls_callee_number",
        "ix_calls_talk_seconds",
    }:  # these gather a few first, then sort them
        assert not [step for step in steps if "B-TREE" in step], steps
        assert any("COVERING INDEX" in step or "PRIMARY KEY" in step for step in steps), steps
