"""Callers who write into Asterisk's event stream: the history stays what happened, for them and for everybody else."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pbxd.asterisk.ami.injection import BEFORE, CEL, PLACE, TEXTS
from pbxd.calls.record import PARTS
from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.phone import redirecting, rejecting
from tests.lab.processes import until
from tests.lab.reconfiguring import changed

pytestmark = pytest.mark.lab

VICTIM = "89161234567"


def written(text: str) -> str:
    """A SIP user that Asterisk decodes to `text`; it keeps the first 79 bytes."""
    assert len(text) <= 79
    return quote(text, safe="+,")


async def history(daemon: Daemon) -> list[dict[str, Any]]:
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


FORGED = "1\r\n\r\nEvent: Newchannel\r\nTimestamp: 99999999999\r\nChannel: x"
DIALLED = FORGED.replace("Timestamp", "Privilege: call\r\nTimestamp")  # a comma would end the argument
PONG = "1\r\n\r\nResponse: x\r\nActionID: 1\r\nPing: x\r\nTimestamp: 99999999999\r\nX: "
WITH_RIGHTS = FORGED.replace("Timestamp", "Privilege: call,all\r\nTimestamp")
# Dialplans as real offices have them: whatever is dialled is dialled on, a room has the number that was dialled.
OPEN = """
[from-trunk](+)
exten => _77X.,1,Dial(Local/${EXTEN:2}@from-internal,5)
 same => n,Dial(PJSIP/101,20)
exten => _78X.,1,Dial(PJSIP/101,20,U(lab-nothing))
exten => _79X.,1,ConfBridge(${EXTEN:2})
exten => _76X.,1,Set(TEXT=${URIDECODE(${PJSIP_HEADER(read,User-to-User)})})
 same => n,Set(MIXMONITOR_FILENAME=${TEXT})
 same => n,UserEvent(Told,Text: ${TEXT})
 same => n,Voicemail(101@default,us)
exten => _75X.,1,Queue(${EXTEN:2},,,,1)
 same => n,Dial(PJSIP/101,20)
[lab-nothing]
exten => s,1,Return()
"""


async def dialled(lab: Lab) -> None:
    lab.phone("101").behaviour = rejecting(486)
    for text in (FORGED, DIALLED):
        await lab.trunk.dial(f"77{quote(text, safe='+,')}", caller="89161110001").until_ended()


async def sent_on(lab: Lab) -> None:
    """By a 302 of a phone."""
    for text in (FORGED, WITH_RIGHTS):
        lab.phone("102").behaviour = redirecting(quote(text, safe="+,"))
        await lab.call_in("102", "89161110002").until_ended()


async def diverted(lab: Lab) -> None:
    """A Diversion header's number has no limit: whole events fit, and the rest of the one they stand in."""
    rest = (
        "".join(f"{name}: \r\n" for name in CEL[4:10]) + "EventTime: \r\nAMAFlags: \r\nUniqueID: 1.1\r\nLinkedID: 1.1"
    )
    rest += "\r\nUserfield: \r\nPeer: \r\nPeerAccount: \r\nExtra: \r\n\r\n"
    lines = dict.fromkeys((*BEFORE, *TEXTS, *PLACE), "1") | {"Channel": "PJSIP/trunk-00000abc"}
    lines |= dict.fromkeys(("Uniqueid", "Linkedid"), "1795304370.3")
    whole = (
        "Event: Newchannel\r\nPrivilege: call,all\r\nTimestamp: {}\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        + "ChanVariable: PBXD_END_OF_CHANNEL=\r\n\r\n"
    )
    forged = whole.format(f"{time.time():.6f}") + "Event: CEL\r\nPrivilege: call,all\r\nX: "
    for text in (f"1\r\n\r\n{forged}", f"\r\n{rest}{forged}"):
        diversion = f"<sip:{quote(text, safe='+,')}@127.0.0.1>;reason=unconditional"
        lab.phone("101").behaviour = rejecting(486)
        await lab.trunk.dial("7811", caller="89161110003", headers=[("Diversion", diversion)]).until_ended()


async def in_a_room(lab: Lab) -> None:
    for text in (DIALLED, PONG):
        call = lab.trunk.dial(f"79{quote(text, safe='+,')}", caller="89161110004")
        await call.until_talking()
        call.hangup()
        await call.until_ended()


async def in_a_header(lab: Lab) -> None:
    headers = [("User-to-User", quote(f"{WITH_RIGHTS}\r\n\r\n", safe=""))]
    call = lab.trunk.dial("7611", caller="89161110005", headers=headers)
    await call.until_talking()
    call.hangup()
    await call.until_ended()


async def in_a_queue(lab: Lab) -> None:
    lab.phone("101").behaviour = rejecting(486)
    await lab.trunk.dial(f"75{quote(DIALLED, safe='+,')}", caller="89161110006").until_ended()


@pytest.mark.parametrize("attack", [dialled, sent_on, diverted, in_a_room, in_a_header, in_a_queue])
async def test_who_writes_events_into_any_header_leaves_their_own_calls_alone(
    lab: Lab, tmp_path: Path, attack: Callable[[Lab], Awaitable[None]]
) -> None:
    async with changed(lab, "extensions.conf", lambda text: text + OPEN, "dialplan reload"):
        daemon = await lab.pbxd()
        began = time.time()
        async with lab.capture(tmp_path):
            await attack(lab)
            attackers = len(lab.trunk.calls)
            lab.phone("101").reset()
            client, agent = await lab.talk("101", VICTIM)  # the control: the next caller's call is whole
            client.hangup()
            await agent.until_ended()
            await lab.quiet()
        everything: list[dict[str, Any]] = []

        async def told() -> bool:
            everything[:] = await history(daemon)
            return len(everything) == attackers + 1 and all(call["ended"] for call in everything)

        await until(told, "every call to have ended in the history")
        replay = await daemon.run("calls", "replay", str(tmp_path / "stream.ami"), "--json")
        assert sorted(json.loads(line)["id"] for line in replay.out.splitlines()) == sorted(c["id"] for c in everything)
        for call in everything:
            assert began - 2 < datetime.fromisoformat(str(call["started"])).timestamp() < time.time()
            assert sum(call[f"{part}_seconds"] for part in PARTS) < time.time() - began + 1
            assert str(call["caller"]["number"]).startswith("+7916")
        assert "Traceback" not in daemon.log_text()


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
