"""`/settings/tokens`: what other programs show at the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Final

from aiohttp import web

from pbxd.errors import InvalidInputError, Mistakes
from pbxd.http.repeated_forms import Making
from pbxd.i18n import N_, _
from pbxd.scopes import ALL, Scope
from pbxd.services import employees
from pbxd.services.access import tokens
from pbxd.services.access.tokens import CreatedToken, CreateToken
from pbxd.web.frame import RESUMED, Visit, go
from pbxd.web.pages import Page
from pbxd.web.settings.sections import SETTINGS, administrator, ask, number_in, refused, section

TOKENS: Final = f"{SETTINGS}/tokens"
_LONGEST_DAYS: Final = 36_500
_ABOUT: Final[Mapping[Scope, str]] = {
    "lookup": N_("look up numbers"),
    "contacts:read": N_("read contacts, companies and employees"),
    "contacts:write": N_("change contacts and import"),
    "calls:read": N_("read the history of calls"),
    "calls:make": N_("make calls"),
    "queues:read": N_("see who waits in queues"),
    "queues:move": N_("move callers in queues"),
    "journal:read": N_("read communications"),
    "journal:write": N_("write communications"),
    "events": N_("hear live events"),
    "metrics": N_("read figures for monitoring"),
    "admin": N_("administer: users, tokens, webhooks, audit log"),
}


async def _list_tokens(visit: Visit) -> web.StreamResponse:
    return await _list(visit)


async def _list(
    visit: Visit,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    made: CreatedToken | None = None,
) -> web.StreamResponse:
    now = datetime.now(UTC)
    found = await tokens.find(visit.workspace, visit.actor)
    return section(
        visit,
        "tokens",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        tokens=sorted(found, key=lambda each: (not each.opens(now), -each.id)),
        people=await employees.find(visit.workspace, visit.actor, employees.FindEmployees(active=True)),
        scopes=[(scope, _(text)) for scope, text in _ABOUT.items()],
        values=values or {},
        errors=errors or {},
        made=made,
        now=now,
    )


async def _create_token(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    if RESUMED in form:
        return await _list(visit, form)
    created: list[CreatedToken] = []

    async def create() -> int:
        created.append(await tokens.create(visit.workspace, visit.actor, await _asked(visit, form)))
        return created[0].id

    try:
        made = await visit.made_once(form, Making(create, partial(tokens.show, visit.workspace, visit.actor)))
    except InvalidInputError as error:
        return await _list(visit, form, refused(error))
    return await _list(visit, made=created[0]) if created else await _one(visit, made, again=True)


async def _asked(visit: Visit, form: Mapping[str, str]) -> CreateToken:
    """Return the token that a form asks for. Raises InvalidInputError with everything that is wrong."""
    wrong = Mistakes()
    scopes: Sequence[str] = [scope for scope in _ABOUT if scope in ALL and form.get(f"scope-{scope}")]
    days, who, extension = form.get("expires_days", "").strip(), form.get("as", "").strip(), ""
    if not form.get("name", "").strip():
        wrong.add(InvalidInputError("name", _("enter a name: which program is it for?")))
    if not scopes:
        wrong.add(InvalidInputError("scope", _("choose what the program may do")))
    if days and not (days.isdecimal() and len(days) <= len(str(_LONGEST_DAYS)) and 1 <= int(days) <= _LONGEST_DAYS):
        wrong.add(InvalidInputError("expires_days", _("enter a number of days")))
    if who not in {"", "*"}:
        with wrong.collected():
            extension = await employees.extension_of(visit.workspace, "as", who)
    wrong.refuse()
    return CreateToken(
        name=form["name"].strip(),
        scopes=scopes,
        extension=extension,
        as_any=who == "*",
        expires_days=int(days) if days else None,
    )


async def _show_token(visit: Visit) -> web.StreamResponse:
    return await _one(visit, number_in(visit))


async def _one(visit: Visit, token_id: int, *, again: bool = False) -> web.StreamResponse:
    """Show a token; `again`: its form was sent twice, and the token itself stands in the first answer alone."""
    token = await tokens.show(visit.workspace, visit.actor, token_id)
    scopes = [_(_ABOUT[scope]) for scope in _ABOUT if scope in token.actor.scopes]
    opens = token.opens(datetime.now(UTC))
    return section(visit, "tokens", template="token", token=token, scopes=scopes, opens=opens, again=again)


async def _ask_revoke(visit: Visit) -> web.StreamResponse:
    token = await tokens.show(visit.workspace, visit.actor, number_in(visit))
    return ask(
        visit,
        _("Revoke the token?"),
        token.name,
        _("The program is refused at once; this can't be undone."),
        _("Revoke"),
    )


async def _revoke_token(visit: Visit) -> web.StreamResponse:
    if RESUMED in await visit.form():
        return await _ask_revoke(visit)
    await tokens.revoke(visit.workspace, visit.actor, number_in(visit))
    visit.services.tokens.doubt()
    return go(visit, TOKENS)


PAGES = (
    Page("GET", TOKENS, administrator(_list_tokens)),
    Page("POST", TOKENS, administrator(_create_token), resumes=True),
    Page("GET", TOKENS + r"/{id:\d{1,18}}", administrator(_show_token)),
    Page("GET", TOKENS + r"/{id:\d{1,18}}/revoke", administrator(_ask_revoke)),
    Page("POST", TOKENS + r"/{id:\d{1,18}}/revoke", administrator(_revoke_token), resumes=True),
)
