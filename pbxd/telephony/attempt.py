"""One click-to-call attempt: ringing agent → agent answered → ringing client → talking → ended. Pure.

Events only add to what is known, and the state follows from that: it never goes back, and never leaves its end. What
each event means, and in which order they come, was measured on a real PBX: a phone that is away makes no channel at
all. Another thread of the PBX sends OriginateEnded, so it may come before or after the phone's refusal, and on a busy
machine perhaps before the first event of the phone's channel. 603 and 404 are "no answer" but for the cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pbxd.calls.events import (
    BridgeEntered,
    ChannelCreated,
    ChannelEnded,
    ChannelSeen,
    ChannelUp,
    DialBegan,
    DialEnded,
    Event,
    HangupRequested,
    LinkLost,
    OriginateEnded,
    SnapshotBegan,
    SnapshotEnded,
)

State = Literal["ringing-agent", "agent-answered", "ringing-client", "talking", "ended"]
Reason = Literal[
    "agent-offline",
    "agent-busy",
    "agent-no-answer",
    "agent-rejected",
    "client-busy",
    "client-no-answer",
    "client-rejected",
    "wrong-number",
    "no-route",
    "cancelled",
    "completed",
    "failed",
    "pbx-away",
]

# Q.850 causes.
_BUSY = 17
_REJECTED = 21
_AWAY = frozenset({1, 3, 20, 27})  # unallocated, no route, subscriber absent, destination out of order
_NOBODY_ANSWERED = frozenset({18, 19})  # no user responding, no answer from the user
_WRONG_NUMBER = frozenset({1, 2, 22, 28})  # unallocated, no transit net, number changed, invalid format
_NO_ROUTE = frozenset({3, 27, 34, 38, 41, 42, 44, 58})  # no route, out of order, congestion and the like
# A trunk that refuses. It shares cause 21 with 603, a person who refuses. A PBX that doesn't give the signalling's own
# code can't tell the two apart: both count as the person.
_FORBIDDEN = "403"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an attempt stands since `at` (epoch seconds of the PBX); `reason` is set exactly when it ended."""

    state: State
    at: float
    reason: Reason | None = None


class Attempt:
    """An attempt whose agent's leg has the channel id we chose."""

    def __init__(self, agent_leg: str, at: float, *, earlier: bool = False) -> None:
        """`earlier`: an earlier process made it; a snapshot is under way that shows whether it is still there."""
        self.agent_leg = agent_leg
        self.client_leg = ""  # once there is one
        self.progress = Progress("ringing-agent", at)
        self.created = False  # the agent's leg exists, or did
        self.cancelled = False  # we were asked to end it
        self._up = False
        self._client_up = False
        self._bridged = False
        self._left = False  # the agent hung up, or the agent's phone refused
        self._forwarded = False
        self._timed_out = False
        self.unmade = False  # the PBX said that the agent was not reached, and no event of the agent's channel had come
        self._agent_result = ""
        self._client_result = ""
        self._client_cause = 0
        self._client_signal = ""
        self._cause: int | None = None  # of the agent's leg, once it is gone
        self._lost = earlier
        self._seen = False
        self._ringing = ""  # in the snapshot under way: a channel of this call that was not answered

    @property
    def ended(self) -> bool:
        """Whether it is over for good."""
        return self.progress.state == "ended"

    def feed(self, event: Event) -> bool:
        """Take any event of the PBX; return whether the progress changed."""
        if self.ended:
            return False
        match event:
            case LinkLost() | SnapshotBegan() | ChannelSeen():
                self._note_link(event)
            case SnapshotEnded():
                if self._lost and not self._seen:
                    return self.end("pbx-away", event.at)
                self._lost = False
                self._note_client()
            case DialBegan() | DialEnded():
                self._note_dial(event)
            case OriginateEnded() if event.channel == self.agent_leg and not event.answered:
                self.unmade = not self.created
                self._timed_out = event.timed_out
            case ChannelCreated() | ChannelUp() | BridgeEntered() | HangupRequested() | ChannelEnded():
                self._note_channel(event)
            case _:
                return False
        return self._advance(event.at)

    def give_up(self, at: float) -> bool:
        """End it because no event of the agent's channel came; return whether it was still going on."""
        if self.cancelled:
            return self.end("cancelled", at)
        return self.end("agent-offline" if self.unmade else "failed", at)

    def end(self, reason: Reason, at: float) -> bool:
        """End it for a reason the PBX's events don't tell; return whether it was still going on."""
        if self.ended:
            return False
        self.progress = Progress("ended", at, reason)
        return True

    def _note_link(self, event: LinkLost | SnapshotBegan | ChannelSeen) -> None:
        if isinstance(event, LinkLost):
            self._lost = True
        elif isinstance(event, SnapshotBegan):
            self._seen = False
            self._ringing = ""
        elif event.channel == self.agent_leg:
            self._seen = self.created = True
            self._up = self._up or event.state == "up"
            if event.bridge and self._up:
                self._bridged = self._client_up = True
        elif event.linkedid == self.agent_leg and event.state in {"new", "ringing"}:
            self._ringing = event.channel

    def _note_client(self) -> None:
        """Take what rings beside an agent who has answered for the client, whose dial was not heard."""
        if self._ringing and self._up and not self._client_up:
            self.client_leg = self.client_leg or self._ringing

    def _note_dial(self, event: DialBegan | DialEnded) -> None:
        if isinstance(event, DialBegan):
            if event.source == self.agent_leg and not self._client_up:
                self.client_leg = event.target  # perhaps the second trunk, after one that refused
                self._client_result, self._client_cause, self._client_signal = "", 0, ""
                self._up = True
        elif event.source is None and event.target == self.agent_leg:
            self._agent_result = event.result
            self._forwarded = bool(event.forward)
        elif event.source == self.agent_leg and self.client_leg:
            # Somebody who picks up the client's call is named here without having been dialled: still an answer.
            self._client_result = event.result
            self._client_up = self._client_up or event.result == "answered"

    def _note_channel(self, event: ChannelCreated | ChannelUp | BridgeEntered | HangupRequested | ChannelEnded) -> None:
        if event.channel == self.agent_leg:
            self._note_agent(event)
        elif isinstance(event, HangupRequested | ChannelEnded) and event.channel == self.client_leg:
            # The agent's leg may be gone before the client's, which asked for it: then the request has the cause.
            self._client_cause = event.cause or self._client_cause
            self._client_signal = event.technology_cause or self._client_signal

    def _note_agent(self, event: ChannelCreated | ChannelUp | BridgeEntered | HangupRequested | ChannelEnded) -> None:
        self.created = True
        match event:
            case ChannelUp():
                self._up = True
            case BridgeEntered():
                self._bridged = self._bridged or event.kind != "holding"
            case HangupRequested():
                self._left = self._left or event.by_party
            case ChannelEnded():
                self._cause = event.cause
            case ChannelCreated():
                pass

    def _advance(self, at: float) -> bool:
        state, reason = self._judge()
        if state == self.progress.state:
            return False
        self.progress = Progress(state, at, reason)
        return True

    def _judge(self) -> tuple[State, Reason | None]:
        if self._cause is not None:
            return "ended", self._why_ended(self._cause)
        if self._talked:
            return "talking", None
        if self.client_leg:
            return "ringing-client", None
        return ("agent-answered" if self._up else "ringing-agent"), None

    @property
    def _talked(self) -> bool:
        return self._bridged and self._client_up

    def _why_ended(self, cause: int) -> Reason:
        if self._talked:
            return "completed"
        if self.cancelled:
            return "cancelled"
        return self._why_no_client(cause) if self._up else self._why_no_agent(cause)

    def _why_no_agent(self, cause: int) -> Reason:
        if cause == _BUSY or self._agent_result == "busy":
            return "agent-busy"
        if cause in _AWAY:
            return "agent-offline"
        if cause == _REJECTED or self._forwarded or self._left:
            return "agent-rejected"
        if self._timed_out or self._agent_result == "no-answer" or cause in _NOBODY_ANSWERED:
            return "agent-no-answer"
        return "failed"

    def _why_no_client(self, cause: int) -> Reason:
        """Judge by the client's cause, else by the agent's, which Dial copies from the client's."""
        if self._client_result in {"cancelled", "answered"} or (self._left and not self._client_result):
            return "cancelled"  # by the agent, perhaps while the client's extension was dialled
        cause = self._client_cause or cause
        if self._client_result == "busy" or cause == _BUSY:
            return "client-busy"
        if cause == _REJECTED:
            return "no-route" if self._client_signal == _FORBIDDEN else "client-rejected"
        if cause in _WRONG_NUMBER:
            return "wrong-number"
        unmade = not self.client_leg  # no channel could be made to the client
        if unmade or cause in _NO_ROUTE or self._client_result in {"congestion", "unavailable"}:
            return "no-route"
        return "client-no-answer" if self._client_result == "no-answer" else "failed"
