"""Employees as far as the PBX knows them, with the rights we ask for: no PJSIPShow*, which want `system`.

Extensions come from the members of the queues (QueueStatus) and from the devices with a state (DeviceStateList), names
from `PJSIP_ENDPOINT(101,callerid)`, read with Getvar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pbxd.asterisk.ami import AmiClient
from pbxd.asterisk.packets import Packet, known
from pbxd.asterisk.translate import Endpoints
from pbxd.book import Employee
from pbxd.errors import RefusedError
from pbxd.settings import Settings

_CALLER_ID = re.compile(r'^\s*"?(?P<name>[^"<]*?)"?\s*(<[^>]*>)?\s*$')


async def staff(ami: AmiClient, settings: Settings) -> list[Employee]:
    """Ask the PBX who there is. Raises UnavailableError; what the PBX refuses to tell is left out."""
    endpoints = Endpoints(settings.employees.pattern, settings.employees.channels)
    members = await _asked(ami, "QueueStatus")
    devices = await _asked(ami, "DeviceStateList")
    return [
        Employee(extension=extension, name=await _name(ami, extension), department=department)
        for extension, department in _extensions(endpoints, members, devices).items()
    ]


async def _asked(ami: AmiClient, action: str) -> list[Packet]:
    try:
        return await ami.listing(action)
    except RefusedError:
        return []


def _extensions(endpoints: Endpoints, members: Iterable[Packet], devices: Iterable[Packet]) -> dict[str, str]:
    """Return extensions with the queue each is a member of first, or an empty text."""
    found: dict[str, str] = {}
    for member in members:
        if member.get("Event") == "QueueMember":
            endpoint = endpoints.of_device(member.get("StateInterface") or member.get("Location", ""))
            if endpoint.kind == "extension":
                found.setdefault(endpoint.name, member.get("Queue", ""))
    for device in devices:
        name = device.get("Device", "")
        if name.startswith(("PJSIP/", "SIP/")) and endpoints.of_device(name).kind == "extension":
            found.setdefault(endpoints.of_device(name).name, "")
    return found


async def _name(ami: AmiClient, extension: str) -> str:
    """Return the name in the endpoint's caller id, empty when there is none or it only repeats the extension."""
    try:
        answer = await ami.action("Getvar", {"Variable": f"PJSIP_ENDPOINT({extension},callerid)"})
    except RefusedError:
        return ""
    found = _CALLER_ID.match(answer.get("Value", ""))
    name = known(found.group("name").strip()) if found else ""
    return "" if name == extension else name
