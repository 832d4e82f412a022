"""Calls through the real Asterisk while pbxd's FastAGI port is attacked, and while its AMI link comes and goes."""

from __future__ import annotations

import asyncio

import pytest

from tests.asterisk import agi_peers
from tests.asterisk.test_fastagi_hostile import ATTACK, ATTACKS, DEADLINE, ROOT, figures, percentile
from tests.faults.history import QUICK_LINK, logged, until_logged
from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.wire import wire_to

pytestmark = pytest.mark.lab

NAME, KNOWN, STRANGER = "Фронкин Игорь", "89161234567", "89169998877"


def agi_port(daemon: Daemon) -> int:
    return int(str(daemon.config["agi"]["listen"]).rpartition(":")[2])


async def shown(lab: Lab, number: str) -> str:
    """Call 101 from a number; return the name his phone was offered."""
    client = lab.call_in("101", number)
    offered = await lab.phone("101").incoming(timeout=20)
    client.hangup()
    await offered.until_ended()
    return offered.name


@pytest.mark.parametrize("attack", ATTACKS)
async def test_every_caller_is_named_while_the_port_is_attacked(lab: Lab, attack: str) -> None:
    daemon = await lab.pbxd()
    await lab.know(NAME, KNOWN)
    seconds = "4" if attack == "connect_and_close" else "2"  # which makes ten thousand of those
    attacker = await asyncio.create_subprocess_exec(*ATTACK, attack, str(agi_port(daemon)), seconds, cwd=ROOT)
    names = []
    while attacker.returncode is None:
        names.append(await shown(lab, KNOWN))
    assert attacker.returncode == 0
    assert names == [NAME] * len(names) != []
    assert await shown(lab, STRANGER) == ""  # the control


async def waits_during_resyncs(lab: Lab) -> list[float]:
    """Cut the link again and again; return how long the look-ups meanwhile took, each of which named the client."""
    async with wire_to(lab.asterisk.ami_port) as wire:
        daemon = await lab.pbxd({"asterisk": {**QUICK_LINK, "port": wire.port}})
        await lab.know(NAME, KNOWN)
        await until_logged(daemon, "resync_done")
        waits: list[float] = []
        for cut in range(2, 8):
            wire.reset()
            while logged(daemon, "resync_done") < cut:
                wait, commands = await asyncio.to_thread(agi_peers.look_up, agi_port(daemon), KNOWN)
                assert NAME in b"".join(commands).decode()
                waits.append(wait)
                await asyncio.sleep(0.01)
            assert await shown(lab, KNOWN) == NAME
    assert len(waits) > 6
    print(figures("resyncs", waits))
    return waits


async def test_look_ups_are_answered_during_resyncs(lab: Lab) -> None:
    await waits_during_resyncs(lab)


@pytest.mark.soak
async def test_look_ups_meet_the_deadline_during_resyncs(lab: Lab) -> None:
    assert percentile(await waits_during_resyncs(lab), 0.9) <= DEADLINE
