"""Calls of a time in which pbxd was away or deaf, filled from Asterisk's own log: the judge is that log itself (B5)."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from tests.faults.history import (
    QUICK_LINK,
    Call,
    epoch,
    of,
    one_more_call,
    sums_up,
    until_answered,
    until_ended,
    until_logged,
    until_over,
)
from tests.faults.logs import log
from tests.lab import Lab
from tests.lab.daemon import Config, Daemon
from tests.lab.main_job import calls_in_cel, differences, until_agreed
from tests.lab.processes import until
from tests.lab.wire import wire_to

pytestmark = pytest.mark.lab

LASTING, BRIEF, WITHIN = (f"8916127000{number}" for number in range(1, 4))


async def until_filled(daemon: Daemon, count: int) -> list[dict[str, Any]]:
    gaps: list[dict[str, Any]] = []

    async def all_filled() -> bool:
        gaps[:] = (await daemon.run("calls", "gaps", "--json")).json["items"]
        return len(gaps) == count and all(gap["filled"] for gap in gaps)

    await until(all_filled, f"{count} gaps, all filled", every=0.5)
    return gaps


async def miss(lab: Lab, daemon: Daemon, since: float) -> list[Call]:
    """Have pbxd away while one call ends, another comes and goes, and a third one lasts; return what it knows then."""
    await until_logged(daemon, "resync_done")
    lasting, agent = await lab.talk("101", LASTING, agent="101")
    brief, other = await lab.talk("102", BRIEF, agent="102")
    await until_answered(daemon, LASTING, BRIEF)
    await daemon.kill()
    brief.hangup()
    await other.until_ended()
    await one_more_call(lab, WITHIN)
    await daemon.start()
    await until_logged(daemon, "resync_done", 2)
    lasting.hangup()
    await agent.until_ended()
    return await until_ended(daemon, 2, since=since)


async def test_calls_while_pbxd_was_away_are_read_later(lab: Lab) -> None:
    since = time.time()
    daemon = await lab.pbxd()
    calls = await miss(lab, daemon, since)
    # The control: without a log the call is absent, the other one ends when pbxd is back, and the gap is told.
    late = epoch(of(calls, BRIEF)["ended"])
    assert differences(calls, calls_in_cel(lab.cel(since=since))) != []
    refused = await daemon.run("calls", "fill")
    assert (refused.status, "backfill.cel" in refused.err) == (2, True)
    await until(lambda: len(calls_in_cel(lab.cel(since=since))) == 3, "all three calls in CEL")
    daemon.config["backfill"] = dict((await log(lab, "cel csv"))["backfill"])
    daemon.write()
    (gap,) = (await lab.cli("calls", "fill"))["items"]
    # An outage begins early, the more so on a busy machine: calls of the test before may have ended in it.
    within = {row.linkedid for row in lab.cel(since=epoch(gap["from"]))}
    assert (gap["why"], gap["filled_from"], gap["filled_calls"]) == ("pbxd", "cel", len(within))
    calls = await until_ended(daemon, 3, since=since)
    assert {call["linkedid"] for call in calls} <= within
    await until_agreed(lab, calls, since=since)
    assert [gap["filled"] for call in calls for gap in call["gaps"]] == ["cel"] * 3
    assert all(call["outcome"] == "answered" and sums_up(call) for call in calls)
    assert (of(calls, WITHIN)["answered_by"], of(calls, WITHIN)["source"]) == (["103"], "cel")
    assert (
        abs(epoch(of(calls, BRIEF)["ended"]) - ended_in_cel(lab, of(calls, BRIEF)))
        < 0.1
        < late - ended_in_cel(lab, of(calls, BRIEF))
    )
    compared = await lab.cli("calls", "rebuild", "--from", "2000-01-01", "--to", "2100-01-01", "--dry-run")
    assert [item["differences"] for item in compared["items"] if not item["missing"]] == []


def ended_in_cel(lab: Lab, call: Call) -> float:
    return max(row.eventtime for row in lab.cel() if row.linkedid == call["linkedid"])


@pytest.mark.parametrize(
    "kind",
    [
        "cel csv",
        pytest.param("cel sqlite", marks=pytest.mark.soak),
        "cdr csv",
        pytest.param("cdr sqlite", marks=pytest.mark.soak),
    ],
)
async def test_a_deaf_pbxd_reads_what_it_missed_by_itself(lab: Lab, kind: str) -> None:
    await miss_and_read(lab, kind, await log(lab, kind))


async def miss_and_read(lab: Lab, kind: str, config: Config) -> None:
    """Be deaf while one call lasts and another comes and goes; the log, and nobody else, tells pbxd of it."""
    since, source = time.time(), kind.partition(" ")[0]
    if source == "cdr":
        since = math.floor(since)  # as its times are
    async with wire_to(lab.asterisk.ami_port) as wire:
        daemon = await lab.pbxd({"asterisk": {**QUICK_LINK, "port": wire.port}, **config})
        await until_logged(daemon, "resync_done")
        lasting, agent = await lab.talk("101", LASTING, agent="101")
        await until_answered(daemon, LASTING)
        wire.refusing = True
        wire.reset()
        await until_logged(daemon, "ami_link_lost")
        await one_more_call(lab, WITHIN)
        wire.refusing = False
        await until_logged(daemon, "resync_done", 2)
        if source == "cel":  # while another call still lasts
            await until_over(daemon, WITHIN)
        lasting.hangup()
        await agent.until_ended()
        await until_filled(daemon, 1)
        calls = await until_ended(daemon, 2, since=since)
    assert [call for call in calls if not sums_up(call) or call["outcome"] != "answered"] == []
    assert (of(calls, WITHIN)["source"], of(calls, LASTING)["source"]) == (source, "ami")
    assert (of(calls, WITHIN)["answered_by"], of(calls, WITHIN)["callee"]["extension"]) == (["103"], "103")
    assert [gap["filled"] for call in calls for gap in call["gaps"]] == [source] * 2
    if source == "cel":
        await until_agreed(lab, calls, since=since)
    exact = 0.1 if source == "cel" else 1.1  # a CDR has whole seconds
    assert abs(epoch(of(calls, WITHIN)["ended"]) - ended_in_cel(lab, of(calls, WITHIN))) < exact
