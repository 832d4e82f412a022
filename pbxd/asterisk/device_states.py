"""What the PBX says of the phones that a call needs, before anybody is rung."""

from __future__ import annotations

import re

from pbxd.asterisk.ami.client import AmiClient
from pbxd.errors import RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.telephony import DialPlan

_DEVICE = re.compile(r"[A-Za-z0-9]+/[A-Za-z0-9_-]+")  # a phone; what a dialplan or another PBX has is not known here
_OFFLINE = frozenset({"UNAVAILABLE", "INVALID"})
_BUSY = frozenset({"INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD"})


async def check_phones(ami: AmiClient, plan: DialPlan) -> None:
    """Raise RefusedError `agent-offline`, `agent-busy`, or `wrong-number` for a colleague whose phone doesn't exist.

    Only where it is known which device has a state. UnavailableError when the PBX is away.
    """
    if not ami.connected:
        raise UnavailableError(_("there is no connection to the PBX"))
    if plan.state_device:
        state = await _state(ami, plan.state_device)
        if state in _OFFLINE:
            raise RefusedError("agent-offline", _("the phone of {agent} is not there").format(agent=plan.agent))
        if state in _BUSY:
            raise RefusedError("agent-busy", _("{agent} is on the phone").format(agent=plan.agent))
    phone = plan.client_channel if plan.route == "internal" and _DEVICE.fullmatch(plan.client_channel) else ""
    if phone and await _state(ami, phone) == "INVALID":
        raise RefusedError("wrong-number", _("there is no extension {number}").format(number=plan.dialled))


async def _state(ami: AmiClient, device: str) -> str:
    answer = await ami.action("Getvar", {"Variable": f"DEVICE_STATE({device})"})
    return answer.get("Value", "")
