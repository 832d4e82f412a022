"""A call that becomes part of another one leaves nothing behind that still leads to it."""

from __future__ import annotations

import pytest

from pbxd.calls import events as ev
from tests.calls.test_lines import CLIENT, LINE, Calls, with_client
from tests.calls.test_tracker import AGENT, COLLEAGUE, TRUNK


def steps(calls: Calls, what: str) -> list[str | None]:
    return [step.who for step in calls.record(CLIENT).story if step.what == what]


def test_a_line_that_joins_its_clients_call_leaves_it_once() -> None:
    calls = with_client()
    calls.feed(ev.Unparked(1010.0, CLIENT, LINE, LINE))
    calls.end(1020.0, LINE, linkedid=LINE)
    assert steps(calls, "left") == ["101"]
    assert steps(calls, "answered") == ["101"]
    calls.end(1030.0, CLIENT, linkedid=LINE)
    assert calls.record(LINE).merged_into == calls.record(CLIENT).id


def with_guest() -> Calls:
    """102 talks with 101, each in a call of their own; 101 then takes a parked client, who hears both."""
    calls = Calls()
    calls.begin(1000.0, CLIENT, TRUNK, "89161112233", "74950000000")
    calls.begin(1001.0, "1001.1", AGENT, "101", "*1")
    calls.begin(1002.0, "1002.1", COLLEAGUE, "102", "*2")
    calls.feed(*(ev.BridgeEntered(1003.0, "b", channel, channel) for channel in ("1001.1", "1002.1")))
    calls.feed(ev.Unparked(1010.0, CLIENT, CLIENT, "1001.1"))
    calls.feed(ev.BridgeEntered(1011.0, "b", CLIENT, CLIENT))
    return calls


def test_a_guest_of_an_absorbed_call_is_a_guest_of_the_one_that_stays() -> None:
    calls = with_guest()
    assert steps(calls, "answered").count("102") == 1
    calls.end(1020.0, "1002.1", linkedid="1002.1")
    assert steps(calls, "left") == ["102"]
    calls.end(1030.0, "1001.1", CLIENT, linkedid=CLIENT)
    assert sorted(calls.record(CLIENT).answered_by) == ["101", "102"]


@pytest.mark.parametrize("joined_first", [False, True])
def test_a_line_that_served_two_calls_which_are_one_now_becomes_part_of_that_one(joined_first: bool) -> None:
    """A program connects the line (AMI Bridge) with both; the line ends with the client."""
    calls = with_guest()
    events = [ev.BridgeLeft(1015.0, "b", "1001.1", CLIENT), ev.ChannelEnded(1015.0, "1001.1", CLIENT, 16)]
    calls.feed(*(events if joined_first else ()))
    calls.end(1020.0, "1002.1", linkedid="1002.1")
    assert calls.record("1002.1").merged_into == calls.record(CLIENT).id
