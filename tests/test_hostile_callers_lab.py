"""Callers who write into Asterisk's event stream: the history stays what happened, for them and for everybody else."""

from __future__ import annotations

import contextlib
import re
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.processes import until
from tests.lab.reconfiguring import changed

pytestmark = pytest.mark.lab

VICTIM = "89161234567"


def written(text: str) -> str:
    """A SIP user that Asterisk decodes to `text`; it keeps the first 79 bytes."""
    assert len(text) <= 79
    return quote(text, safe="+,")


async def history(daemon: Daemon) -> list[dict[str, object]]:
    return list(await daemon.calls())


async def test_a_caller_can_not_end_another_call_nor_invent_one(lab: Lab, tmp_path: Path) -> None:
    daemon = await lab.pbxd()
    async with lab.capture(tmp_path):
        client, agent = await lab.talk("101", VICTIM)
        await until(partial(history, daemon), "the victim's call in the history")
        (known,) = await history(daemon)
        linkedid = str(known["linkedid"])  # of a call of one channel so far also the Uniqueid of that
        head = "\r\n\r\nEvent: {}\r\nPrivilege: call,all\r\n"
        forged = [
            "1" + head.format("Hangup") + f"Uniqueid: {linkedid}\r\n\r\n",
            "1" + head.format("Newchannel") + "Timestamp: 17\r\nUniqueid: 17.1\r\n\r\n",
            "1\r\n\r\nEvent: CoreShowChannelsComplete\r\nActionID: 1\r\nX: ",
        ]
        for text in forged:
            attacker = lab.call_in("102", written(text))
            attacked = await lab.phone("102").answered()
            await attacker.until_hears(attacked)
            attacker.hangup()
            await attacked.until_ended()
        await client.until_hears(agent)
        client.hangup()
        await agent.until_ended()
    await lab.quiet()
    stream = (tmp_path / "stream.ami").read_bytes()
    for text in forged:  # the control: this is what a reader of the stream sees
        assert f"\r\n{text.split(chr(10), 2)[2]}".encode() in stream
    everything: list[dict[str, object]] = []

    async def told() -> bool:
        everything[:] = await history(daemon)
        return sum(call["ended"] is not None for call in everything) == len(forged) + 1

    await until(told, "every call to have ended in the history")
    assert [call["outcome"] for call in everything] == ["answered"] * (len(forged) + 1)
    assert all(str(call["started"]) > "2020" for call in everything)
    (victim,) = [call for call in everything if call["linkedid"] == linkedid]
    assert victim["ended"] == max(str(call["ended"]) for call in everything)


async def borrow(lab: Lab, linkedid: str) -> None:
    """Dial a text that has a call's ids in it; the dialplan's pattern takes any, as `_X.` would."""
    ids = f"Priority: 1\r\nUniqueid: {linkedid}\r\nLinkedid: {linkedid}\r\n\r\n"
    attacker = lab.phone("103").dial(written(f"81012\r\n{ids}"))
    await (await lab.trunk.incoming()).until_ringing()
    attacker.hangup()
    await attacker.until_ended()


@pytest.mark.parametrize("protected", [True, False])
async def test_who_dials_another_calls_ids_ends_only_his_own(lab: Lab, tmp_path: Path, protected: bool) -> None:
    """With `channelvars` as shipped; the control is an Asterisk without it."""

    def without(text: str) -> str:
        return re.sub("(?m)^channelvars.*$", "channelvars = PBXD_OTHER", text)

    async with contextlib.AsyncExitStack() as stack:
        if not protected:
            await stack.enter_async_context(changed(lab, "manager.conf", without, "manager reload"))
        daemon = await lab.pbxd()
        client, agent = await lab.talk("101", VICTIM)
        await until(partial(history, daemon), "the victim's call in the history")
        (victim,) = await history(daemon)
        async with lab.capture(tmp_path):
            await borrow(lab, str(victim["linkedid"]))
        stream = (tmp_path / "stream.ami").read_bytes()
        assert f"\r\nUniqueid: {victim['linkedid']}\r\nLinkedid: {victim['linkedid']}\r\n\r\n".encode() in stream

        async def told() -> bool:
            calls = {str(call["id"]): call for call in await history(daemon)}
            steps = calls[str(victim["id"])]["story"]
            assert isinstance(steps, list)
            left = any(step["what"] == "left" for step in steps)  # said of somebody who still talks
            return left if not protected else not left and any(call["ended"] for call in calls.values())

        await until(told, "the history to tell of an end")
        await client.until_hears(agent)
        client.hangup()
        await agent.until_ended()


async def test_a_caller_with_line_breaks_in_his_number_reaches_his_agent_unnamed(lab: Lab) -> None:
    daemon = await lab.pbxd()
    await lab.know("Фронкин", VICTIM)
    lab.call_in("101", written("89161234567\r\nno header"), name="trunk")
    offered = await lab.phone("101").incoming()
    assert offered.name == "trunk"
    offered.reject()
    lab.call_in("101", VICTIM, name="trunk")  # the control, and pbxd lives
    assert (await lab.phone("101").incoming()).name == "Фронкин"
    assert "Traceback" not in daemon.log_text()


async def test_an_extension_from_outside_is_no_colleague(lab: Lab) -> None:
    daemon = await lab.pbxd()

    async def employees_known() -> bool:
        return bool((await daemon.api("/api/v1/lookup?number=103&inside=1"))[1]["name"])

    await until(employees_known, "the employees of the PBX in the book")
    lab.call_in("101", "103", name="trunk")
    offered = await lab.phone("101").incoming()
    assert offered.name == "trunk"
    offered.reject()
    await lab.quiet()
    lab.phone("103").dial("101")  # the control: the colleague himself
    (await lab.phone("101").incoming()).reject()
    await lab.quiet()
    both: list[dict[str, object]] = []

    async def told() -> bool:
        both[:] = await history(daemon)
        return sum(call["ended"] is not None for call in both) == 2

    await until(told, "both calls in the history")
    callers = {str(call["direction"]): call["caller"] for call in both}
    assert isinstance(callers["incoming"], dict)
    assert isinstance(callers["internal"], dict)
    assert (callers["incoming"]["number"], callers["incoming"]["name"]) == ("103", None)
    assert (callers["internal"]["extension"], callers["internal"]["name"]) == ("103", "Agent 103")
