"""A supervisor puts a caller first through the running daemon, and the history says so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.processes import until

pytestmark = pytest.mark.lab
ONE, TWO, THREE = "89160000001", "89160000002", "89160000003"


async def waiting(daemon: Daemon) -> dict[str, dict[str, Any]]:
    status, told = await daemon.api("/api/v1/queues")
    assert status == 200
    assert "pool" in told["queues"]
    return {"8" + caller["number"][2:]: caller for caller in told["items"]}


async def logged_moves(daemon: Daemon, call: str) -> list[tuple[str, bool]]:
    """Who moved somebody, and whether it was this call. It is logged a moment later: no move waits for it."""
    logged: list[tuple[str, bool]] = []

    async def there() -> bool:
        _, told = await daemon.api("/api/v1/audit?action=move_caller_to_front&result=done")
        logged[:] = [(row["source"], call in row["subject"]) for row in told["items"]]
        return bool(logged)

    await until(there, "the move in the audit log")
    return logged


async def test_a_caller_is_put_first_and_the_history_says_so(lab: Lab) -> None:
    daemon = await lab.pbxd()
    lines = []
    for waits, number in enumerate((ONE, TWO, THREE), 1):
        lines.append(lab.call_in("pool", number))
        await lab.until_waiting("pool", waits)

    async def known() -> bool:
        return all(each["call"] for each in (await waiting(daemon)).values())

    await until(known, "the calls of those who wait")
    callers = await waiting(daemon)
    assert [caller["position"] for caller in callers.values()] == [1, 2, 3]
    status, told = await daemon.api("/api/v1/calls/live")
    assert status == 200
    assert {(each["id"], each["part"]) for each in told["items"]} == {
        (caller["call"], "wait") for caller in callers.values()
    }
    result = await daemon.run("calls", "live", env={"LC_ALL": "en_US.UTF-8"})
    assert [line.split()[-1] for line in result.out.splitlines() if "pool" in line] == [
        callers[each]["call"] for each in (THREE, TWO, ONE)
    ]
    call = callers[THREE]["call"]
    status, moved = await daemon.api(f"/api/v1/queues/pool/callers/{call}/first", method="POST")
    assert (status, moved["position_before"], moved["position"]) == (200, 3, 1)
    assert await lab.queue_order("pool") == [THREE, ONE, TWO]
    status, told = await daemon.api(f"/api/v1/queues/sales/callers/{call}/first", method="POST")
    assert (status, told["reason"]) == (404, "not-waiting")
    for line in lines:
        line.hangup()
        await line.until_ended()

    async def over() -> bool:
        found = await daemon.calls()
        return len(found) == 3 and all(each["ended"] for each in found)

    await until(over, "the calls to be in the history")
    stories = {
        "8" + each["caller"]["number"][2:]: [step["what"] for step in each["story"]] for each in await daemon.calls()
    }
    assert stories[THREE] == ["called", "queued", "moved", "left-queue", "ended"]
    assert "moved" not in stories[ONE] + stories[TWO]
    assert await logged_moves(daemon, call) == [("socket", True)]
