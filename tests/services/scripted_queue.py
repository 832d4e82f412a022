"""A scripted PBX with one queue, in which callers can be moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pbxd.asterisk.ami.packets import Packet
from tests.asterisk.amiserver import AmiServer, Session, pack

VIP = "89160000002"


class Pbx:
    """A queue `sales` as a scripted PBX tells of it; `immediate`: whether a move moves."""

    def __init__(self, server: AmiServer, version: str, *, immediate: bool) -> None:
        self.server = server
        self.version = version
        self.immediate = immediate
        self.callers: list[list[Any]] = [["A", "89160000001", 0], ["B", VIP, 0]]
        self.variables: dict[str, str] = {}
        self.restless: Callable[[], None] = lambda: None
        server.on["QueueStatus"] = self.status
        server.on["QueueChangePriorityCaller"] = self.change
        server.on["CoreSettings"] = self.tell_version
        server.on["Setvar"] = lambda session, action: session.respond(action, "Message: Variable Set")
        server.on["Getvar"] = lambda session, action: session.respond(
            action, f"Variable: {action['Variable']}", "Value: "
        )

    def status(self, session: Session, action: Packet) -> None:
        self.restless()
        tag = f"ActionID: {action['ActionID']}"
        session.respond(action, "EventList: start", "Message: Queue status will follow")
        session.send(pack("Event: QueueParams", tag, "Queue: sales"))
        for place, (channel, number, priority) in enumerate(self.callers, 1):
            lines = [f"Position: {place}", f"Channel: {channel}", f"Uniqueid: {channel}", f"CallerIDNum: {number}"]
            session.send(pack("Event: QueueEntry", tag, "Queue: sales", *lines, f"Priority: {priority}", "Wait: 5"))
        session.send(pack("Event: QueueStatusComplete", tag, "EventList: Complete", "ListItems: 2"))

    def change(self, session: Session, action: Packet) -> None:
        caller = next(caller for caller in self.callers if caller[0] == action["Caller"])
        caller[2] = int(action["Priority"])
        if self.immediate:
            self.callers.remove(caller)
            self.callers.append(caller)
            self.callers.sort(key=lambda caller: -caller[2])
        session.respond(action, "Message: Priority change for caller on queue")

    def tell_version(self, session: Session, action: Packet) -> None:
        session.respond(action, f"AsteriskVersion: {self.version}")

    @property
    def order(self) -> list[tuple[object, object]]:
        return [(channel, priority) for channel, _number, priority in self.callers]

    @property
    def moves(self) -> int:
        return self.server.asked.count("QueueChangePriorityCaller")
