"""Asterisk's channel ids, `[system-]<epoch>.<n>`, and those that we choose: `pbxd-<call id>-<epoch>.<n>`. Pure.

The last part matters: Asterisk finds the older of two joined calls by what follows the last dash, as `<epoch>.<n>`.
"""

from __future__ import annotations

import re

from pbxd.calls.events import Endpoint
from pbxd.calls.identity import CALL_PREFIX, ID_LENGTH, ChannelIds, is_call_id

_LONGEST_EPOCH = 11  # digits
_LONGEST_PLACE = 18  # digits that fit 64 bits
_LEG = re.compile(f"{CALL_PREFIX}(.{{{ID_LENGTH}}})-[0-9]{{1,{_LONGEST_EPOCH}}}[.][0-9]{{1,9}}")


def leg_id(call_id: str, now: float, number: int) -> str:
    """Return the id for a leg of a call, made of the time in epoch seconds and a number that grows."""
    return f"{CALL_PREFIX}{call_id}-{int(now)}.{number}"


def call_of(channel: str) -> str:
    """Return the id of the call that a channel id of ours belongs to, empty for any other channel id."""
    found = _LEG.fullmatch(channel)
    return found.group(1) if found and is_call_id(found.group(1)) else ""


def agent_behind(endpoint: Endpoint) -> str:
    """Return the extension of the agent whose leg this is: the phone's, or the one in `Local/101@…`."""
    if endpoint.kind == "extension":
        return endpoint.name
    return endpoint.name.partition("/")[2].partition("@")[0] if endpoint.kind == "local" else ""


def began(channel: str) -> float | None:
    """Return the seconds in `[system-]<epoch>.<n>`; a restart finds them again, unlike the first event's time."""
    seconds = channel.rpartition("-")[2].partition(".")[0]
    return float(seconds) if seconds.isdecimal() and len(seconds) <= _LONGEST_EPOCH else None


def place(channel: str) -> int:
    """Return the n in `<epoch>.<n>`, which Asterisk counts up; for ids that we choose, we do."""
    number = channel.rpartition(".")[2]
    return int(number) if number.isdecimal() and len(number) <= _LONGEST_PLACE else 0


CHANNEL_IDS = ChannelIds(began, place)
