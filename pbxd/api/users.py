"""Users: who signs in, and in which role."""

from __future__ import annotations

from http import HTTPStatus

from pbxd.api.call_record import Instant
from pbxd.api.lists import NumberPath, WholeListAnswer, whole
from pbxd.calls.record import instant
from pbxd.http.answers import Answer, Reply
from pbxd.http.client import public_url
from pbxd.http.context import Context
from pbxd.http.operations import Resource
from pbxd.http.requests import Body, Words
from pbxd.roles import Role
from pbxd.services.access import users
from pbxd.services.access.users import Invited, InviteUser, User

resource = Resource("users", "Who signs in, and in which role.")
_CONFLICT = {HTTPStatus.CONFLICT: "The user has a password already, or is blocked."}


class UserPath(NumberPath):
    """Which user."""


class InviteRequest(Body):
    """Whom to let in."""

    who: Words
    """An employee's extension or full name; or an e-mail, for somebody without a phone."""
    role: Role = "agent"


class RoleRequest(Body):
    """What a user may do from now on."""

    role: Role


class UserAnswer(Answer):
    """A user."""

    id: int
    login: str
    """The extension; of somebody without a phone the e-mail."""
    employee: str | None
    """The extension that the employee has now; null: somebody without a phone, or who has none any more."""
    employee_id: int | None
    name: str | None
    email: str | None
    role: Role
    blocked: bool
    has_password: bool
    invited_until: Instant | None
    """Until when a link to set a password is open."""
    sessions: int
    """How many are open."""
    created: Instant


class UsersAnswer(WholeListAnswer):
    """All users."""

    items: tuple[UserAnswer, ...]


class InvitedAnswer(Answer):
    """A user who can set a password."""

    user: UserAnswer
    link: str
    """Where they set it: once, and until `expires`. It is shown here only."""
    expires: Instant


@resource.operation("GET", "/api/v1/users", scope="admin")
async def list_users(context: Context) -> UsersAnswer:
    """List all users, blocked ones too."""
    return await whole(context, UsersAnswer, users.find, user_answer)


@resource.operation("GET", "/api/v1/users/{id}", scope="admin")
async def show_user(context: Context, path: UserPath) -> UserAnswer:
    """Show a user."""
    return user_answer(await users.show(context.services.workspace, context.actor, path.id))


@resource.operation("POST", "/api/v1/users", scope="admin", status=HTTPStatus.CREATED, problems=_CONFLICT)
async def invite_user(context: Context, body: InviteRequest) -> Reply[InvitedAnswer]:
    """Let somebody sign in: the answer has a link where they set a password.

    Who has no password yet, or is blocked, can be invited again; an earlier link ends.
    """
    asked = InviteUser(who=body.who, role=body.role)
    made = await users.invite(context.services.workspace, context.actor, asked)
    return Reply(_invited(context, made), headers={"Location": f"/api/v1/users/{made.user.id}"})


@resource.operation("PUT", "/api/v1/users/{id}/role", scope="admin")
async def set_role_of_user(context: Context, path: UserPath, body: RoleRequest) -> UserAnswer:
    """Give a user another role. Their sessions end."""
    return user_answer(await users.set_role(context.services.workspace, context.actor, path.id, body.role))


@resource.operation("POST", "/api/v1/users/{id}/block", scope="admin")
async def block_user(context: Context, path: UserPath) -> UserAnswer:
    """Keep a user out, at once: no sign-in, no session, no link. Inviting them again lets them in."""
    return user_answer(await users.block(context.services.workspace, context.actor, path.id))


@resource.operation("POST", "/api/v1/users/{id}/reset", scope="admin", problems=_CONFLICT)
async def reset_user(context: Context, path: UserPath) -> InvitedAnswer:
    """Void a user's password and end their sessions: the answer has a link where they set another."""
    return _invited(context, await users.reset(context.services.workspace, context.actor, path.id))


@resource.operation("DELETE", "/api/v1/users/{id}/sessions", scope="admin", status=HTTPStatus.NO_CONTENT)
async def end_sessions_of_user(context: Context, path: UserPath) -> None:
    """Sign a user out everywhere."""
    await users.end_sessions(context.services.workspace, context.actor, path.id)


def user_answer(user: User) -> UserAnswer:
    """Return a user as the API shows them."""
    return UserAnswer(
        id=user.id,
        login=user.login,
        employee=user.extension or None,
        employee_id=user.employee,
        name=user.name or None,
        email=user.email or None,
        role=user.role,
        blocked=user.blocked,
        has_password=user.has_password,
        invited_until=instant(user.invited_until),
        sessions=user.sessions,
        created=instant(user.created) or "",
    )


def _invited(context: Context, made: Invited) -> InvitedAnswer:
    link = public_url(context.request) + made.path
    return InvitedAnswer(user=user_answer(made.user), link=link, expires=instant(made.expires) or "")
