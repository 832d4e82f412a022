"""Employees of a scripted PBX, taken into the book."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.pbx import AsteriskPbx
from pbxd.faults import Faults
from pbxd.services.staff_sync import StaffSync
from pbxd.settings import AsteriskSettings, Settings
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database
from tests.asterisk.amiserver import SECRET, AmiServer, Session, pack
from tests.asterisk.beside import running
from tests.lab.processes import until


class Staffed:
    """An Asterisk whose queue `sales` has these members, and whose devices are theirs."""

    def __init__(self, server: AmiServer) -> None:
        self.members = {"101": "Анна", "102": "Пётр"}
        server.on |= {"QueueStatus": self.queue, "Getvar": self.value}
        server.on |= dict.fromkeys(("DeviceStateList", "ExtensionStateList"), self.nothing)

    def queue(self, session: Session, action: Packet) -> None:
        tag = f"ActionID: {action['ActionID']}"
        session.respond(action, "EventList: start")
        for extension in self.members:
            session.send(pack("Event: QueueMember", tag, "Queue: sales", f"StateInterface: PJSIP/{extension}"))
        session.send(pack("Event: QueueStatusComplete", tag, "EventList: Complete", "ListItems: 2"))

    @staticmethod
    def nothing(session: Session, action: Packet) -> None:
        session.respond(action, "Message: Permission denied", status="Error")

    def value(self, session: Session, action: Packet) -> None:
        function, _bracket, rest = action["Variable"].partition("(")
        extension = rest.partition(",")[0].rstrip(")").partition("/")[2] or rest.partition(",")[0]
        there = extension in self.members
        values = {
            "callerid": f'"{self.members.get(extension, "")}" <{extension}>' if there else "",
            "context": "from-internal" if there else "",
        }
        value = values[rest.partition(",")[2].rstrip(")")] if function == "PJSIP_ENDPOINT" else "INVALID"
        session.respond(action, f"Variable: {action['Variable']}", f"Value: {value}")


async def test_who_is_on_the_pbx_is_an_employee_and_who_is_gone_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbxd.services.staff_sync._SETTLE_SECONDS", 0.0)
    async with (
        await Database.open(f"sqlite+aiosqlite:///{tmp_path}/pbxd.db", create=True) as database,
        AmiServer().listening() as server,
    ):
        staffed, employees = Staffed(server), Employees(database)
        pbx = AsteriskPbx(Settings(asterisk=AsteriskSettings(port=server.port)), SECRET, Faults())
        sync = StaffSync(pbx, employees)

        async def active(*expected: str) -> bool:
            return [each.extension for each in await employees.list() if each.active] == list(expected)

        async with running(pbx.link(), sync.run()):
            await until(lambda: pbx.connected, "the link")
            sync.request()
            await until(lambda: active("101", "102"), "both in the book")
            del staffed.members["102"]
            sync.request()
            await until(lambda: active("101"), "the one who is gone")
