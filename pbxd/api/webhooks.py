"""Webhooks: events as POST requests to other programs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field

from pbxd.api.call_record import Instant
from pbxd.api.lists import ListAnswer, NumberPath, WholeListAnswer, counted, link_to_next, whole
from pbxd.calls.record import instant
from pbxd.errors import InvalidInputError, InvalidInputsError
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.operations import Resource
from pbxd.http.requests import Body, Query
from pbxd.services.webhooks import webhooks
from pbxd.services.webhooks.webhooks import AddWebhook, FindDeliveries, ShownWebhook

resource = Resource("webhooks", "Events as POST requests to other programs.")
Seq = Annotated[int, Field(ge=0, lt=2**63)]
_OUTSIDE = {HTTPStatus.CONFLICT: "The feed does not have these events."}


class WebhookPath(NumberPath):
    """Which webhook."""


class WebhookFilter(Body):
    """Which events about calls and queues."""

    queue: Annotated[str, Field(max_length=200)] = ""
    """Only those of this queue."""
    extension: Annotated[str, Field(max_length=200)] = ""
    """Only those that this employee takes part in: an extension, or a full name."""


class WebhookRequest(Body):
    """A webhook to make."""

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    """Public, or in one of `webhooks.allowed_networks`."""
    events: Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1, max_length=100)]
    """Kinds of events; `call.*` names a group."""
    filter: WebhookFilter = WebhookFilter()


class ReplayRequest(Body):
    """From where on everything is sent again."""

    after: Seq
    """The number of the last event that need not be sent again; 0: everything that the feed has."""


class FilterAnswer(Answer):
    """Which events about calls and queues."""

    queue: str
    extension: str


class WebhookAnswer(Answer):
    """A webhook."""

    id: int
    url: str
    events: tuple[str, ...]
    filter: FilterAnswer
    created: Instant
    disabled: Instant | None
    disabled_why: str
    """`410`: the receiver said that it is gone. A replay enables it."""
    cursor: int
    """Events up to this number were looked at."""
    pending: int
    """How many events wait to be sent, or to be tried again."""
    dead: int
    """How many were given up after three days."""
    former_secret_until: Instant | None
    """Until when the former secret signs too."""
    secret: str = ""
    """Only where it was just made."""


class WebhooksAnswer(WholeListAnswer):
    """All webhooks."""

    items: tuple[WebhookAnswer, ...]


class DeliveriesQuery(Query):
    """Which deliveries."""

    state: Literal["pending", "delivered", "dead"] | None = None
    after: Seq | None = None
    """Continue after this event: `next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class DeliveryAnswer(Answer):
    """An event that was sent, or is to be sent."""

    seq: int
    kind: str
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    since: Instant
    """When it was to be sent first."""
    due: Instant | None
    """The next attempt."""
    last: Instant | None
    """The last attempt."""
    status: int | None
    """Of the last answer."""
    milliseconds: int | None
    """That it took."""
    error: str
    """Why there was no answer."""


class DeliveriesAnswer(ListAnswer):
    """Deliveries, the newest event first."""

    items: tuple[DeliveryAnswer, ...]


class TestAnswer(Answer):
    """How a test went."""

    delivered: bool
    status: int | None
    milliseconds: int
    error: str
    curl: str
    """The command that sends the same message."""


@resource.operation("GET", "/api/v1/webhooks", scope="admin")
async def list_webhooks(context: Context) -> WebhooksAnswer:
    """List all webhooks."""
    return await whole(context, WebhooksAnswer, webhooks.find, _answer)


@resource.operation("POST", "/api/v1/webhooks", scope="admin", status=HTTPStatus.CREATED)
async def add_webhook(context: Context, body: WebhookRequest) -> Reply[WebhookAnswer]:
    """Send events to an address from now on. The answer has the secret that signs; it is shown here only."""
    chosen, allowed = body.filter, context.services.allowed_networks()
    asked = AddWebhook(
        url=body.url, events=body.events, queue=chosen.queue, extension=chosen.extension, allowed=allowed
    )
    try:
        made = await webhooks.add(context.services.workspace, context.actor, asked)
    except InvalidInputError as error:
        raise _in_body(error) from error
    answer = _answer(ShownWebhook(made, 0, 0), secret=made.secret)
    return Reply(answer, headers={"Location": f"/api/v1/webhooks/{made.id}"})


@resource.operation("GET", "/api/v1/webhooks/{id}", scope="admin")
async def show_webhook(context: Context, path: WebhookPath) -> WebhookAnswer:
    """Show a webhook."""
    return _answer(await webhooks.show(context.services.workspace, context.actor, path.id))


@resource.operation("DELETE", "/api/v1/webhooks/{id}", scope="admin", status=HTTPStatus.NO_CONTENT)
async def delete_webhook(context: Context, path: WebhookPath) -> None:
    """Delete a webhook. What was still to be sent is not sent."""
    await webhooks.delete(context.services.workspace, context.actor, path.id)


@resource.operation("POST", "/api/v1/webhooks/{id}/rotate", scope="admin")
async def rotate_webhook(context: Context, path: WebhookPath) -> WebhookAnswer:
    """Make another secret. For a day both sign."""
    made = await webhooks.rotate(context.services.workspace, context.actor, path.id)
    return _answer(await webhooks.show(context.services.workspace, context.actor, path.id), secret=made.secret)


@resource.operation("POST", "/api/v1/webhooks/{id}/replay", scope="admin", problems=_OUTSIDE)
async def replay_webhook(context: Context, path: WebhookPath, body: ReplayRequest) -> WebhookAnswer:
    """Send everything after an event again, with the same ids. A disabled webhook is enabled."""
    await webhooks.replay(context.services.workspace, context.actor, path.id, body.after)
    return _answer(await webhooks.show(context.services.workspace, context.actor, path.id))


@resource.operation("POST", "/api/v1/webhooks/{id}/test", scope="admin")
async def test_webhook(context: Context, path: WebhookPath) -> TestAnswer:
    """Send an event of the kind `test` now, once."""
    allowed = context.services.allowed_networks()
    tested = await webhooks.test(context.services.workspace, context.actor, path.id, allowed)
    return TestAnswer(
        delivered=tested.outcome.delivered,
        status=tested.outcome.status,
        milliseconds=tested.outcome.milliseconds,
        error=tested.outcome.error,
        curl=tested.curl,
    )


@resource.operation("GET", "/api/v1/webhooks/{id}/deliveries", scope="admin")
async def list_deliveries(context: Context, path: WebhookPath, query: DeliveriesQuery) -> Reply[DeliveriesAnswer]:
    """List what was sent and what is to be sent, the newest event first."""
    asked = FindDeliveries(webhook_id=path.id, state=query.state, before=query.after, limit=query.limit)
    seq = await context.services.workspace.seq()
    found = await webhooks.deliveries(context.services.workspace, context.actor, asked)
    following = str(found[-1].queued.seq) if len(found) == query.limit else None
    page = counted(len(found), first=query.after is None, more=following is not None)
    page |= {"items": [each.to_json() for each in found], "next": following, "seq": seq}
    return Reply(DeliveriesAnswer.model_validate(page), headers=link_to_next(context.request, following))


def _answer(shown: ShownWebhook, secret: str = "") -> WebhookAnswer:
    webhook = shown.webhook
    said = {
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.kinds,
        "filter": FilterAnswer(queue=webhook.queue, extension=webhook.extension),
        "created": instant(webhook.created),
        "disabled": instant(webhook.disabled),
        "disabled_why": webhook.disabled_why,
        "cursor": webhook.cursor,
        "pending": shown.pending,
        "dead": shown.dead,
        "former_secret_until": instant(webhook.former_until),
    }
    return WebhookAnswer.model_validate(said | ({"secret": secret} if secret else {}))


def _in_body(error: InvalidInputError) -> InvalidInputError:
    """Say where in the body the mistakes stand: the service knows no filter, only its members."""
    placed = [
        InvalidInputError("filter", str(each), at=(each.field,), code=each.code)
        if each.field in WebhookFilter.model_fields
        else each
        for each in error.mistakes
    ]
    return InvalidInputsError(placed)
