"""The very first snapshot: nothing is known of the calls in it, and Asterisk gave two clients one linkedid."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from pbxd.calls import events as ev
from pbxd.calls.record import CallRecord
from tests.calls.test_lines import LINE, Calls, local
from tests.calls.test_tracker import AGENT, COLLEAGUE, TRUNK

FIRST, SECOND, PHONE = "1000.1", "1010.1", "1010.2"
NUMBERS = {FIRST: "89161112233", SECOND: "89035556677"}


def client(channel: str, bridge: str, **values: Any) -> ev.ChannelSeen:  # noqa: ANN401 - of any field
    number = NUMBERS[channel]
    return ev.ChannelSeen(1030.0, channel, LINE, TRUNK, number, "74950000000", "up", bridge, 30, **values)


def phone(channel: str, endpoint: ev.Endpoint, bridge: str, **values: Any) -> ev.ChannelSeen:  # noqa: ANN401 - likewise
    return ev.ChannelSeen(1030.0, channel, LINE, endpoint, endpoint.name, "", "up", bridge, 20, called=True, **values)


def line(bridge: str) -> ev.ChannelSeen:
    return ev.ChannelSeen(1030.0, LINE, LINE, AGENT, "101", "*53", "up", bridge, 130)


def seen(*listed: ev.ChannelSeen) -> Calls:
    calls = Calls([])
    calls.feed(ev.SnapshotBegan(1030.0), *listed, ev.SnapshotEnded(1030.0))
    return calls


def facts(record: CallRecord) -> tuple[Any, ...]:
    answered = [step.who for step in record.story if step.what == "answered"]
    return record.direction, record.caller.number, record.callee.number, record.answered_by, answered


def orders(*listed: ev.ChannelSeen) -> list[tuple[ev.ChannelSeen, ...]]:
    return list(permutations(listed))


INCOMING = ("incoming", "+79161112233", "+74950000000"), ("incoming", "+79035556677", "+74950000000")


@pytest.mark.parametrize(
    "listed", orders(line("b"), client(FIRST, "b"), client(SECOND, "c"), phone(PHONE, COLLEAGUE, "c"))
)
def test_a_line_and_two_clients_are_three_calls(listed: tuple[ev.ChannelSeen, ...]) -> None:
    calls = seen(*listed)
    assert facts(calls.record(FIRST)) == (*INCOMING[0], ["101"], ["101"])
    assert facts(calls.record(SECOND)) == (*INCOMING[1], ["102"], ["102"])
    assert calls.record(LINE).caller.number == "101"
    assert "102" not in calls.record(LINE).answered_by
    calls.end(1040.0, SECOND, PHONE, linkedid=LINE)
    calls.end(1050.0, FIRST, LINE, linkedid=LINE)
    assert [calls.record(channel).seconds["talk"] for channel in (FIRST, SECOND)] == pytest.approx([20, 10])
    assert calls.follow.open_calls == 0


@pytest.mark.parametrize("swapped", [False, True])
def test_two_clients_whose_line_has_ended_are_two_calls(swapped: bool) -> None:
    listed = [client(FIRST, "b"), phone("1010.3", AGENT, "b"), client(SECOND, "c"), phone(PHONE, COLLEAGUE, "c")]
    calls = seen(*(reversed(listed) if swapped else listed))
    assert facts(calls.record(FIRST)) == (*INCOMING[0], ["101"], ["101"])
    assert facts(calls.record(SECOND)) == (*INCOMING[1], ["102"], ["102"])
    assert {record.linkedid for record in calls.written.values()} == {FIRST, SECOND}


def test_two_clients_who_talk_with_each_other_are_two_joined_calls() -> None:
    calls = seen(line(""), client(FIRST, "b"), client(SECOND, "b"))
    one, other = calls.record(FIRST), calls.record(SECOND)
    assert (one.joined, other.joined) == ([other.id], [one.id])


def test_a_phone_goes_with_the_client_whose_number_it_shows_or_whom_it_hears_through_a_local_channel() -> None:
    one, two = "1010.3", "1010.4"
    ringing = ev.ChannelSeen(
        1030.0, PHONE, LINE, COLLEAGUE, "102", "", "ringing", "", 2, called=True, connected="8" + "9035556677"
    )
    calls = seen(
        client(SECOND, ""),
        ringing,
        client(FIRST, "b"),
        phone(one, local("101@q-1;1"), "b", other_end="Local/101@q-1;2"),
        phone(two, local("101@q-1;2"), "c", other_end="Local/101@q-1;1"),
        phone("1010.5", AGENT, "c"),
    )
    assert calls.record(FIRST).answered_by == ["101"]
    calls.end(1032.0, PHONE, linkedid=LINE)
    assert [agent.extension for agent in calls.record(SECOND).agents] == ["102"]
    assert calls.record(SECOND).seconds["ring"] == pytest.approx(2.0)


def test_a_client_whom_an_employee_called_stays_in_that_call() -> None:
    calls = seen(line("b"), client(FIRST, "b", called=True), client(SECOND, "b"))
    assert {record.linkedid for record in calls.written.values()} == {LINE}
