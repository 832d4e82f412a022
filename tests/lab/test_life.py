"""How labs begin and end: side by side, after failures, after being killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.lab import Lab
from tests.lab.ami import AmiSession
from tests.lab.asterisk import CHECKOUT
from tests.lab.folders import sweep
from tests.lab.phone import answering
from tests.lab.processes import LabError, tail, until

pytestmark = pytest.mark.lab

# Started as a program of its own, to be ended in every way a test run ends.
PROGRAM = """
import asyncio
import signal
from tests.lab import Lab

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs tests in the background has it ignored

async def main():
    async with Lab() as lab:
        print(lab.folder, lab.asterisk.child.pid, flush=True)
        await asyncio.sleep({seconds})
        raise RuntimeError("a failing test")

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def using(folder: str) -> list[int]:
    """Return the processes that name the lab's folder on their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if folder.encode() in entry.read_bytes() and alive(int(entry.parent.name)):
                found.append(int(entry.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


async def test_two_labs_side_by_side_do_not_meet(lab: Lab) -> None:
    async with Lab() as other:
        assert other.asterisk.child
        assert using(str(other.folder)) == [other.asterisk.child.pid]
        for one, caller in ((lab, "89160000001"), (other, "89160000002")):
            one.phone("101").behaviour = answering()
            await one.call_in("101", caller).until_talking()
        assert lab.phone("101").calls[0].number == "89160000001"
        assert other.phone("101").calls[0].number == "89160000002"
        assert len(other.phone("101").calls) == len(lab.phone("101").calls) == 1
        folder = other.folder
    assert using(str(folder)) == []
    assert folder not in folder.parent.iterdir()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL, None], ids=["ctrl-c", "killed", "exception"])
async def test_nothing_is_left_however_it_ends(ending: signal.Signals | None) -> None:
    program = PROGRAM.format(seconds=600 if ending else 0)
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=CHECKOUT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert parent.stdout
    async with asyncio.timeout(60):
        folder, pid = (await parent.stdout.readline()).decode().split()
    if ending:
        assert alive(int(pid))
        os.kill(parent.pid, ending)
    async with asyncio.timeout(60):
        assert await parent.wait() != 0
    await until(lambda: not alive(int(pid)) and not using(folder), "the end of Asterisk")
    sweep()
    assert Path(folder) not in Path(folder).parent.iterdir()


async def test_an_asterisk_that_does_not_come_up_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.lab.asterisk.TREES", tmp_path)
    with pytest.raises(LabError, match="make setup"):
        async with Lab():
            pass


async def test_the_tap_has_the_shipped_rights_and_wrong_secrets_are_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="refused"):
        await AmiSession.open(lab.asterisk.ami_port, "pbxd", "wrong")
    tap = await AmiSession.open(lab.asterisk.ami_port, lab.asterisk.tap.name, lab.asterisk.tap.secret)
    try:
        for action, headers, allowed in (
            ("CoreShowChannels", {}, True),
            ("Setvar", {"Variable": "PBXD_ALIVE", "Value": "1"}, True),
            ("QueueStatus", {}, True),
            ("Getvar", {"Variable": "DEVICE_STATE(PJSIP/101)"}, True),
            ("ExtensionStateList", {}, True),
            ("BridgeList", {}, True),
            ("DBPut", {"Family": "x", "Key": "x", "Val": "x"}, False),
            ("PJSIPShowEndpoints", {}, False),
            ("UpdateConfig", {}, False),
        ):
            answer = await tap.action(action, headers)
            assert (answer.get("Message") != "Permission denied") is allowed, (action, answer)
    finally:
        await tap.close()


async def test_the_shipped_sample_dialplan_runs() -> None:
    async with Lab(sample_dialplan=True) as lab:
        client = lab.call_in("74951230001", "89161234567", name="trunk")
        agent = await lab.phone("101").answered()
        await client.until_hears(agent)
        assert (agent.name, agent.number) == ("trunk", "89161234567")
        client.hangup()
        out = lab.phone("102").dial("89995554433")
        far = await lab.trunk.answered()
        assert (far.number, far.name) == ("+74951230000", "")
        await out.until_talking()


async def test_the_shipped_samples_are_read_without_complaint() -> None:
    """Every sample of config/ as shipped (only the listening port is private) in one Asterisk."""
    async with Lab() as lab:
        for name in ("pjsip.conf", "cel.conf", "queues.conf"):
            text = (CHECKOUT / "config" / name).read_text(encoding="utf-8")
            (lab.folder / "etc" / name).write_text(text.replace("0.0.0.0:5060", "127.0.0.1:0"), encoding="utf-8")
        for module in ("res_pjsip.so", "app_queue.so", "cel"):
            assert "successfully" in await lab.command(f"module reload {module}")
        shown = await lab.command("pjsip show endpoints")
        assert "102/102" in shown
        assert "trunk" in shown
        assert "Local/101@from-queue/n" in await lab.command("queue show support")
        bad = [line for line in tail(lab.asterisk.log, 200).splitlines() if "ERROR" in line and "pjsip.conf" in line]
        assert bad == []
