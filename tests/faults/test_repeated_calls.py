"""The same idempotency key never rings the agent twice, whatever happens between the request and its repetition."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.faults.history import QUICK_LINK, listed, logged, until_ended, until_logged
from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.processes import until
from tests.lab.wire import Wire, wire_to

pytestmark = pytest.mark.lab

CLIENT = "89161260001"
DIALING = {"calls_per_minute": 0}
ORIGINATE = b"Action: Originate"


@pytest.fixture
async def wire(lab: Lab) -> AsyncIterator[Wire]:
    async with wire_to(lab.asterisk.ami_port) as between:
        yield between


async def linked(lab: Lab, wire: Wire) -> Daemon:
    """Start a pbxd whose link can be disturbed."""
    daemon = await lab.pbxd({"asterisk": {**QUICK_LINK, "port": wire.port}, "dialing": DIALING})
    await until_logged(daemon, "resync_done")
    return daemon


async def ask(daemon: Daemon, key: str) -> tuple[int, dict[str, Any]]:
    """Ask for a call of 101 to the client."""
    asked = {"agent": "101", "target": CLIENT}
    return await daemon.api("/api/v1/calls", method="POST", body=asked, headers={"Idempotency-Key": key})


async def restart(daemon: Daemon) -> None:
    """Kill it and wait until its successor knows the calls of now."""
    await daemon.kill()
    before = logged(daemon, "resync_done")
    await daemon.start()
    await until_logged(daemon, "resync_done", before + 1)


async def record_ids(lab: Lab) -> set[str]:
    """Return the ids that the channels of now carry in theirs (`pbxd-<record id>-…`)."""
    return {channel["Linkedid"].split("-")[1] for channel in await lab.channels()}


async def hung_up_by_the_agent(lab: Lab, daemon: Daemon, ended: int) -> None:
    """Let the agent decline; wait until history has that many calls, all over."""
    lab.phone("101").calls[-1].reject(603)
    await until_ended(daemon, ended)
    await lab.until_free()


async def until_another_key_rings(lab: Lab, daemon: Daemon, rung: int) -> None:
    """Ask by another key: whatever the old one had set off would have rung before this."""
    await lab.until_free()
    status, answer = await ask(daemon, f"another{rung}")
    assert (status, "repeated" in answer) == (202, False)
    await until(lambda: len(lab.phone("101").calls) >= rung, "the phone to ring")
    assert len(lab.phone("101").calls) == rung


@pytest.mark.parametrize("answered", [False, True])
async def test_a_key_rings_once_though_pbxd_was_killed(lab: Lab, wire: Wire, answered: bool) -> None:
    """Killed before the PBX's answer to the Originate came, and after it."""
    daemon = await linked(lab, wire)
    if not answered:
        wire.lose_answers(ORIGINATE)
    asking = asyncio.create_task(ask(daemon, "one"))
    await lab.phone("101").incoming()
    first = (await asking)[1]["id"] if answered else None
    await restart(daemon)
    if not answered:
        with pytest.raises(aiohttp.ClientError):
            await asking
    (call_id,) = await record_ids(lab)
    assert first in {call_id, None}
    for _again in range(2):
        assert await ask(daemon, "one") == (202, {"id": call_id, "state": "ringing-agent", "repeated": True})
    await hung_up_by_the_agent(lab, daemon, 1)
    assert [call["id"] for call in await listed(daemon)] == [call_id]
    assert (await ask(daemon, "one"))[1]["id"] == call_id  # nor after its end
    await until_another_key_rings(lab, daemon, 2)


async def test_a_key_rings_once_though_the_link_came_back_anew(lab: Lab, wire: Wire) -> None:
    daemon = await linked(lab, wire)
    status, first = await ask(daemon, "one")
    assert status == 202
    await lab.phone("101").incoming()
    wire.reset()
    await until_logged(daemon, "resync_done", 2)
    assert await ask(daemon, "one") == (202, first | {"repeated": True})
    await hung_up_by_the_agent(lab, daemon, 1)
    # The answer is lost together with the link: the call is ended, and its key rings nobody again.
    wire.lose_answers(ORIGINATE)
    asking = asyncio.create_task(ask(daemon, "two"))
    offered = await lab.phone("101").incoming()
    (call_id,) = await record_ids(lab)
    wire.reset()
    assert (await asking)[0] == 503
    await offered.until_ended()
    await until_ended(daemon, 2)
    status, answer = await ask(daemon, "two")
    assert (status, answer["id"], answer["repeated"]) == (202, call_id, True)
    await until_another_key_rings(lab, daemon, 3)


@pytest.mark.soak
async def test_keys_ring_at_most_once_over_many_kills(lab: Lab) -> None:
    daemon = await lab.pbxd({"dialing": DIALING})
    phone = lab.phone("101")
    again = rung = 0

    async def silent() -> bool:
        return not await lab.channels()

    for number in range(1, 26):
        asking = asyncio.create_task(ask(daemon, f"key{number}"))
        await asyncio.sleep(random.uniform(0, 0.06))
        await restart(daemon)
        before = (await asyncio.gather(asking, return_exceptions=True))[0]
        status, answer = await ask(daemon, f"key{number}")
        assert status == 202
        if not isinstance(before, BaseException):
            assert answer == {"id": before[1]["id"], "state": "ringing-agent", "repeated": True}
        if "repeated" in answer:
            again += 1
        else:
            await until(lambda rung=rung: len(phone.calls) > rung, "the phone to ring")
        assert len(phone.calls) <= rung + 1
        assert await record_ids(lab) <= {answer["id"]}
        for call in phone.calls[rung:]:
            call.reject(603)
        await until(silent, "the end of the call")
        rung = len(phone.calls)
    assert again > 0
    await until_another_key_rings(lab, daemon, rung + 1)
