"""`pbxd users`: who signs in."""

from __future__ import annotations

import click

from pbxd.calls.record import instant
from pbxd.cli.groups import group
from pbxd.cli.options import argument, json_option, option, takes, yes_option
from pbxd.cli.output import print_json, print_line, print_table
from pbxd.cli.session import Session, pass_session
from pbxd.i18n import N_, _, local_time
from pbxd.roles import ROLES
from pbxd.services.access import users as access
from pbxd.storage.access.users import User

_WHO = "EXT|E-MAIL"
_who = argument("who", metavar=_WHO)


@group("users")
def users() -> None:
    """Group the commands."""


@users.command("invite", help=N_("Let somebody sign in. Prints a link where they set a password: once, for 7 days."))
@argument("who", metavar=_WHO)
@option(
    "--role",
    type=click.Choice(ROLES),
    default="agent",
    about=N_("What they may do. Default: agent."),
)
@json_option
@takes(access.InviteUser)
def invite(session: Session, asked: access.InviteUser) -> None:
    """Invite a user."""
    _report_link(session, session.ask(access.invite, asked))


@users.command("list", help=N_("List users, blocked ones too."))
@json_option
@pass_session
def list_(session: Session) -> None:
    """List users."""
    found = session.ask(access.find)
    if session.as_json:
        print_json({"total": len(found), "items": [_json(user) for user in found]})
        return
    heads = [_("Id"), _("Login"), _("Name"), _("Role"), _("Sessions"), _("State")]
    print_table(heads, map(_cells, found))


@users.command("role", help=N_("Give a user another role. Their sessions end."))
@_who
@click.argument("role", type=click.Choice(ROLES))
@json_option
@pass_session
def role(session: Session, who: str, role: str) -> None:
    """Change a role."""
    user = session.ask(access.set_role, _id(session, who), role)
    session.report(_json(user), _("{login} is {role} now").format(login=user.login, role=user.role))


@users.command("block", help=N_("Keep a user out, at once. “invite” lets them in again."))
@_who
@json_option
@pass_session
def block(session: Session, who: str) -> None:
    """Block a user."""
    user = session.ask(access.block, _id(session, who))
    session.report(_json(user), _("{login} is blocked; all their sessions have ended").format(login=user.login))


@users.command(
    "reset",
    help=N_("Void a password and end all sessions. Prints a link where a new one is set. Asks first on a terminal."),
)
@_who
@yes_option
@json_option
@pass_session
def reset(session: Session, who: str) -> None:
    """Reset a password."""
    user = session.ask(access.named, who)
    question = _("Void the password of {login} and end all their sessions? This can't be undone.")
    session.confirm_at_terminal(question.format(login=user.login))
    _report_link(session, session.ask(access.reset, user.id))


@users.command("sign-out", help=N_("End all sessions of a user."))
@_who
@pass_session
def sign_out(session: Session, who: str) -> None:
    """End all sessions."""
    user = session.ask(access.named, who)
    session.ask(access.end_sessions, user.id)
    print_line(_("{login} is signed out everywhere").format(login=user.login))


def _id(session: Session, who: str) -> int:
    return session.ask(access.named, who).id


def _report_link(session: Session, made: access.Invited) -> None:
    link = session.settings.http.own_url + made.path
    session.report(_json(made.user) | {"link": link, "expires": instant(made.expires)}, link)


def _cells(user: User) -> list[str]:
    return [str(user.id), user.login, user.name, user.role, str(user.sessions), _state(user)]


def _state(user: User) -> str:
    if user.blocked:
        return _("blocked")
    if not user.works:
        return _("has left")
    if user.has_password:
        return ""
    if user.invited_until is None:
        return _("not invited")
    return _("invited until {time}").format(time=local_time(user.invited_until))


def _json(user: User) -> dict[str, object]:
    return {
        "id": user.id,
        "login": user.login,
        "employee": user.extension or None,
        "employee_id": user.employee,
        "name": user.name or None,
        "email": user.email or None,
        "role": user.role,
        "blocked": user.blocked,
        "has_password": user.has_password,
        "invited_until": instant(user.invited_until),
        "sessions": user.sessions,
        "created": instant(user.created),
    }
