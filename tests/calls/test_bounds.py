"""What one caller does again and again makes no record without end."""

from __future__ import annotations

import json
from collections import Counter
from itertools import count

import pytest

from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.calls import events as ev
from pbxd.calls.record import CallRecord
from pbxd.calls.tracker import Tracker
from pbxd.numbers import rules_from
from pbxd.settings import Settings

CALLER, AGENT = "1795000000.1", "1795000000.2"
MOST = 200
MOST_BYTES = 40_000


def talking() -> Tracker:
    tracker = Tracker("pbx", rules_from(Settings()), CHANNEL_IDS, in_gap=False)
    client, agent = ev.Endpoint("trunk", "trunk"), ev.Endpoint("extension", "101")
    for event in (
        ev.ChannelCreated(1.0, CALLER, CALLER, client, "89161234567", "74951230101"),
        ev.ChannelCreated(1.0, AGENT, CALLER, agent, "", ""),
        ev.DialBegan(1.0, CALLER, AGENT, CALLER, ""),
        ev.ChannelUp(2.0, AGENT, CALLER),
        ev.ChannelUp(2.0, CALLER, CALLER),
        ev.BridgeEntered(2.0, "b", CALLER, CALLER),
        ev.BridgeEntered(2.0, "b", AGENT, CALLER),
    ):
        tracker.feed(event)
    return tracker


def ended(tracker: Tracker, at: float) -> CallRecord:
    for channel in (AGENT, CALLER):
        tracker.feed(ev.ChannelEnded(at, channel, CALLER, 16))
    (record,) = tracker.take_changes()
    return record


def bounded(record: CallRecord) -> None:
    lists = (record.story, record.queues, record.recordings, record.gaps, record.answered_by)
    assert all(len(entries) <= MOST for entries in lists)
    assert len(json.dumps(record.to_json())) < MOST_BYTES
    assert record.story[0].what == "called"
    assert record.story[-1].what == "ended"


def test_a_call_held_fifty_thousand_times_has_them_counted() -> None:
    tracker, clock = talking(), count(3)
    for _time in range(50_000):
        tracker.feed(ev.HoldBegan(float(next(clock)), CALLER, CALLER))
        tracker.feed(ev.HoldEnded(float(next(clock)), CALLER, CALLER))
    record = ended(tracker, float(next(clock)))
    bounded(record)
    told: Counter[str] = Counter()
    for step in record.story:
        told[step.what] += step.times
    assert (told["held"], told["resumed"]) == (50_000, 50_000)
    assert record.seconds["hold"] == 50_000
    assert any(step.get("times", 1) > 49_000 for step in record.to_json()["story"])


def test_a_few_holds_are_told_each_with_its_time() -> None:
    tracker = talking()
    for at in (3.0, 5.0, 7.0):
        tracker.feed(ev.HoldBegan(at, CALLER, CALLER))
        tracker.feed(ev.HoldEnded(at + 1, CALLER, CALLER))
    record = ended(tracker, 9.0)
    assert [step.at.timestamp() for step in record.story if step.what == "held"] == [3.0, 5.0, 7.0]
    assert all("times" not in step for step in record.to_json()["story"])


@pytest.mark.parametrize("kind", ["queues", "recordings", "transfers", "parkings"])
def test_queues_recordings_and_transfers_are_bounded(kind: str) -> None:
    tracker, clock = talking(), count(3)
    for number in range(5000):
        at = float(next(clock))
        match kind:
            case "queues":
                tracker.feed(ev.QueueJoined(at, CALLER, CALLER, f"queue {number}", ""))
            case "recordings":
                tracker.feed(ev.RecordingBegan(at, CALLER, CALLER, f"/{number}.wav"))
            case "transfers":
                tracker.feed(ev.Transferred(at, "blind", CALLER, "", f"8916{number:07}", CALLER))
            case _:
                tracker.feed(ev.Parked(at, CALLER, CALLER, str(number), "101"))
    record = ended(tracker, float(next(clock)))
    bounded(record)
    if kind == "recordings":
        assert (record.recordings[0], record.recordings[-1]) == ("/0.wav", "/4999.wav")
