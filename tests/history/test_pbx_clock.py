"""The present time by the PBX's clock."""

from __future__ import annotations

import time

import pytest

from pbxd.calls.events import LinkLost, SnapshotBegan
from pbxd.settings import Settings
from tests.history.packets import PacketFollowing


@pytest.mark.parametrize("wrong", [-3600.0, 0.0, 3600.0])
def test_a_pbx_whose_clock_is_wrong_is_taken_at_its_word(wrong: float) -> None:
    following = PacketFollowing(Settings())
    following.follow(SnapshotBegan(time.time() + wrong))
    assert following.now() - time.time() == pytest.approx(wrong, abs=60)


def test_a_lost_link_which_has_the_time_of_the_last_event_says_nothing_of_the_present() -> None:
    following = PacketFollowing(Settings())
    following.follow(SnapshotBegan(time.time()))
    following.follow(LinkLost(time.time() - 7200))
    assert following.now() == pytest.approx(time.time(), abs=60)
