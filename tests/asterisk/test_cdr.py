"""What call detail records (CDR) make of calls: paths laid out in time again (B5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.asterisk.cdr import CdrRow, calls_of, events_of, read_row
from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.asterisk.endpoints import Endpoints
from pbxd.calls.record import PARTS, CallRecord
from pbxd.calls.tracker import Tracker
from pbxd.numbers import rules_from
from pbxd.settings import CDR_COLUMNS, Settings

SETTINGS = Settings()
BEGAN = 1_795_304_376
TRUNK, AGENT, OTHER = "PJSIP/trunk-00000001", "PJSIP/101-00000002", "PJSIP/102-00000003"


def row(began: int, answered: int | None, ended: int, **values: str) -> CdrRow:
    """Return a record with times in seconds since the call began."""
    told = {
        "linkedid": f"{BEGAN}.1", "src": "89161234567", "dst": "74951231101", "channel": TRUNK, "dstchannel": AGENT,
        "lastapp": "Dial", "lastdata": "PJSIP/101,20", "start": str(BEGAN + began), "end": str(BEGAN + ended),
        "answer": "" if answered is None else str(BEGAN + answered),
        "disposition": "NO ANSWER" if answered is None else "ANSWERED",
    }  # fmt: skip
    read = read_row(told | values)
    assert read is not None
    return read


def made_of(*rows: CdrRow) -> dict[str, Any]:
    tracker = Tracker("pbx", rules_from(SETTINGS), CHANNEL_IDS, in_gap=False)
    for event in events_of(rows, Endpoints(SETTINGS.employees.pattern)):
        tracker.feed(event)
    (record,) = tracker.take_changes()
    assert sums_up(record)
    return record.to_json()


def sums_up(record: CallRecord) -> bool:
    assert record.ended is not None
    length = (record.ended - record.started).total_seconds()
    return abs(sum(record.seconds[part] for part in PARTS) - length) < 0.001 and min(record.seconds.values()) >= 0


def told(call: dict[str, Any]) -> tuple[Any, ...]:
    times = [call[name] and datetime.fromisoformat(call[name]).timestamp() - BEGAN for name in ("answered", "ended")]
    return (call["direction"], call["caller"]["number"], call["callee"]["number"], call["outcome"], *times)


OUT: dict[str, str] = {
    "src": "101", "channel": AGENT, "dstchannel": TRUNK, "dst": "89995554433", "lastdata": "PJSIP/89995554433@trunk,60",
}  # fmt: skip
QUEUE = {"lastapp": "Queue", "lastdata": "sales,tT", "dst": "74951231200"}


def test_simple_paths() -> None:
    incoming = ("incoming", "+79161234567", "+74951231101")
    assert told(made_of(row(0, 3, 10))) == (*incoming, "answered", 3, 10)
    assert told(made_of(row(0, None, 10))) == (*incoming, "missed", None, 10)
    outgoing = ("outgoing", "101", "+79995554433")
    assert told(made_of(row(0, 3, 10, **OUT))) == (*outgoing, "answered", 3, 10)
    assert told(made_of(row(0, None, 2, **OUT, disposition="BUSY"))) == (*outgoing, "busy", None, 2)
    assert told(made_of(row(0, None, 2, **OUT, disposition="FAILED")))[3] == "failed"
    inside = {"src": "101", "channel": AGENT, "dstchannel": OTHER, "dst": "102", "lastdata": "PJSIP/102,20"}
    assert told(made_of(row(0, 3, 10, **inside))) == ("internal", "101", "102", "answered", 3, 10)
    assert made_of(row(0, 2, 9, dstchannel="", lastapp="VoiceMail", lastdata="101@default"))["outcome"] == "voicemail"


def test_a_ring_all_group_is_one_call_answered_by_one() -> None:
    call = made_of(row(0, None, 4), row(0, 4, 20, dstchannel=OTHER))
    assert (call["outcome"], call["answered_by"], call["talk_seconds"]) == ("answered", ["102"], 16)
    assert [agent["extension"] for agent in call["agents"]] == ["101", "102"]


def test_a_queue_that_answers_first_is_no_answer() -> None:
    call = made_of(row(0, 0, 9, **QUEUE, dstchannel=""))
    assert (call["outcome"], call["queue"], call["wait_seconds"]) == ("abandoned", "sales", 9)
    call = made_of(row(0, None, 5, **QUEUE), row(5, 8, 30, **QUEUE, dstchannel=OTHER))
    assert (call["outcome"], call["queues"], call["answered_by"]) == ("answered", ["sales"], ["102"])


def test_who_left_a_queue_gave_up_unless_the_dialplan_went_on() -> None:
    waited = row(0, None, 9, **QUEUE, dstchannel="")
    assert made_of(waited)["outcome"] == "abandoned"
    assert made_of(row(0, None, 9, **QUEUE))["outcome"] == "abandoned", "a phone rang, nobody took it"
    gone_on = {"dstchannel": "", "lastapp": "Hangup", "lastdata": ""}
    assert made_of(waited, row(9, None, 12, **gone_on))["outcome"] == "missed"
    assert made_of(row(0, None, 9, **gone_on))["outcome"] == "missed"


def test_a_blind_transfer_is_one_call() -> None:
    call = made_of(row(0, 3, 10), row(10, 14, 30, dstchannel=OTHER, lastdata="PJSIP/102,20"))
    assert told(call)[3:] == ("answered", 3, 30)
    assert call["answered_by"] == ["101", "102"]
    assert (call["talk_seconds"], call["ring_seconds"]) == (23, 7)


@pytest.mark.parametrize("damage", [{"start": "yesterday"}, {"end": ""}, {"linkedid": ""}, {"channel": ""}])
def test_a_damaged_record_is_left_out(damage: dict[str, str]) -> None:
    whole = dict.fromkeys(CDR_COLUMNS, "x") | {"start": "1.5", "end": "2"}
    assert read_row(whole) is not None
    assert read_row(whole | damage) is None


names = st.sampled_from([TRUNK, AGENT, OTHER, "Local/101@from-queue-00000004;1", "Local/101@from-queue-00000004;2", ""])
rows = st.builds(
    CdrRow, st.just("pbx-1795304376.1"), st.sampled_from(["", *(f"pbx-1795304376.{place}" for place in (1, 2, 3))]),
    st.text(max_size=5), st.text(max_size=5), names.filter(bool), names,
    st.sampled_from(["Dial", "Queue", "VoiceMail", "Playback", ""]), st.text(max_size=20),
    st.integers(0, 50).map(float), st.none() | st.integers(0, 60).map(float), st.integers(0, 60).map(float),
    st.sampled_from(["answered", "busy", "no-answer", "unavailable"]),
).filter(lambda each: each.began <= (each.answered or each.began) <= each.ended)  # fmt: skip


@given(st.lists(rows, min_size=1, max_size=6))
def test_whatever_the_records_say_makes_calls_whose_parts_sum_up(found: list[CdrRow]) -> None:
    tracker = Tracker("pbx", rules_from(SETTINGS), CHANNEL_IDS, in_gap=False)
    endpoints = Endpoints(SETTINGS.employees.pattern)
    for call in calls_of(found, endpoints).values():
        for event in events_of(call, endpoints):
            tracker.feed(event)
    assert tracker.open_calls == 0
    assert all(sums_up(record) for record in tracker.take_changes())


@given(st.dictionaries(st.sampled_from(CDR_COLUMNS), st.text() | st.sampled_from(["1.5", "2", "ANSWERED"])))
def test_no_record_raises(values: dict[str, str]) -> None:
    read_row(values)
