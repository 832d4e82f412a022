"""Events on the lab: a stream that is cut and a receiver that is killed, while pbxd is killed, lose nothing."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from pbxd.services.events.hearing import CALL, KINDS, STATE
from tests.faults.history import QUICK_LINK, listed
from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.processes import until
from tests.services.webhooks.receivers import Received, Receiver

pytestmark = pytest.mark.lab
OF_CALLS = ("call.", "queue.", "vip.")
# A busy machine answers a quick ping too late, and a link that was lost tells of no queues.
SURE_LINK = QUICK_LINK | {"ping_interval_seconds": 15.0}


@dataclass
class Cut:
    """A reader of the stream whose connection is cut at random, and that resumes with the last id it read."""

    daemon: Daemon
    token: str = ""  # read over TCP with it; without one over the administrators' socket
    last: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    connects: int = 0
    resets: int = 0

    async def run(self) -> None:
        while True:
            with suppress(aiohttp.ClientError, OSError):
                await self._read(random.randint(1, 4), random.uniform(0.2, 2.0))
            await asyncio.sleep(random.uniform(0, 0.1))

    async def _read(self, most: int, seconds: float) -> None:
        """Read some events, then cut the connection."""
        headers = {"Last-Event-ID": str(self.last)}
        base = "http://pbxd"
        connector: aiohttp.BaseConnector = aiohttp.UnixConnector(str(self.daemon.folder / "api.sock"))
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
            base, connector = self.daemon.url, aiohttp.TCPConnector()
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"{base}/api/v1/events", headers=headers) as answer,
        ):
            if answer.status != HTTPStatus.OK:
                return  # pbxd is starting
            self.connects += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._take(answer.content, most)

    async def _take(self, stream: aiohttp.StreamReader, most: int) -> None:
        number = 0
        while line := (await stream.readline()).decode().rstrip("\n") or "-":
            name, _colon, value = line.partition(": ")
            if name == "id":
                number = int(value)
            elif name == "event" and value == "reset":
                self.resets += 1
            elif name == "data" and "seq" in (event := json.loads(value)):
                self.events.append(event)
                self.last = number
                most -= 1
                if not most:
                    return
            elif line == "-" and stream.at_eof():
                return


async def live_and_die(receiver: Receiver, deaths: int) -> None:
    """Run a receiver that is killed at random, in the middle of an answer or between two, so many times."""
    for _death in range(deaths):
        async with receiver.listening():
            await asyncio.sleep(random.uniform(0.3, 1.5))
        await asyncio.sleep(random.uniform(0, 0.3))
    async with receiver.listening():
        await asyncio.Event().wait()


@dataclass
class Mood:
    """A receiver's: it is slow at times, and refuses one event in eight, each so many times at most.

    pbxd doubles its wait after each failure, so without a limit the test might never end.
    """

    most: int
    refused: Counter[str] = field(default_factory=Counter)

    async def decide(self, received: Received) -> web.StreamResponse:
        await asyncio.sleep(random.uniform(0, 0.05))
        status = random.choice((200, 200, 200, 200, 204, 204, 204, 503))
        if status == HTTPStatus.SERVICE_UNAVAILABLE and self.refused[received.id] >= self.most:
            return web.Response()
        self.refused[received.id] += status == HTTPStatus.SERVICE_UNAVAILABLE
        return web.Response(status=status)


def in_the_feed(daemon: Daemon) -> list[tuple[int, str, str]]:
    with closing(sqlite3.connect(daemon.folder / "pbxd.db")) as database:
        rows = database.execute("SELECT seq, kind, subject FROM feed ORDER BY seq")
        return [(seq, kind, subject) for seq, kind, subject in rows if kind in KINDS]


def called(events: list[dict[str, Any]]) -> list[tuple[int, str, str]]:
    return [(event["seq"], event["kind"], event["subject"]) for event in events]


async def answered_and_over(lab: Lab, number: str) -> None:
    client, agent = await lab.talk("101", number, agent="101")
    client.hangup()
    await agent.until_ended()


async def transferred(lab: Lab, number: str) -> None:
    """101 consults 102 and gives the client away: their talk becomes part of the client's call."""
    client, agent = await lab.talk("101", number, agent="101")
    agent.hold()
    consult = lab.phone("101").dial("102")
    second = await lab.phone("102").answered()
    await consult.until_hears(second)
    agent.refer_to_call(consult)
    await client.until_hears(second)
    client.hangup()
    await second.until_ended()


async def joined(lab: Lab, number: str) -> None:
    """101 joins the client and somebody outside: each has a call of their own."""
    client, agent = await lab.talk("101", number, agent="101")
    agent.hold()
    line = lab.phone("101").dial(f"8915{number[4:]}")
    other = await lab.trunk.answered()
    await other.until_hears(line)
    agent.refer_to_call(line)
    await client.until_hears(other)
    client.hangup()
    await other.until_ended()


async def clicked(lab: Lab, number: str) -> None:
    status, _made = await daemon_of(lab).api("/api/v1/calls", method="POST", body={"agent": "101", "target": number})
    assert status == HTTPStatus.ACCEPTED
    agent = await lab.phone("101").answered()
    client = await lab.trunk.answered()
    await client.until_hears(agent)
    client.hangup()
    await agent.until_ended()


async def put_first(lab: Lab, number: str) -> None:
    """The second of two who wait is put first."""
    lines = [lab.call_in("pool", f"8914{number[4:]}")]
    await lab.until_waiting("pool", 1)
    lines.append(lab.call_in("pool", number))

    async def moved() -> bool:
        waiting = (await daemon_of(lab).api("/api/v1/queues"))[1]["items"]
        call = next((each["call"] for each in waiting if each["number"] == f"+7{number[1:]}"), None)
        path = f"/api/v1/queues/pool/callers/{call}/first"
        return call is not None and (await daemon_of(lab).api(path, method="POST"))[0] == HTTPStatus.OK

    await until(moved, "the second caller to be first")
    for line in lines:
        line.hangup()
        await line.until_ended()


def daemon_of(lab: Lab) -> Daemon:
    assert lab.daemon
    return lab.daemon


async def queued(lab: Lab, number: str) -> None:
    client, agent = await lab.talk("sales", number, agent="101")
    client.hangup()
    await agent.until_ended()


async def given_up(lab: Lab, number: str) -> None:
    client = lab.call_in("102", number)
    ringing = await lab.phone("102").incoming()
    client.hangup()
    await ringing.until_ended()


FLOWS: tuple[Callable[[Lab, str], Awaitable[None]], ...] = (
    answered_and_over, transferred, queued, given_up, joined, clicked, put_first,
)  # fmt: skip
UNDER_KILLS = 5  # flows; the others ask pbxd itself
HEARD = {
    "call.ringing", "call.answered", "call.ended", "call.joined", "call.merged", "queue.joined", "queue.left",
    "vip.moved",
}  # fmt: skip


async def hear_while_all_die(lab: Lab, rounds: int, *, deaths: int, refusals: int) -> None:
    daemon = await lab.pbxd({"webhooks": {"allowed_networks": ["127.0.0.0/8"]}, "asterisk": SURE_LINK})
    await daemon.until_in_step()
    receiver, readers = Receiver(Mood(refusals).decide), [Cut(daemon), Cut(daemon, await made_token(daemon))]
    async with receiver.listening():
        body = {"url": receiver.url, "events": [kind for kind in KINDS if kind not in {CALL, STATE}]}
        status, _made = await daemon.api("/api/v1/webhooks", method="POST", body=body)
        assert status == HTTPStatus.CREATED
    running = [*(reader.run() for reader in readers), live_and_die(receiver, deaths)]
    tasks = [asyncio.create_task(each) for each in running]
    try:
        await make_calls(lab, daemon, rounds)

        async def everything() -> bool:
            wanted = {seq for seq, _kind, _subject in in_the_feed(daemon)}
            heard = [reader.events for reader in readers] + [[each.event for each in receiver.accepted]]
            return all({event["seq"] for event in events} == wanted for events in heard)

        await until(everything, "the streams and the receiver to have everything", timeout=120, every=0.2)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    feed = in_the_feed(daemon)
    for reader in readers:
        assert called(reader.events) == feed, "the stream is the feed, each event once"
        assert reader.resets == 0
        assert reader.connects > 4 * rounds
    compare(feed, receiver)
    assert {kind for _seq, kind, _subject in feed} >= HEARD


async def made_token(daemon: Daemon) -> str:
    """Make a token of a program that hears everything."""
    body = {"name": "reader", "scopes": ["events", "calls:read", "contacts:read", "queues:read"]}
    status, made = await daemon.api("/api/v1/tokens", method="POST", body=body)
    assert status == HTTPStatus.CREATED
    return str(made["token"])


async def make_calls(lab: Lab, daemon: Daemon, rounds: int) -> None:
    """Make calls of every kind in each round, and kill pbxd during one of them."""
    for number in range(rounds):
        for place, flow in enumerate(FLOWS):
            killing = asyncio.create_task(kill_and_start(daemon)) if place == number % UNDER_KILLS else None
            await flow(lab, f"8916{number:03}{place:04}")
            if killing:
                await killing
                await daemon.until_in_step()
    await until_all_over(daemon)


def compare(feed: list[tuple[int, str, str]], receiver: Receiver) -> None:
    """Compare what the receiver got with the feed: none lost, ordered per call."""
    once: dict[str, dict[str, Any]] = {}
    for each in receiver.accepted:
        once.setdefault(each.id, each.event)
    assert sorted(called(list(once.values()))) == feed
    for subject in {subject for _seq, kind, subject in feed if kind.startswith(OF_CALLS)}:
        own = [event["seq"] for event in once.values() if event["subject"] == subject]
        assert own == sorted(own), f"the receiver got {subject} out of order"


async def kill_and_start(daemon: Daemon) -> None:
    await asyncio.sleep(random.uniform(0, 1.0))
    await daemon.kill()
    await daemon.start()


async def until_all_over(daemon: Daemon) -> None:
    async def all_over() -> bool:
        return all(call["ended"] for call in await listed(daemon))

    await until(all_over, "the end of every call in history", every=0.2)


async def test_a_cut_stream_and_a_killed_receiver_hear_the_whole_feed(lab: Lab) -> None:
    await hear_while_all_die(lab, 1, deaths=5, refusals=1)


@pytest.mark.soak
async def test_many_cuts_and_kills(lab: Lab) -> None:
    await hear_while_all_die(lab, 15, deaths=10_000, refusals=100)
