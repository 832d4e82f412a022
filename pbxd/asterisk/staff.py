"""Employees as far as the PBX knows them, with the rights we ask for: no PJSIPShow*, which want `system`.

Extensions come from the members of the queues (QueueStatus), from the devices with a state (DeviceStateList) and from
the hints (ExtensionStateList), departments are the queues, names come from `PJSIP_ENDPOINT(101,callerid)` by Getvar.
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

_TECHNOLOGIES = ("PJSIP/", "SIP/")
_CALLER_ID = re.compile(r'^\s*"?(?P<name>[^"<]*?)"?\s*(<[^>]*>)?\s*$')


async def staff(ami: AmiClient, settings: Settings) -> list[Employee]:
    """Ask the PBX who there is. Raises UnavailableError; what the PBX refuses to tell is left out."""
    endpoints = Endpoints(settings.employees.pattern, settings.employees.channels)
    members = await _asked(ami, "QueueStatus")
    devices = await _asked(ami, "DeviceStateList")
    hints = await _asked(ami, "ExtensionStateList")
    return [
        Employee(extension=extension, name=await _name(ami, extension), queues=tuple(sorted(queues)))
        for extension, queues in _extensions(endpoints, members, [*devices, *hints]).items()
    ]


async def gone(ami: AmiClient, extensions: Iterable[str]) -> set[str]:
    """Return those of the extensions whose device the PBX doesn't have any more. Raises UnavailableError.

    That a list leaves somebody out is no proof: one may be refused, and states are unknown for a while after a start.
    """
    return {extension for extension in extensions if await _has_no_device(ami, extension)}


async def _has_no_device(ami: AmiClient, extension: str) -> bool:
    for technology in _TECHNOLOGIES:
        try:
            answer = await ami.action("Getvar", {"Variable": f"DEVICE_STATE({technology}{extension})"})
        except RefusedError:
            return False
        if answer.get("Value") != "INVALID":  # of a channel driver that isn't there, too
            return False
    return True


async def _asked(ami: AmiClient, action: str) -> list[Packet]:
    try:
        return await ami.listing(action)
    except RefusedError:
        return []


def _extensions(endpoints: Endpoints, members: Iterable[Packet], states: Iterable[Packet]) -> dict[str, set[str]]:
    """Return extensions with the queues each is a member of."""
    found: dict[str, set[str]] = {}
    for member in members:
        if member.get("Event") == "QueueMember":
            endpoint = endpoints.of_device(member.get("StateInterface") or member.get("Location", ""))
            if endpoint.kind == "extension":
                found.setdefault(endpoint.name, set()).add(member.get("Queue", ""))
    for state in states:
        for device in (state.get("Device") or state.get("Hint", "")).split("&"):
            if device.startswith(_TECHNOLOGIES) and endpoints.of_device(device).kind == "extension":
                found.setdefault(endpoints.of_device(device).name, set())
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
