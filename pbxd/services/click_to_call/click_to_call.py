"""Click-to-call: an agent's phone is rung first; when the agent answers, the PBX calls the client.

Here stand the limits, the idempotency keys, and who may follow and end a call. `attempts` follows the calls,
`pbxd.telephony` plans them, the PBX's adapter makes them.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import structlog

from pbxd import rights
from pbxd.actor import Actor
from pbxd.calls.identity import sortable_id
from pbxd.errors import ConflictError, NotFoundError, RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.lookup.naming import phone_name
from pbxd.measures import Reading
from pbxd.numbers import rules_from
from pbxd.services.click_to_call.attempts import CallAttempts
from pbxd.services.click_to_call.targets import CallAsked
from pbxd.settings import Settings
from pbxd.storage.calls.idempotency import CallRequest, CallRequests
from pbxd.storage.engine.witnesses import note_act
from pbxd.telephony import Dialler, DialPlan, DialTarget, Progress
from pbxd.telephony.port import Pbx

_MINUTE = 60.0
FindTarget = Callable[[Actor, CallAsked], Awaitable[DialTarget]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MadeCall:
    """The answer to a request for a call."""

    id: str  # that the call's record will have
    state: str | None  # None: made long ago, or by an earlier process
    repeated: bool = False  # an earlier request with the same key led to it

    def to_json(self) -> dict[str, Any]:
        """Return the public form; `repeated` stands there where it is true."""
        return {"id": self.id, "state": self.state} | ({"repeated": True} if self.repeated else {})


class ClickToCall:
    """Makes calls for agents, one under way per agent. `feed` gets every event of the PBX; `run` is a root task."""

    def __init__(
        self,
        pbx: Pbx,
        settings: Settings,
        find_target: FindTarget,
        requests: CallRequests | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raise ConfigurationError for templates or numbers under `dialing` that can't be used.

        Without `requests` every request is a new one.
        """
        self._pbx = pbx
        self._find_target = find_target
        self._requests = requests
        self._clock = clock
        self.attempts = CallAttempts(pbx, clock)
        self.feed = self.attempts.feed
        self.run = self.attempts.run
        self._lately: dict[str, deque[float]] = {}  # agent -> when their calls of the last minute were made
        self._asking: set[str] = set()  # agents whose call is being set up
        self.reconfigure(settings)

    def reconfigure(self, settings: Settings) -> None:
        """Make further calls by other settings; raises as the constructor does, and changes nothing then."""
        self.prepared(settings)()

    def prepared(self, settings: Settings) -> Callable[[], None]:
        """Return what makes further calls go by other settings; raises as the constructor does."""
        dialler = Dialler(settings.dialing, rules_from(settings), self._pbx.dial_templates(settings.dialing))
        return partial(self._dial_by, dialler, settings.dialing.calls_per_minute)

    def _dial_by(self, dialler: Dialler, calls_per_minute: int) -> None:
        self._dialler, self._calls_per_minute = dialler, calls_per_minute

    # -- what somebody may ask for

    async def make(self, actor: Actor, asked: CallAsked, key: str | None = None, caller: str = "") -> MadeCall:
        """Ring the agent, then the target. A repeated `key` of the same `caller` rings nobody again.

        Raises what `ring` raises, also RefusedError `other-employee` or `no-employee`, NotFoundError and
        InvalidInputError for the target.
        """
        agent = rights.calling_for(actor, asked.agent, rings=True)
        said = asdict(replace(asked, agent=agent.extension))
        request = None if key is None else CallRequest.of(key, said, caller)
        if request and (known := await self._made_before(request)):
            progress = self.progress(known)
            return MadeCall(known, progress.state if progress else None, repeated=True)
        try:
            target = await self._find_target(agent, asked)
            made = MadeCall(await self.ring(agent.extension, target, request), "ringing-agent")
        except RefusedError as error:
            self.attempts.ended[error.reason] += 1
            raise
        note_act()
        return made

    async def explain(self, actor: Actor, asked: CallAsked) -> DialPlan:
        """Return what `make` would dial, without ringing anybody; raises like it."""
        agent = rights.calling_for(actor, asked.agent, rings=False)
        return self.plan(agent.extension, await self._find_target(agent, asked))

    def states(self, actor: Actor, call_id: str) -> AsyncIterator[Progress]:
        """Yield the states of a call, from the present one to `ended`. Raises what `CallAttempts.states` raises.

        Also RefusedError `other-employee` or `no-employee`.
        """
        self._check_own(actor, call_id)
        return self.attempts.states(call_id)

    async def hang_up(self, actor: Actor, call_id: str) -> None:
        """Cancel or end a call. Raises what `CallAttempts.hang_up` raises, and RefusedError as `states` does."""
        self._check_own(actor, call_id)
        await self.attempts.hang_up(call_id)
        note_act()

    def progress(self, call_id: str) -> Progress | None:
        """Return where a call made here stands; None for any other call, and some minutes after its end."""
        try:
            return self.attempts.progress(call_id)
        except NotFoundError:
            return None

    def is_known(self, actor: Actor, call_id: str) -> bool:
        """Tell whether this is a call made here, of which the actor may know."""
        try:
            return rights.knows_call_of(actor, self.attempts.agent(call_id))
        except NotFoundError:
            return False

    def readings(self) -> Iterator[Reading]:
        """Say what is counted."""
        about = "Click-to-calls that were refused or have ended, by reason."
        yield Reading("pbxd_click_to_calls_total", about, "counter", lambda: self.attempts.ended, ("reason",))

    def _check_own(self, actor: Actor, call_id: str) -> None:
        """Raise RefusedError unless the actor may follow the call of this agent, NotFoundError for an unknown call.

        Of a call that an earlier process made, the agent may be unknown; then only who acts for any may have it.
        """
        agent = self.attempts.agent(call_id)
        what = _("a call of {agent}").format(agent=agent) if agent else _("call {id}").format(id=call_id)
        rights.check_call_of(actor, agent, what)

    # -- and how it is done

    def plan(self, agent: str, target: DialTarget) -> DialPlan:
        """Return what `ring` would do, without doing it; raises like it."""
        return self._dialler.plan(agent, replace(target, name=phone_name(target.name)))

    async def ring(self, agent: str, target: DialTarget, request: CallRequest | None = None) -> str:
        """Ring the agent and return the id the call's record will have; a repeated `request` rings nobody again.

        Raises InvalidInputError and RefusedError as `Dialler.plan` does, RefusedError `agent-offline`, `agent-busy` or
        `wrong-number` without ringing or `too-many`, ConflictError while an earlier call of the agent is under way,
        UnavailableError when the PBX is away; if its answer was lost, the call is ended should it come about.
        """
        if request and (known := await self._made_before(request)):
            return known
        plan = self.plan(agent, target)
        if agent in self._asking or self.attempts.is_calling(agent):
            raise ConflictError(_("a call for {agent} is already under way").format(agent=agent))
        self._asking.add(agent)
        try:
            self._check_rate(agent)
            await self._check_phones(plan)
            return await self._make_once(plan, request)
        finally:
            self._asking.discard(agent)

    async def _made_before(self, request: CallRequest) -> str | None:
        """Return the id of the call that this request led to before, if it did, whatever became of the call.

        Raises InvalidInputError when its key was used for something else, UnavailableError.
        """
        return None if self._requests is None else await self._requests.find(request)

    def _check_rate(self, agent: str) -> None:
        lately = self._lately.get(agent, deque())
        while lately and lately[0] <= self._clock() - _MINUTE:
            lately.popleft()
        if self._calls_per_minute and len(lately) >= self._calls_per_minute:
            message = _("{agent} has made {count} calls within a minute, which is the limit")
            free = lately[0] + _MINUTE - self._clock()
            raise RefusedError("too-many", message.format(agent=agent, count=len(lately)), retry_after=free)

    async def _check_phones(self, plan: DialPlan) -> None:
        """Refuse a call to or from a phone that isn't there, or whose agent is busy, as far as the PBX knows."""
        if not self._pbx.connected:
            raise UnavailableError(_("there is no connection to the PBX"))
        state = await self._pbx.agent_state(plan)
        if state in {"offline", "absent"}:
            raise RefusedError("agent-offline", _("the phone of {agent} is not there").format(agent=plan.agent))
        if state == "busy":
            raise RefusedError("agent-busy", _("{agent} is on the phone").format(agent=plan.agent))
        if await self._pbx.client_state(plan) == "absent":
            raise RefusedError("wrong-number", _("there is no extension {number}").format(number=plan.dialled))

    async def _make_once(self, plan: DialPlan, request: CallRequest | None) -> str:
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
        call = self.attempts.begin(plan, call_id)
        self._lately.setdefault(plan.agent, deque()).append(self._clock())
        try:
            await self._pbx.originate(plan, call.attempt.agent_leg)
        except UnavailableError:
            call.attempt.cancelled = True
            raise
        except RefusedError:
            self.attempts.end(call)
            raise
        _log.info("call_originated", id=call.id, agent=plan.agent, route=plan.route, contact=plan.contact)
        return call.id


def new_id(now: float) -> str:
    """Return a new record id, a ULID: of a time in epoch seconds, the rest is random."""
    return sortable_id(now, secrets.randbits(80))
