"""`/settings/users`: who may sign in, and in which role."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web

from pbxd.errors import ConflictError, InvalidInputError
from pbxd.i18n import _
from pbxd.roles import ROLES
from pbxd.services import employees
from pbxd.services.access import users
from pbxd.services.access.users import Invited, InviteUser
from pbxd.web.frame import RESUMED, Visit, go
from pbxd.web.me import role_text
from pbxd.web.pages import Page, redirect, sentence
from pbxd.web.settings.sections import SETTINGS, administrator, link_of, number_in, refused, section

USERS: Final = f"{SETTINGS}/users"
_ONE: Final = USERS + r"/{id:\d{1,18}}"


async def _first(_visit: Visit) -> web.StreamResponse:
    return redirect(USERS)


async def _list_users(visit: Visit) -> web.StreamResponse:
    return await _list(visit)


async def _list(
    visit: Visit,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    made: Invited | None = None,
) -> web.StreamResponse:
    everybody = await employees.find(visit.workspace, visit.actor, employees.FindEmployees(active=True))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return section(
        visit,
        "users",
        status,
        users=await users.find(visit.workspace, visit.actor),
        people=everybody,
        values={"role": "agent"} | dict(values or {}),
        errors=errors or {},
        roles=_roles(),
        role_text=role_text,
        made=made,
        link=link_of(visit, made.path) if made else "",
    )


async def _invite_user(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    if RESUMED in form:
        return await _list(visit, form)
    asked = InviteUser(who=form.get("who", "").strip(), role=form.get("role", ""))
    if not asked.who:
        return await _list(visit, form, {"who": _("Enter an extension, a name or an e-mail")})
    try:
        made = await users.invite(visit.workspace, visit.actor, asked)
    except InvalidInputError as error:
        found = refused(error)
        return await _list(visit, form, {"who": found.pop("extension", ""), **found})
    except ConflictError:
        return await _list(visit, form, {"who": _("They have a password already; it can be reset on the user's page")})
    return await _list(visit, made=made)


async def _show_user(visit: Visit) -> web.StreamResponse:
    return await _one(visit)


async def _lead_to_user(visit: Visit) -> web.StreamResponse:
    """Lead somebody who signed in after another one's form was lost to the user."""
    return go(visit, f"{USERS}/{number_in(visit)}")


async def _one(visit: Visit, problem: str = "", made: Invited | None = None, role: str = "") -> web.StreamResponse:
    user = await users.show(visit.workspace, visit.actor, number_in(visit))
    return section(
        visit,
        "users",
        HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        template="user",
        user=user,
        role=role or user.role,
        problem=problem,
        roles=_roles(),
        role_text=role_text,
        made=made,
        link=link_of(visit, made.path) if made else "",
        myself=user.id == visit.user.id,
    )


async def _set_role(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    role = form.get("role", "")
    if RESUMED in form:
        return await _one(visit, role=role)
    try:
        await users.set_role(visit.workspace, visit.actor, number_in(visit), role)
    except (ConflictError, InvalidInputError) as error:
        return await _one(visit, sentence(str(error)), role=role)
    return go(visit, f"{USERS}/{number_in(visit)}")


async def _block_user(visit: Visit) -> web.StreamResponse:
    await visit.form()
    try:
        await users.block(visit.workspace, visit.actor, number_in(visit))
    except ConflictError as error:
        return await _one(visit, sentence(str(error)))
    return go(visit, f"{USERS}/{number_in(visit)}")


async def _reset_password(visit: Visit) -> web.StreamResponse:
    await visit.form()
    try:
        made = await users.reset(visit.workspace, visit.actor, number_in(visit))
    except ConflictError as error:
        return await _one(visit, sentence(str(error)))
    return await _one(visit, made=made)


async def _end_user_sessions(visit: Visit) -> web.StreamResponse:
    await visit.form()
    await users.end_sessions(visit.workspace, visit.actor, number_in(visit))
    return go(visit, f"{USERS}/{number_in(visit)}")


def _roles() -> list[tuple[str, str]]:
    return [(role, role_text(role)) for role in ROLES]


PAGES = (
    Page("GET", SETTINGS, administrator(_first)),
    Page("GET", USERS, administrator(_list_users)),
    Page("POST", USERS, administrator(_invite_user), resumes=True),
    Page("GET", _ONE, administrator(_show_user)),
    Page("GET", f"{_ONE}/role", administrator(_lead_to_user)),
    Page("POST", f"{_ONE}/role", administrator(_set_role), resumes=True),
    Page("POST", f"{_ONE}/block", administrator(_block_user)),
    Page("POST", f"{_ONE}/reset", administrator(_reset_password)),
    Page("POST", f"{_ONE}/sessions/end", administrator(_end_user_sessions)),
)
