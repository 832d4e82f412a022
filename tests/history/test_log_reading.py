"""A row or a call of the PBX log that can't be followed costs itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from pbxd.calls import events as ev
from pbxd.calls.tracker import Tracker
from pbxd.history.log_reading import CdrReading, CelReading
from pbxd.settings import Settings

BEGAN = 1_700_000_000.0
UNTIL = datetime.fromtimestamp(BEGAN, UTC) + timedelta(hours=1)


def cel(number: int) -> list[dict[str, str]]:
    """Rows of a caller who comes and goes."""
    channel = {
        "cid_num": f"8916{number:07}", "exten": "74951230100", "channame": f"PJSIP/trunk-{number:08x}",
        "uniqueid": f"{BEGAN + number:.0f}.1", "linkedid": f"{BEGAN + number:.0f}.1",
    }  # fmt: skip
    kinds = ("CHAN_START", "HANGUP", "CHAN_END", "LINKEDID_END")
    return [{"eventtype": kind, "eventtime": f"{BEGAN + number + at}", **channel} for at, kind in enumerate(kinds)]


def cdr(number: int) -> dict[str, str]:
    """The record of a caller who comes and goes."""
    return {
        "src": f"8916{number:07}", "dst": "74951230100", "channel": f"PJSIP/trunk-{number:08x}", "dstchannel": "",
        "lastapp": "Hangup", "lastdata": "", "start": f"{BEGAN + number}", "answer": "", "end": f"{BEGAN + number + 3}",
        "disposition": "NO ANSWER", "uniqueid": f"{BEGAN + number:.0f}.1", "linkedid": f"{BEGAN + number:.0f}.1",
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _stumbles_over_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a mistake into the tracker."""
    feed = Tracker.feed

    def stumble(self: Tracker, event: ev.Event) -> None:
        if isinstance(event, ev.ChannelCreated) and event.number.endswith("2"):
            raise ZeroDivisionError(event)
        feed(self, event)

    monkeypatch.setattr(Tracker, "feed", stumble)


def numbers(reading: CelReading | CdrReading) -> set[str | None]:
    return {record.caller.number for record in reading.records.values()}


async def test_a_row_of_cel_that_fails_leaves_the_other_calls_alone() -> None:
    reading = CelReading(Settings(), UNTIL)
    with capture_logs() as logs:
        for number in (1, 2, 3):
            for row in cel(number):
                reading.follow(row)
        await reading.close(all_ended=True)
    assert {"+79160000001", "+79160000003"} <= numbers(reading)
    assert {line["event"] for line in logs} == {"log_row_failed"}


async def test_a_call_of_cdr_that_fails_leaves_the_others_alone() -> None:
    reading = CdrReading(Settings(), UNTIL)
    with capture_logs() as logs:
        for number in (1, 2, 3):
            reading.follow(cdr(number))
        await reading.close(all_ended=True)
    assert numbers(reading) == {"+79160000001", "+79160000003"}
    assert {line["event"] for line in logs} == {"log_row_failed"}
