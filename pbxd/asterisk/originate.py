"""Click-to-call on Asterisk: the agent's phone is rung first; when he answers, the dialplan calls the client.

The agent's leg gets a channel id of ours (`pbxd.asterisk.channel_ids`), by which every event of the call is
known, and by which the next process knows the call again.
Long because making a call, following it and ending it work on the same calls.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import structlog

from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.channel_ids import agent_behind, call_of, leg_id
from pbxd.asterisk.device_states import check_phones
from pbxd.asterisk.originate_headers import originate_headers
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
from pbxd.lookup.naming import phone_name
from pbxd.numbers import rules_from
from pbxd.settings import Settings
from pbxd.storage.calls.idempotency import CallRequest, CallRequests
from pbxd.telephony import Attempt, Dialler, DialPlan, DialTarget, Progress

_REMEMBERED_SECONDS = 300.0  # how long after its end an attempt can still be asked for
_REMEMBERED = 1000  # attempts at most
_SWEEP_SECONDS = 1.0
_MINUTE = 60.0
_GRACE_SECONDS = 10.0  # beyond the ring time-out, for an Originate that is never heard of again

_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Call:
    """One attempt with everything it went through."""

    id: str
    agent: str  # his extension; of a call that an earlier process made, empty until his leg was seen
    attempt: Attempt
    history: list[Progress] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: float = 0.0  # by the clock of ClickToCall
    deadline: float = 0.0  # likewise: by then the agent's leg was heard of, or never will be
    known: bool = True  # False: an earlier process made it, and the snapshot that tells its state isn't over


class ClickToCall:
    """Makes calls for agents and follows them; one under way per agent.

    `feed` gets every event of the PBX in order; `run` is a root task.
    """

    def __init__(
        self,
        ami: AmiClient,
        settings: Settings,
        requests: CallRequests | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raise ConfigurationError for templates or numbers under `dialing` that can't be used.

        Without `requests` every request is a new one.
        """
        self._ami = ami
        self._requests = requests
        self._clock = clock
        self._dialler = Dialler(settings.dialing, rules_from(settings))
        self._calls_per_minute = settings.dialing.calls_per_minute
        self._lately: dict[str, deque[float]] = {}  # agent -> when his calls of the last minute were made
        self._calls: dict[str, _Call] = {}
        self._asking: set[str] = set()  # agents whose call is being set up
        self._legs: dict[str, _Call] = {}  # channel id -> the call under way it belongs to
        self._made = 0
        self._first_id = sortable_id(time.time(), 0)  # calls with a lower one were made by an earlier process
        self._in_step = False  # a snapshot has told which of those there are
        self._work = asyncio.Event()

    def reconfigure(self, settings: Settings) -> None:
        """Make further calls by other settings; raises as the constructor does, and changes nothing then."""
        self._dialler = Dialler(settings.dialing, rules_from(settings))
        self._calls_per_minute = settings.dialing.calls_per_minute

    def plan(self, agent: str, target: DialTarget) -> DialPlan:
        """Return what `call` would do, without doing it; raises like it."""
        return self._dialler.plan(agent, replace(target, name=phone_name(target.name)))

    async def made_before(self, request: CallRequest) -> str | None:
        """Return the id of the call that this request led to before, if it did, whatever became of the call.

        Raises InvalidInputError when its key was used for something else, UnavailableError.
        """
        return None if self._requests is None else await self._requests.find(request)

    async def call(self, agent: str, target: DialTarget, request: CallRequest | None = None) -> str:
        """Ring the agent and return the id the call's record will have; a repeated `request` rings nobody again.

        Raises InvalidInputError and RefusedError as `Dialler.plan` does, RefusedError `agent-offline`, `agent-busy` or
        `wrong-number` without ringing or `too-many`, ConflictError while an earlier call of the agent is under way,
        UnavailableError when the PBX is away; if its answer was lost, the call is ended should it come about.
        """
        if request and (known := await self.made_before(request)):
            return known
        plan = self.plan(agent, target)
        if agent in self._asking or any(not call.attempt.ended for call in self._calls.values() if call.agent == agent):
            raise ConflictError(_("a call for {agent} is already under way").format(agent=agent))
        self._asking.add(agent)
        try:
            self._check_rate(agent)
            await check_phones(self._ami, plan)
            return await self._make(plan, request)
        finally:
            self._asking.discard(agent)

    async def hangup(self, call_id: str) -> None:
        """End a call in whatever state it is.

        NotFoundError for an unknown id, ConflictError for a call that has ended. UnavailableError when the PBX is away:
        it is then ended as soon as it can be; or when the PBX has not told yet which calls of an earlier process there
        are.
        """
        call = self._known(call_id)
        if call.attempt.ended:
            raise ConflictError(_("the call {id} has ended already").format(id=call_id))
        call.attempt.cancelled = True
        await self._hang_up(call)

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
        """Yield every state from the first on, none left out, and finish with the end; raises as `hangup` does.

        Of a call that an earlier process made, from the first that this one knows.
        """
        call = self._known(call_id)
        told = 0
        while True:
            changed = call.changed
            for progress in call.history[told:]:
                told += 1
                yield progress
                if progress.state == "ended":
                    return
            await changed.wait()

    def feed(self, event: Event) -> None:
        """Take an event of the PBX."""
        if isinstance(event, ChannelSeen | ChannelCreated):
            self._know_again(event)
        for call in self._concerned(event):
            existed = call.attempt.created
            changed = call.attempt.feed(event)
            if isinstance(event, SnapshotEnded) and not call.known:
                call.known = changed = True
            if changed and call.known:
                self._note(call)
            if call.attempt.client_leg and not call.attempt.ended:
                self._legs[call.attempt.client_leg] = call
            if call.attempt.cancelled and call.attempt.created and not existed:
                self._work.set()
        self._in_step = self._in_step or isinstance(event, SnapshotEnded)

    def _know_again(self, event: ChannelSeen | ChannelCreated) -> None:
        """Follow a call that an earlier process made, from its channels: the agent's leg has the id chosen then."""
        leg = event.linkedid if call_of(event.linkedid) else event.channel
        call_id = call_of(leg)
        seen = isinstance(event, ChannelSeen)
        if call_id and call_id not in self._calls and (seen or event.channel == leg):
            attempt = Attempt(leg, event.at, earlier=seen)
            self._add(_Call(call_id, "", attempt, [] if seen else [attempt.progress], known=not seen), _GRACE_SECONDS)
            _log.info("call_known_again", id=call_id)
        call = self._legs.get(event.channel)
        if call and not call.agent:
            call.agent = agent_behind(event.endpoint)

    def _concerned(self, event: Event) -> list[_Call]:
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
                self._sweep()
            self._work.clear()
            for call in dict.fromkeys(self._legs.values()):
                if call.attempt.cancelled:
                    await self._hang_up_quietly(call)

    def _known(self, call_id: str) -> _Call:
        call = self._calls.get(call_id)
        if call is not None:
            return call
        if is_call_id(call_id) and call_id < self._first_id and not self._in_step:
            raise UnavailableError(_("the PBX has not told yet which calls there are"))
        raise _no_such(call_id)

    def _check_rate(self, agent: str) -> None:
        lately = self._lately.get(agent, deque())
        while lately and lately[0] <= self._clock() - _MINUTE:
            lately.popleft()
        if self._calls_per_minute and len(lately) >= self._calls_per_minute:
            message = _("{agent} has made {count} calls within a minute, which is the limit")
            raise RefusedError("too-many", message.format(agent=agent, count=len(lately)))

    async def _make(self, plan: DialPlan, request: CallRequest | None) -> str:
        """Ring the agent, unless the request turns out to be another's repetition."""
        call_id = new_id(time.time())
        if self._requests is None or request is None:
            return await self._originate(plan, call_id)
        if not await self._requests.claim(request, call_id):
            return await self._requests.find(request) or call_id
        try:
            return await self._originate(plan, call_id)
        except RefusedError:  # nothing rang; whoever repeats the request may get another answer
            await self._requests.release(request)
            raise

    async def _originate(self, plan: DialPlan, call_id: str) -> str:
        call = self._new_call(plan, call_id)
        self._lately.setdefault(plan.agent, deque()).append(self._clock())
        leg = call.attempt.agent_leg
        try:
            await self._ami.action("Originate", originate_headers(plan, leg, self._next_leg(call_id)))
        except UnavailableError:
            call.attempt.cancelled = True
            raise
        except RefusedError:
            self._end(call)
            raise
        _log.info("call_originated", id=call.id, agent=plan.agent, route=plan.route, contact=plan.contact)
        return call.id

    def _next_leg(self, call_id: str) -> str:
        self._made += 1
        return leg_id(call_id, time.time(), self._made)

    def _new_call(self, plan: DialPlan, call_id: str) -> _Call:
        attempt = Attempt(self._next_leg(call_id), time.time())
        call = _Call(call_id, plan.agent, attempt, [attempt.progress])
        self._add(call, plan.agent_ring_seconds + _GRACE_SECONDS)
        return call

    def _add(self, call: _Call, patience: float) -> None:
        call.deadline = self._clock() + patience
        self._calls[call.id] = self._legs[call.attempt.agent_leg] = call
        while len(self._calls) > _REMEMBERED:
            oldest_ended = next((known for known in self._calls.values() if known.attempt.ended), None)
            if oldest_ended is None:
                break
            del self._calls[oldest_ended.id]

    async def _hang_up(self, call: _Call) -> None:
        """Ask Asterisk to end the agent's leg, which ends the client's; `run` ends one that doesn't exist yet."""
        try:
            await self._ami.action("Hangup", {"Channel": call.attempt.agent_leg, "Cause": "16"})
        except RefusedError:
            _log.debug("nothing_to_hang_up", id=call.id)

    async def _hang_up_quietly(self, call: _Call) -> None:
        try:
            await self._hang_up(call)
        except UnavailableError as error:
            _log.debug("hangup_unanswered", id=call.id, why=str(error))

    def _note(self, call: _Call) -> None:
        """Tell whoever waits for news of a call."""
        progress = call.attempt.progress
        call.history.append(progress)
        if progress.state == "ended":
            call.ended = self._clock()
            self._legs = {leg: other for leg, other in self._legs.items() if other is not call}
            _log.info("call_attempt_ended", id=call.id, agent=call.agent, reason=progress.reason)
        call.changed.set()
        call.changed = asyncio.Event()

    def _end(self, call: _Call) -> None:
        if call.attempt.end("cancelled" if call.attempt.cancelled else "failed", time.time()):
            self._note(call)

    def _sweep(self) -> None:
        now = self._clock()
        for call in list(self._calls.values()):
            if call.attempt.ended and now - call.ended > _REMEMBERED_SECONDS:
                del self._calls[call.id]
            elif not call.attempt.ended and not call.attempt.created and now > call.deadline:
                self._end(call)


def new_id(now: float) -> str:
    """Return a new record id, a ULID: of a time in epoch seconds, the rest is random."""
    return sortable_id(now, secrets.randbits(80))


def _no_such(call_id: str) -> NotFoundError:
    return NotFoundError(_("no such call: {id}").format(id=call_id[:40]))
