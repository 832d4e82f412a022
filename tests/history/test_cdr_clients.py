"""Which calls a pass over the PBX's log makes: clients stay apart though Asterisk gave them one linkedid."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pbxd.history.log_reading import CdrReading
from pbxd.settings import Settings

BEGAN = 1_795_304_376
LINE, AGENT = "PJSIP/101-00000001", "PJSIP/102-00000002"
FIRST, SECOND = "PJSIP/trunk-00000003", "PJSIP/trunk-00000004"
CLIENTS = {FIRST: ("89161112233", f"{BEGAN}.3"), SECOND: ("89035556677", f"{BEGAN}.4")}
OURS = f"{BEGAN}.1"


def row(span: tuple[int, int], channel: str, other: str = "", **values: str) -> dict[str, str]:
    """Return an answered path from one second to another, as cdr_csv writes it."""
    source, uniqueid = CLIENTS.get(channel, ("101", OURS))
    began, ended = (str(BEGAN + second) for second in span)
    return {
        "src": source, "dst": "2001", "channel": channel, "dstchannel": other, "lastapp": "MusicOnHold", "lastdata": "",
        "start": began, "answer": began, "end": ended, "disposition": "ANSWERED", "uniqueid": uniqueid,
        "linkedid": OURS,
    } | values  # fmt: skip


async def read(*rows: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return the calls by their linkedids."""
    reading = CdrReading(Settings(), datetime.fromtimestamp(BEGAN + 60, UTC))
    for each in rows:
        reading.follow(each)
    await reading.close(all_ended=True)
    return {record.linkedid: record.to_json() for record in reading.records.values()}


def facts(call: dict[str, Any]) -> tuple[Any, ...]:
    return call["direction"], call["caller"]["number"], call["outcome"], call["answered_by"], call["talk_seconds"]


async def test_two_clients_of_a_standing_line_are_two_calls_beside_it() -> None:
    """As Asterisk 22 wrote it after AMI Bridge: a client's own path, or the line's path to the client."""
    calls = await read(
        row((0, 10), LINE, FIRST, dst="*54"),
        row((-2, 0), FIRST),
        row((8, 10), SECOND, LINE),
        row((10, 20), LINE, dst="*54"),
    )
    assert {linkedid: facts(call) for linkedid, call in calls.items()} == {
        f"{BEGAN}.3": ("incoming", "+79161112233", "answered", ["101"], 10),
        f"{BEGAN}.4": ("incoming", "+79035556677", "answered", ["101"], 2),
        OURS: ("internal", "101", "failed", [], 0),
    }
    assert calls[OURS]["ended"] == datetime.fromtimestamp(BEGAN + 20, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


async def test_a_client_joined_to_an_older_one_stays_a_call() -> None:
    """Two clients of 101 and 102; one of them joins them (REFER with Replaces)."""
    dial = {"lastapp": "Dial", "lastdata": "PJSIP/101,20", "linkedid": f"{BEGAN}.3"}
    calls = await read(
        row((0, 5), FIRST, LINE, **dial), row((2, 5), SECOND, AGENT, **dial), row((5, 9), FIRST, SECOND, **dial)
    )
    assert facts(calls[f"{BEGAN}.4"])[:4] == ("incoming", "+79035556677", "answered", ["102", "+79161112233"])
    assert calls[f"{BEGAN}.3"]["caller"]["number"] == "+79161112233"
    assert calls[f"{BEGAN}.3"]["answered_by"] == ["101", "+79035556677"]
    assert [calls[f"{BEGAN}.{place}"]["talk_seconds"] for place in (3, 4)] == [9, 7]


async def test_an_agent_behind_a_local_channel_goes_with_the_client() -> None:
    one, two = "Local/102@from-queue-00000001;1", "Local/102@from-queue-00000001;2"
    calls = await read(
        row((-9, 20), LINE, dst="*54"),
        row((0, 10), FIRST, one, lastapp="Queue", lastdata="sales,tT"),
        row((0, 10), two, AGENT, lastapp="Dial", lastdata="PJSIP/102,15", src="89161112233", uniqueid=f"{BEGAN}.7"),
    )
    assert facts(calls[f"{BEGAN}.3"]) == ("incoming", "+79161112233", "answered", ["102"], 10)
    assert set(calls) == {f"{BEGAN}.3", OURS}


@pytest.mark.parametrize("second", [0, 2])
async def test_a_client_whom_101_called_and_transferred_stays_in_that_call(second: int) -> None:
    dial = {"lastapp": "Dial", "lastdata": "PJSIP/89161112233@trunk,30", "dst": "89161112233"}
    calls = await read(
        row((0, second), LINE, FIRST, **dial), row((second, 9), FIRST, AGENT, lastapp="Dial", lastdata="PJSIP/102,30")
    )
    assert list(calls) == [OURS]
    assert calls[OURS]["direction"] == "outgoing"


async def test_without_its_own_ids_in_the_log_a_client_can_not_be_kept_apart() -> None:
    calls = await read(row((0, 10), LINE, FIRST, dst="*54"), row((-2, 0), FIRST, uniqueid=""))
    assert list(calls) == [OURS]


async def test_a_name_that_the_pbx_uses_again_after_a_restart_is_another_client() -> None:
    later = {"uniqueid": f"{BEGAN}.30", "linkedid": f"{BEGAN}.30", "lastapp": "Dial", "src": "89035556677"}
    calls = await read(
        row((0, 10), LINE, FIRST, dst="*54"),
        row((-2, 0), FIRST),
        row((30, 40), FIRST, AGENT, **later),
        row((41, 45), AGENT, LINE, linkedid=f"{BEGAN}.40", uniqueid=f"{BEGAN}.40", lastapp="Dial", src="102"),
    )
    assert facts(calls[f"{BEGAN}.30"])[:4] == ("incoming", "+79035556677", "answered", ["102"])
    assert calls[f"{BEGAN}.3"]["ended"] == datetime.fromtimestamp(BEGAN + 10, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert set(calls) == {f"{BEGAN}.3", f"{BEGAN}.30", f"{BEGAN}.40", OURS}
