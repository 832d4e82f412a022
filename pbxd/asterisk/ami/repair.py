"""Put events together again that line breaks of an outsider split, see `pbxd.asterisk.ami.injection`. Pure."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from pbxd.asterisk.ami.injection import CEL, CHANNELS, END, PLACE, TEXTS

# Events that nobody follows and that start with a channel's description. Their texts are joined too, or the second half
# of such an event would pass for an event of its own.
_UNFOLLOWED = frozenset({
    "AGIExecEnd", "AGIExecStart", "AOC-D", "AOC-E", "AOC-S", "AgentCalled", "AgentComplete", "AgentConnect",
    "AgentDump", "AgentLogin", "AgentLogoff", "AgentRingNoAnswer", "AsyncAGIEnd", "AsyncAGIExec", "AsyncAGIStart",
    "ChanSpyStart", "ChanSpyStop", "ChannelTalkingStart", "ChannelTalkingStop", "DTMFBegin", "DTMFEnd", "DialState",
    "FAXStatus",
    "Flash", "HangupHandlerPop", "HangupHandlerPush", "HangupHandlerRun", "LocalOptimizationBegin",
    "LocalOptimizationEnd", "MCID", "MeetmeJoin", "MeetmeLeave", "MixMonitorMute", "MixMonitorStop", "MonitorStart",
    "MonitorStop", "MusicOnHoldStart", "MusicOnHoldStop", "NewAccountCode", "NewConnectedLine", "Newexten",
    "ParkedCallSwap", "QueueCallerAbandon", "RTCPReceived", "RTCPSent", "ReceiveFAX", "SendFAX", "SessionTimeout",
    "Status", "UserEvent", "VarSet", "Wink",
})  # fmt: skip
_IN_ROOMS = {"ConfbridgeJoin", "ConfbridgeLeave", "ConfbridgeMute", "ConfbridgeTalking", "ConfbridgeUnmute"}
_IN_BRIDGES = {"BridgeEnter", "BridgeLeave"}
_ROOMS = _IN_ROOMS | {"ConfbridgeStart", "ConfbridgeEnd", "ConfbridgeRecord", "ConfbridgeStopRecord"}
# Events that describe only bridges, and the prefixes of their headers.
_BRIDGES = {
    "BridgeCreate": (b"",), "BridgeDestroy": (b"",), "BridgeMerge": (b"To", b"From"), "BridgeVideoSourceUpdate": (b"",),
}  # fmt: skip

_EVENT = re.compile(rb"[\r\n]*(?:Asterisk Call Manager/[^\r\n]*\r\n)?[\r\n]*Event: ([\w-]+)\r\n")
# Only Asterisk writes this: with the line breaks before it, it has more than 79 bytes.
_TIME = rb"Timestamp: \d{9,11}\.\d{6}\r\n(?:(?:SequenceNumber|File|Line|Func|SystemName): [^\r\n]*\r\n)*"
_PRIVILEGE = rb"Privilege: [\w,]+\r\n"
_SURELY = re.compile(
    _EVENT.pattern + _PRIVILEGE + _TIME
    + rb"(?:\w*Channel: \w{3,}/|\w*BridgeUniqueid: |Conference: |Result: |EventName: \w{3,})"
    + rb"|[\r\n]*Event: CoreShowChannel\r\nActionID: [^\r\n]{20,}\r\nChannel: \w{3,}/"
)  # fmt: skip
_FIRST = re.compile(_EVENT.pattern + rb"(?:" + _PRIVILEGE + rb"(?:" + _TIME + rb")?)?(\w*)Channel: ")
_NAMED_BRIDGE = re.compile(rb"(\r\n()BridgeName: )(.*)(?=\r\nBridgeNumChannels: )", re.DOTALL)
# A conference's bridge has the conference's name. What Asterisk writes between the two is longer than a name.
_ROOM = re.compile(
    rb"\r\nConference: (.{0,79})\r\nBridgeUniqueid: [^\r\n]*\r\nBridgeType: [^\r\n]*\r\nBridgeTechnology: [^\r\n]*"
    rb"\r\nBridgeCreator: [^\r\n]*\r\nBridgeName: (.{0,79})\r\nBridgeNumChannels: \d+",
    re.DOTALL,
)
_BEGUN = re.compile(rb"\r\n(\w*)(?:ChannelStateDesc|AccountCode): [^\r\n]*\r\n\1CallerID[Nn]um: ")
_IN_BRIDGE = re.compile(rb"\r\nBridgeNumChannels: \d+(?:\r\nBridge\w+: [^\r\n]*)*(?=\r\nChannel: )")
_FORWARD = re.compile(rb"(\r\nForward: )()(.*)(?=\r\nDialStatus: )", re.DOTALL)
_AGAIN = re.compile(rb"\r\n(\w+)Channel: [^\r\n]*\r\n\1ChannelState: ")
_BREAKS = re.compile(rb"[\r\n]+")
_LONGEST = 79  # bytes
_CEL_TEXTS = [f"\r\n{header}: ".encode() for header in CEL[: CEL.index("Application")]]
_APPLICATION = re.compile(rb"\r\nApplication: [^\r\n]*(?=\r\nAppData: )")
_ALONE = re.compile(rb"\r\nContext: [^\r\n]*\r\nChannel: [^\r\n]*(?=\r\nApplication: [^\r\n]*\r\nAppData: )")
_CEL_TAIL = re.compile(
    rb"\r\nEventTime: [^\r\n]*\r\nAMAFlags: [^\r\n]*\r\nUniqueID: [^\r\n]+\r\nLinkedID: [^\r\n]+\r\nUserfield: [^\r\n]*"
    rb"(?=\r\nPeer: )"
)


class _Shape(NamedTuple):
    """The form of a channel's description whose headers have a certain prefix."""

    channel: bytes
    state: re.Pattern[bytes]  # what follows the channel's name, up to the first text
    exten: re.Pattern[bytes]  # where the extension begins
    tail: re.Pattern[bytes]  # what follows the extension
    texts: list[bytes]
    end: bytes


def is_incomplete(block: bytes) -> bool:
    """Whether these lines begin as only Asterisk's events do.

    If the event is not complete, it was split and goes on.
    """
    return _SURELY.match(block) is not None


def may_be_incomplete(block: bytes) -> bool:
    """Whether these lines contain the start of a channel's description.

    In a stream without times the event may go on.
    """
    return _BEGUN.search(block) is not None


def rejoin(block: bytes, *, ended: bool = False) -> bytes | None:
    """Return a packet's lines with each text of an outsider on one line; None for an incomplete event.

    `ended`: each description of a channel ends with our own line.
    """
    found = _EVENT.match(block)
    event = found[1].decode() if found else ""
    if event == "CEL" or event in _BRIDGES:
        return _rejoin_cel(block) if event == "CEL" else _rejoin_bridges(block, _BRIDGES[event])
    begun = _rejoin_room(block) if event in _ROOMS else _rejoin_begin(block, event)
    if begun is None:
        return None
    parts, at = [begun[0]] if begun[0] else [], begun[1]
    for prefix in _prefixes(block, event):
        rejoined = _rejoin_description(block, at, _shape(prefix), ended=ended)
        if rejoined is None:
            return None
        lines, at = rejoined
        parts += lines
    while parts and (more := _AGAIN.search(block, at)):  # channels that needn't be there
        rejoined = _rejoin_description(block, at, _shape(more[1]), ended=ended)
        if rejoined is None:
            break
        lines, at = rejoined
        parts += lines
    rest = _FORWARD.sub(_one_line, block[at:]) if event == "DialEnd" else block[at:]
    if event == "DialEnd" and b"\r\nDialStatus: " not in rest:
        return None
    return b"".join([*parts, rest]) if parts else block


def _rejoin_begin(block: bytes, event: str) -> tuple[bytes, int]:
    """Return the lines up to the end of the bridge that precedes an event's channel, and the position after them."""
    bridge = _IN_BRIDGE.search(block) if event in _IN_BRIDGES else None
    return (_NAMED_BRIDGE.sub(_one_line, block[: bridge.end()]), bridge.end()) if bridge else (b"", 0)


def _rejoin_room(block: bytes) -> tuple[bytes, int] | None:
    """Return the lines up to the end of a conference's bridge, and the position after them; None if its name is cut."""
    found = _ROOM.search(block)
    if found is None:
        return None
    room, name = found[1], found[2]
    if _BREAKS.search(room) and name != room and room.startswith(name):
        return None  # what looks like the end of the bridge's name is part of it
    pieces = [block[: found.start(1)], room, block[found.end(1) : found.start(2)], name]
    pieces[1::2] = [_BREAKS.sub(b" ", text) for text in pieces[1::2]]
    return b"".join([*pieces, block[found.end(2) : found.end()]]), found.end()


def _rejoin_bridges(block: bytes, prefixes: tuple[bytes, ...]) -> bytes | None:
    """Put the name of each bridge on one line; None for an event with an incomplete bridge."""
    parts, at = [], 0
    for prefix in prefixes:
        found = _bridge(prefix).search(block, at)
        if found is None:
            return None
        parts += [block[at : found.start(1)], _BREAKS.sub(b" ", found[1])]
        at = found.end(1)
    return b"".join([*parts, block[at:]])


@cache
def _bridge(prefix: bytes) -> re.Pattern[bytes]:
    return re.compile(
        rb"\r\n%(own)bBridgeUniqueid: [^\r\n]*\r\n%(own)bBridgeType: [^\r\n]*\r\n%(own)bBridgeTechnology: [^\r\n]*"
        rb"\r\n%(own)bBridgeCreator: [^\r\n]*\r\n%(own)bBridgeName: (.*)"
        rb"(?=\r\n%(own)bBridgeNumChannels: \d+\r\n%(own)bBridgeVideoSourceMode: )" % {b"own": prefix},
        re.DOTALL,
    )


def _prefixes(block: bytes, event: str) -> list[bytes]:
    """Return the prefixes of the channels that an event must describe, in order."""
    needed = [b""] if event in _IN_ROOMS else [prefix.encode() for prefix in CHANNELS.get(event, ())]
    if not needed and event not in _UNFOLLOWED:
        return []
    first = _FIRST.match(block)
    if first is not None and first[2] not in needed:
        needed.insert(0, first[2])
    return needed


@cache
def _shape(prefix: bytes) -> _Shape:
    own = prefix.decode()
    state = rf"\r\n{own}ChannelState: \d+\r\n{own}ChannelStateDesc: [^\r\n]*(?=\r\n{own}CallerIDNum: )"
    tail = rf"\r\n{own}Priority: -?\d+\r\n{own}Uniqueid: [^\r\n]+\r\n{own}Linkedid: [^\r\n]+"
    return _Shape(
        f"\r\n{own}Channel: ".encode(),
        re.compile(state.encode()),
        re.compile(rf"\r\n{own}Context: [^\r\n]*\r\n{own}Exten: ".encode()),
        re.compile(tail.encode()),
        [f"\r\n{own}{header}: ".encode() for header in (*TEXTS, *PLACE[:2])],
        f"\r\n{own}ChanVariable: {END}=".encode(),
    )


def _rejoin_description(block: bytes, at: int, shape: _Shape, *, ended: bool) -> tuple[list[bytes], int] | None:
    """Return the lines up to the end of a channel's description and the position after them; None if incomplete."""
    begin = block.find(shape.channel, at)
    state = shape.state.search(block, begin) if begin >= 0 else None
    if state is None:
        return None
    tail = _tail(block, state.end(), shape)
    if tail is None:
        return None
    exten, after = tail
    end = after.end()
    if ended:
        line = block.find(shape.end, end)
        if line < 0:
            return None
        end = line + len(shape.end)
    name = begin + len(shape.channel)
    texts = _texts(block, state.end(), exten.start(), shape.texts)
    lines = [
        block[at:name], _BREAKS.sub(b" ", block[name : state.start()]),
        state[0], *texts, exten[0], _BREAKS.sub(b" ", block[exten.end() : after.start()]), block[after.start() : end],
    ]  # fmt: skip
    return lines, end


def _tail(block: bytes, start: int, shape: _Shape) -> tuple[re.Match[bytes], re.Match[bytes]] | None:
    """Find the extension and what follows it.

    A text may contain lines that look like either of them, but not both: of several the last are Asterisk's.
    """
    found = None
    for exten in shape.exten.finditer(block, start):
        last = exten.end() + _LONGEST
        for after in shape.tail.finditer(block, exten.end()):
            if after.start() > last:
                break
            found = exten, after
    return found


def _texts(block: bytes, start: int, end: int, headers: list[bytes]) -> list[bytes]:
    """Return the lines between a channel's state and its context, one a text; all texts empty if one is missing."""
    places = []
    for header in headers:
        place = block.find(header, start, end)
        if place < 0:
            return list(headers)
        places.append(place)
        start = place
    lines = []
    for header, begin, after in zip(headers, places, [*places[1:], end], strict=True):
        lines += [header, _BREAKS.sub(b" ", block[begin + len(header) : after])]
    return lines


def _one_line(found: re.Match[bytes]) -> bytes:
    return found[1] + _BREAKS.sub(b" ", found[3])


def _rejoin_cel(block: bytes) -> bytes | None:
    """Put each text of a channel event (CEL) on one line.

    If a text makes the application ambiguous, leave that empty.
    """
    tail = last = None
    for tail in _CEL_TAIL.finditer(block):  # the last is Asterisk's: there is no room for one with a call's ids
        last = block.find(b"\r\nPeerAccount: ", tail.end())
    if tail is None or last is None or last < 0 or block.find(b"\r\nExtra: ", last) < 0:
        return None
    alone = list(_ALONE.finditer(block, 0, tail.start()))
    applications = list(_APPLICATION.finditer(block, alone[0].end() if alone else 0, tail.start()))
    if not applications:
        return None
    found = applications[0]
    sure = len(alone) == 1 and (len(applications) == 1 or b"Local/" not in alone[0][0])
    parts = [block[: block.find(_CEL_TEXTS[0])], *_texts(block, 0, found.start(), _CEL_TEXTS)]
    parts.append(found[0] if sure else b"\r\nApplication: ")
    parts += [b"\r\nAppData: ", _BREAKS.sub(b" ", block[found.end() + len(b"\r\nAppData: ") : tail.start()]), tail[0]]
    peer = tail.end() + len(b"\r\n")
    return b"".join([*parts, b"\r\n", _BREAKS.sub(b" ", block[peer:last]), block[last:]])
