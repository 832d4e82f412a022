"""The trunks: does a client's phone get the name of the employee to whom a call is transferred."""

from __future__ import annotations

import re

from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.endpoints import Endpoints
from pbxd.checkup.result import Finding, Remedy, ok, skipped, warning
from pbxd.i18n import _
from pbxd.settings import Settings

_PJSIP = re.compile(r"PJSIP/([\w.+-]+)")
_OURS = re.compile(r"PJSIP/[^@]*@([\w.+-]+)")  # in dialing.trunk
_YES = frozenset({"yes", "true"})  # PJSIP_ENDPOINT gives some settings as one, some as the other
_SHOWN = 10  # trunks in one line


async def identities(ami: AmiClient, settings: Settings) -> Finding:
    """Look for trunks that send connected line updates: after a transfer these show the colleague to the client."""
    check = "trunks"
    names = await _trunks(ami, settings)
    if not names:
        return skipped(check, _("the PBX shows no PJSIP trunk"))
    telling = [name for name in sorted(names) if await _tells(ami, name)]
    if not telling:
        return ok(check, _("a transferred client still sees the company's number"))
    message = _("these trunks send a transferred client the colleague's name and extension: {trunks}")
    where = _('in /etc/asterisk/pjsip.conf, then: asterisk -rx "module reload res_pjsip.so"')
    sections = [line for name in telling[:_SHOWN] for line in (f"[{name}]", "send_connected_line = no")]
    return warning(check, message.format(trunks=", ".join(telling[:_SHOWN])), Remedy(where, tuple(sections)))


async def _trunks(ami: AmiClient, settings: Settings) -> set[str]:
    """Return the endpoints that are nobody's phone, and the one through which click-to-call dials."""
    endpoints = Endpoints(settings.employees.pattern, settings.employees.channels)
    devices = [item.get("Device", "") for item in await ami.listing("DeviceStateList")]
    found = {match[1] for device in devices if (match := _PJSIP.fullmatch(device))}
    dialled = _OURS.fullmatch(settings.dialing.trunk.replace("{number}", ""))
    trunks = {name for name in found if endpoints.of(f"PJSIP/{name}-00000000").kind == "trunk"}
    return trunks | ({dialled[1]} if dialled else set())


async def _tells(ami: AmiClient, name: str) -> bool:
    """Whether this endpoint gets updates with an identity."""
    if await _setting(ami, name, "send_connected_line") not in _YES:
        return False
    return bool({await _setting(ami, name, "send_pai"), await _setting(ami, name, "send_rpid")} & _YES)


async def _setting(ami: AmiClient, name: str, setting: str) -> str:
    return (await ami.action("Getvar", {"Variable": f"PJSIP_ENDPOINT({name},{setting})"})).get("Value", "")
