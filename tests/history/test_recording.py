"""History on the real Asterisk: what was written live, read back after a restart, is what a replay makes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.main_job import differences, until_agreed
from tests.lab.phone import answering, rejecting
from tests.lab.processes import until

pytestmark = pytest.mark.lab

FROM_THE_BOOK = ("name", "shown_name", "company", "contact")


def from_events(call: dict[str, Any]) -> dict[str, Any]:
    """Take away what the book and other programs added."""
    return {
        key: {name: value for name, value in value.items() if name not in FROM_THE_BOOK}
        if key in {"caller", "callee"}
        else value
        for key, value in call.items()
        if key != "external"
    }


async def listed(lab: Lab) -> list[dict[str, Any]]:
    assert lab.daemon is not None
    status, answer = await lab.daemon.api("/api/v1/calls?limit=500")
    assert status == 200
    items: list[dict[str, Any]] = answer["items"]
    return items


async def until_ended(lab: Lab, count: int) -> list[dict[str, Any]]:
    async def all_over() -> bool:
        calls = await listed(lab)
        return len(calls) == count and all(call["ended"] for call in calls)

    await until(all_over, f"{count} calls in history, all ended", every=0.2)
    return await listed(lab)


async def several_calls(lab: Lab) -> int:
    """Make calls of many kinds, some at the same time; return how many."""
    lab.phone("101").behaviour = answering(after=0.1)
    lab.phone("102").behaviour = rejecting(486)
    lab.trunk.behaviour = rejecting(404)
    busy = lab.phone("103").dial("102")
    wrong = lab.phone("104").dial("89990001122")
    queued = lab.call_in("sales", "89161234567")
    await queued.until_talking()
    given_up = lab.call_in("support", "89031112233")

    async def waits() -> bool:
        return await lab.queue_order("support") == ["89031112233"]

    await until(waits, "the second caller in the queue")
    given_up.hangup()
    queued.hangup()
    for call in (busy, wrong, queued, given_up):
        await call.until_ended()
    lab.phone("101").behaviour = rejecting(603)
    refused = lab.phone("103").dial("101")
    await refused.until_ended()
    return 5


def only(folder: Path) -> Path:
    (capture,) = folder.glob("*.ami")
    return capture


async def replayed(daemon: Daemon, capture: Path) -> list[dict[str, Any]]:
    result = await daemon.run("calls", "replay", str(capture), "--json")
    assert result.status == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


async def test_rows_written_live_equal_the_replay_after_a_restart(lab: Lab) -> None:
    daemon = await lab.pbxd({"asterisk": {"capture_folder": "captures"}})
    await lab.know("Фронкин", "89161234567")
    count = await several_calls(lab)
    await until_ended(lab, count)
    await daemon.stop()
    replay = await replayed(daemon, only(daemon.folder / "captures"))
    await daemon.start()
    live = await listed(lab)
    assert {call["caller"]["name"] for call in live} >= {"Фронкин"}
    by_id = {call["id"]: from_events(call) for call in live}
    assert by_id == {call["id"]: from_events(call) for call in replay}
    # The control: a call changed by a hundredth of a second isn't taken for the same.
    replay[0]["talk_seconds"] += 0.01
    assert by_id != {call["id"]: from_events(call) for call in replay}


async def test_history_has_the_calls_of_cel_and_a_missing_one_shows(lab: Lab) -> None:
    since = time.time()
    await lab.pbxd()
    calls = await until_ended(lab, await several_calls(lab))
    cel = await until_agreed(lab, calls, since=since)
    assert differences(calls[1:], cel) != []


async def test_a_call_is_in_the_history_while_it_lasts_and_survives_a_killed_pbxd(lab: Lab) -> None:
    daemon = await lab.pbxd()
    client = lab.call_in("sales", "89161234567")
    agent = await lab.phone("101").answered()
    await client.until_talking()

    async def under_way() -> bool:
        calls = await listed(lab)
        return len(calls) == 1 and calls[0]["answered"] is not None and calls[0]["ended"] is None

    await until(under_way, "the call under way in the history", every=0.2)
    before = (await listed(lab))[0]
    await daemon.kill()
    await daemon.start()
    client.hangup()
    await agent.until_ended()
    (after,) = await until_ended(lab, 1)
    assert after["id"] == before["id"]
    assert after["answered"] == before["answered"]
    assert after["outcome"] == "answered"
    assert after["answered_by"] == ["101"]
    assert len(after["gaps"]) == 1


async def test_a_call_that_ended_while_pbxd_was_away_is_closed_with_its_gap(lab: Lab) -> None:
    daemon = await lab.pbxd()
    client = lab.call_in("sales", "89161234567")
    agent = await lab.phone("101").answered()
    await client.until_talking()

    async def under_way() -> bool:
        return [call["answered"] is not None for call in await listed(lab)] == [True]

    await until(under_way, "the call under way in the history", every=0.2)
    await daemon.stop()
    client.hangup()
    await agent.until_ended()
    await daemon.start()
    (after,) = await until_ended(lab, 1)
    assert after["outcome"] == "answered"
    assert len(after["gaps"]) == 1


async def test_an_asterisk_that_crashes_ends_its_calls_and_the_next_ones_are_heard(lab: Lab) -> None:
    daemon = await lab.pbxd()
    await until(lambda: daemon.log_text().count("resync_done") == 1, "pbxd in step", every=0.1)
    await lab.talk("sales", "89031112233")

    async def under_way() -> bool:
        return [call["answered"] is not None for call in await listed(lab)] == [True]

    await until(under_way, "the call under way in the history", every=0.2)
    await lab.restart_asterisk()

    await until(lambda: daemon.log_text().count("resync_done") == 2, "pbxd in step again", every=0.1)
    client, _agent = await lab.talk("sales", "89161234567")
    client.hangup()
    after, crashed = await until_ended(lab, 2)
    assert (after["outcome"], after["gaps"]) == ("answered", [])
    assert (crashed["outcome"], crashed["answered_by"], len(crashed["gaps"])) == ("answered", ["101"], 1)
    assert (crashed["story"][-1]["what"], crashed["story"][-1]["detail"]) == ("ended", "unheard")
