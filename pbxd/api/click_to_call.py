"""Calls made here: making them, following them, ending them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pbxd.actor import Actor
from pbxd.api.call_record import Instant
from pbxd.calls.record import instant
from pbxd.errors import NotFoundError
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context, Services
from pbxd.http.operations import Resource
from pbxd.http.requests import Body, Headers, PathParameters
from pbxd.http.streams import Stream
from pbxd.i18n import _
from pbxd.rights import calling_for, check_acts_for
from pbxd.services.call_targets import TargetAsked, find_target
from pbxd.storage.calls.idempotency import CallRequest as KeyedRequest
from pbxd.telephony import DialTarget, Progress, Reason, State

resource = Resource("click-to-call", "Calls that pbxd makes: the agent's phone rings first, then the target's.")

Extension = Annotated[str, Field(min_length=1, max_length=32)]
Words = Annotated[str, Field(min_length=1, max_length=200)]
ContactId = Annotated[int, Field(ge=1, lt=2**63)]


class CallRequest(Body):
    """A call to make: exactly one of `target` and `contact`."""

    agent: Extension | None = None
    """Whose phone rings first; the token's own employee unless told."""
    target: Words | None = None
    """A number, or a contact: its id or exact name."""
    contact: ContactId | None = None
    number: Words | None = None
    """Which of the contact's numbers."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.target is None) == (self.contact is None):
            raise ValueError(_("exactly one of target and contact"))
        return self

    @property
    def asked(self) -> TargetAsked:
        """Whom to call."""
        return TargetAsked(self.target, self.contact, self.number)


class IdempotencyHeaders(Headers):
    """What makes a repeated request harmless."""

    key: Annotated[str | None, Field(alias="Idempotency-Key")] = None
    """The same key and body again ring nobody again; another body is refused."""


class CallPath(PathParameters):
    """Which call."""

    id: str


class AcceptedCallAnswer(Answer):
    """A call that was begun."""

    id: str
    """The id that the call's record will have."""
    state: State | None
    """Null: of a repeated request whose call is forgotten."""
    repeated: bool = False
    """This request was made before; nobody was rung again."""


class CallPlanAnswer(Answer):
    """What `POST /calls` would dial."""

    agent: str
    agent_channel: str
    """The dial string of the agent's phone."""
    route: Literal["internal", "trunk"]
    where: Literal["internal", "region", "foreign", "premium", "emergency"]
    """What the right to dial was judged on."""
    number: str
    """E.164, the extension, or the short number as typed."""
    dialled: str
    """The final digits."""
    client_channel: str
    """The dial string of the client."""
    digits: str
    """What is sent after the client's answer, with the waits before it."""
    shown_name: str
    """On the agent's phone."""
    shown_number: str
    caller_number: str
    """What the client sees; empty: the trunk decides."""
    agent_ring_seconds: int
    client_ring_seconds: int
    contact: int | None
    state_device: str
    """Asked whether the agent is there and free; empty: nobody is asked."""
    auto_answer: str
    """A SIP header that has the agent's phone answer by itself."""


class CallStateAnswer(Answer):
    """Where a call stands since an instant."""

    id: str
    state: State
    at: Instant
    """By the PBX's clock."""
    reason: Reason | None
    """Why it ended."""


class ProgressAnswer(Answer):
    """A call made here of which there is no record yet."""

    id: str
    state: State
    reason: Reason | None


class HangupAnswer(Answer):
    """A call that is being ended."""

    id: str


@resource.operation("POST", "/api/v1/calls", scope="calls:make", status=HTTPStatus.ACCEPTED)
async def make_call(context: Context, headers: IdempotencyHeaders, body: CallRequest) -> Reply[AcceptedCallAnswer]:
    """Ring the agent, then the target.

    The answer comes at once, with the id the call's record will have. A repeated request (the same `Idempotency-Key`)
    rings nobody again: it has the same answer, with `repeated`.
    """
    services = context.services
    agent = calling_for(context.actor, body.agent)
    keyed = (
        None if headers.key is None else KeyedRequest.of(headers.key, body.model_dump() | {"agent": agent.extension})
    )
    if keyed and (known := await services.click_to_call.made_before(keyed)):
        progress = progress_of(services, known)
        state = progress.state if progress else None
        return _accepted(AcceptedCallAnswer(id=known, state=state, repeated=True))
    wanted = await _target(services, body, agent)
    call_id = await services.click_to_call.call(agent.extension, wanted, keyed)
    return _accepted(AcceptedCallAnswer(id=call_id, state="ringing-agent"))


@resource.operation("POST", "/api/v1/calls/plan", scope="calls:make")
async def plan_call(context: Context, body: CallRequest) -> CallPlanAnswer:
    """Show what `POST /calls` would dial, without ringing anybody."""
    services = context.services
    agent = calling_for(context.actor, body.agent)
    wanted = await _target(services, body, agent)
    return CallPlanAnswer.model_validate(services.click_to_call.plan(agent.extension, wanted))


@resource.operation("GET", "/api/v1/calls/{id}/states", scope="calls:make")
async def follow_call(context: Context, path: CallPath) -> Stream[CallStateAnswer]:
    """Stream the states of a call made here, from the present one to `ended`."""
    _check_own(context, path.id)
    return Stream(_states(context.services, path.id))


@resource.operation(
    "POST",
    "/api/v1/calls/{id}/hangup",
    scope="calls:make",
    status=HTTPStatus.ACCEPTED,
    problems={HTTPStatus.CONFLICT: "The call has ended already."},
)
async def hang_up_call(context: Context, path: CallPath) -> HangupAnswer:
    """Cancel or end a call made here; its states say when it is over.

    A call that has ended is a conflict for some minutes, then unknown.
    """
    _check_own(context, path.id)
    await context.services.click_to_call.hangup(path.id)
    return HangupAnswer(id=path.id)


def progress_of(services: Services, call_id: str) -> Progress | None:
    """Return where a call made here stands; None for any other, and some minutes after its end."""
    try:
        return services.click_to_call.progress(call_id)
    except NotFoundError:
        return None


async def _target(services: Services, body: CallRequest, agent: Actor) -> DialTarget:
    return await find_target(services.database, services.directory, body.asked, agent, services.rules)


def _accepted(answer: AcceptedCallAnswer) -> Reply[AcceptedCallAnswer]:
    return Reply(answer, headers={"Location": f"/api/v1/calls/{answer.id}"})


def _check_own(context: Context, call_id: str) -> None:
    """Raise NotFoundError, or RefusedError unless the call was made for an employee the asker acts for.

    Of a call that an earlier process made, the agent may be unknown: only who acts for any employee may have it.
    """
    agent = context.services.click_to_call.agent(call_id)
    what = _("a call of {agent}").format(agent=agent) if agent else _("call {id}").format(id=call_id)
    check_acts_for(context.actor, agent, what)


async def _states(services: Services, call_id: str) -> AsyncGenerator[CallStateAnswer, None]:
    async for each in services.click_to_call.states(call_id):
        at = instant(datetime.fromtimestamp(each.at, UTC))
        yield CallStateAnswer.model_validate({"id": call_id, "state": each.state, "at": at, "reason": each.reason})
