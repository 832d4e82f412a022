from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from pbxd.calls.record import PARTS, Agent, CallRecord, Gap, Party, Step
from pbxd.errors import NotFoundError
from pbxd.storage.calls.call_filter import CallFilter
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.history import History, Page
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from tests.storage.texts import HOSTILE, anything

START = datetime(2026, 3, 1, 9, 0, 0, 123457, tzinfo=UTC)


def call(number: int, **changes: Any) -> CallRecord:  # noqa: ANN401 - any field of a record
    plain = CallRecord(f"{number:04}", "pbx", f"1772355600.{number}", START + timedelta(minutes=number))
    return replace(plain, **changes)


FULL = call(
    1,
    direction="outgoing",
    origin="click-to-call",
    caller=Party(None, "Анна", None, None, "101"),
    callee=Party("+77777859954", "Фронкин Игорь", "ООО «Ромашка»", 7, None),
    queue="sales",
    queues=["vip", "sales"],
    answered=START + timedelta(seconds=90, microseconds=1),
    ended=START + timedelta(seconds=200.5),
    seconds=dict.fromkeys(PARTS, 0.0) | {"talk": 110.499999, "ring": 0.1 + 0.2},
    answered_by=["101", "+77777859954"],
    agents=[Agent("101", 0.1 + 0.2, 110.499999, 1)],
    recordings=["/var/spool/asterisk/monitor/1772355600.1.wav"],
    outcome="answered",
    cause=16,
    story=[Step(START, "began", "101", "sip:…"), Step(START, "answered")],
    gaps=[Gap(START, None), Gap(START, START + timedelta(seconds=1))],
    clock="arrival",
    source="cel",
    joined=["0002"],
)


async def news(database: Database, after: int = 0) -> list[tuple[str, str]]:
    return [(row.kind, row.subject) for row in await Feed(database).read(after)]


async def ids(database: Database, wanted: CallFilter | None = None) -> list[str]:
    page = await History(database).page(wanted)
    assert (page.total, page.more) == (len(page.records), False)
    return [each.id for each in page.records]


async def test_a_record_comes_back_exactly(database: Database, url: str) -> None:
    await Calls(database).upsert([FULL])
    async with await Database.open(url, create=False) as other:
        assert await Calls(other).record("0001") == FULL
        assert await Calls(other).get("0001") == FULL.to_json()
        assert await History(other).page() == Page(1, False, [FULL], None, None)


def test_the_full_record_leaves_no_field_at_its_default() -> None:
    empty = CallRecord("", "", "", START)
    spared = {"merged_into"}  # has a test of its own
    same = {
        field.name for field in fields(CallRecord) if getattr(FULL, field.name) == getattr(empty, field.name)
    } - spared
    assert not same, f"give {same} a value, so that the round trip is tried with it"


async def test_states_of_a_call_replace_each_other_and_tell_of_each_step_once(database: Database) -> None:
    calls = Calls(database)
    ringing = call(1, agents=[Agent("101", rings=1)])
    answered = replace(ringing, answered=START, answered_by=["101"])
    ended = replace(answered, ended=START, outcome="answered")
    for state in (ringing, ringing, answered, answered, ended, ended):
        await calls.upsert([state])
    assert await calls.record("0001") == ended
    assert await ids(database) == ["0001"]
    assert await news(database) == [(f"call.{what}", "0001") for what in ("ringing", "answered", "ended")]


async def test_a_call_first_seen_at_its_end_is_told_of_whole(database: Database) -> None:
    await Calls(database).upsert([FULL])
    assert [kind for kind, _ in await news(database)] == ["call.ringing", "call.answered", "call.joined", "call.ended"]
    await Calls(database).upsert([])
    assert len(await news(database)) == 4


async def test_of_several_states_in_one_batch_the_last_counts(database: Database) -> None:
    calls = Calls(database)
    rung = [Agent("101", rings=1)]
    await calls.upsert([call(1), call(2, agents=rung), call(1, agents=rung, ended=START)])
    assert (await calls.record("0001")).ended == START
    assert [subject for _, subject in await news(database)] == ["0001", "0001", "0002"]


async def test_a_time_without_a_zone_is_our_mistake_and_nothing_is_written(database: Database) -> None:
    calls = Calls(database)
    with pytest.raises(StatementError, match="time zone") as caught:
        await calls.upsert([call(1), call(2, answered=datetime(2026, 3, 1))])  # noqa: DTZ001 - the mistake
    assert "0001" not in str(caught.value), "people's data stays out of logs"
    assert await ids(database) == []
    assert await news(database) == []


async def test_a_merged_call_leads_to_the_one_it_became_part_of(database: Database) -> None:
    calls = Calls(database)
    await calls.upsert([call(1), call(2, ended=START), call(3)])
    before = await Feed(database).last()
    await calls.upsert([call(2, ended=START, merged_into="0001"), call(3, merged_into="0002", answered=START)])
    await calls.upsert([call(3, merged_into="0002", answered=START, ended=START)])
    assert (await calls.get("0003"))["id"] == "0001"
    assert (await calls.record("0002")).id == "0001"
    assert await ids(database) == ["0001"]
    assert [record.id for record in await calls.open_calls("pbx")] == ["0001"]
    assert await news(database, before) == [("call.merged", "0002"), ("call.merged", "0003")]
    assert (await Feed(database).read(before))[0].data["into"] == "0001"


async def test_calls_that_were_joined_stay_and_each_joining_is_told_once(database: Database) -> None:
    calls = Calls(database)
    await calls.upsert([call(1), call(2)])
    before = await Feed(database).last()
    for joined in (["0002"], ["0002"], ["0002", "0003"]):
        await calls.upsert([call(1, joined=joined)])
    assert await news(database, before) == [("call.joined", "0001"), ("call.joined", "0001")]
    assert [row.data["with"] for row in await Feed(database).read(before)] == ["0002", "0003"]
    assert await ids(database) == ["0002", "0001"]


async def test_merges_that_lead_nowhere(database: Database) -> None:
    calls = Calls(database)
    await calls.upsert([call(1, merged_into="0002"), call(2, merged_into="0001"), call(3, merged_into="9999")])
    for call_id in ("0001", "0003", "9999", "", "а\0\ud800"):
        with pytest.raises(NotFoundError):
            await calls.get(call_id)


async def test_open_calls_after_a_restart(database: Database, url: str) -> None:
    lasting = [call(1), call(3, answered=START, answered_by=["101"], story=FULL.story)]
    await Calls(database).upsert([lasting[1], call(2, ended=START), lasting[0], call(4, pbx="other")])
    async with await Database.open(url, create=False) as again:
        assert await Calls(again).open_calls("pbx") == lasting
        assert await Calls(again).open_calls("none") == []


async def test_which_calls_of_a_pbx_ended_lately(database: Database) -> None:
    later = START + timedelta(hours=1)
    merged = call(4, ended=later, merged_into="0001")
    others = [call(1), call(2, ended=START), call(3, pbx="other", ended=later), merged]
    await Calls(database).upsert([*others, call(5, ended=later, linkedid="1.5"), call(6, ended=later, linkedid="1.6")])
    assert await Calls(database).ended_since("pbx", later) == {"1.5", "1.6"}
    assert await Calls(database).ended_since("none", START) == set()


async def test_hostile_texts_from_the_exchange_never_lose_a_call(database: Database) -> None:
    calls = Calls(database)
    for number, text in enumerate((*HOSTILE, "а\0б", "\ud800", "\U0001f600"[:1] + "\udc00")):
        party = Party(text, text, text, None, text)
        record = call(number, caller=party, answered_by=[text], queue=text, story=[Step(START, "x", text, text)])
        await calls.upsert([record])
        kept = await calls.record(record.id)
        if "\ud800" not in text and "\udc00" not in text:
            assert kept == record
        assert await ids(database, CallFilter(agent=text)) == [record.id]


texts = anything | st.sampled_from(["101", "+79160000001"])
optional = st.none() | texts
instants = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone given
parties = st.builds(Party, optional, optional, optional, st.none() | st.integers(1, 2**62), optional)
records = st.builds(
    CallRecord,
    id=st.sampled_from(["a", "b", "c"]),
    pbx=st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True),  # our own name for it
    linkedid=st.from_regex(r"[0-9a-z.-]{1,20}", fullmatch=True),  # a key of ours, not anybody's text
    started=instants,
    caller=parties,
    callee=parties,
    queue=optional,
    answered=st.none() | instants,
    ended=st.none() | instants,
    seconds=st.fixed_dictionaries({part: st.floats(0, 1e6) for part in PARTS}),
    answered_by=st.lists(texts, max_size=3),
    cause=st.none() | st.integers(0, 127),
    story=st.lists(st.builds(Step, instants, texts, optional, optional), max_size=3),
    gaps=st.lists(st.builds(Gap, instants, st.none() | instants), max_size=2),
    merged_into=st.none(),
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(batch=st.lists(records, max_size=5))
async def test_any_record_is_kept(database: Database, batch: list[CallRecord]) -> None:
    calls = Calls(database)
    await calls.upsert(batch)
    for record in {record.id: record for record in batch}.values():
        kept = await calls.record(record.id)
        assert repr(kept).encode("utf-16", "surrogatepass").decode("utf-16", "replace") == repr(kept)
        if "\\ud" not in repr(record):
            assert kept == record
        assert (kept.started, kept.seconds, kept.gaps) == (record.started, record.seconds, record.gaps)
