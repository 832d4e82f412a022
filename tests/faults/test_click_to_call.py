"""A call that pbxd made for an agent, after pbxd was killed: it can still be followed and ended."""

from __future__ import annotations

import json

import aiohttp
import pytest

from tests.faults.history import until_ended, until_logged
from tests.lab import Lab
from tests.lab.call import Call
from tests.lab.daemon import Daemon
from tests.lab.processes import until

pytestmark = pytest.mark.lab

CLIENT = "89161270001"
PHONE, ALL_PHONES = "PJSIP/{extension}", "Local/{extension}@pbxd-agent/n"


async def click_to_call(lab: Lab, daemon: Daemon, state: str, *, frozen: bool) -> tuple[str, list[Call]]:
    """Call a client for 101 until that state; return the call's id and its legs.

    With `frozen` pbxd hears nothing from the ringing of the agent's phone on, as before its watchdog kills it.
    """
    status, made = await daemon.api("/api/v1/calls", method="POST", body={"agent": "101", "target": CLIENT})
    assert status == 202
    agent = await lab.phone("101").incoming()

    async def written() -> bool:
        return [call["callee"]["number"] for call in await daemon.calls()] == [f"+7{CLIENT[1:]}"]

    await until(written, "the call in the history")
    if frozen:
        daemon.freeze()
    if state == "ringing-agent":
        return made["id"], [agent]
    agent.answer()
    client = await lab.trunk.incoming()
    if state == "talking":
        client.answer()
        await client.until_hears(agent)
        if not frozen:
            await until_answered(daemon)
    return made["id"], [agent, client]


async def until_answered(daemon: Daemon) -> None:
    async def answered() -> bool:
        return [call["answered"] is not None for call in await daemon.calls()] == [True]

    await until(answered, "the answer in the history")


async def hung_up(daemon: Daemon, call_id: str) -> list[dict[str, str]]:
    """Follow the call, hang it up, and return all its states."""
    path = f"http://pbxd/api/v1/calls/{call_id}"
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(daemon.folder / "api.sock"))) as session,
        session.get(f"{path}/states") as told,
    ):
        assert told.status == 200, await told.text()
        first = json.loads(await told.content.readline())
        async with session.post(f"{path}/hangup") as answer:
            assert answer.status == 202
        return [first, *[json.loads(line) async for line in told.content]]


@pytest.mark.parametrize(
    ("state", "frozen", "device"),
    [
        ("ringing-agent", False, PHONE),
        ("ringing-agent", True, ALL_PHONES),
        ("ringing-client", True, PHONE),
        ("ringing-client", False, ALL_PHONES),
        ("talking", True, PHONE),
        ("talking", False, ALL_PHONES),
    ],
)
async def test_a_call_under_way_is_known_again_after_a_kill(lab: Lab, state: str, device: str, *, frozen: bool) -> None:
    daemon = await lab.pbxd({"dialing": {"device": device}})
    await until_logged(daemon, "resync_done")
    call_id, legs = await click_to_call(lab, daemon, state, frozen=frozen)
    await daemon.kill()
    await daemon.start()
    await until_logged(daemon, "resync_done", 2)
    status, refused = await daemon.api("/api/v1/calls", method="POST", body={"agent": "101", "target": "89161110000"})
    assert (status, refused["type"]) == (409, "urn:pbxd:conflict")  # whose phone rings is known again, too
    states = await hung_up(daemon, call_id)
    assert states[0]["state"] == state
    assert states[-1]["state"] == "ended"
    assert states[-1]["reason"] == ("completed" if state == "talking" else "cancelled")
    for leg in legs:
        await leg.until_ended()
    (call,) = await until_ended(daemon, 1)
    assert (call["id"], call["origin"], call["caller"]["extension"]) == (call_id, "click-to-call", "101")
    assert (call["callee"]["number"], len(call["gaps"])) == (f"+7{CLIENT[1:]}", 1)
    assert call["outcome"] == ("answered" if state == "talking" else "cancelled")
