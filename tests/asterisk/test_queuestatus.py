from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.asterisk.queue_status import Entry, entries_of, moves_at_once, not_moved


@pytest.mark.parametrize(
    ("version", "able"),
    [
        ("16.28.0~dfsg-0+deb11u4", False),
        ("18.19.0", False),
        ("18.20.0", True),
        ("18.26.4~dfsg+~cs6.10.40431414-1", True),
        ("19.8.1", False),
        ("20.4.0", False),
        ("20.5.0-rc1", True),
        ("20.11.1", True),
        ("21.0.0", True),
        ("22.10.1~dfsg+~cs6.15.60671435-1", True),
        ("23.0.0", True),
        ("certified-18.9-cert17", False),
        ("certified/20.7-cert6", True),
        ("GIT-master-abcdef0", True),
        ("", True),
    ],
)
def test_which_asterisk_moves_callers(version: str, able: bool) -> None:
    assert moves_at_once(version) is able


@given(st.text())
def test_no_version_is_too_odd(version: str) -> None:
    assert moves_at_once(version) in {True, False}


def entry(channel: str, position: int, priority: int) -> Entry:
    return Entry("sales", position, channel, channel, "", priority, 0)


def test_a_move_that_moved_nobody_is_seen() -> None:
    asked = ["b"]
    assert not_moved(asked, [entry("a", 1, 0), entry("b", 2, 10)]) == [entry("b", 2, 10)]
    assert not_moved(asked, [entry("b", 1, 10), entry("a", 2, 0)]) == []
    assert not_moved(asked, [entry("a", 1, 10), entry("b", 2, 10)]) == []
    assert not_moved([], [entry("a", 1, 0), entry("b", 2, 10)]) == []


def test_entries_are_told_in_the_order_they_stand() -> None:
    packets = [
        {"Event": "QueueParams", "Queue": "sales"},
        {"Event": "QueueEntry", "Queue": "sales", "Position": "2", "Channel": "B", "Priority": "x", "Wait": "7"},
        {"Event": "QueueEntry", "Queue": "sales", "Position": "1", "Channel": "A", "CallerIDNum": "unknown"},
    ]
    first, second = entries_of(packets)
    assert (first.channel, first.number, first.waited) == ("A", "", 0)
    assert (second.channel, second.priority, second.waited) == ("B", 0, 7)


@given(st.lists(st.dictionaries(st.sampled_from(["Event", "Queue", "Position", "Priority", "Wait"]), st.text())))
def test_any_packet_can_be_read(packets: list[dict[str, str]]) -> None:
    assert all(entry.position == int(entry.position) for entry in entries_of(packets))
