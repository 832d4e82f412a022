"""Lines that serve several calls, linkedids that wander, and what a restart makes of both."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pbxd.calls import events as ev
from pbxd.calls.record import CallRecord
from pbxd.calls.tracker import Tracker
from tests.calls.test_tracker import AGENT, COLLEAGUE, TRUNK, talk, tracker

LINE, CLIENT, OTHER = "900.1", "1000.1", "1010.1"


def local(name: str) -> ev.Endpoint:
    return ev.Endpoint("local", f"Local/{name}")


class Calls:
    """A tracker and what was written of it."""

    def __init__(self, earlier: list[CallRecord] | None = None) -> None:
        self.follow: Tracker = tracker()
        self.written = {record.id: record for record in earlier or []}
        lasting = [record.copy() for record in earlier or [] if record.ended is None]
        self.follow.remember(lasting, {record.linkedid for record in earlier or [] if record.ended is not None})
        if earlier is None:
            self.feed(ev.SnapshotBegan(1.0), ev.SnapshotEnded(1.0))

    def feed(self, *events: ev.Event) -> None:
        for event in events:
            self.follow.feed(event)
        for record in self.follow.take_changes():
            before = self.written.get(record.id)
            if before is not None and before.ended is not None and before.merged_into is None:
                assert (record.ended, record.merged_into) == (before.ended, None), "what is over stays as it is"
            self.written[record.id] = record

    def begin(self, at: float, channel: str, endpoint: ev.Endpoint, number: str = "", dialled: str = "") -> None:
        self.feed(
            ev.ChannelCreated(at, channel, channel, endpoint, number, dialled), ev.ChannelUp(at, channel, channel)
        )

    def rings(self, at: float, source: str, channel: str, linkedid: str, endpoint: ev.Endpoint) -> None:
        self.feed(
            ev.ChannelCreated(at, channel, linkedid, endpoint, "", ""),
            ev.DialBegan(at, source, channel, linkedid, ""),
            ev.ChannelRinging(at, channel, linkedid),
        )

    def talk(self, at: float, bridge: str, *channels: str, linkedid: str) -> None:
        talk(self.follow, at, *channels, linkedid=linkedid, bridge=bridge)
        self.feed()

    def end(self, at: float, *channels: str, linkedid: str) -> None:
        self.feed(ev.HangupRequested(at, channels[0], linkedid, by_party=True))
        self.feed(*(ev.ChannelEnded(at, channel, linkedid, 16) for channel in channels))

    def record(self, linkedid: str) -> CallRecord:
        (found,) = (record for record in self.written.values() if record.linkedid == linkedid)
        return found


def with_client(*, earlier: list[CallRecord] | None = None) -> Calls:
    """101's standing line, in which a client is heard; Asterisk gave the client's channel the line's linkedid."""
    calls = Calls(earlier)
    calls.begin(900.0, LINE, AGENT, "101", "*53")
    calls.begin(1000.0, CLIENT, TRUNK, "89161112233", "74950000000")
    calls.talk(1002.0, "b", LINE, CLIENT, linkedid=LINE)
    return calls


def test_a_leg_that_keeps_the_linkedid_of_an_ended_call_does_not_open_it_again() -> None:
    calls = with_client()
    calls.feed(*(ev.BridgeLeft(1020.0, "b", channel, LINE) for channel in (CLIENT, LINE)))
    calls.end(1020.9, LINE, linkedid=LINE)
    calls.rings(1021.0, CLIENT, "1021.1", LINE, COLLEAGUE)
    calls.talk(1022.0, "c", CLIENT, "1021.1", linkedid=LINE)
    calls.end(1030.0, CLIENT, "1021.1", linkedid=LINE)
    assert calls.record(CLIENT).answered_by == ["101", "102"]
    assert calls.record(LINE).merged_into is None


@pytest.mark.parametrize("client_first", [False, True])
def test_a_line_and_its_client_stay_two_calls_after_a_restart_in_any_list_order(client_first: bool) -> None:
    before = [record for record in with_client().written.values() if record.ended is None]
    calls = Calls(before)
    seen = [
        ev.ChannelSeen(1010.0, LINE, LINE, AGENT, "101", "*53", "up", "b", 110),
        ev.ChannelSeen(1010.0, CLIENT, LINE, TRUNK, "89161112233", "74950000000", "up", "b", 10),
    ]
    calls.feed(ev.SnapshotBegan(1010.0), *(reversed(seen) if client_first else seen), ev.SnapshotEnded(1010.0))
    calls.end(1020.0, CLIENT, linkedid=LINE)
    ended = calls.record(CLIENT).ended
    assert ended is not None
    assert ended.timestamp() == 1020.0
    assert calls.record(LINE).ended is None
    assert calls.follow.open_calls == 1


@pytest.mark.parametrize("client_first", [False, True])
def test_after_a_restart_a_leg_with_the_linkedid_of_an_ended_call_does_not_open_it_again(client_first: bool) -> None:
    before = with_client()
    before.feed(*(ev.BridgeLeft(1005.0, "b", channel, LINE) for channel in (CLIENT, LINE)))
    before.end(1005.0, LINE, linkedid=LINE)
    before.rings(1006.0, CLIENT, "1006.1", LINE, COLLEAGUE)
    before.talk(1007.0, "c", CLIENT, "1006.1", linkedid=LINE)
    calls = Calls(list(before.written.values()))
    seen = [
        ev.ChannelSeen(1010.0, "1006.1", LINE, COLLEAGUE, "102", "", "up", "c", 4),
        ev.ChannelSeen(1010.0, CLIENT, LINE, TRUNK, "89161112233", "74950000000", "up", "c", 10),
    ]
    calls.feed(ev.SnapshotBegan(1010.0), *(reversed(seen) if client_first else seen), ev.SnapshotEnded(1010.0))
    calls.end(1020.0, CLIENT, "1006.1", linkedid=LINE)
    assert calls.record(CLIENT).ended == datetime.fromtimestamp(1020, UTC)
    assert calls.record(CLIENT).answered_by == ["101", "102"]
    assert calls.record(LINE).ended == datetime.fromtimestamp(1005, UTC)


def test_a_client_transferred_by_a_feature_code_leaves_the_line_behind() -> None:
    calls = with_client()
    calls.feed(ev.BridgeLeft(1010.0, "b", LINE, LINE))
    calls.rings(1010.0, LINE, "1010.2", LINE, COLLEAGUE)
    calls.talk(1012.0, "c", "1010.2", LINE, linkedid=LINE)
    calls.feed(ev.BridgeLeft(1020.0, "c", "1010.2", LINE))
    calls.talk(1020.0, "b", "1010.2", linkedid=LINE)
    calls.feed(ev.BridgeLeft(1020.0, "c", LINE, LINE))
    calls.feed(ev.Transferred(1020.0, "attended", LINE, LINE, "", LINE))
    calls.end(1030.0, CLIENT, "1010.2", linkedid=LINE)
    client = calls.record(CLIENT)
    assert client.ended is not None
    assert client.answered_by == ["101", "102"]
    assert ("attended-transfer", "101", "102") in [(step.what, step.who, step.detail) for step in client.story]
    assert calls.record(LINE).ended is None


@pytest.mark.parametrize("pairs", [1, 2])
def test_a_client_rung_first_through_local_pairs_is_the_callee(pairs: int) -> None:
    calls = Calls()
    source = "1000.2"
    for place in range(pairs):
        one, two = f"1000.{2 * place + 1}", f"1000.{2 * place + 2}"
        for end, channel in enumerate((one, two), 1):
            calls.feed(ev.ChannelCreated(1000.0, channel, CLIENT, local(f"{place}@x;{end}"), "", ""))
        calls.feed(ev.LocalPaired(1000.0, one, two))
        calls.feed(ev.DialBegan(1000.0, source if place else None, one, CLIENT, ""))
        source = two
    calls.feed(ev.ChannelCreated(1000.0, "1000.9", CLIENT, TRUNK, "", ""))
    calls.feed(ev.DialBegan(1000.0, source, "1000.9", CLIENT, "89161112233"))
    calls.feed(ev.ChannelUp(1005.0, "1000.9", CLIENT), ev.QueueJoined(1005.0, CLIENT, CLIENT, "support", ""))
    calls.rings(1006.0, CLIENT, "1006.1", CLIENT, AGENT)
    calls.feed(ev.ChannelUp(1008.0, "1006.1", CLIENT))
    record = calls.record(CLIENT)
    assert (record.direction, record.callee.number, record.caller.extension) == ("outgoing", "+79161112233", "101")


def test_a_call_shown_before_its_leg_moved_leads_to_the_leg_s_call() -> None:
    calls = Calls()
    for end, channel in enumerate((CLIENT, "1000.2"), 1):
        calls.feed(ev.ChannelCreated(1000.0, channel, CLIENT, local(f"x@y;{end}"), "", ""))
    calls.feed(ev.LocalPaired(1000.0, CLIENT, "1000.2"), ev.DialBegan(1000.0, None, CLIENT, CLIENT, ""))
    calls.rings(1001.0, "1000.2", "1001.1", "990.9", AGENT)
    assert calls.record("990.9").merged_into == calls.record(CLIENT).id
    assert calls.record(CLIENT).caller.extension == "101"


def test_an_agent_behind_a_local_pair_in_a_snapshot_talks_with_the_client() -> None:
    calls = Calls([])
    listed = (
        ("1000.1", TRUNK, "j", ""),
        ("1001.1", local("101@q-1;1"), "j", "Local/101@q-1;2"),
        ("1001.2", local("101@q-1;2"), "i", "Local/101@q-1;1"),
        ("1001.3", AGENT, "i", ""),
    )
    calls.feed(ev.SnapshotBegan(1010.0))
    for channel, endpoint, bridge, other in listed:
        number = "89161112233" if endpoint is TRUNK else "101"
        seen = ev.ChannelSeen(1010.0, channel, CLIENT, endpoint, number, "", "up", bridge, 10, other_end=other)
        calls.feed(seen)
    calls.feed(ev.SnapshotEnded(1010.0))
    calls.end(1020.0, "1000.1", "1001.1", "1001.2", "1001.3", linkedid=CLIENT)
    record = calls.record(CLIENT)
    assert (record.outcome, record.answered_by) == ("answered", ["101"])
    assert record.seconds["talk"] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("keyed", "dialled", "direction", "callee"),
    [
        ("112", "112", "outgoing", "112"),
        ("9112", "112", "outgoing", "112"),
        ("102", "89161110102", "internal", "102"),  # a colleague who diverts his calls to a mobile that ends so
    ],
)
def test_a_short_number_dialled_at_a_trunk_is_not_an_extension(
    keyed: str, dialled: str, direction: str, callee: str
) -> None:
    calls = Calls()
    calls.feed(ev.ChannelCreated(1000.0, CLIENT, CLIENT, AGENT, "101", keyed))
    calls.feed(ev.ChannelCreated(1000.0, "1000.2", CLIENT, TRUNK, "", ""))
    calls.feed(ev.DialBegan(1000.0, CLIENT, "1000.2", CLIENT, dialled))
    calls.end(1010.0, CLIENT, "1000.2", linkedid=CLIENT)
    record = calls.record(CLIENT)
    assert (record.direction, record.callee.number) == (direction, callee)
    assert (record.callee.extension is None) is (direction == "outgoing")


def test_a_consultation_dialled_as_our_own_number_is_not_a_client_s_call() -> None:
    calls = Calls()
    calls.begin(1000.0, CLIENT, TRUNK, "89161112233", "74950000000")
    calls.rings(1001.0, CLIENT, "1001.2", CLIENT, AGENT)
    calls.talk(1002.0, "b", CLIENT, "1001.2", linkedid=CLIENT)
    calls.begin(1010.0, OTHER, AGENT, "101", "84951234567")
    calls.rings(1010.0, OTHER, "1010.2", OTHER, COLLEAGUE)
    calls.talk(1012.0, "c", OTHER, "1010.2", linkedid=OTHER)
    calls.feed(ev.BridgeLeft(1020.0, "b", CLIENT, CLIENT), ev.BridgeLeft(1020.0, "c", OTHER, OTHER))
    calls.feed(ev.BridgeEntered(1020.0, "c", CLIENT, CLIENT, "", OTHER))
    calls.feed(ev.Transferred(1020.0, "attended", "1001.2", OTHER, "", CLIENT))
    assert calls.record(OTHER).merged_into == calls.record(CLIENT).id
    assert calls.record(CLIENT).joined == []
