"""Calls made here: making them, following them, ending them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pbxd.api.call_record import Instant
from pbxd.book.external_ids import checked_external
from pbxd.calls.record import instant
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.event_stream import may_go_on
from pbxd.http.operations import Resource
from pbxd.http.requests import Body, Extension, Headers, PathParameters, Words
from pbxd.http.streams import Stream
from pbxd.i18n import _
from pbxd.services import call_history
from pbxd.services.click_to_call import CallAsked
from pbxd.telephony import Progress, Reason, State

resource = Resource("click-to-call", "Calls that pbxd makes: the agent's phone rings first, then the target's.")

ContactId = Annotated[int, Field(ge=1, lt=2**63)]


class CallRequest(Body):
    """A call to make: exactly one of `target` and `contact`."""

    agent: Extension | None = None
    """Whose phone rings first; the token's own employee unless told."""
    target: Annotated[Words | None, Field(examples=["8 495 123-45-67"])] = None
    """A number, or a contact: its id or exact name."""
    contact: ContactId | None = None
    number: Words | None = None
    """Which of the contact's numbers."""
    external: dict[str, str] | None = None
    """What other programs call this call, by system: its record will have it."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.target is None) == (self.contact is None):
            raise ValueError(_("exactly one of target and contact"))
        return self

    @property
    def asked(self) -> CallAsked:
        """Who calls whom."""
        return CallAsked(self.agent, self.target, self.contact, self.number)


class IdempotencyHeaders(Headers):
    """What makes a repeated request harmless. Calls keep their keys themselves: a repeated one shows its state."""

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
    checked_external(body.external or {})
    made = await context.services.click_to_call.make(context.actor, body.asked, headers.key, context.caller)
    if body.external and not made.repeated:
        await call_history.name_new(context.services.workspace, made.id, body.external)
    answer = AcceptedCallAnswer.model_validate(made.to_json())
    return Reply(answer, headers={"Location": f"/api/v1/calls/{made.id}"})


@resource.operation("POST", "/api/v1/calls/plan", scope="calls:make")
async def plan_call(context: Context, body: CallRequest) -> CallPlanAnswer:
    """Show what `POST /calls` would dial, without ringing anybody."""
    return CallPlanAnswer.model_validate(await context.services.click_to_call.explain(context.actor, body.asked))


@resource.operation("GET", "/api/v1/calls/{id}/states", scope="calls:make")
async def follow_call(context: Context, path: CallPath) -> Stream[CallStateAnswer]:
    """Stream the states of a call made here, from the present one to `ended`.

    An empty line comes after every 15 s without one. The stream ends within 5 s when the token or session does.
    """
    states = _states(path.id, context.services.click_to_call.states(context.actor, path.id))
    return Stream(states, partial(may_go_on, context.request))


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
    await context.services.click_to_call.hang_up(context.actor, path.id)
    return HangupAnswer(id=path.id)


async def _states(call_id: str, states: AsyncIterator[Progress]) -> AsyncGenerator[CallStateAnswer, None]:
    async for each in states:
        at = instant(datetime.fromtimestamp(each.at, UTC))
        yield CallStateAnswer.model_validate({"id": call_id, "state": each.state, "at": at, "reason": each.reason})
