"""The employees that Asterisk knows, read with the rights of our manager.conf: no PJSIPShow*, which need `system`.

Extensions come from the members of the queues (QueueStatus), from the devices with a state (DeviceStateList) and from
the hints (ExtensionStateList), departments are the queues, names come from `PJSIP_ENDPOINT(101,callerid)` by Getvar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.ami.packets import Packet, known
from pbxd.asterisk.endpoints import Endpoints
from pbxd.book.employees import Employee
from pbxd.errors import RefusedError
from pbxd.settings import Settings

_TECHNOLOGIES = ("PJSIP/", "SIP/")
_CALLER_ID = re.compile(r'^\s*"?(?P<name>[^"<]*?)"?\s*(<[^>]*>)?\s*$')


async def staff(ami: AmiClient, settings: Settings, endpoints: Endpoints | None = None) -> list[Employee]:
    """List the employees. Raises UnavailableError; a list that Asterisk refuses is left out.

    `endpoints` knows which device names are lines, from the calls so far.
    """
    endpoints = endpoints or Endpoints(settings.employees.pattern, settings.employees.channels)
    members = await _asked(ami, "QueueStatus")
    devices = await _asked(ami, "DeviceStateList")
    hints = await _asked(ami, "ExtensionStateList")
    people = _extensions(endpoints, members, [*devices, *hints])
    left = await gone(ami, [extension for extension, queues in people.items() if not queues], beside=people)
    return [
        Employee(extension=extension, name=await _name(ami, extension), queues=tuple(sorted(queues)))
        for extension, queues in people.items()
        if extension not in left
    ]


async def gone(ami: AmiClient, extensions: Iterable[str], *, beside: Iterable[str]) -> set[str]:
    """Return those of the extensions whose device Asterisk no longer has. Raises UnavailableError.

    A list is no proof. It may be refused, and states are unknown for a while after a start; and Asterisk remembers the
    state of an endpoint that was removed (seen on 22.10). An endpoint without settings is gone, if one of the others,
    `beside`, has settings.
    """
    missing = {extension for extension in extensions if not await _settings(ami, extension)}
    others = [extension for extension in beside if extension not in missing] if missing else []
    readable = any([await _settings(ami, extension) for extension in others[:1]])
    return {extension for extension in missing if await _has_no_device(ami, extension, without_settings=readable)}


async def _settings(ami: AmiClient, extension: str) -> str:
    """Return a setting that every PJSIP endpoint has, empty where there is no such endpoint."""
    try:
        return (await ami.action("Getvar", {"Variable": f"PJSIP_ENDPOINT({extension},context)"})).get("Value", "")
    except RefusedError:
        return ""


async def _has_no_device(ami: AmiClient, extension: str, *, without_settings: bool) -> bool:
    for technology in _TECHNOLOGIES[1:] if without_settings else _TECHNOLOGIES:
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
