"""One event that can't be followed costs itself, is counted, and is told now and then."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.event_stream import EventStream
from pbxd.calls import events as ev
from pbxd.faults import Faults
from pbxd.history.event_reader import EventReader
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


@pytest.mark.parametrize("header", ["Uniqueid", "Linkedid"])
def test_an_id_that_no_pbx_makes_costs_its_event(header: str) -> None:
    following = PacketFollowing(Settings())
    with capture_logs():
        assert following.packet_safely({**call(1)[0], header: "x" * 5000}, None) is None
    assert following.faults.counts == {"ami_packet_refused": 1}
    assert list(following.take_changes()) == []


class Strange(Endpoints):
    """Endpoints with a mistake in it."""

    def of(self, name: str) -> ev.Endpoint:
        raise ZeroDivisionError(name)


def test_a_mistake_in_reading_a_packet_costs_that_packet() -> None:
    faults = Faults()
    stream = EventStream(Strange(Settings().employees.pattern), faults)
    with capture_logs() as logs:
        assert stream.read_safely(call(1)[0], None) is None
    assert faults.counts == {"event_failed": 1}
    assert {entry["event"] for entry in logs} == {"event_failed"}


def test_a_mistake_in_acting_on_an_event_costs_that_event() -> None:
    following = PacketFollowing(Settings())
    seen: list[ev.Event] = []

    def stumble(event: ev.Event) -> None:
        raise ZeroDivisionError(event)

    class Pbx:
        async def take(self, _most: int) -> list[ev.Event]:
            if seen:
                await asyncio.Event().wait()
            return [ev.LinkLost(float(BEGAN)), ev.LinkLost(float(BEGAN + 1))]

    async def read() -> None:
        reader = EventReader(cast("Any", Pbx()), following, [stumble, seen.append], following.faults)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.run()

    with capture_logs():
        asyncio.run(read())
    assert len(seen) == 2
    assert following.faults.counts == {"event_reaction_failed": 2}


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
