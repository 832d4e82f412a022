"""What is asked of Asterisk for a click-to-call: the headers of its Originate. Pure."""

from __future__ import annotations

from pbxd.telephony import DialPlan

CONTEXT = "pbxd-call"  # dialplan/pbxd.conf
NO_FORWARD = "pbxd-no-forward"

Headers = dict[str, str | list[str]]


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
    if plan.is_local:
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
    if plan.is_local:
        return [f"__PBXD_HEADER_NAME={name}", f"__PBXD_HEADER_VALUE={value}"]
    return [f"PJSIP_HEADER(add,{name})={value}"]
