"""What happens on a PBX, in words no PBX owns.

A PBX's adapter turns its own messages into these; tracker, click-to-call and queues read nothing else. `at` is the
PBX's own time in seconds since the epoch (UTC). `channel` is a channel's unique id; `linkedid` is the PBX's present
idea of the conversation the channel belongs to, empty where the message has none.
Long because it is a vocabulary: a few lines a word, in one place so that `Event` is all there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DialResult = Literal["answered", "busy", "no-answer", "cancelled", "congestion", "unavailable", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who sits at the far end of a channel.

    `extension`: an employee's phone, `name` is the extension; `trunk`: the outside world, `name` is the trunk's;
    `plumbing`: a channel the PBX made for itself (the two ends of a pipe, an announcer): never a party.
    """

    kind: Literal["extension", "trunk", "plumbing"]
    name: str


@dataclass(frozen=True, slots=True)
class ChannelCreated:
    """A channel exists.

    `number` is whom it claims to be (a caller's number), `dialled` what it asked for, if anything.
    """

    at: float
    channel: str
    linkedid: str
    endpoint: Endpoint
    number: str
    dialled: str


@dataclass(frozen=True, slots=True)
class PurposeTold:
    """A channel we asked for is there to reach `number`."""

    at: float
    channel: str
    linkedid: str
    number: str


@dataclass(frozen=True, slots=True)
class CallerIdChanged:
    """The channel has another caller id, `number`, than it had."""

    at: float
    channel: str
    linkedid: str
    number: str


@dataclass(frozen=True, slots=True)
class ChannelRinging:
    """The phone behind this channel rings."""

    at: float
    channel: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class ChannelUp:
    """The channel was answered, by a person or a machine."""

    at: float
    channel: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class HangupAsked:
    """The channel is about to end: `by_party` if the party behind it hung up, else the PBX was told to end it.

    Of a party that hung up the causes are as in `ChannelEnded`; they may be missing.
    """

    at: float
    channel: str
    linkedid: str
    by_party: bool
    cause: int = 0
    technology_cause: str = ""

    @property
    def refused(self) -> bool:
        """Whether a final response of class 3 to 6 ends it (RFC 3261, 21.3), but 487, the response to a CANCEL.

        Of a channel that called us it is our answer, of one that we called it is theirs.
        """
        code = self.technology_cause
        return len(code) == 3 and code[0] in "3456" and code != "487"  # noqa: PLR2004 - a SIP status code


@dataclass(frozen=True, slots=True)
class ChannelEnded:
    """The channel is gone; `cause` is Q.850, `technology_cause` the signalling's own code such as 603."""

    at: float
    channel: str
    linkedid: str
    cause: int
    technology_cause: str = ""


@dataclass(frozen=True, slots=True)
class DialBegan:
    """`source` (none: the PBX itself) starts to call `target`; `dialled` is the number in the dial string.

    `number` is the source's, without a source whom the program says the call is for; `endpoint` says who is at the far
    end where the dial string shows more than the name did.
    """

    at: float
    source: str | None
    target: str
    linkedid: str
    dialled: str
    number: str = ""
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class DialEnded:
    """The attempt to call `target` is over; `forward` says where the phone sent the call on to (a 302)."""

    at: float
    source: str | None
    target: str
    linkedid: str
    result: DialResult
    forward: str = ""


@dataclass(frozen=True, slots=True)
class BridgeEntered:
    """The channel hears, and is heard by, all who are in the bridge; `instead_of`: the channel whose place it takes."""

    at: float
    bridge: str
    channel: str
    linkedid: str
    kind: str = ""  # "holding": a parking lot or the like, no conversation; "conference": a room for all who dial it
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class BridgeLeft:
    """The channel left the bridge."""

    at: float
    bridge: str
    channel: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class QueueJoined:
    """A caller waits in a queue; behind a channel of `plumbing` may be one person now and another one later."""

    at: float
    channel: str
    linkedid: str
    queue: str
    number: str
    plumbing: bool = False


@dataclass(frozen=True, slots=True)
class QueueLeft:
    """A caller waits no longer, for whatever reason (an agent, a time-out, a hang-up)."""

    at: float
    channel: str
    linkedid: str
    queue: str


@dataclass(frozen=True, slots=True)
class QueueSeen:
    """In a list of the queues: this channel waits in `queue`."""

    at: float
    channel: str
    queue: str


@dataclass(frozen=True, slots=True)
class PlumbingPaired:
    """Two plumbing channels are the two ends of one pipe."""

    at: float
    one: str
    two: str


@dataclass(frozen=True, slots=True)
class HoldBegan:
    """The party behind this channel put the other on hold."""

    at: float
    channel: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class HoldEnded:
    """The party behind this channel took the other off hold."""

    at: float
    channel: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class Parked:
    """The channel waits in a parking lot, where `by` (an extension, if known) put it."""

    at: float
    channel: str
    linkedid: str
    space: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Unparked:
    """The channel left the parking lot: taken by the channel `by`, or (then that is empty) timed out or gave up."""

    at: float
    channel: str
    linkedid: str
    by: str = ""
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class PickedUp:
    """`picker` took the call that was ringing at `target`."""

    at: float
    picker: str
    target: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """`by` transferred who he talked with: blind to a number, attended to who hears his other channel `second`."""

    at: float
    kind: Literal["blind", "attended"]
    by: str
    second: str
    number: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class VoicemailBegan:
    """The caller reached a voicemail box; `box` is its number, if known."""

    at: float
    channel: str
    linkedid: str
    box: str = ""


@dataclass(frozen=True, slots=True)
class VoicemailEnded:
    """The caller left the voicemail box."""

    at: float
    channel: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class RecordingBegan:
    """The PBX starts to record the channel; `file` as the PBX names it, empty where it doesn't say."""

    at: float
    channel: str
    linkedid: str
    file: str


@dataclass(frozen=True, slots=True)
class OriginateEnded:
    """The result of a call that a program asked for: whether its first leg was answered, and where it leads.

    `timed_out`: the phone rang until the time was up.
    """

    at: float
    channel: str
    answered: bool
    timed_out: bool = False
    number: str = ""


@dataclass(frozen=True, slots=True)
class LinkLost:
    """Nothing is heard from the PBX from here on, or, at an `overflow`, pbxd could not keep up with its events."""

    at: float
    overflow: bool = False


@dataclass(frozen=True, slots=True)
class PbxStarted:
    """The PBX says, after a connect, when it started: `began`, epoch seconds of its own clock."""

    at: float
    began: float


@dataclass(frozen=True, slots=True)
class SnapshotBegan:
    """The PBX starts to tell what is there now (after a connect)."""

    at: float


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """In a snapshot: this channel exists; `up` if it was answered, `bridge` where it is, if anywhere.

    `connected`: the number of who is, or will be, at the other end, as the PBX shows it to this one. `other_end`: of
    plumbing, the name of the other end of its pipe.
    """

    at: float
    channel: str
    linkedid: str
    endpoint: Endpoint
    number: str
    dialled: str
    state: Literal["new", "ringing", "calling", "up"]
    bridge: str
    seconds: int  # since the channel was created
    conference: bool = False  # whether that bridge is a room for whoever dials it
    connected: str = ""
    other_end: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotEnded:
    """The snapshot is complete: whatever it didn't name is gone."""

    at: float


Event = (
    ChannelCreated
    | PurposeTold
    | CallerIdChanged
    | ChannelRinging
    | ChannelUp
    | HangupAsked
    | ChannelEnded
    | DialBegan
    | DialEnded
    | BridgeEntered
    | BridgeLeft
    | QueueJoined
    | QueueLeft
    | QueueSeen
    | PlumbingPaired
    | HoldBegan
    | HoldEnded
    | Parked
    | Unparked
    | PickedUp
    | Transferred
    | VoicemailBegan
    | VoicemailEnded
    | RecordingBegan
    | OriginateEnded
    | LinkLost
    | PbxStarted
    | SnapshotBegan
    | ChannelSeen
    | SnapshotEnded
)
