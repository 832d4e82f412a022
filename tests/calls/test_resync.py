"""What a snapshot after a loss does to the calls under way."""

from __future__ import annotations

from typing import Literal

import pytest

from pbxd.calls import events as ev
from pbxd.calls.record import PARTS, CallRecord
from pbxd.calls.tracker import Tracker
from tests.calls.test_tracker import AGENT, COLLEAGUE, TRUNK, final, incoming, ring, talk, tracker

Seen = Literal["", "ringing", "up"]


def seen(at: float, channel: str, endpoint: ev.Endpoint, *, bridge: str = "", number: str = "") -> ev.ChannelSeen:
    return ev.ChannelSeen(at, channel, "1000.1", endpoint, number, "", "up", bridge, 9)


def talking() -> Tracker:
    follow = tracker()
    incoming(follow)
    ring(follow, 1001.0)
    for channel in ("1000.1", "1000.2"):
        follow.feed(ev.ChannelUp(1002.0, channel, "1000.1"))
    talk(follow, 1002.0, "1000.1", "1000.2")
    return follow


def gaps(record: CallRecord) -> list[tuple[float, float | None]]:
    return [(gap.since.timestamp(), gap.to.timestamp() if gap.to else None) for gap in record.gaps]


def test_a_link_lost_twice_before_a_snapshot_makes_one_gap() -> None:
    follow = talking()
    for at in (1005.0, 1006.0, 1007.0):
        follow.feed(ev.LinkLost(at))
    follow.feed(ev.SnapshotEnded(1009.0))
    assert gaps(final(follow)) == [(1005.0, 1009.0)]


def test_a_hangup_before_the_snapshot_ends_the_gap() -> None:
    follow = talking()
    follow.feed(ev.LinkLost(1005.0))
    for channel in ("1000.1", "1000.2"):
        follow.feed(ev.ChannelEnded(1008.0, channel, "1000.1", 16))
    assert gaps(final(follow)) == [(1005.0, 1008.0)]
    follow.feed(ev.SnapshotEnded(1009.0))
    assert follow.take_changes() == []


def test_the_next_process_closes_an_open_gap() -> None:
    follow = talking()
    follow.feed(ev.LinkLost(1005.0))
    (record,) = follow.take_changes()
    assert gaps(record) == [(1005.0, None)]
    again = tracker()
    again.remember([record])
    again.feed(ev.SnapshotEnded(1020.0))
    (record,) = again.take_changes()
    assert gaps(record) == [(1005.0, 1020.0)]


@pytest.mark.parametrize(("bridge", "part"), [("b", "talk"), ("", "menu")])
def test_a_party_that_left_in_a_gap_no_longer_talks(bridge: str, part: str) -> None:
    follow = talking()
    follow.feed(ev.LinkLost(1005.0))
    follow.feed(seen(1009.0, "1000.1", TRUNK, bridge=bridge))
    follow.feed(seen(1009.0, "1000.2", AGENT, bridge="b"))
    follow.feed(ev.SnapshotEnded(1009.0))
    before = follow.take_changes()[0].seconds[part]
    follow.feed(ev.ChannelEnded(1019.0, "1000.2", "1000.1", 16))
    follow.feed(ev.ChannelEnded(1019.0, "1000.1", "1000.1", 16))
    assert final(follow).seconds[part] == pytest.approx(before + 10.0)


def test_a_snapshot_does_not_undo_events_after_the_loss() -> None:
    follow = talking()
    follow.feed(ev.LinkLost(1005.0))
    follow.feed(ev.ChannelUp(1006.0, "1000.1", "1000.1"))
    follow.feed(ev.ChannelUp(1006.0, "1000.2", "1000.1"))
    for channel, endpoint in (("1000.1", TRUNK), ("1000.2", AGENT)):
        follow.feed(seen(1009.0, channel, endpoint))
    follow.feed(ev.SnapshotEnded(1009.0))
    before = follow.take_changes()[0].seconds["talk"]
    follow.feed(ev.ChannelEnded(1019.0, "1000.2", "1000.1", 16))
    (record,) = follow.take_changes()
    assert record.seconds["talk"] == pytest.approx(before + 10.0)


@pytest.mark.parametrize("agent_first", [False, True])
def test_the_caller_of_a_call_in_a_snapshot_is_who_began_it(agent_first: bool) -> None:
    follow = tracker()
    both = [
        seen(1009.0, "1000.1", TRUNK, bridge="b", number="89161234567"),
        seen(1009.0, "1000.2", AGENT, bridge="b", number="101"),
    ]
    for event in reversed(both) if agent_first else both:
        follow.feed(event)
    follow.feed(ev.SnapshotEnded(1009.0))
    (record,) = follow.take_changes()
    assert (record.direction, record.caller.number, record.answered_by) == ("incoming", "+79161234567", ["101"])
    assert gaps(record) == [(1000.0, 1009.0)]


def test_a_transfer_in_a_gap_brings_the_employee_into_the_client_s_call() -> None:
    before = talking()
    (known,) = before.take_changes()
    for parties in ("1000.1", "990.2"), ("990.2", "1000.1"):
        follow = tracker()
        follow.remember([known.copy()])
        for channel in parties:  # Asterisk gave both the linkedid of the older, internal call, which is over
            who = (TRUNK, "89161234567") if channel == "1000.1" else (COLLEAGUE, "102")
            follow.feed(ev.ChannelSeen(1009.0, channel, "990.1", *who, "", "up", "b", 9))
        follow.feed(ev.SnapshotEnded(1009.0))
        assert follow.open_calls == 1
        records = {record.id: record for record in follow.take_changes() if record.merged_into is None}
        assert list(records) == [known.id]
        assert records[known.id].answered_by == ["101", "102"]


def test_a_standing_line_in_a_snapshot_stays_a_call() -> None:
    follow = tracker()
    for channel, who in (("1000.1", (TRUNK, "89161234567")), ("990.1", (AGENT, "101"))):
        follow.feed(ev.ChannelSeen(1009.0, channel, channel, *who, "", "up", "b", 9))
    follow.feed(ev.SnapshotEnded(1009.0))
    assert follow.open_calls == 2
    client = next(record for record in follow.take_changes() if record.direction == "incoming")
    assert client.answered_by == ["101"]


def test_a_phone_dialled_before_the_snapshot_shows_the_caller_is_not_the_caller() -> None:
    follow = talking()
    follow.feed(ev.LinkLost(1005.0))
    (lost,) = follow.take_changes()
    for earlier in ([], [lost]):
        again = tracker()
        again.remember(earlier)
        ring(again, 1008.0, "1000.3", COLLEAGUE)
        again.feed(seen(1009.0, "1000.1", TRUNK, number="89161234567"))
        again.feed(seen(1009.0, "1000.3", COLLEAGUE))
        again.feed(ev.SnapshotEnded(1009.0))
        (record,) = again.take_changes()
        assert (record.direction, record.caller.number) == ("incoming", "+79161234567")
        assert (record.id, record.linkedid, record.started) == (lost.id, lost.linkedid, lost.started)
        assert record.answered == (lost.answered if earlier else None)
        assert gaps(record) == [(1005.0 if earlier else 1000.0, 1008.0)]


@pytest.mark.parametrize("first", [AGENT, ev.Endpoint("local", "")])
def test_the_second_phone_of_a_group_is_not_the_caller(first: ev.Endpoint) -> None:
    follow = tracker()
    for channel, endpoint in (("1000.2", first), ("1000.3", COLLEAGUE)):
        follow.feed(ev.ChannelCreated(1008.0, channel, "1000.1", endpoint, "", ""))
    for channel in ("1000.2", "1000.3"):
        follow.feed(ev.DialBegan(1008.0, "1000.1", channel, "1000.1", ""))
    follow.feed(seen(1009.0, "1000.1", TRUNK, number="89161234567"))
    follow.feed(ev.SnapshotEnded(1009.0))
    (record,) = follow.take_changes()
    assert (record.direction, record.caller.number) == ("incoming", "+79161234567")


def test_a_call_that_ends_before_the_snapshot_shows_the_caller_has_none() -> None:
    follow = tracker()
    ring(follow, 1008.0)
    follow.feed(ev.ChannelEnded(1008.5, "1000.2", "1000.1", 26))
    follow.feed(ev.SnapshotEnded(1009.0))
    record = final(follow)
    assert (record.caller.number, record.callee.extension) == (None, "101")


@pytest.mark.parametrize(
    ("shown", "caller"),
    [("89161234567", "+79161234567"), ("102", None), ("", None)],
    ids=["number", "colleague", "none"],
)
@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
def test_the_dial_shows_the_caller_of_a_phone(place: int, shown: str, caller: str | None) -> None:
    """The list may be ahead of the events, so that the phone's come after it, though its caller's came too early."""
    follow = tracker()
    events: list[ev.Event] = [
        ev.ChannelCreated(1008.0, "1000.2", "1000.1", AGENT, "101", ""),
        ev.DialBegan(1008.0, "1000.1", "1000.2", "1000.1", "", shown),
        ev.ChannelRinging(1008.0, "1000.2", "1000.1"),
        ev.ChannelEnded(1010.0, "1000.2", "1000.1", 26),
    ]
    for event in [*events[:place], ev.SnapshotEnded(1009.0), *events[place:]]:
        follow.feed(event)
    record = final(follow)
    assert (record.caller.number, record.callee.extension, record.outcome) == (caller, "101", "missed")
    assert [step.what for step in record.story if step.what == "called"] == ["called"] * (caller is not None)
    assert record.story[-1].what == "ended"
    assert caller is None or record.story[0].what == "called"
    assert gaps(record) == [(1000.0, 1008.0)]


@pytest.mark.parametrize("agent_first", [False, True])
def test_an_employee_rung_by_a_program_is_the_caller_whenever_the_snapshot_comes(agent_first: bool) -> None:
    """The list shows the channel that began the call, which is plumbing; his phone's events come before it or after."""
    follow = tracker()
    phone: list[ev.Event] = [
        ev.ChannelCreated(1008.0, "1000.2", "1000.1", AGENT, "101", ""),
        ev.DialBegan(1008.0, "1000.3", "1000.2", "1000.1", "", "89161234567"),
    ]
    plumbing = ev.ChannelSeen(1009.0, "1000.1", "1000.1", ev.Endpoint("local", ""), "", "", "calling", "", 9)
    listed: list[ev.Event] = [plumbing, ev.SnapshotEnded(1009.0)]
    for event in [*phone, *listed] if agent_first else [*listed, *phone]:
        follow.feed(event)
    follow.feed(ev.ChannelUp(1010.0, "1000.2", "1000.1"))
    for channel in ("1000.2", "1000.1"):
        follow.feed(ev.ChannelEnded(1011.0, channel, "1000.1", 16))
    record = final(follow)
    assert (record.caller.extension, record.direction, record.callee.number) == ("101", "internal", None)


@pytest.mark.parametrize("back_to_front", [False, True])
@pytest.mark.parametrize(
    ("phone", "other", "caller"),
    [("up", "ringing", "101"), ("ringing", "", "101"), ("", "ringing", None)],
    ids=["a client is called", "an employee is rung", "somebody outside is rung first"],
)
def test_an_employee_rung_by_a_program_is_the_caller_in_any_list_order(
    back_to_front: bool, phone: Seen, other: Seen, caller: str | None
) -> None:
    follow = tracker()
    plumbing = ev.ChannelSeen(1009.0, "1000.1", "1000.1", ev.Endpoint("local", ""), "", "", "calling", "", 9)
    listed = [plumbing]
    if phone:
        listed.append(ev.ChannelSeen(1009.0, "1000.2", "1000.1", AGENT, "101", "", phone, "", 9))
    if other:
        listed.append(ev.ChannelSeen(1009.0, "1000.4", "1000.1", TRUNK, "89161234567", "", other, "", 3))
    for event in reversed(listed) if back_to_front else listed:
        follow.feed(event)
    follow.feed(ev.SnapshotEnded(1009.0))
    assert [record.caller.number for record in follow.take_changes()] == ([caller] if caller else [])


@pytest.mark.parametrize("place", [1, 2])
def test_an_employee_rung_by_us_is_the_caller_even_if_gone_before_the_snapshot(place: int) -> None:
    follow = tracker()
    linkedid = f"pbxd-{'0' * 26}-1000.1"
    events: list[ev.Event] = [
        ev.ChannelCreated(1008.0, "1000.2", linkedid, AGENT, "101", ""),
        ev.ChannelEnded(1010.0, "1000.2", linkedid, 21),
    ]
    for event in [*events[:place], ev.SnapshotEnded(1009.0), *events[place:]]:
        follow.feed(event)
    record = final(follow)
    assert (record.caller.number, record.callee.number, record.direction) == ("101", None, "internal")


def test_the_other_party_of_a_program_s_call_is_not_a_gone_caller() -> None:
    follow = tracker()
    phone = ev.ChannelSeen(1009.0, "1000.2", "1000.1", AGENT, "101", "", "up", "b", 3, connected="89161234567")
    trunk = ev.ChannelSeen(1009.0, "1000.3", "1000.1", TRUNK, "89161234567", "", "up", "b", 3, connected="101")
    for listed in (phone, trunk):
        follow.feed(listed)
    follow.feed(ev.SnapshotEnded(1009.0))
    (record,) = follow.take_changes()
    assert record.caller.number == AGENT.name


def test_a_call_in_a_snapshot_without_its_first_channel_has_a_caller() -> None:
    follow = tracker()
    for channel, endpoint in (("1000.2", AGENT), ("1000.3", COLLEAGUE)):
        follow.feed(seen(1009.0, channel, endpoint, bridge="b"))
    follow.feed(ev.SnapshotEnded(1009.0))
    (record,) = follow.take_changes()
    assert record.caller.number == AGENT.name


def test_a_phone_that_outlives_its_caller_shows_who_called() -> None:
    follow = tracker()
    listed = ev.ChannelSeen(1009.0, "1000.2", "1000.1", AGENT, "101", "", "ringing", "", 3, connected="89161234567")
    follow.feed(listed)
    follow.feed(ev.SnapshotEnded(1009.0))
    follow.feed(ev.ChannelCreated(1010.0, "1000.3", "1000.1", COLLEAGUE, "102", ""))
    for channel in ("1000.2", "1000.3"):
        follow.feed(ev.ChannelEnded(1011.0, channel, "1000.1", 26))
    record = final(follow)
    assert (record.direction, record.caller.number, record.callee.extension) == ("incoming", "+79161234567", "101")
    assert record.outcome == "missed"
    assert (record.story[0].what, record.story[0].who) == ("called", "+79161234567")


def test_a_click_to_call_in_a_snapshot_shows_its_destination() -> None:
    leg = "pbxd-01ARZ3NDEKTSV4RRFFQ69G5FAV-1000.1"
    follow = tracker()
    follow.feed(ev.ChannelSeen(1009.0, leg, leg, AGENT, "89161234567", "", "ringing", "", 3))
    follow.feed(ev.SnapshotEnded(1009.0))
    follow.feed(ev.HangupRequested(1010.0, leg, leg, by_party=False))
    follow.feed(ev.ChannelEnded(1010.0, leg, leg, 16))
    record = final(follow)
    assert (record.origin, record.caller.extension, record.callee.number) == ("click-to-call", "101", "+79161234567")
    assert record.outcome == "cancelled"


@pytest.mark.parametrize("connected", ["102", "", "anonymous"])
def test_an_extension_as_caller_id_does_not_prove_an_employee(connected: str) -> None:
    follow = tracker()
    follow.feed(ev.ChannelSeen(1009.0, "1000.2", "1000.1", AGENT, "101", "", "up", "", 3, connected=connected))
    follow.feed(ev.SnapshotEnded(1009.0))
    (record,) = follow.take_changes()
    assert record.caller.number == AGENT.name


def test_outside_a_gap_a_snapshot_changes_nothing() -> None:
    follow = tracker()
    follow.feed(ev.SnapshotEnded(999.0))
    incoming(follow)
    follow.feed(ev.ChannelSeen(1001.0, "1000.2", "1000.1", AGENT, "", "", "ringing", "", 0))
    follow.feed(ev.SnapshotEnded(1001.0))
    ring(follow, 1001.1)
    (record,) = follow.take_changes()
    assert [(step.what, step.who) for step in record.story] == [("called", "+79161234567"), ("rang", "101")]
    assert record.gaps == []


def test_ten_snapshots_change_nothing() -> None:
    plain, often = talking(), talking()
    for number in range(10):
        at = 1003.0 + number / 10
        for channel, endpoint in (("1000.1", TRUNK), ("1000.2", AGENT)):
            often.feed(seen(at, channel, endpoint, bridge="b"))
        often.feed(ev.SnapshotEnded(at))
    for follow in (plain, often):
        for channel in ("1000.2", "1000.1"):
            follow.feed(ev.ChannelEnded(1020.0, channel, "1000.1", 16))
    one, other = final(plain), final(often)
    assert [other.seconds[part] for part in PARTS] == pytest.approx([one.seconds[part] for part in PARTS])
    one.seconds = other.seconds
    assert one == other


@pytest.mark.parametrize("agent_first", [False, True])
def test_a_call_in_its_first_second_has_the_same_start_in_any_list_order(agent_first: bool) -> None:
    follow = tracker()
    listed = [
        ev.ChannelSeen(1009.0, "1008.1", "1008.1", TRUNK, "89161234567", "", "up", "", 0),
        ev.ChannelSeen(1009.0, "1008.2", "1008.1", AGENT, "101", "", "ringing", "", 0),
    ]
    for event in reversed(listed) if agent_first else listed:
        follow.feed(event)
    follow.feed(ev.SnapshotEnded(1009.0))
    (record,) = follow.take_changes()
    assert (record.started.timestamp(), gaps(record)) == (1008.0, [(1008.0, 1009.0)])


@pytest.mark.parametrize("linkedid", ["crm-42", "crm-²", f"pbxd-{'0' * 26}-1000049.1"])
def test_an_id_that_the_pbx_did_not_choose_has_no_time(linkedid: str) -> None:
    follow = tracker()
    follow.feed(ev.ChannelSeen(1_000_009.0, linkedid, linkedid, AGENT, "101", "", "up", "", 9))
    follow.feed(ev.SnapshotEnded(1_000_009.0))
    (record,) = follow.take_changes()
    assert gaps(record) == [(1_000_000.0, 1_000_009.0)]


def test_the_step_called_comes_before_earlier_rings() -> None:
    follow = tracker()
    ring(follow, 1008.0)
    follow.feed(seen(1009.0, "1000.1", TRUNK, number="89161234567"))
    follow.feed(ev.SnapshotEnded(1009.0))
    (record,) = follow.take_changes()
    assert [(step.what, step.who, step.at.timestamp()) for step in record.story] == [
        ("called", "+79161234567", 1000.0),
        ("rang", "101", 1008.0),
    ]
