"""A call that the lab's Asterisk records is heard over HTTP."""

from __future__ import annotations

import io
import re
import wave
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.processes import until
from tests.lab.reconfiguring import changed

pytestmark = pytest.mark.lab
HEAD = 44  # bytes of a WAV file before its sound


def naming_files(text: str) -> str:
    return re.sub(
        "(?m)^channelvars = PBXD_END_OF_CHANNEL", "channelvars = PBXD_END_OF_CHANNEL,MIXMONITOR_FILENAME", text
    )


@pytest.mark.parametrize("way", ["by name", "by id", "not at all"])
async def test_a_recorded_call_is_heard(lab: Lab, way: str) -> None:
    """The PBX names the file in an event, or the file has the call's id in its name; or pbxd has no folder."""
    monitor = str(lab.asterisk.run / "spool/monitor")
    async with AsyncExitStack() as stack:
        if way == "by name":
            await stack.enter_async_context(changed(lab, "manager.conf", naming_files, "manager reload"))
        daemon = await lab.pbxd(
            {"recordings": {} if way == "not at all" else {"folder": monitor, "pbx_folder": monitor}}
        )
        await hear_a_call(lab, daemon, way, monitor)


async def hear_a_call(lab: Lab, daemon: Daemon, way: str, monitor: str) -> None:
    files = partial(Path(monitor).glob, "**/*.wav")
    before = set(files())
    client = lab.call_in("0520", "89161234567")
    phone = await lab.phone("101").answered()
    await phone.until_hears(client)
    # On a busy machine MixMonitor may begin long after both hear one another.
    await until(lambda: any(file.stat().st_size > HEAD for file in {*files()} - before), "sound in the recording")
    client.hangup()
    await phone.until_ended()

    async def over() -> bool:
        calls = await daemon.calls()
        return len(calls) == 1 and calls[0]["ended"] is not None

    await until(over, "the call in the history")
    (call,) = await daemon.calls()
    assert [step["what"] for step in call["story"]].count("recorded") == 1
    status, told = await daemon.api(f"/api/v1/calls/{call['id']}/recordings")
    assert status == 200
    if way == "not at all":
        assert told["items"] == []
        return
    assert [Path(name).parent for name in call["recordings"]] == ([Path(monitor)] if way == "by name" else [])
    (recording,) = told["items"]
    assert (recording["type"], recording["lack"]) == ("audio/wav", None)

    async def written() -> bool:  # MixMonitor closes its file a moment after the call
        return bool(wave_of(await heard(daemon.folder / "api.sock", call["id"])).getnframes())

    await until(written, "the recording to be written")
    sound = wave_of(await heard(daemon.folder / "api.sock", call["id"]))
    assert (sound.getnchannels(), sound.getframerate()) == (1, 8000)
    assert any(sound.readframes(sound.getnframes())), "more than silence"
    _status, audit = await daemon.api("/api/v1/audit?action=hear_recording")
    assert [row["source"] for row in audit["items"]] == ["socket"]


def wave_of(content: bytes) -> wave.Wave_read:
    return wave.open(io.BytesIO(content), "rb")


async def heard(socket: object, call: str) -> bytes:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
        session.get(f"http://pbxd/api/v1/calls/{call}/recordings/1") as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.read()
