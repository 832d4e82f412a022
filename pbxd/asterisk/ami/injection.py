"""Tell Asterisk's own events from what outsiders write into them. Pure.

A SIP user name may contain `%0d%0a`. Asterisk writes numbers, extensions and the names of Local channels and bridges
into its events unchanged (in CEL all names; elsewhere it escapes other names). Such a text has at most 79 bytes:
AST_CHANNEL_NAME and AST_MAX_EXTENSION in channel.h. With it an outsider (a caller, or the far end that answers 302) can
end an event early and start one of their own. The defence rests on those 79 bytes:

- `pbxd.asterisk.ami.repair`: an event that stops within the description of a channel is not complete. What follows
  belongs to it, and the text becomes one line again. So neither that event nor the outsider's own call is lost.
- `is_genuine`: an answer counts only with an ActionID (`pbxd.asterisk.ami.link` and `pbxd.asterisk.ami.capture` check
  that it is one of ours). An event counts only with everything that Asterisk writes into it: its head, and the complete
  description of every channel it needs, in Asterisk's order. 79 bytes have no room for that.

A caller who *dials* a text (a dialplan pattern such as `_X.` accepts any) has room for the three lines after an
extension, and could give the events of their own call another call's ids. Therefore our manager.conf has Asterisk end
each description with a line for one more variable, `END` (`channelvars`); then there is no room. Once an event of a
stream has that line, each event needs it (`has_end`). Without the setting the hole stays, and `pbxd doctor` says so. It
also stays without `timestampevents`: an event's head is then short enough to forge.

The number in a Diversion header has no limit of length. It stands in CEL only; the filters of our manager.conf drop
such events.
"""

from __future__ import annotations

from collections.abc import Mapping

END = "PBXD_END_OF_CHANNEL"  # a variable that nobody sets
BEFORE = ("Channel", "ChannelState", "ChannelStateDesc")
TEXTS = ("CallerIDNum", "CallerIDName", "ConnectedLineNum", "ConnectedLineName")
PLACE = ("Language", "AccountCode", "Context", "Exten", "Priority", "Uniqueid", "Linkedid")
_DESCRIPTION = (*BEFORE, *TEXTS, *PLACE)  # manager_channels.c, ast_manager_build_channel_state_string_prefix
CEL = (
    *("CallerIDnum", "CallerIDname", "CallerIDani", "CallerIDrdnis", "CallerIDdnid", "Exten", "Context", "Channel"),
    *("Application", "AppData", "EventTime", "AMAFlags", "UniqueID", "LinkedID", "Userfield", "Peer", "PeerAccount"),
    "Extra",
)  # cel_manager.c
_OWN = ("",)
_PARKING = ("Parkee",)
# The channels that an event must describe: the prefixes of their headers.
CHANNELS: dict[str, tuple[str, ...]] = {
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
_HEAD = ("Event", "Privilege")
_LISTED = ("CoreShowChannel", "CoreShowChannelsComplete", "QueueEntry")  # items of answers: an ActionID and no time
_NEEDED = {
    event: tuple(prefix + header for prefix in prefixes for header in _DESCRIPTION)
    for event, prefixes in CHANNELS.items()
} | {
    "CEL": ("EventName", "AccountCode", *CEL),
    "CoreShowChannel": ("ActionID", *_DESCRIPTION),
    "CoreShowChannelsComplete": ("ActionID", "EventList", "ListItems"),
    "OriginateResponse": ("ActionID", "Response", "Channel", "Context", "Exten", "Reason", "Uniqueid"),
    "Reload": ("Module", "Status"),
    "Shutdown": ("Shutdown", "Restart"),
}
_BOOTED = ({"Privilege", "Uptime", "LastReload"}, {"Privilege", "Timestamp"})  # at a login; at a start, to all
_BOOTED_STATUS = "Fully Booted"

_END_LINE = f"ChanVariable: {END}=".encode()


def is_described(packet: Mapping[str, str]) -> bool:
    """Whether this is an event with a complete description of a channel: no outsider can write one."""
    event = packet.get("Event", "")
    return (event in CHANNELS or event == "CEL") and is_genuine(packet)


def is_genuine(packet: Mapping[str, str], *, timed: bool = False) -> bool:
    """Whether a packet has all that Asterisk writes into it, in its order. True for packets that pbxd does not use.

    `timed`: the events of this stream have a Timestamp after their Privilege.
    """
    event = packet.get("Event", "")
    if (("Response" in packet and not event) or event.startswith("CoreShowChannel")) and not packet.get("ActionID"):
        return False
    if event == "FullyBooted":
        return packet.get("Status") == _BOOTED_STATUS and any(packet.keys() >= needed for needed in _BOOTED)
    needed = _NEEDED.get(event)
    if needed is None:
        return True
    if "Uniqueid" in packet and needed[0] == "DestChannel":
        needed = (*_DESCRIPTION, *needed)  # a dialling channel is optional, but never incomplete
    if event not in _LISTED:
        head = (*_HEAD, "Timestamp") if timed else _HEAD if event in CHANNELS or event == "CEL" else ()
        needed = (*head, *needed)
    names = iter(packet)
    return all(header in names for header in needed)


def has_end(block: bytes) -> bool:
    """Whether a packet's lines show that Asterisk ends descriptions with our line."""
    return _END_LINE in block


def is_timed(packet: Mapping[str, str]) -> bool | None:
    """Whether the events of this stream have times, by an event that describes a channel.

    None: this packet does not show it.
    """
    if packet.get("Event") in _LISTED or not is_described(packet):
        return None
    return "Timestamp" in packet
