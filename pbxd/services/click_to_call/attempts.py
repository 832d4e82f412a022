"""The click-to-calls under way and those of the last minutes: how each goes on, and how one is ended.

Long because following an attempt and ending it work on the same table.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import structlog

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
from pbxd.calls.identity import is_call_id, sortable_id
from pbxd.errors import ConflictError, NotFoundError, RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.telephony import Attempt, DialPlan, Progress
from pbxd.telephony.port import Pbx

_REMEMBERED_SECONDS = 300.0  # how long after its end an attempt can still be asked for
_REMEMBERED = 1000  # attempts at most
_SWEEP_SECONDS = 1.0
_LATE_SECONDS = 0.5  # how much later than the end of the Originate events of the agent's leg may come
_GRACE_SECONDS = 10.0  # beyond the ring time-out, for a call of which no event comes

_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class CallAttempt:
    """One attempt with everything it went through."""

    id: str
    agent: str  # an extension; of a call that an earlier process made, empty until the agent's leg was seen
    attempt: Attempt
    number: str = ""  # whom the agent wants to talk to; of a call that an earlier process made, empty
    history: list[Progress] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: float = 0.0  # by the clock of CallAttempts
    deadline: float = 0.0  # by the same clock: by then the agent's leg was heard of, or never will be
    known: bool = True  # False: an earlier process made it, and the snapshot that tells its state isn't over


class CallAttempts:
    """Follows the calls made here, also those that an earlier process made.

    `feed` gets every event of the PBX in order; `run` is a root task.
    """

    def __init__(self, pbx: Pbx, clock: Callable[[], float] = time.monotonic) -> None:
        self._pbx = pbx
        self._clock = clock
        self._calls: dict[str, CallAttempt] = {}
        self._legs: dict[str, CallAttempt] = {}  # channel id -> the call under way it belongs to
        self._first_id = sortable_id(time.time(), 0)  # calls with a lower one were made by an earlier process
        self._snapshot_seen = False  # the PBX has listed which of those there are
        self._work = asyncio.Event()
        self.ended: Counter[str] = Counter()  # since the start, by reason

    def is_calling(self, agent: str) -> bool:
        """Tell whether a call of this agent is under way."""
        return any(not call.attempt.ended for call in self._calls.values() if call.agent == agent)

    def begin(self, plan: DialPlan, call_id: str) -> CallAttempt:
        """Follow a call that the PBX is about to be asked for."""
        attempt = Attempt(self._pbx.choose_leg(call_id), time.time())
        call = CallAttempt(call_id, plan.agent, attempt, plan.number, [attempt.progress])
        self._add(call, plan.agent_ring_seconds + _GRACE_SECONDS)
        return call

    def end(self, call: CallAttempt) -> None:
        """End an attempt that no event will end."""
        if call.attempt.give_up(time.time()):
            self._note(call)

    def find(self, call_id: str) -> CallAttempt | None:
        """Return a call made here; None for any other, and some minutes after its end."""
        return self._calls.get(call_id)

    def of(self, agent: str) -> list[CallAttempt]:
        """Return the calls of an agent that are under way."""
        return [call for call in self._calls.values() if call.agent == agent and not call.attempt.ended]

    def agent(self, call_id: str) -> str:
        """Return whose call it is; NotFoundError for an unknown id."""
        return self._known(call_id).agent

    def progress(self, call_id: str) -> Progress:
        """Return where a call stands; NotFoundError for an unknown id (also some minutes after its end)."""
        call = self._calls.get(call_id)
        if call is None:
            raise _no_such(call_id)
        return call.attempt.progress

    async def states(self, call_id: str) -> AsyncIterator[Progress]:
        """Yield every state from the first on, none left out, and finish with the end; raises as `hang_up` does.

        Of a call that an earlier process made, from the first that this one knows.
        """
        call = self._known(call_id)
        sent = 0
        while True:
            changed = call.changed
            for progress in call.history[sent:]:
                sent += 1
                yield progress
                if progress.state == "ended":
                    return
            await changed.wait()

    async def hang_up(self, call_id: str) -> None:
        """End a call in whatever state it is.

        NotFoundError for an unknown id, ConflictError for a call that has ended. UnavailableError when the PBX is away:
        it is then ended as soon as possible. UnavailableError too while no snapshot has shown which calls of an earlier
        process there are.
        """
        call = self._known(call_id)
        if call.attempt.ended:
            raise ConflictError(_("the call {id} has ended already").format(id=call_id))
        call.attempt.cancelled = True
        await self._hang_up(call)

    def feed(self, event: Event) -> None:
        """Take an event of the PBX."""
        if isinstance(event, ChannelSeen | ChannelCreated):
            self._recognise(event)
        for call in self._concerned(event):
            existed = call.attempt.created
            changed = call.attempt.feed(event)
            if isinstance(event, SnapshotEnded) and not call.known:
                call.known = changed = True
            if changed and call.known:
                self._note(call)
            if call.attempt.unmade and not call.attempt.created:
                call.deadline = min(call.deadline, self._clock() + _LATE_SECONDS)
            if call.attempt.client_leg and not call.attempt.ended:
                self._legs[call.attempt.client_leg] = call
            if call.attempt.cancelled and call.attempt.created and not existed:
                self._work.set()
        self._snapshot_seen = self._snapshot_seen or isinstance(event, SnapshotEnded)

    def _recognise(self, event: ChannelSeen | ChannelCreated) -> None:
        """Follow a call that an earlier process made, from its channels: the agent's leg has the id chosen then."""
        leg = event.linkedid if self._pbx.call_of(event.linkedid) else event.channel
        call_id = self._pbx.call_of(leg)
        seen = isinstance(event, ChannelSeen)
        if call_id and call_id not in self._calls and (seen or event.channel == leg):
            attempt = Attempt(leg, event.at, earlier=seen)
            call = CallAttempt(call_id, "", attempt, history=[] if seen else [attempt.progress], known=not seen)
            self._add(call, _GRACE_SECONDS)
            _log.info("call_recognised", id=call_id)
        found = self._legs.get(event.channel)
        if found and not found.agent:
            found.agent = self._pbx.agent_of(event.endpoint)

    def _concerned(self, event: Event) -> list[CallAttempt]:
        """Find the calls an event may mean something to, so that the traffic of a whole PBX costs next to nothing."""
        match event:
            case LinkLost() | SnapshotBegan() | SnapshotEnded():
                return list(dict.fromkeys(self._legs.values()))
            case DialBegan() | DialEnded():
                ends = [self._legs.get(event.source or ""), self._legs.get(event.target)]
                return list(dict.fromkeys(call for call in ends if call))
            case ChannelCreated() | ChannelUp() | BridgeEntered() | HangupRequested() | ChannelEnded():
                found = self._legs.get(event.channel)
            case OriginateEnded():
                found = self._legs.get(event.channel)
            case ChannelSeen():
                found = self._legs.get(event.channel) or self._legs.get(event.linkedid)
            case _:
                return []
        return [found] if found else []

    async def run(self) -> None:
        """End what was cancelled before it existed, give up what is never heard of, forget what is old; for ever."""
        while True:
            try:
                async with asyncio.timeout(_SWEEP_SECONDS):
                    await self._work.wait()
            except TimeoutError:
                self.sweep()
            self._work.clear()
            for call in dict.fromkeys(self._legs.values()):
                if call.attempt.cancelled:
                    await self._hang_up_quietly(call)

    def sweep(self) -> None:
        """Give up attempts of which no event came, and forget old ones."""
        now = self._clock()
        for call in list(self._calls.values()):
            if call.attempt.ended and now - call.ended > _REMEMBERED_SECONDS:
                del self._calls[call.id]
            elif not call.attempt.ended and not call.attempt.created and now > call.deadline:
                self.end(call)

    def _known(self, call_id: str) -> CallAttempt:
        call = self._calls.get(call_id)
        if call is not None:
            return call
        if is_call_id(call_id) and call_id < self._first_id and not self._snapshot_seen:
            raise UnavailableError(_("the PBX has not told yet which calls there are"))
        raise _no_such(call_id)

    def _add(self, call: CallAttempt, patience: float) -> None:
        call.deadline = self._clock() + patience
        self._calls[call.id] = self._legs[call.attempt.agent_leg] = call
        while len(self._calls) > _REMEMBERED:
            oldest_ended = next((known for known in self._calls.values() if known.attempt.ended), None)
            if oldest_ended is None:
                break
            del self._calls[oldest_ended.id]

    async def _hang_up(self, call: CallAttempt) -> None:
        """Ask the PBX to end the agent's leg, which ends the client's; `run` ends one that doesn't exist yet."""
        try:
            await self._pbx.hang_up(call.attempt.agent_leg)
        except RefusedError:
            _log.debug("hangup_needless", id=call.id)

    async def _hang_up_quietly(self, call: CallAttempt) -> None:
        try:
            await self._hang_up(call)
        except UnavailableError as error:
            _log.debug("hangup_failed", id=call.id, why=str(error))

    def _note(self, call: CallAttempt) -> None:
        """Wake whoever waits for news of a call."""
        progress = call.attempt.progress
        call.history.append(progress)
        if progress.state == "ended":
            call.ended = self._clock()
            self.ended[str(progress.reason)] += 1
            self._legs = {leg: other for leg, other in self._legs.items() if other is not call}
            _log.info("call_attempt_ended", id=call.id, agent=call.agent, reason=progress.reason)
        call.changed.set()
        call.changed = asyncio.Event()


def _no_such(call_id: str) -> NotFoundError:
    return NotFoundError(_("no such call: {id}").format(id=call_id[:40]))
