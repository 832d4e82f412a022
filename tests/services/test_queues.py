"""VIPs on a scripted PBX: Asterisks that can't move callers, and a queue that never comes to rest."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import structlog

from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.pbx import AsteriskPbx
from pbxd.book.contacts import Contact, ContactNumber
from pbxd.calls.events import BridgeEntered, Event, QueueJoined, QueueLeft, SnapshotBegan
from pbxd.faults import Faults
from pbxd.lookup.matching import Book, Match
from pbxd.numbers import parse, rules_from
from pbxd.services.queues import VipQueues
from pbxd.settings import AsteriskSettings, QueueSettings, Settings
from tests.actors import ADMINISTRATOR
from tests.asterisk.amiserver import SECRET, AmiServer, Session
from tests.asterisk.beside import running
from tests.lab.processes import until
from tests.services.scripted_queue import VIP, Pbx

RULES = rules_from(Settings())


def lookup(text: str) -> Match:
    number = ContactNumber("+79160000002", main=True)
    book = Book.of([Contact(1, "Фронкин", vip=True, numbers=(number,))])
    return book.lookup(parse(text, RULES), ADMINISTRATOR)


@pytest.fixture
async def server() -> AsyncIterator[AmiServer]:
    async with AmiServer().listening() as server:
        yield server


class Desk:
    def __init__(self, server: AmiServer) -> None:
        settings = AsteriskSettings(port=server.port, action_timeout_seconds=1)
        self.pbx = AsteriskPbx(Settings(asterisk=settings), SECRET, Faults())
        self.ami = self.pbx.ami
        self.queues = VipQueues(self.pbx, lookup, QueueSettings())

    async def look(self) -> None:
        await until(lambda: self.ami.connected, "the link")
        self.queues.refresh()
        await until(lambda: self.queues.settled, "the queues to be looked at")


async def test_without_a_link_there_is_nothing_to_say(server: AmiServer) -> None:
    desk = Desk(server)
    with structlog.testing.capture_logs() as logs:
        async with running(desk.queues.run()):
            desk.queues.refresh()
            await until(lambda: desk.queues.settled, "the queues to be given up")
    assert logs == []


async def test_an_asterisk_that_moves_is_asked_to(server: AmiServer) -> None:
    pbx, desk = Pbx(server, "22.10.1", immediate=True), Desk(server)
    async with running(desk.ami.run(), desk.queues.run()):
        await desk.look()
    assert pbx.order == [("B", 10), ("A", 0)]
    assert pbx.moves == 1
    assert [each.read() for each in desk.queues.readings()] == [{"done rank": 1}]


async def test_who_joins_while_everything_is_looked_at_keeps_his_joining_time(server: AmiServer) -> None:
    pbx, desk = Pbx(server, "22.10.1", immediate=True), Desk(server)
    pbx.callers = [["B", VIP, 10]]

    def status(session: Session, action: Packet) -> None:
        pbx.status(session, action)
        if len(pbx.callers) == 1:  # the answer without A is sent, and not yet read
            pbx.callers.append(["A", VIP, 0])
            for channel, queue, at in (("A", "sales", 100), ("C", "another", 120)):
                desk.queues.feed(QueueJoined(at, channel, channel, queue, VIP))

    server.on["QueueStatus"] = status
    desk.queues.feed(QueueJoined(110, "B", "B", "sales", VIP))
    async with running(desk.ami.run(), desk.queues.run()):
        await desk.look()
        await until(lambda: pbx.order == [("A", 10), ("B", 10)], "A, who joined first, to be first")


@pytest.mark.parametrize(
    ("between", "priority"),
    [([], 10), ([BridgeEntered(690, "b", "A", "A")], 0), ([BridgeEntered(690, "b", "A", "A", "holding")], 10)],
    ids=["overflow", "served", "parked"],
)
async def test_the_limit_counts_from_the_first_waiting_since_anybody_served_the_caller(
    server: AmiServer, between: list[Event], priority: int
) -> None:
    """600 seconds after he joined `first` he comes into `sales`."""
    pbx, desk = Pbx(server, "22.10.1", immediate=True), Desk(server)
    pbx.callers = [["A", "89160000001", 0]]
    desk.queues.feed(QueueJoined(100, "A", "A", "first", ""))
    desk.queues.feed(QueueLeft(300, "A", "A", "first"))
    for event in between:
        desk.queues.feed(event)
    desk.queues.feed(QueueJoined(700, "A", "A", "sales", ""))
    async with running(desk.ami.run(), desk.queues.run()):
        await desk.look()
    assert pbx.order == [("A", priority)]


async def test_a_caller_who_waited_when_pbxd_began_keeps_his_time_once_the_pbx_told_its_own(server: AmiServer) -> None:
    pbx, desk = Pbx(server, "22.10.1", immediate=True), Desk(server)
    pbx.callers = [["A", "89160000001", 0]]
    async with running(desk.ami.run(), desk.queues.run()):
        await desk.look()
        desk.queues.feed(QueueJoined(1_000_000, "C", "C", "another", ""))
        await desk.look()
    assert pbx.order == [("A", 0)]


async def test_an_old_asterisk_is_left_alone_and_that_is_said_once(server: AmiServer) -> None:
    pbx, desk = Pbx(server, "16.28.0~dfsg-0+deb11u4", immediate=False), Desk(server)
    with structlog.testing.capture_logs() as logs:
        async with running(desk.ami.run(), desk.queues.run()):
            for _ in range(3):
                await desk.look()
            desk.queues.feed(SnapshotBegan(1))  # a new link to the same Asterisk
            await desk.look()
    assert pbx.order == [("A", 0), ("B", 0)]
    assert pbx.moves == 0
    said = [line for line in logs if line["event"] == "queue_moves_unsupported"]
    assert [line["asterisk"] for line in said] == [pbx.version]
    assert server.asked.count("CoreSettings") == 2


async def test_a_replaced_asterisk_that_can_is_asked_again(server: AmiServer) -> None:
    pbx, desk = Pbx(server, "16.28.0", immediate=True), Desk(server)
    async with running(desk.ami.run(), desk.queues.run()):
        await desk.look()
        pbx.version = "22.1.0"
        desk.queues.feed(SnapshotBegan(1))
        await desk.look()
    assert pbx.order == [("B", 10), ("A", 0)]


async def test_a_move_that_moves_nobody_is_taken_back_and_not_tried_again(server: AmiServer) -> None:
    """Else the next VIP would be let in ahead of the one who stands behind an ordinary caller."""
    pbx, desk = Pbx(server, "GIT-unknown", immediate=False), Desk(server)
    with structlog.testing.capture_logs() as logs:
        async with running(desk.ami.run(), desk.queues.run()):
            for _ in range(3):
                await desk.look()
    assert pbx.order == [("A", 0), ("B", 0)]
    assert pbx.moves == 2  # there and back
    assert [line["event"] for line in logs].count("queue_moves_unsupported") == 1


async def test_a_queue_that_does_not_come_to_rest_is_looked_at_again(
    server: AmiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbxd.services.queues.vip_queues._UNSETTLED_SECONDS", 0.2)
    pbx, desk = Pbx(server, "22.10.1", immediate=True), Desk(server)

    def somebody_sets_it_back() -> None:
        pbx.callers = [["A", "89160000001", 0], ["B", VIP, 0]]

    pbx.restless = somebody_sets_it_back
    with structlog.testing.capture_logs() as logs:
        async with running(desk.ami.run(), desk.queues.run()):
            await desk.look()
            assert [line["event"] for line in logs].count("queue_order_unsettled") == 1
            pbx.restless = lambda: None
            await until(lambda: pbx.order == [("B", 10), ("A", 0)], "the order")
