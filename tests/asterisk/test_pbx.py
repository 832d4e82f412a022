"""The adapter on a scripted Asterisk: events in order, what was missed, snapshots, and the last events of a stop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.pbx import AsteriskPbx
from pbxd.calls.events import ChannelEnded, Event, LinkLost, SnapshotBegan
from pbxd.faults import Faults
from pbxd.settings import AsteriskSettings, Settings
from tests.asterisk.amiserver import SECRET, AmiServer, Session, pack
from tests.asterisk.beside import running
from tests.lab.processes import until

ROOM = 100  # the shortest queue there may be
CHANNEL = (
    *("Channel: PJSIP/101-0000003c", "ChannelState: 6", "ChannelStateDesc: Up", "CallerIDNum: 101"),
    *("CallerIDName: Agent 101", "ConnectedLineNum: <unknown>", "ConnectedLineName: <unknown>", "Language: en"),
    *("AccountCode: ", "Context: from-internal", "Exten: ", "Priority: 1"),
)
RELOAD = ("Event: Reload", "Privilege: system,all", "Timestamp: 1732231234.0", "Module: All", "Status: 0")


class Adapter:
    def __init__(self, server: AmiServer) -> None:
        self.server = server
        settings = AsteriskSettings(port=server.port, event_queue_length=ROOM, reconnect_first_seconds=0.05)
        self.pbx = AsteriskPbx(Settings(asterisk=settings), SECRET, Faults())
        self.gaps = self.reloads = 0
        self.pbx.on_gap, self.pbx.on_reload = self.note_gap, self.note_reload

    def note_gap(self) -> None:
        self.gaps += 1

    def note_reload(self) -> None:
        self.reloads += 1

    def send(self, *lines: str) -> None:
        self.server.sessions[-1].send(pack(*lines))

    def hang_up(self, number: int) -> None:
        ids = (f"Uniqueid: {number}.1", f"Linkedid: {number}.1")
        head = ("Event: Hangup", "Privilege: call,all", f"Timestamp: 1732231{number:03}.0")
        self.send(*head, *CHANNEL, *ids, "Cause: 16", "Cause-txt: Normal Clearing")

    async def taken(self) -> list[Event]:
        """Take what has come, once a Ping's answer shows that it is all there."""
        await self.pbx.ami.action("Ping")
        events: list[Event] = []
        while self.pbx.pending:
            events += await self.pbx.take(10)
        return events


@pytest.fixture
async def adapter() -> AsyncIterator[Adapter]:
    async with AmiServer().listening() as server:
        made = Adapter(server)
        async with running(made.pbx.link()):
            await until(lambda: made.pbx.connected, "the link")
            yield made


def ends(events: list[Event]) -> list[str]:
    return [event.channel for event in events if isinstance(event, ChannelEnded)]


async def test_events_come_in_order_and_what_means_nothing_is_left_out(adapter: Adapter) -> None:
    assert adapter.gaps == 1  # a new link needs a snapshot
    for number in range(5):
        adapter.hang_up(number)
        adapter.send(*RELOAD)
    events = await adapter.taken()
    assert ends(events) == [f"{number}.1" for number in range(5)]
    assert {type(event) for event in events} == {SnapshotBegan, ChannelEnded}  # the login's answer begins one
    assert adapter.reloads == 5
    assert adapter.pbx.event_times.last == 1732231234.5  # the Ping's answer


async def test_events_beyond_the_room_are_one_gap_that_asks_for_a_snapshot(adapter: Adapter) -> None:
    await adapter.taken()
    for number in range(3 * ROOM):
        adapter.hang_up(number)
    events = await adapter.taken()
    assert len(ends(events)) <= ROOM
    assert [event.overflow for event in events if isinstance(event, LinkLost)] == [True]
    assert adapter.gaps == 2


async def test_a_lost_link_comes_after_all_that_was_heard(adapter: Adapter) -> None:
    await adapter.taken()
    adapter.hang_up(1)
    await adapter.pbx.ami.action("Ping")
    adapter.server.sessions[-1].reset()
    await until(lambda: adapter.gaps == 2, "the link again")
    events = await adapter.taken()
    assert [type(event) for event in events] == [ChannelEnded, LinkLost, SnapshotBegan]
    assert events[1] == LinkLost(1732231234.5)  # the answer to the Ping was heard last


async def test_a_snapshot_announces_pbxd_and_tells_the_time_before_the_list(adapter: Adapter) -> None:
    def listing(session: Session, action: Packet) -> None:
        tag = f"ActionID: {action['ActionID']}"
        session.respond(action, "EventList: start", "Message: Channels will follow")
        session.send(
            pack("Event: CoreShowChannel", tag, *CHANNEL, "Uniqueid: 1.1", "Linkedid: 1.1", "Duration: 00:00:01")
        )
        session.send(pack("Event: CoreShowChannelsComplete", tag, "EventList: Complete", "ListItems: 1"))

    adapter.server.on["CoreShowChannels"] = listing
    adapter.server.on["Setvar"] = lambda session, action: session.respond(action)
    assert await adapter.pbx.request_snapshot() == 1
    actions = [action for action in adapter.server.sessions[-1].actions if action["Action"] != "Login"][-4:]
    assert [action["Action"] for action in actions] == ["Setvar", "Setvar", "Ping", "CoreShowChannels"]
    assert [action.get("Variable") for action in actions[:2]] == ["PBXD_ASKED", "PBXD_KEY"]
    assert actions[1]["Value"] == adapter.pbx.guard.key


async def test_a_stop_waits_until_no_event_comes_any_more(adapter: Adapter) -> None:
    left = [1, 2]

    def answer(session: Session, action: Packet) -> None:
        AmiServer.ping(session, action)
        if left:
            adapter.hang_up(left.pop(0))  # an event that is overtaken by the answer

    await adapter.taken()
    adapter.server.on["Ping"] = answer
    await adapter.pbx.settle()
    assert ends(await adapter.taken()) == ["1.1", "2.1"]
