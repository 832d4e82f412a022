"""Employees from a scripted PBX (S1.1)."""

from __future__ import annotations

import pytest

from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.staff import gone, staff
from pbxd.book.employees import Employee
from pbxd.settings import AsteriskSettings, Settings
from tests.asterisk.amiserver import SECRET, AmiServer, Session, pack
from tests.asterisk.beside import running
from tests.lab.processes import until

VALUES = {
    "PJSIP_ENDPOINT(101,callerid)": '"Анна" <101>',
    "PJSIP_ENDPOINT(102,callerid)": "102 <102>",
    "PJSIP_ENDPOINT(101,context)": "from-internal",
    "DEVICE_STATE(PJSIP/104)": "INVALID",
    "DEVICE_STATE(PJSIP/107)": "NOT_INUSE",
    "DEVICE_STATE(SIP/107)": "INVALID",
    "DEVICE_STATE(SIP/106)": "NOT_INUSE",
    "DEVICE_STATE(SIP/104)": "INVALID",
    "DEVICE_STATE(PJSIP/105)": "UNAVAILABLE",
}
EVENTS = {
    "QueueStatus": (
        ("Event: QueueMember", "Queue: vip", "StateInterface: PJSIP/101"),
        ("Event: QueueMember", "Queue: sales", "StateInterface: PJSIP/101"),
        ("Event: QueueMember", "Queue: sales", "Location: Local/102@from-queue/n"),
    ),
    "DeviceStateList": (("Event: DeviceStateChange", "Device: PJSIP/trunk", "State: NOT_INUSE"),),
    "ExtensionStateList": (("Event: ExtensionStatus", "Exten: 103", "Hint: Custom:DND103&PJSIP/103"),),
}


def listing(session: Session, action: Packet) -> None:
    tag = f"ActionID: {action['ActionID']}"
    if action["Action"] == "DeviceStateList":
        session.respond(action, "Message: Permission denied", status="Error")
        return
    session.respond(action, "EventList: start")
    for event in EVENTS[action["Action"]]:
        session.send(pack(*event, tag))
    session.send(pack("Event: Complete", tag, "EventList: Complete", "ListItems: 2"))


def value(session: Session, action: Packet) -> None:
    session.respond(action, f"Variable: {action['Variable']}", f"Value: {VALUES.get(action['Variable'], '')}")


@pytest.fixture
def server() -> AmiServer:
    scripted = AmiServer()
    scripted.on |= dict.fromkeys(EVENTS, listing) | {"Getvar": value}
    return scripted


async def test_people_come_from_queues_states_and_hints_also_when_one_list_is_refused(server: AmiServer) -> None:
    async with server.listening():
        settings = AsteriskSettings(host="127.0.0.1", port=server.port, username="pbxd")
        ami = AmiClient(settings, SECRET, lambda _packet: None, on_link=lambda _up: None)
        async with running(ami.run()):
            await until(lambda: ami.connected, "the link")
            assert await staff(ami, Settings()) == [
                Employee("101", "Анна", queues=("sales", "vip")),
                Employee("102", queues=("sales",)),
                Employee("103"),
            ]
            assert await gone(ami, {"104", "105", "106"}, beside=["102"]) == {"104"}, "unknown is not gone"
            assert await gone(ami, {"104", "107"}, beside=["101"]) == {"104", "107"}, "a state is remembered"
            assert await gone(ami, {"101", "106"}, beside=["101"]) == set(), "a state of chan_sip counts"
