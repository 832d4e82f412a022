from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.calls import events as ev
from pbxd.calls.record import PARTS, CallRecord
from pbxd.calls.registry import Registry
from pbxd.calls.tracker import Tracker
from pbxd.numbers import NumberRules

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
TRUNK = ev.Endpoint("trunk", "trunk")
AGENT = ev.Endpoint("extension", "101")
COLLEAGUE = ev.Endpoint("extension", "102")


def tracker() -> Tracker:
    return Tracker("pbx", RULES, CHANNEL_IDS)


def incoming(follow: Tracker, at: float = 1000.0) -> None:
    follow.feed(ev.ChannelCreated(at, "1000.1", "1000.1", TRUNK, "89161234567", "74950000000"))


def ring(follow: Tracker, at: float, channel: str = "1000.2", endpoint: ev.Endpoint = AGENT) -> None:
    follow.feed(ev.ChannelCreated(at, channel, "1000.1", endpoint, "74950000000", ""))
    follow.feed(ev.DialBegan(at, "1000.1", channel, "1000.1", ""))
    follow.feed(ev.ChannelRinging(at, channel, "1000.1"))


def talk(follow: Tracker, at: float, *channels: str, linkedid: str = "1000.1", bridge: str = "b") -> None:
    for channel in channels:
        follow.feed(ev.BridgeEntered(at, bridge, channel, linkedid))


def final(follow: Tracker) -> CallRecord:
    (record,) = [record for record in follow.take_changes() if record.merged_into is None]
    parts = sum(record.seconds.values())
    assert record.ended is not None
    assert parts == pytest.approx((record.ended - record.started).total_seconds(), abs=1e-3)
    return record


def test_an_answered_call() -> None:
    follow = tracker()
    incoming(follow)
    ring(follow, 1001.0)
    follow.feed(ev.ChannelUp(1003.0, "1000.2", "1000.1"))
    talk(follow, 1003.0, "1000.1", "1000.2")
    follow.feed(ev.HangupRequested(1013.0, "1000.1", "1000.1", by_party=True))
    follow.feed(ev.ChannelEnded(1013.0, "1000.2", "1000.1", 16))
    follow.feed(ev.ChannelEnded(1013.5, "1000.1", "1000.1", 16))
    record = final(follow)
    assert (record.direction, record.outcome, record.answered_by) == ("incoming", "answered", ["101"])
    assert (record.caller.number, record.callee.number) == ("+79161234567", "+74950000000")
    assert record.seconds == pytest.approx(
        {"menu": 1.5, "wait": 0, "ring": 2, "talk": 10, "hold": 0, "voicemail": 0}, abs=1e-6
    )
    assert follow.open_calls == 0


@pytest.mark.parametrize(("by_itself", "outcome"), [(True, "abandoned"), (False, "missed")])
def test_an_abandoned_and_a_missed_call(by_itself: bool, outcome: str) -> None:
    follow = tracker()
    incoming(follow)
    ring(follow, 1001.0)
    if by_itself:
        follow.feed(ev.HangupRequested(1003.0, "1000.1", "1000.1", by_party=True))
    follow.feed(ev.ChannelEnded(1003.0, "1000.2", "1000.1", 127))
    follow.feed(ev.ChannelEnded(1003.0, "1000.1", "1000.1", 127))
    assert final(follow).outcome == outcome


def test_two_calls_in_one_bridge_are_one_record_the_older() -> None:
    follow = tracker()
    incoming(follow)
    ring(follow, 1001.0)
    talk(follow, 1002.0, "1000.1", "1000.2")
    for channel, endpoint in (("1010.3", AGENT), ("1010.4", COLLEAGUE)):
        follow.feed(ev.ChannelCreated(1010.0, channel, "1010.3", endpoint, "", "102"))
    talk(follow, 1011.0, "1010.3", "1010.4", linkedid="1010.3", bridge="c")
    follow.feed(ev.BridgeLeft(1012.0, "c", "1010.4", "1010.3"))
    talk(follow, 1012.0, "1010.4", linkedid="1000.1")
    # The transfer's own event comes after the switch and still carries the old linkedid.
    follow.feed(ev.Transferred(1012.0, "attended", "1000.2", "1010.3", "", "1010.3"))
    for channel in ("1000.2", "1010.3"):
        follow.feed(ev.ChannelEnded(1012.1, channel, "1010.3", 16))
    for channel in ("1000.1", "1010.4"):
        follow.feed(ev.ChannelEnded(1020.0, channel, "1010.3", 16))
    records = follow.take_changes()
    older, younger = sorted(records, key=lambda record: record.started)
    assert younger.merged_into == older.id
    assert older.answered_by == ["101", "102"]
    assert older.ended is not None
    assert (older.ended - older.started).total_seconds() == 20.0


def test_local_pairs_in_a_circle_do_not_hang() -> None:
    follow = tracker()
    pair = ev.Endpoint("local", "Local/101@x;1")
    for channel in ("1000.1", "1000.2"):
        follow.feed(ev.ChannelCreated(1000.0, channel, "1000.1", pair, "", ""))
    follow.feed(ev.LocalPaired(1000.0, "1000.1", "1000.2"))
    follow.feed(ev.DialBegan(1000.0, "1000.1", "1000.2", "1000.1", ""))
    follow.feed(ev.DialBegan(1000.0, "1000.2", "1000.1", "1000.1", ""))
    ring(follow, 1001.0, "1000.3")
    follow.feed(ev.DialBegan(1001.0, "1000.2", "1000.3", "1000.1", ""))
    assert follow.open_calls == 1


def test_a_call_that_a_snapshot_lacks_has_ended_with_a_gap() -> None:
    follow = tracker()
    incoming(follow)
    ring(follow, 1001.0)
    talk(follow, 1002.0, "1000.1", "1000.2")
    follow.feed(ev.LinkLost(1005.0))
    follow.feed(ev.SnapshotBegan(1009.0))
    follow.feed(ev.SnapshotEnded(1009.0))
    record = final(follow)
    assert record.outcome == "answered"
    assert [(gap.since.timestamp(), gap.to.timestamp() if gap.to else None) for gap in record.gaps] == [
        (1005.0, 1009.0)
    ]


def test_a_call_continues_after_a_gap() -> None:
    follow = tracker()
    incoming(follow)
    ring(follow, 1001.0)
    talk(follow, 1002.0, "1000.1", "1000.2")
    follow.feed(ev.LinkLost(1005.0))
    for channel, endpoint in (("1000.1", TRUNK), ("1000.2", AGENT)):
        follow.feed(ev.ChannelSeen(1009.0, channel, "1000.1", endpoint, "", "", "up", "b", 9))
    follow.feed(ev.SnapshotEnded(1009.0))
    assert follow.open_calls == 1
    (record,) = follow.take_changes()
    assert record.ended is None
    assert record.gaps[0].to is not None


def test_open_calls_of_an_earlier_process_continue_or_end() -> None:
    before = tracker()
    incoming(before)
    (open_record,) = before.take_changes()
    for alive in (True, False):
        follow = tracker()
        follow.remember([open_record.copy()])
        if alive:
            follow.feed(ev.ChannelSeen(1009.0, "1000.1", "1000.1", TRUNK, "", "", "up", "", 9))
        follow.feed(ev.SnapshotEnded(1009.0))
        (record,) = follow.take_changes()
        assert record.id == open_record.id
        assert record.caller.number == "+79161234567"
        assert (record.ended is None) is alive
        assert len(record.gaps) == 1


def id_of(linkedid: str, at: float, *, pbx: str = "pbx") -> str:
    return Registry(pbx, RULES, CHANNEL_IDS).open_call(linkedid, at).record.id


def test_ids_are_repeatable_and_ordered_by_time() -> None:
    assert id_of("pbxd-01ARZ3NDEKTSV4RRFFQ69G5FAV-1000.1", 1.0) == "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    assert id_of("1000.1", 1000.2) == id_of("1000.1", 1000.9)
    assert id_of("1000.1", 1.0) != id_of("1000.1", 1.0, pbx="other")
    ids = [id_of(f"{epoch}.1", 0.0) for epoch in range(1_700_000_000, 1_700_000_100)]
    assert ids == sorted(ids)
    assert {len(each) for each in ids} == {26}


CHANNELS = st.sampled_from(["1.1", "1.2", "2.1", "2.2", "3.1"])
LINKEDIDS = st.sampled_from(["1.1", "2.1", "3.1", ""])
ENDPOINTS = st.sampled_from([TRUNK, AGENT, COLLEAGUE, ev.Endpoint("local", "Local/x;1")])
BRIDGES = st.sampled_from(["b", "c"])
AT = st.just(0.0)
STATES = st.sampled_from(["new", "ringing", "calling", "up"])
RESULTS = st.sampled_from(["answered", "busy", "no-answer", "cancelled", "congestion"])
ANY_EVENT = st.one_of(
    st.builds(ev.ChannelCreated, AT, CHANNELS, LINKEDIDS, ENDPOINTS, st.just("8916"), st.just("102")),
    *[
        st.builds(kind, AT, CHANNELS, LINKEDIDS)
        for kind in (ev.ChannelRinging, ev.ChannelUp, ev.HoldBegan, ev.HoldEnded)
    ],
    *[st.builds(kind, AT, CHANNELS, LINKEDIDS) for kind in (ev.VoicemailBegan, ev.VoicemailEnded)],
    st.builds(ev.HangupRequested, AT, CHANNELS, LINKEDIDS, st.booleans()),
    st.builds(ev.ChannelEnded, AT, CHANNELS, LINKEDIDS, st.sampled_from([0, 16, 17, 21, 127])),
    st.builds(ev.DialBegan, AT, st.none() | CHANNELS, CHANNELS, LINKEDIDS, st.just("84950000000")),
    st.builds(ev.DialEnded, AT, st.none() | CHANNELS, CHANNELS, LINKEDIDS, RESULTS),
    st.builds(
        ev.BridgeEntered,
        AT,
        BRIDGES,
        CHANNELS,
        LINKEDIDS,
        st.sampled_from(["", "holding", "conference"]),
        st.just("") | CHANNELS,
    ),
    st.builds(
        ev.Transferred, AT, st.sampled_from(["blind", "attended"]), CHANNELS, CHANNELS, st.just("102"), LINKEDIDS
    ),
    st.builds(ev.BridgeLeft, AT, BRIDGES, CHANNELS, LINKEDIDS),
    st.builds(ev.LocalPaired, AT, CHANNELS, CHANNELS),
    st.builds(ev.QueueJoined, AT, CHANNELS, LINKEDIDS, st.just("sales"), st.just("")),
    st.builds(ev.QueueLeft, AT, CHANNELS, LINKEDIDS, st.just("sales")),
    st.builds(ev.Parked, AT, CHANNELS, LINKEDIDS, st.just("701")),
    st.builds(ev.Unparked, AT, CHANNELS, LINKEDIDS, st.just("") | CHANNELS),
    st.builds(ev.PickedUp, AT, CHANNELS, CHANNELS, LINKEDIDS),
    st.builds(ev.LinkLost, AT),
    st.builds(
        ev.ChannelSeen,
        AT,
        CHANNELS,
        LINKEDIDS,
        ENDPOINTS,
        st.just(""),
        st.just(""),
        STATES,
        BRIDGES,
        st.just(1),
    ),
    st.builds(ev.SnapshotEnded, AT),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(ANY_EVENT, st.floats(-0.5, 5.0)), max_size=60))
def test_any_events_raise_nothing_and_the_parts_sum_up(steps: list[tuple[ev.Event, float]]) -> None:
    follow = tracker()
    now = 1000.0
    written: dict[str, CallRecord] = {}
    for event, seconds in steps:
        now += seconds
        follow.feed(_at(event, now))
        for record in follow.take_changes():
            written[record.id] = record
            end = record.ended
            assert all(record.seconds[part] >= 0 for part in PARTS)
            if end is not None and not record.gaps and record.merged_into is None:
                assert sum(record.seconds.values()) == pytest.approx((end - record.started).total_seconds(), abs=1e-3)
            if end is not None:
                assert end >= record.started
                assert (record.outcome is None) == (record.merged_into is not None)
    follow.feed(ev.LinkLost(now))
    follow.feed(ev.SnapshotEnded(now))
    assert follow.open_calls == 0
    written |= {record.id: record for record in follow.take_changes()}
    for record in written.values():
        assert record.ended is not None, "nothing that people saw stays open"
        assert record.merged_into is None or record.merged_into in written, "merging writes both or neither"
        assert set(record.joined) <= written.keys()


def _at(event: ev.Event, at: float) -> ev.Event:
    fields = {name: getattr(event, name) for name in event.__slots__}
    return type(event)(**{**fields, "at": at})


def dialler(follow: Tracker) -> None:
    follow.feed(ev.ChannelCreated(1000.0, "1000.1", "1000.1", TRUNK, "", "s"))
    follow.feed(ev.DialBegan(1000.0, None, "1000.1", "1000.1", "89161234567"))


def test_a_client_called_first_by_a_dialler_is_the_callee_and_may_be_busy() -> None:
    follow = tracker()
    dialler(follow)
    (ringing,) = follow.take_changes()
    assert (ringing.direction, ringing.origin, ringing.caller.number) == ("outgoing", "originated", None)
    assert ringing.callee.number == "+79161234567"
    follow.feed(ev.DialEnded(1003.0, None, "1000.1", "1000.1", "busy"))
    follow.feed(ev.ChannelEnded(1003.0, "1000.1", "1000.1", 17))
    record = final(follow)
    assert (record.outcome, record.cause) == ("busy", 17)
    assert record.seconds["ring"] == 3.0


def rung_by_program(follow: Tracker, number: str) -> None:
    follow.feed(ev.ChannelCreated(1000.0, "1000.1", "1000.1", AGENT, "101", "s"))
    follow.feed(ev.DialBegan(1000.0, None, "1000.1", "1000.1", "", number))
    follow.feed(ev.ChannelRinging(1000.0, "1000.1", "1000.1"))


@pytest.mark.parametrize("told_by", ["caller id", "response"])
def test_the_destination_of_an_originated_call_is_the_callee_even_unanswered(told_by: str) -> None:
    follow = tracker()
    rung_by_program(follow, "89161234567" if told_by == "caller id" else "101")
    follow.feed(ev.OriginateEnded(1009.0, "1000.1", answered=False, timed_out=True, number="89161234567"))
    follow.feed(ev.ChannelEnded(1009.0, "1000.1", "1000.1", 19))
    record = final(follow)
    assert (record.direction, record.origin, record.outcome) == ("outgoing", "originated", "cancelled")
    assert (record.caller.extension, record.callee.number) == ("101", "+79161234567")


def test_an_announcement_has_no_callee() -> None:
    follow = tracker()
    rung_by_program(follow, "+74951230000")
    follow.feed(ev.ChannelUp(1002.0, "1000.1", "1000.1"))
    follow.feed(ev.ChannelEnded(1009.0, "1000.1", "1000.1", 16))
    record = final(follow)
    assert (record.direction, record.caller.extension, record.callee.number) == ("internal", "101", None)


def test_a_number_dialled_at_a_trunk_counts_before_the_caller_id() -> None:
    follow = tracker()
    rung_by_program(follow, "+74951230000")
    follow.feed(ev.ChannelUp(1002.0, "1000.1", "1000.1"))
    follow.feed(ev.ChannelCreated(1002.0, "1000.2", "1000.1", TRUNK, "", "s"))
    follow.feed(ev.DialBegan(1002.0, "1000.1", "1000.2", "1000.1", "89161234567", "101"))
    for channel in ("1000.2", "1000.1"):
        follow.feed(ev.ChannelEnded(1009.0, channel, "1000.1", 16))
    assert final(follow).callee.number == "+79161234567"


@pytest.mark.parametrize("early", [False, True])
def test_a_client_called_first_has_a_step_rang_in_any_event_order(early: bool) -> None:
    follow = tracker()
    created = ev.ChannelCreated(1000.0, "1000.1", "1000.1", TRUNK, "", "s")
    told = [
        ev.DialBegan(1000.0, None, "1000.1", "1000.1", "89161234567"),
        ev.ChannelRinging(1000.0, "1000.1", "1000.1"),
    ]
    for event in (created, *(reversed(told) if early else told)):
        follow.feed(event)
    (record,) = follow.take_changes()
    assert [(step.what, step.who) for step in record.story] == [
        ("dialled", "+79161234567"),
        ("rang", "+79161234567"),
    ]


@pytest.mark.parametrize("taken", ["101", "102", ""])
def test_of_several_agents_the_one_who_answers_is_the_caller(taken: str) -> None:
    follow = tracker()
    dialler(follow)
    follow.feed(ev.ChannelUp(1002.0, "1000.1", "1000.1"))
    ring(follow, 1002.0, "1000.2", AGENT)
    ring(follow, 1002.0, "1000.3", COLLEAGUE)
    channel = {"101": "1000.2", "102": "1000.3", "": ""}[taken]
    if channel:
        follow.feed(ev.ChannelUp(1004.0, channel, "1000.1"))
        talk(follow, 1004.0, "1000.1", channel)
    for each in ("1000.2", "1000.3", "1000.1"):
        follow.feed(ev.ChannelEnded(1009.0, each, "1000.1", 16))
    record = final(follow)
    assert record.outcome == ("answered" if taken else "cancelled")
    assert record.caller.extension == (taken or "101")
    assert record.answered_by == (["+79161234567"] if taken else [])


def test_guests_of_a_conference_in_a_snapshot_keep_their_calls() -> None:
    follow = tracker()
    for channel, endpoint in (("1000.1", TRUNK), ("1000.2", AGENT), ("1000.3", COLLEAGUE)):
        seen = ev.ChannelSeen(1009.0, channel, channel, endpoint, "89161234567", "800", "up", "room", 9)
        follow.feed(replace(seen, conference=True))
    follow.feed(ev.SnapshotEnded(1009.0))
    assert follow.open_calls == 3
    follow.feed(ev.BridgeLeft(1012.0, "room", "1000.1", "1000.1"))
    follow.feed(ev.ChannelEnded(1012.0, "1000.1", "1000.1", 16))
    follow.feed(ev.ChannelEnded(1015.0, "1000.2", "1000.2", 16))
    follow.feed(ev.ChannelEnded(1019.0, "1000.3", "1000.3", 16))
    records = {record.linkedid: record for record in follow.take_changes()}
    assert [records[channel].seconds["talk"] for channel in sorted(records)] == pytest.approx([3.0, 6.0, 6.0])
    assert [records[channel].answered_by for channel in sorted(records)] == [
        ["101", "102"],
        ["+79161234567", "102"],
        ["+79161234567", "101"],
    ]
