"""`/settings/webhooks`: where events are sent to, what became of each, and a test."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Final, cast, get_args

from aiohttp import web

from pbxd.errors import ConflictError, InvalidInputError
from pbxd.http.repeated_forms import Making
from pbxd.i18n import _
from pbxd.services.webhooks import webhooks
from pbxd.services.webhooks.webhooks import AddWebhook, FindDeliveries, State, Tested
from pbxd.web.frame import RESUMED, Visit, go
from pbxd.web.pages import Page, sentence
from pbxd.web.settings.sections import SETTINGS, administrator, ask, number_in, refused, section

WEBHOOKS: Final = f"{SETTINGS}/webhooks"
_ONE: Final = WEBHOOKS + r"/{id:\d{1,18}}"
_SHOWN: Final = 50
_TEST_SECONDS: Final = 60.0  # a receiver may be slow


async def _list_webhooks(visit: Visit) -> web.StreamResponse:
    return await _list(visit)


async def _list(
    visit: Visit, values: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> web.StreamResponse:
    return section(
        visit,
        "webhooks",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        webhooks=await webhooks.find(visit.workspace, visit.actor),
        values=values or {"events": "call.*"},
        errors=errors or {},
    )


async def _add_webhook(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    if RESUMED in form:
        return await _list(visit, form)
    asked = AddWebhook(
        url=form.get("url", "").strip(),
        events=form.get("events", "").replace(",", " ").split(),
        queue=form.get("queue", "").strip(),
        extension=form.get("extension", "").strip(),
        allowed=visit.services.allowed_networks(),
    )

    async def add() -> int:
        return (await webhooks.add(visit.workspace, visit.actor, asked)).id

    show_made = partial(webhooks.show, visit.workspace, visit.actor)
    try:
        made = await visit.made_once(form, Making(add, show_made))
    except InvalidInputError as error:
        return await _list(visit, form, refused(error))
    return await _one(visit, made, secret=(await show_made(made)).webhook.secret)


async def _show_webhook(visit: Visit) -> web.StreamResponse:
    return await _one(visit, number_in(visit))


async def _one(
    visit: Visit, webhook_id: int, *, secret: str = "", tested: Tested | None = None, problem: str = "", after: str = ""
) -> web.StreamResponse:
    state, before = visit.query.get("state", ""), visit.query.get("before", "")
    asked = FindDeliveries(
        webhook_id=webhook_id,
        state=cast("State", state) if state in get_args(State) else None,
        before=int(before) if before.isdecimal() and len(before) < 19 else None,  # noqa: PLR2004 - 64 bits
        limit=_SHOWN,
    )
    found = await webhooks.deliveries(visit.workspace, visit.actor, asked)
    return section(
        visit,
        "webhooks",
        HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        template="webhook",
        shown=await webhooks.show(visit.workspace, visit.actor, webhook_id),
        deliveries=found,
        more=len(found) == _SHOWN,
        state=state,
        states=[("", _("All")), ("pending", _("waits")), ("delivered", _("delivered")), ("dead", _("not delivered"))],
        secret=secret,
        tested=tested,
        problem=problem,
        after=after,
    )


async def _test_webhook(visit: Visit) -> web.StreamResponse:
    await visit.form()
    visit.lasting(_TEST_SECONDS)
    allowed = visit.services.allowed_networks()
    tested = await webhooks.test(visit.workspace, visit.actor, number_in(visit), allowed)
    return await _one(visit, number_in(visit), tested=tested)


async def _rotate_secret(visit: Visit) -> web.StreamResponse:
    await visit.form()
    rotated = await webhooks.rotate(visit.workspace, visit.actor, number_in(visit))
    return await _one(visit, number_in(visit), secret=rotated.secret)


async def _replay_webhook(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    after = form.get("after", "").strip()
    if RESUMED in form:
        return await _one(visit, number_in(visit), after=after)
    if not after.isdecimal() or len(after) > 18:  # noqa: PLR2004 - 64 bits
        return await _one(visit, number_in(visit), problem=_("Enter the number of an event"), after=after)
    try:
        await webhooks.replay(visit.workspace, visit.actor, number_in(visit), int(after))
    except ConflictError as error:
        return await _one(visit, number_in(visit), problem=sentence(str(error)), after=after)
    return await _lead_to_webhook(visit)


async def _lead_to_webhook(visit: Visit) -> web.StreamResponse:
    return go(visit, f"{WEBHOOKS}/{number_in(visit)}")


async def _ask_delete(visit: Visit) -> web.StreamResponse:
    shown = await webhooks.show(visit.workspace, visit.actor, number_in(visit))
    warning = _("Events that wait for it are not sent; this can't be undone.")
    return ask(visit, _("Delete the webhook?"), shown.webhook.url, warning, _("Delete"))


async def _delete_webhook(visit: Visit) -> web.StreamResponse:
    if RESUMED in await visit.form():
        return await _ask_delete(visit)
    await webhooks.delete(visit.workspace, visit.actor, number_in(visit))
    return go(visit, WEBHOOKS)


PAGES = (
    Page("GET", WEBHOOKS, administrator(_list_webhooks)),
    Page("POST", WEBHOOKS, administrator(_add_webhook), resumes=True),
    Page("GET", _ONE, administrator(_show_webhook)),
    Page("POST", f"{_ONE}/test", administrator(_test_webhook)),
    Page("POST", f"{_ONE}/rotate", administrator(_rotate_secret)),
    Page("GET", f"{_ONE}/replay", administrator(_lead_to_webhook)),
    Page("POST", f"{_ONE}/replay", administrator(_replay_webhook), resumes=True),
    Page("GET", f"{_ONE}/delete", administrator(_ask_delete)),
    Page("POST", f"{_ONE}/delete", administrator(_delete_webhook), resumes=True),
)
