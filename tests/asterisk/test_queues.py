from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.queues import entries_of, moves_at_once

ENDPOINTS = Endpoints(r"^\d{2,5}$")


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


def test_entries_are_told_in_the_order_they_stand() -> None:
    packets = [
        {"Event": "QueueParams", "Queue": "sales"},
        {"Event": "QueueEntry", "Queue": "sales", "Position": "2", "Channel": "B", "Priority": "x", "Wait": "7"},
        {"Event": "QueueEntry", "Queue": "sales", "Position": "1", "Channel": "A", "CallerIDNum": "unknown"},
    ]
    first, second = entries_of(packets, ENDPOINTS)
    assert (first.name, first.number, first.waited) == ("A", "", 0)
    assert (second.name, second.priority, second.waited) == ("B", 0, 7)


@given(st.lists(st.dictionaries(st.sampled_from(["Event", "Queue", "Position", "Priority", "Wait"]), st.text())))
def test_any_packet_can_be_read(packets: list[dict[str, str]]) -> None:
    assert all(entry.position == int(entry.position) for entry in entries_of(packets, ENDPOINTS))
