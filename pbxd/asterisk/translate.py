"""Translate AMI packets into events. Pure: the time comes from the packets or from the caller.

The names and meanings of fields are those of Asterisk's AMI event reference (Newchannel, DialBegin, BridgeEnter …).
Nothing here needs VarSet or Newexten, which the shipped rights and filters leave out. The file is long because it is a
dictionary: one entry an event, and no entry needs another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pbxd.asterisk.ami.field_limits import bounded, whole_number
from pbxd.asterisk.ami.packets import known
from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.stream_clock import StreamClock, seconds
from pbxd.calls import events as ev
from pbxd.calls.identity import CALL_PREFIX

Packet = Mapping[str, str]


# DIALSTATUS values in DialEnd. Any other value (TORTURE, DONTCALL, INVALIDARGS …) reached nobody.
_DIAL_RESULTS: dict[str, ev.DialResult] = {
    "ANSWER": "answered",
    "BUSY": "busy",
    "NOANSWER": "no-answer",
    "CANCEL": "cancelled",
    "CONGESTION": "congestion",
    "CHANUNAVAIL": "unavailable",
    "ABORT": "cancelled",
    "CONTINUE": "elsewhere",
    "GOTO": "elsewhere",
}
_LONGEST_DURATION = 366 * 86_400
_UNSTAMPED = ("CoreShow", "QueueEntry")  # items of lists have no time
# All fields that app_queue.c writes: more than a caller could write, see `pbxd.asterisk.ami.injection`.
_QUEUE_ENTRY = frozenset({"Queue", "Position", "Channel", "Uniqueid", "CallerIDNum", "CallerIDName"}) | frozenset(
    {"ConnectedLineNum", "ConnectedLineName", "Wait", "Priority", "ActionID"}
)
_LIST_BEGINS = "Channels will follow"  # the response to CoreShowChannels, before its items
_CONFERENCE = "ConfBridge"
_CALLED = frozenset({"AppDial", "AppDial2"})  # a channel that was called runs one of these
_RECORDING = "MIXMONITOR_FILENAME="
_RANG_TO_THE_END = "3"  # OriginateResponse's Reason: AST_CONTROL_RINGING, the phone rang until the time was up
VOICEMAIL = frozenset({"VoiceMail", "VoiceMailMain", "MiniVM", "MinivmRecord"})

_DOWN, _RESERVED, _OFFHOOK, _DIALING, _RING, _RINGING, _UP = "0", "1", "2", "3", "4", "5", "6"


class Translator:
    """Translates one AMI stream."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self.stream_clock = StreamClock()
        self._list_incomplete = False
        self._translations: dict[str, Callable[[Packet, float], ev.Event | None]] = {
            "Newchannel": self._created,
            "NewCallerid": _caller_id,
            "Newstate": _state,
            "HangupRequest": _hangup_requested,
            "SoftHangupRequest": _hangup_requested,
            "Hangup": _ended,
            "DialBegin": self._dial_began,
            "DialEnd": _dial_ended,
            "BridgeEnter": _bridge_entered,
            "BridgeLeave": _bridge_left,
            "QueueCallerJoin": self._queue_joined,
            "QueueCallerLeave": _queue_left,
            "QueueEntry": _queue_seen,
            "LocalBridge": _paired,
            "Hold": _hold_began,
            "Unhold": _hold_ended,
            "MixMonitorStart": _recording_began,
            "ParkedCall": self._parked,
            "UnParkedCall": _unparked,
            "ParkedCallTimeOut": _unparked,
            "ParkedCallGiveUp": _unparked,
            "Pickup": _picked_up,
            "BlindTransfer": _blind_transfer,
            "AttendedTransfer": _attended_transfer,
            "CEL": _application,
            "OriginateResponse": _originate_ended,
            "CoreShowChannel": self._seen,
            "CoreShowChannelsComplete": self._snapshot_ended,
        }

    @property
    def needs(self) -> frozenset[str]:
        """The events that an eventfilter must let through. Items of lists are never filtered."""
        return frozenset(name for name in self._translations if not name.startswith(_UNSTAMPED))

    def note_gap(self) -> None:
        """Note that packets are missing: a list of channels that is under way is incomplete."""
        self._list_incomplete = True

    def translate(self, packet: Packet, arrival: float | None = None) -> ev.Event | None:
        """Return the event for a packet, or None if the packet has no meaning for pbxd.

        `arrival` (epoch seconds) is used if Asterisk gives no time. Raises ProtocolError if there is neither, and for a
        time that is far from the stream's own.
        """
        name = packet.get("Event")
        if name is None:
            return self._response(packet, arrival)
        translation = self._translations.get(name)
        if translation is None:
            return None
        stamp = packet.get("Timestamp")
        if stamp:
            self.stream_clock.take_event(seconds(stamp), arrival)
        elif not name.startswith(_UNSTAMPED) or self.stream_clock.now is None:
            self.stream_clock.take_arrival(arrival)
        return translation(bounded(packet), self.stream_clock.now or 0.0)

    def _response(self, packet: Packet, arrival: float | None) -> ev.Event | None:
        if packet.get("Ping") and (stamp := packet.get("Timestamp")):
            self.stream_clock.take_answer(seconds(stamp), arrival)
        message = packet.get("Message")
        if message == _LIST_BEGINS:
            self._list_incomplete = False
        elif message != "Authentication accepted":
            return None
        return ev.SnapshotBegan(self.stream_clock.now or arrival or 0.0)

    def _created(self, packet: Packet, at: float) -> ev.Event:
        return ev.ChannelCreated(
            at,
            packet.get("Uniqueid", ""),
            packet.get("Linkedid", ""),
            self._endpoints.of(packet.get("Channel", "")),
            _known(packet, "CallerIDNum"),
            packet.get("Exten", ""),
        )

    def _seen(self, packet: Packet, at: float) -> ev.Event:
        state = packet.get("ChannelState", _DOWN)
        return ev.ChannelSeen(
            at,
            packet.get("Uniqueid", ""),
            packet.get("Linkedid", ""),
            self._endpoints.of(packet.get("Channel", "")),
            _known(packet, "CallerIDNum"),
            packet.get("Exten", ""),
            "up" if state == _UP else "ringing" if state == _RINGING else "calling" if state == _RING else "new",
            packet.get("BridgeId", ""),
            _duration(packet.get("Duration", "")),
            conference=packet.get("Application") == _CONFERENCE,
            called=packet.get("Application") in _CALLED,
            connected=_known(packet, "ConnectedLineNum"),
            other_end=_other_end(packet.get("Channel", "")),
        )

    def _dial_began(self, packet: Packet, at: float) -> ev.Event:
        channel = packet.get("DestChannel", "")
        endpoint, number = self._endpoints.of_dialled(channel, packet.get("DialString", ""))
        return ev.DialBegan(
            at,
            packet.get("Uniqueid") or None,
            packet.get("DestUniqueid", ""),
            packet.get("DestLinkedid", ""),
            number,
            _known(packet, "CallerIDNum" if packet.get("Uniqueid") else "DestCallerIDNum"),
            endpoint if channel else None,
        )

    def _queue_joined(self, packet: Packet, at: float) -> ev.Event:
        return ev.QueueJoined(
            at,
            *_ids(packet),
            packet.get("Queue", ""),
            _known(packet, "CallerIDNum"),
            local=self._endpoints.of(packet.get("Channel", "")).kind == "local",
        )

    def _parked(self, packet: Packet, at: float) -> ev.Event:
        parker = self._endpoints.of_device(packet.get("ParkerDialString", ""))
        return ev.Parked(
            at,
            packet.get("ParkeeUniqueid", ""),
            packet.get("ParkeeLinkedid", ""),
            packet.get("ParkingSpace", ""),
            parker.name if parker.kind == "extension" else "",
        )

    def _snapshot_ended(self, _packet: Packet, at: float) -> ev.Event | None:
        """End a snapshot, unless items of it are missing: their channels would be taken for ended."""
        return None if self._list_incomplete else ev.SnapshotEnded(at)


def _other_end(name: str) -> str:
    """Return the name of the other end of a Local pair: of `…;1` that is `…;2`."""
    ends = {";1": ";2", ";2": ";1"}
    return name[:-2] + ends[name[-2:]] if name.startswith("Local/") and name[-2:] in ends else ""


def _duration(text: str) -> int:
    """Read `HH:MM:SS` as seconds. Anything else, and more than a year, is 0."""
    total = 0
    for part in text.split(":")[:3]:
        total = total * 60 + whole_number(part)
    return total if total < _LONGEST_DURATION else 0


def _known(packet: Packet, header: str) -> str:
    return known(packet.get(header, ""))


def _ids(packet: Packet) -> tuple[str, str]:
    return packet.get("Uniqueid", ""), packet.get("Linkedid", "")


def _caller_id(packet: Packet, at: float) -> ev.Event | None:
    """Translate a new caller id.

    On a channel with an id of ours the first caller id is the client whom the agent is to reach (Originate's CallerID).
    """
    number = _known(packet, "CallerIDNum")
    if not packet.get("Uniqueid", "").startswith(CALL_PREFIX):
        return ev.CallerIdChanged(at, *_ids(packet), number)
    return ev.DestinationSet(at, *_ids(packet), number) if number else None


def _state(packet: Packet, at: float) -> ev.Event | None:
    state = packet.get("ChannelState")
    if state == _UP:
        return ev.ChannelUp(at, *_ids(packet))
    if state == _RINGING:
        return ev.ChannelRinging(at, *_ids(packet))
    return None


def _hangup_requested(packet: Packet, at: float) -> ev.Event:
    if packet.get("Event") != "HangupRequest":
        return ev.HangupRequested(at, *_ids(packet), by_party=False)  # its Cause is a flag of Asterisk, not Q.850
    return ev.HangupRequested(at, *_ids(packet), True, *_causes(packet))  # noqa: FBT003 - causes follow it


def _ended(packet: Packet, at: float) -> ev.Event:
    return ev.ChannelEnded(at, *_ids(packet), *_causes(packet))


def _causes(packet: Packet) -> tuple[int, str]:
    return whole_number(packet.get("Cause", "")), packet.get("TechCause", "")


def _dial_ended(packet: Packet, at: float) -> ev.Event:
    return ev.DialEnded(
        at,
        packet.get("Uniqueid") or None,
        packet.get("DestUniqueid", ""),
        packet.get("DestLinkedid", ""),
        _DIAL_RESULTS.get(packet.get("DialStatus", ""), "unavailable"),
        packet.get("Forward", ""),
    )


def _bridge_entered(packet: Packet, at: float) -> ev.Event:
    kind = "holding" if packet.get("BridgeTechnology") == "holding_bridge" else ""
    if packet.get("BridgeCreator") == _CONFERENCE:  # Asterisk doesn't link its guests either
        kind = "conference"
    return ev.BridgeEntered(at, packet.get("BridgeUniqueid", ""), *_ids(packet), kind, packet.get("SwapUniqueid", ""))


def _bridge_left(packet: Packet, at: float) -> ev.Event:
    return ev.BridgeLeft(at, packet.get("BridgeUniqueid", ""), *_ids(packet))


def _queue_left(packet: Packet, at: float) -> ev.Event:
    return ev.QueueLeft(at, *_ids(packet), packet.get("Queue", ""))


def _queue_seen(packet: Packet, at: float) -> ev.Event | None:
    if not packet.keys() >= _QUEUE_ENTRY:
        return None
    return ev.QueueSeen(at, packet.get("Uniqueid", ""), packet.get("Queue", ""))


def _recording_began(packet: Packet, at: float) -> ev.Event:
    """Translate the start of a recording. Its file is known if manager.conf has `channelvars = MIXMONITOR_FILENAME`."""
    variables = packet.get("ChanVariable", "").split("\n")
    files = [text.removeprefix(_RECORDING) for text in variables if text.startswith(_RECORDING)]
    return ev.RecordingBegan(at, *_ids(packet), files[0] if files else "")


def _paired(packet: Packet, at: float) -> ev.Event:
    return ev.LocalPaired(at, packet.get("LocalOneUniqueid", ""), packet.get("LocalTwoUniqueid", ""))


def _hold_began(packet: Packet, at: float) -> ev.Event:
    return ev.HoldBegan(at, *_ids(packet))


def _hold_ended(packet: Packet, at: float) -> ev.Event:
    return ev.HoldEnded(at, *_ids(packet))


def _unparked(packet: Packet, at: float) -> ev.Event:
    return ev.Unparked(
        at,
        packet.get("ParkeeUniqueid", ""),
        packet.get("ParkeeLinkedid", ""),
        packet.get("RetrieverUniqueid", ""),
        timed_out=packet.get("Event") == "ParkedCallTimeOut",
    )


def _picked_up(packet: Packet, at: float) -> ev.Event:
    return ev.PickedUp(
        at, packet.get("Uniqueid", ""), packet.get("TargetUniqueid", ""), packet.get("TargetLinkedid", "")
    )


def _blind_transfer(packet: Packet, at: float) -> ev.Event | None:
    if packet.get("Result") != "Success":
        return None
    return ev.Transferred(
        at,
        "blind",
        packet.get("TransfererUniqueid", ""),
        "",
        packet.get("Extension", ""),
        packet.get("TransfererLinkedid", ""),
    )


def _attended_transfer(packet: Packet, at: float) -> ev.Event | None:
    if packet.get("Result") != "Success":
        return None
    return ev.Transferred(
        at,
        "attended",
        packet.get("OrigTransfererUniqueid", ""),
        packet.get("SecondTransfererUniqueid", ""),
        "",
        packet.get("OrigTransfererLinkedid", ""),
    )


def _application(packet: Packet, at: float) -> ev.Event | None:
    """Translate CEL over AMI. Voicemail is the only application whose start and end change what a call does."""
    if packet.get("Application") not in VOICEMAIL:
        return None
    ids = packet.get("UniqueID", ""), packet.get("LinkedID", "")
    match packet.get("EventName"):
        case "APP_START":
            box = packet.get("AppData", "").partition(",")[0].partition("@")[0]
            return ev.VoicemailBegan(at, *ids, box)
        case "APP_END":
            return ev.VoicemailEnded(at, *ids)
        case _:
            return None


def _originate_ended(packet: Packet, at: float) -> ev.Event:
    answered, timed_out = packet.get("Response") == "Success", packet.get("Reason") == _RANG_TO_THE_END
    return ev.OriginateEnded(at, packet.get("Uniqueid", ""), answered, timed_out, packet.get("Exten", ""))
