"""One event that can't be followed costs itself, is counted, and is told now and then."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from pbxd.calls import events as ev
from pbxd.faults import Faults
from pbxd.settings import Settings
from tests.history.packets import PacketFollowing
from tests.history.test_backlog import BEGAN, call

HUGE = "9" * 4301


@pytest.mark.parametrize(
    "odd",
    [
        {"Cause": HUGE}, {"Cause": "²"}, {"Uniqueid": "²", "Linkedid": "²"}, {"Uniqueid": "x" * 5000},
        {"Linkedid": "\0"},
        {"CallerIDNum": "1" * 100_000}, {"CallerIDNum": "\0\ud800"}, {"Timestamp": "99999999999"}, {"Exten": "\x1b[2J"},
        {"Event": "CoreShowChannel", "Duration": ":".join([HUGE] * 3)}, {"Event": "FullyBooted", "Uptime": HUGE},
    ],
)  # fmt: skip
def test_an_odd_event_leaves_the_next_call_alone(odd: dict[str, str]) -> None:
    following = PacketFollowing(Settings())
    following.open_gap(float(BEGAN))
    with capture_logs():
        for packet in call(0):
            following.packet_safely(packet, None)
        for packet in call(1):
            following.packet_safely({**packet, **odd}, None)
        for packet in call(2):
            following.packet_safely(packet, None)
    assert any(record.caller.number == "+79160000002" and record.ended for record in following.take_changes())
    assert "event_failed" not in following.faults.counts


@pytest.mark.parametrize(
    ("header", "text"), [("CallerIDNum", "ё" * 9000), ("Exten", "\ud800" * 999), ("CallerIDNum", "\0" * 300)]
)
def test_texts_of_any_length_are_cut_at_the_door(header: str, text: str) -> None:
    following = PacketFollowing(Settings())
    event = following.packet_safely({**call(1)[0], header: text}, None)
    assert isinstance(event, ev.ChannelCreated)
    assert all(len(value) <= 255 for value in (event.number, event.dialled))
    assert "\0" not in event.number


class Broken:
    """A tracker with a mistake in it."""

    def feed(self, event: ev.Event) -> None:
        raise ZeroDivisionError(event)

    def take_changes(self) -> list[object]:
        return []


def test_a_mistake_of_ours_is_counted_and_told_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    following = PacketFollowing(Settings())
    monkeypatch.setattr(following, "tracker", Broken())
    with capture_logs() as logs:
        for _number in range(50):
            for packet in call(1):
                following.packet_safely(packet, None)
    assert following.faults.counts == {"event_failed": 100}
    assert [entry["event"] for entry in logs] == ["event_failed"]


def test_a_reminder_comes_after_a_minute() -> None:
    now = 0.0
    faults = Faults(clock=lambda: now)
    with capture_logs() as logs:
        for _second in range(150):
            faults.note("kind", ValueError("x"))
            now += 1.0
    assert [entry["times"] for entry in logs] == [1, 61, 121]
