"""The channel ids we choose for the legs of a click-to-call: `pbxd-<call id>-<epoch>.<n>`. Pure.

The last part matters: Asterisk finds the older of two joined calls by what follows the last dash, as `<epoch>.<n>`.
"""

from __future__ import annotations

import re

from pbxd.calls.events import Endpoint
from pbxd.calls.identity import CALL_PREFIX

_CALL_ID = "[0-9A-HJKMNP-TV-Z]{26}"  # a ULID
_LEG = re.compile(f"{CALL_PREFIX}({_CALL_ID})-[0-9]{{1,11}}[.][0-9]{{1,9}}")


def leg_id(call_id: str, now: float, number: int) -> str:
    """Return the id for a leg of a call, of a time in epoch seconds and a number that grows."""
    return f"{CALL_PREFIX}{call_id}-{int(now)}.{number}"


def call_of(channel: str) -> str:
    """Return the id of the call that a channel id of ours belongs to, empty for any other channel id."""
    found = _LEG.fullmatch(channel)
    return found.group(1) if found else ""


def is_call_id(text: str) -> bool:
    """Tell whether a text has the form of a call's id."""
    return re.fullmatch(_CALL_ID, text) is not None


def agent_behind(endpoint: Endpoint) -> str:
    """Return the extension of the agent whose leg this is: his phone's, or that in `Local/101@…`."""
    if endpoint.kind == "extension":
        return endpoint.name
    return endpoint.name.partition("/")[2].partition("@")[0] if endpoint.kind == "local" else ""
