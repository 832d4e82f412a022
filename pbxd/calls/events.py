"""The events of a PBX, whatever its make.

The PBX's adapter turns its messages into these events. The tracker,
click-to-call and the queues read nothing else.
`at` is the PBX's time in seconds since the epoch (UTC). `channel` is the channel's unique id. `linkedid` is the
conversation to which the PBX assigns the channel at that time; it is empty if the message has none.
The file is long because it defines every event; `Event` at its end is the complete union.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DialResult = Literal["answered", "busy", "no-answer", "cancelled", "congestion", "unavailable", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The far end of a channel.

    `extension`: an employee's phone; `name` is the extension. `trunk`: the outside world; `name` is the trunk.
    `local`: a channel inside the PBX (one end of a pipe, an announcer). It is never a party.
    """

    kind: Literal["extension", "trunk", "local"]
    name: str


@dataclass(frozen=True, slots=True)
class ChannelCreated:
    """A channel exists now.

    `number` is the caller's number as the channel states it. `dialled` is what the caller dialled, if anything.
    """

    at: float
    channel: str
    linkedid: str
    endpoint: Endpoint
    number: str
    dialled: str


@dataclass(frozen=True, slots=True)
class DestinationSet:
    """A channel that we originated is meant to reach `number`."""

    at: float
    channel: str
    linkedid: str
    number: str


@dataclass(frozen=True, slots=True)
class CallerIdChanged:
    """The channel's caller id changed to `number`."""

    at: float
    channel: str
    linkedid: str
    number: str


@dataclass(frozen=True, slots=True)
class ChannelRinging:
    """The phone of this channel rings."""

    at: float
    channel: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class ChannelUp:
    """The channel was answered by a person or a machine."""

    at: float
    channel: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class HangupRequested:
    """The channel is about to end.

    `by_party`: its party hung up; the causes are as in `ChannelEnded` and may be absent. Otherwise the dialplan or a
    program asked the PBX to end the channel.
    """

    at: float
    channel: str
    linkedid: str
    by_party: bool
    cause: int = 0
    technology_cause: str = ""

    @property
    def refused(self) -> bool:
        """Whether a final SIP response of class 3 to 6 ends it (RFC 3261, 21.3), except 487, the reply to a CANCEL.

        On a channel that called us the response is ours. On a channel that we called it is theirs.
        """
        code = self.technology_cause
        return len(code) == 3 and code[0] in "3456" and code != "487"  # noqa: PLR2004 - a SIP status code


@dataclass(frozen=True, slots=True)
class ChannelEnded:
    """The channel ended. `cause` is Q.850; `technology_cause` is the signalling's own code, such as SIP's 603."""

    at: float
    channel: str
    linkedid: str
    cause: int
    technology_cause: str = ""


@dataclass(frozen=True, slots=True)
class DialBegan:
    """`source` starts to call `target`. Without a source a program had the PBX call it.

    `dialled` is the number in the dial string. `number` is the source's number; without a source it is the number for
    which the program made the call. `endpoint` is set if the dial string shows more of the far end than the channel's
    name does.
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
    """The attempt to call `target` ended. `forward` is where the phone redirected the call to (SIP 302)."""

    at: float
    source: str | None
    target: str
    linkedid: str
    result: DialResult
    forward: str = ""


@dataclass(frozen=True, slots=True)
class BridgeEntered:
    """The channel joined a bridge. `instead_of` is the channel that it replaces there (RFC 3891)."""

    at: float
    bridge: str
    channel: str
    linkedid: str
    kind: str = ""  # "holding": no conversation, as in a parking lot; "conference": a room that people dial
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
    """A caller waits in a queue. With `local` the channel may stand for different people at different times."""

    at: float
    channel: str
    linkedid: str
    queue: str
    number: str
    local: bool = False


@dataclass(frozen=True, slots=True)
class QueueLeft:
    """A caller left a queue: for an agent, after a time-out, or by a hang-up."""

    at: float
    channel: str
    linkedid: str
    queue: str


@dataclass(frozen=True, slots=True)
class QueueSeen:
    """In a list of queues: this channel waits in `queue`."""

    at: float
    channel: str
    queue: str


@dataclass(frozen=True, slots=True)
class LocalPaired:
    """Two local channels are the two ends of one pair."""

    at: float
    one: str
    two: str


@dataclass(frozen=True, slots=True)
class HoldBegan:
    """The party of this channel put the other on hold."""

    at: float
    channel: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class HoldEnded:
    """The party of this channel took the other off hold."""

    at: float
    channel: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class Parked:
    """The channel was parked in `space`. `by` is the extension that parked it, if known."""

    at: float
    channel: str
    linkedid: str
    space: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Unparked:
    """The channel left its parking space: the channel `by` retrieved it. Without `by` it timed out or hung up."""

    at: float
    channel: str
    linkedid: str
    by: str = ""
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class PickedUp:
    """`picker` picked up the call that rang at `target`."""

    at: float
    picker: str
    target: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """`by` transferred a call: blind to `number`, or attended to the party of its own second channel, `second`."""

    at: float
    kind: Literal["blind", "attended"]
    by: str
    second: str
    number: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class VoicemailBegan:
    """The caller reached voicemail. `box` is the mailbox, if known."""

    at: float
    channel: str
    linkedid: str
    box: str = ""


@dataclass(frozen=True, slots=True)
class VoicemailEnded:
    """The caller left voicemail."""

    at: float
    channel: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class RecordingBegan:
    """The PBX starts to record the channel. `file` is its name on the PBX, empty if unknown."""

    at: float
    channel: str
    linkedid: str
    file: str


@dataclass(frozen=True, slots=True)
class OriginateEnded:
    """The PBX finished a program's request to originate.

    `answered` is about the first leg; `timed_out`: its phone rang until the time was up. `number` is the target.
    """

    at: float
    channel: str
    answered: bool
    timed_out: bool = False
    number: str = ""


@dataclass(frozen=True, slots=True)
class LinkLost:
    """No events arrive until the next snapshot: the link is down, or (`overflow`) pbxd could not keep up."""

    at: float
    overflow: bool = False


@dataclass(frozen=True, slots=True)
class PbxStarted:
    """After a connect the PBX states when it started: `began`, epoch seconds of its clock."""

    at: float
    began: float


@dataclass(frozen=True, slots=True)
class SnapshotBegan:
    """The PBX starts to list its channels, after a connect."""

    at: float


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """In a snapshot: this channel exists.

    `state` is `up` if it was answered. `bridge` is the bridge it is in, if any. `connected` is the number that the PBX
    shows to this party for the other one. `other_end` is the name of the other end of a local pair. `called`: somebody
    dialled this channel; it does not run the dialplan itself.
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
    conference: bool = False  # whether that bridge is a room that people dial
    connected: str = ""
    other_end: str = ""
    called: bool = False


@dataclass(frozen=True, slots=True)
class SnapshotEnded:
    """The snapshot is complete: a channel that it does not list has ended."""

    at: float


Event = (
    ChannelCreated
    | DestinationSet
    | CallerIdChanged
    | ChannelRinging
    | ChannelUp
    | HangupRequested
    | ChannelEnded
    | DialBegan
    | DialEnded
    | BridgeEntered
    | BridgeLeft
    | QueueJoined
    | QueueLeft
    | QueueSeen
    | LocalPaired
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
