"""Users: inviting, listing, roles, blocking. What ends a right ends the sessions at once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.texts import checked_email, checked_extension
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.i18n import LANGUAGES, _
from pbxd.roles import ROLES, Role
from pbxd.services import employees
from pbxd.services.workspace import Workspace
from pbxd.storage.access.sessions import Sessions
from pbxd.storage.access.tokens import digest
from pbxd.storage.access.users import User as User
from pbxd.storage.access.users import Users
from pbxd.storage.book.employees import Employees

THEMES = ("auto", "light", "dark")  # of the pages; `auto` follows the system
INVITED_FOR = timedelta(days=7)
_BYTES = 32  # 256 random bits, as a token has
INVITATION_PATH = "/invitation/"


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteUser:
    """Whom to let in, and in which role."""

    who: str  # an extension or an employee's full name; or an e-mail, for somebody without a phone
    role: str = "agent"


@dataclass(frozen=True, slots=True)
class Invited:
    """An invited user and the link's secret, which is kept nowhere."""

    user: User
    plain: str
    expires: datetime

    @property
    def path(self) -> str:
        """The path of the link."""
        return INVITATION_PATH + self.plain


async def invite(workspace: Workspace, actor: Actor, asked: InviteUser) -> Invited:
    """Make a user, or invite one again who has no password or is blocked; an earlier link ends.

    Raises InvalidInputError, ConflictError for one who has a password.
    """
    rights.check_administrator(actor)
    role = checked_role(asked.role)
    who, by_email = await _whom(workspace, asked.who.strip())
    plain, expires = _secret()
    user = await Users(workspace.database).invite(who, role, digest(plain), expires, by_email=by_email)
    return Invited(user, plain, expires)


async def find(workspace: Workspace, actor: Actor) -> list[User]:
    """Return all users."""
    rights.check_administrator(actor)
    return await Users(workspace.database).list()


async def show(workspace: Workspace, actor: Actor, user_id: int) -> User:
    """Return a user. Raises NotFoundError."""
    rights.check_administrator(actor)
    return await Users(workspace.database).get(user_id)


async def own(workspace: Workspace, actor: Actor) -> User | None:
    """Return the user who is signed in; None: nobody is, a token or the unix socket was used."""
    return None if actor.user is None else await Users(workspace.database).get(actor.user)


async def set_looks(workspace: Workspace, actor: Actor, language: str, theme: str) -> None:
    """Keep the language and the theme of the pages of the user who is signed in. Raises InvalidInputError."""
    if language not in LANGUAGES:
        raise InvalidInputError("language", _("there is no language {name}").format(name=language))
    if theme not in THEMES:
        raise InvalidInputError("theme", _("there is no theme {name}").format(name=theme))
    if actor.user is not None:
        await Users(workspace.database).set_looks(actor.user, language, theme)


async def named(workspace: Workspace, actor: Actor, who: str) -> User:
    """Return the user with this extension, e-mail or employee's full name. Raises NotFoundError, InvalidInputError."""
    rights.check_administrator(actor)
    users = Users(workspace.database)
    found = await users.named(who.strip())
    if not found and "@" not in who:
        person = await employees.named(workspace, "user", who)
        found = [user for user in await users.list() if user.employee == person.id]
    if not found:
        raise NotFoundError(_("there is no user {who}").format(who=who.strip()))
    if len(found) > 1:
        raise InvalidInputError("user", _("several users have the e-mail {who}; write the extension").format(who=who))
    return found[0]


async def reset(workspace: Workspace, actor: Actor, user_id: int) -> Invited:
    """Void a user's password, end their sessions and make a link for a new one. Raises NotFoundError, ConflictError."""
    rights.check_administrator(actor)
    plain, expires = _secret()
    return Invited(await Users(workspace.database).reset(user_id, digest(plain), expires), plain, expires)


async def set_role(workspace: Workspace, actor: Actor, user_id: int, role: str) -> User:
    """Give a user another role; their sessions end. Raises NotFoundError, InvalidInputError."""
    rights.check_administrator(actor)
    rights.check_another_user(actor, user_id)
    return await Users(workspace.database).set_role(user_id, checked_role(role))


async def block(workspace: Workspace, actor: Actor, user_id: int) -> User:
    """Keep a user out, at once. Raises NotFoundError."""
    rights.check_administrator(actor)
    rights.check_another_user(actor, user_id)
    return await Users(workspace.database).block(user_id)


async def end_sessions(workspace: Workspace, actor: Actor, user_id: int) -> None:
    """Sign a user out everywhere. Everybody may do that for themselves. Raises NotFoundError."""
    if actor.user != user_id:
        rights.check_administrator(actor)
    users = Users(workspace.database)
    await users.get(user_id)
    await Sessions(workspace.database).end_all(user_id)


def checked_role(role: str) -> Role:
    """Return the role with this name. Raises InvalidInputError."""
    if role not in ROLES:
        message = _("there is no role {role}; there are {known}").format(role=role, known=", ".join(ROLES))
        raise InvalidInputError("role", message)
    return role


async def _whom(workspace: Workspace, who: str) -> tuple[str | int, bool]:
    """Return whom to invite: an employee's id or extension, or an e-mail; and whether it is an e-mail."""
    everybody = await Employees(workspace.database).everybody()
    if "@" in who:
        email = checked_email(who, "who").lower()
        theirs = [person for person in everybody if person.email.lower() == email and person.active]
        if len(theirs) > 1:
            raise InvalidInputError(
                "who", _("several employees have the e-mail {who}; write the extension").format(who=who)
            )
        return (theirs[0].id, False) if theirs else (email, True)
    known = [person for person in everybody if person.extension == who]
    if not known and who.isdecimal():  # nobody has it yet: made on the spot, as `tokens create --as` does
        return checked_extension("who", who), False
    person = known[0] if known else await employees.named(workspace, "who", who)
    if not person.active or not person.extension:
        raise InvalidInputError("who", _("{who} has left").format(who=who))
    return person.id, False


def _secret() -> tuple[str, datetime]:
    return secrets.token_urlsafe(_BYTES), datetime.now(UTC) + INVITED_FOR
