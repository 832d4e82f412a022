"""Tells Asterisk's own events from what callers write into them. Pure.

A SIP user name may hold `%0d%0a`, and Asterisk writes numbers and extensions into its events as they came (CEL names
too; other names are escaped). Such a text has at most 79 bytes: AST_CHANNEL_NAME and AST_MAX_EXTENSION in channel.h.
With it a caller ends an event early and begins one of his own. Both halves of the answer rest on those 79 bytes:

- `mend`: an event that stops within the description of a channel isn't over. What follows belongs to it, and the text
  becomes one line again, so that neither that event nor the caller's own call is lost.
- `is_genuine`: an event counts only with the whole description of every channel it needs, in Asterisk's order.

Who *dials* a text (a dialplan pattern such as `_X.` lets any in) has room for the three lines that follow an extension,
and could give the events of his own call another call's ids. Therefore our manager.conf has Asterisk end every
description with a line of one more variable, `END` (`channelvars`), for which there is no room then: 79 bytes hold
`1`, `Priority:` and two ids of twelve characters or more, an empty line, and nine bytes. A stream in which one of them
has that line is read so that each needs it (`has_end`). Without the setting the hole stays; `pbxd doctor` says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

END = "PBXD_END_OF_CHANNEL"  # a variable nobody sets
_BEFORE = ("Channel", "ChannelState", "ChannelStateDesc")
_TEXTS = ("CallerIDNum", "CallerIDName", "ConnectedLineNum", "ConnectedLineName")
_PLACE = ("Language", "AccountCode", "Context", "Exten", "Priority", "Uniqueid", "Linkedid")
_DESCRIPTION = (*_BEFORE, *_TEXTS, *_PLACE)  # manager_channels.c, ast_manager_build_channel_state_string_prefix
_CEL = (
    *("CallerIDnum", "CallerIDname", "CallerIDani", "CallerIDrdnis", "CallerIDdnid", "Exten", "Context", "Channel"),
    *("Application", "AppData", "EventTime", "AMAFlags", "UniqueID", "LinkedID"),
)  # cel_manager.c
_CEL_END = ("Userfield", "Peer", "PeerAccount", "Extra")  # the end of it, for which no text has room
_OWN = ("",)
_PARKING = ("Parkee",)
# Which channels an event must describe: the prefixes of their headers.
_CHANNELS: dict[str, tuple[str, ...]] = {
    "AttendedTransfer": ("OrigTransferer", "SecondTransferer"),
    "BlindTransfer": ("Transferer",),
    "BridgeEnter": _OWN,
    "BridgeLeave": _OWN,
    "CoreShowChannel": _OWN,
    "DialBegin": ("Dest",),
    "DialEnd": ("Dest",),
    "Hangup": _OWN,
    "HangupRequest": _OWN,
    "Hold": _OWN,
    "LocalBridge": ("LocalOne", "LocalTwo"),
    "MixMonitorStart": _OWN,
    "NewCallerid": _OWN,
    "Newchannel": _OWN,
    "Newstate": _OWN,
    "ParkedCall": _PARKING,
    "ParkedCallGiveUp": _PARKING,
    "ParkedCallTimeOut": _PARKING,
    "Pickup": ("", "Target"),
    "QueueCallerJoin": _OWN,
    "QueueCallerLeave": _OWN,
    "SoftHangupRequest": _OWN,
    "UnParkedCall": _PARKING,
    "Unhold": _OWN,
}
_NEEDED = {
    event: tuple(prefix + header for prefix in prefixes for header in _DESCRIPTION)
    for event, prefixes in _CHANNELS.items()
} | {
    "CEL": ("EventName", "AccountCode", *_CEL, *_CEL_END),
    "CoreShowChannelsComplete": ("ActionID", "EventList", "ListItems"),
    "OriginateResponse": ("ActionID", "Response", "Channel", "Context", "Exten", "Reason", "Uniqueid"),
}

_BEGUN = re.compile(rb"\r\n(\w*)(?:ChannelStateDesc|AccountCode): [^\r\n]*(?=\r\n\1CallerID([Nn])um: )")
_TO_MEND = {
    b"N": tuple(f"{header}: ".encode() for header in (*_TEXTS, *_PLACE)),
    b"n": tuple(f"{header}: ".encode() for header in (*_CEL, *_CEL_END)),
}
_LAST = 3  # headers of a description (or of CEL) that are looked for from its end
_END_LINE = f"ChanVariable: {END}=".encode()
_NEXT = re.compile(rb"\r\n\w+ChannelState: ")  # an event may describe several channels
_BREAKS = re.compile(rb"[\r\n]+")


def is_described(packet: Mapping[str, str]) -> bool:
    """Whether this is an event that describes a channel, whole: no caller can write one."""
    event = packet.get("Event", "")
    return (event in _CHANNELS or event == "CEL") and is_genuine(packet)


def is_genuine(packet: Mapping[str, str]) -> bool:
    """Whether an event has all that Asterisk writes into it, in its order; True for packets that nobody follows."""
    needed = _NEEDED.get(packet.get("Event", ""))
    if needed is None:
        return True
    if "Uniqueid" in packet and needed[0] == "DestChannel":
        needed = (*_DESCRIPTION, *needed)  # a dialling channel is optional, but never half there
    names = iter(packet)
    return all(header in names for header in needed)


def has_end(block: bytes) -> bool:
    """Whether a packet's lines show that Asterisk ends descriptions with the line we ask for."""
    return _END_LINE in block


def mend(block: bytes, *, ended: bool = False) -> bytes | None:
    """Return a packet's lines with each text of a caller's on one line; None for one that goes on after this.

    `ended`: every description of a channel ends with the line we ask for.
    """
    parts: list[bytes] = []
    at = 0
    while begun := _BEGUN.search(block, at):
        headers = [b"\r\n" + begun[1] + header for header in _TO_MEND[begun[2]]]
        last = _LAST
        if ended and begun[2] == b"N":
            headers.append(b"\r\n" + begun[1] + _END_LINE)
            last += 1
        places = _places(block, begun.end(), headers, last)
        if places is None:
            return None
        parts.append(block[at : begun.end()])
        end = block.find(b"\r\n", places[-1] + 2)
        at = len(block) if end < 0 else end
        parts += _one_line_each(block, [*places, at], headers)
    return b"".join([*parts, block[at:]]) if parts else block


def _places(block: bytes, start: int, headers: list[bytes], last: int) -> list[int] | None:
    """Find where each line of a description begins.

    The `last` ones are looked for from its end: a caller's text may hold lines that look like them, before them.
    """
    places = []
    for header in headers[:-last]:
        start = block.find(header, start)
        if start < 0:
            return None
        places.append(start)
    following = _NEXT.search(block, start)
    end, found = following.start() if following else len(block), []
    for header in reversed(headers[-last:]):
        end = block.rfind(header, start, end)
        if end < 0:
            return None
        found.append(end)
    return places + found[::-1]


def _one_line_each(block: bytes, places: list[int], headers: list[bytes]) -> list[bytes]:
    lines = []
    for header, begin, end in zip(headers, places, places[1:], strict=False):
        lines.append(header)
        lines.append(_BREAKS.sub(b" ", block[begin + len(header) : end]))
    return lines
