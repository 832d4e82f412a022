"""Lanes: order within a lane, no waiting between lanes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pbxd.services.webhooks.lanes import Entry, Lanes, is_given_up, seconds_until_next
from pbxd.storage.access.webhook_deliveries import Queued

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def entry(seq: int, lane: str) -> Entry:
    return Entry(Queued(seq, "call.ended", lane, START))


def test_a_lane_waits_for_its_first_and_no_other_lane_does() -> None:
    lanes = Lanes()
    lanes.add([entry(1, "a"), entry(2, "a"), entry(3, "b")])
    first, other = lanes.take(START), lanes.take(START)
    assert first
    assert other
    assert (first.queued.seq, other.queued.seq) == (1, 3)
    assert lanes.take(START) is None
    lanes.put_back(first, START + timedelta(seconds=5), 1)
    lanes.settle(other)
    assert lanes.take(START + timedelta(seconds=4)) is None
    again = lanes.take(START + timedelta(seconds=5))
    assert again is first
    assert again.queued.attempts == 1
    lanes.settle(again)
    last = lanes.take(START)
    assert last
    assert last.queued.seq == 2
    lanes.settle(last)
    assert len(lanes) == 0
    assert lanes.next_due() is None


def test_what_reached_nobody_is_sent_at_once_when_somebody_answers_again() -> None:
    lanes = Lanes()
    lanes.add([entry(1, "a"), entry(2, "b")])
    for unreached in (True, False):
        one = lanes.take(START)
        assert one
        one.unreached = unreached
        lanes.put_back(one, START + timedelta(hours=1), 1)
    lanes.hurry(START)
    one = lanes.take(START)
    assert one
    assert one.queued.seq == 1
    assert lanes.take(START) is None


@given(st.lists(st.sampled_from("abc"), max_size=30), st.lists(st.booleans(), max_size=200))
def test_each_lane_is_in_order_whatever_fails(names: list[str], fates: list[bool]) -> None:
    lanes = Lanes()
    lanes.add(entry(seq, name) for seq, name in enumerate(names, 1))
    sent: list[tuple[str, int]] = []
    now, fate = START, iter(fates)
    while (due := lanes.next_due()) is not None:
        now = max(now, due)
        taken = [one for _number in range(2) if (one := lanes.take(now))]
        for one in reversed(taken):
            if next(fate, True):
                sent.append((one.queued.lane, one.queued.seq))
                lanes.settle(one)
            else:
                lanes.put_back(one, now + timedelta(seconds=1), one.queued.attempts + 1)
    assert sorted(seq for _name, seq in sent) == list(range(1, len(names) + 1)), "each once"
    for name in "abc":
        own = [seq for lane, seq in sent if lane == name]
        assert own == sorted(own)


def test_the_wait_doubles_up_to_an_hour_and_the_receiver_can_ask_for_more() -> None:
    waits = {1: 1, 2: 2, 5: 16, 12: 2048, 13: 3600, 500: 3600}
    assert {attempts: seconds_until_next(attempts, 1.0, 0.0) for attempts in waits} == waits
    assert seconds_until_next(1, 0.8, 120.0) == 120.0
    assert seconds_until_next(1, 0.8, 1e9) == 24 * 3600.0


def test_after_three_days_it_is_given_up() -> None:
    queued = Queued(1, "call.ended", "a", START)
    assert not is_given_up(queued, START + timedelta(days=3) - timedelta(seconds=1))
    assert is_given_up(queued, START + timedelta(days=3))
