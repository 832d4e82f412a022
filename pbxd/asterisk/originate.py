"""What is asked of Asterisk for a click-to-call: Originate for the agent's leg, Hangup, and the phones' states.

The agent's leg gets a channel id of ours (`pbxd.asterisk.channel_ids`), by which every event of the call is known, and
by which the next process knows the call again.
"""

from __future__ import annotations

import re

from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.dial_strings import is_local
from pbxd.telephony import DialPlan
from pbxd.telephony.port import DeviceState

CONTEXT = "pbxd-call"  # dialplan/pbxd.conf
NO_FORWARD = "pbxd-no-forward"
_NORMAL_CLEARING = "16"  # Q.850
_DEVICE = re.compile(r"[A-Za-z0-9]+/[A-Za-z0-9_-]+")  # a phone; what a dialplan or another PBX has is not known here
_STATES: dict[str, DeviceState] = {
    "UNAVAILABLE": "offline",
    "INVALID": "absent",
    "NOT_INUSE": "free",
    "INUSE": "busy",
    "BUSY": "busy",
    "RINGING": "busy",
    "RINGINUSE": "busy",
    "ONHOLD": "busy",
}

Headers = dict[str, str | list[str]]


async def originate(ami: AmiClient, plan: DialPlan, leg: str, other_leg: str) -> None:
    """Ring the agent. The leg gets the channel id `leg`, the far end of a Local channel `other_leg`."""
    await ami.action("Originate", originate_headers(plan, leg, other_leg))


async def hang_up(ami: AmiClient, leg: str) -> None:
    """End a leg; RefusedError when there is none."""
    await ami.action("Hangup", {"Channel": leg, "Cause": _NORMAL_CLEARING})


async def device_state(ami: AmiClient, device: str) -> DeviceState:
    """Return the state of a device such as PJSIP/101; `unknown` where no device is named, or none can be."""
    if not device:
        return "unknown"
    answer = await ami.action("Getvar", {"Variable": f"DEVICE_STATE({device})"})
    return _STATES.get(answer.get("Value", ""), "unknown")


def client_device(plan: DialPlan) -> str:
    """Return the device of a colleague who is called; empty where none is known to have a state."""
    return plan.client_channel if plan.route == "internal" and _DEVICE.fullmatch(plan.client_channel) else ""


def originate_headers(plan: DialPlan, leg: str, other_leg: str) -> Headers:
    """Return the headers: the agent's leg gets the channel id `leg`, and the far end of a Local one `other_leg`."""
    headers: Headers = {
        "Channel": plan.agent_channel,
        "Context": CONTEXT,
        "Exten": plan.dialled,
        "Priority": "1",
        "CallerID": f'"{plan.shown_name}" <{plan.shown_number}>',
        "Timeout": str(plan.agent_ring_seconds * 1000),
        "Async": "true",
        "ChannelId": leg,
        # No text of the book here: Asterisk takes a comma in a value for the beginning of the next variable.
        "Variable": [
            f"PBXD_DIAL={plan.client_channel}",
            f"PBXD_RING={plan.client_ring_seconds}",
            f"PBXD_CALLERID={plan.caller_number}",
            f"PBXD_DIGITS={plan.digits}",
            f"FORWARD_CONTEXT={NO_FORWARD}",
            *_auto_answer(plan),
        ],
    }
    if is_local(plan.agent_channel):
        headers["OtherChannelId"] = other_leg
    return headers


def _auto_answer(plan: DialPlan) -> list[str]:
    """Return the variables that put a header on the INVITE to the agent's phone.

    The function PJSIP_HEADER works on the channel itself; through a Local channel the header's parts are inherited (__)
    down to whoever dials the phones, which `pbxd-agent` does with a pre-dial handler.
    """
    name, _colon, value = plan.auto_answer.partition(": ")
    if not name:
        return []
    if is_local(plan.agent_channel):
        return [f"__PBXD_HEADER_NAME={name}", f"__PBXD_HEADER_VALUE={value}"]
    return [f"PJSIP_HEADER(add,{name})={value}"]
