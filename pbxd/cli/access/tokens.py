"""`pbxd tokens`: what other applications show at the HTTP API."""

from __future__ import annotations

from typing import get_args

import click

from pbxd.calls.record import instant
from pbxd.cli.groups import group
from pbxd.cli.options import (
    Integer,
    argument,
    employee_option,
    flag,
    id_argument,
    json_option,
    option,
    takes,
    yes_option,
)
from pbxd.cli.output import print_json, print_line, print_table
from pbxd.cli.session import Session, pass_session
from pbxd.i18n import N_, _, local_time
from pbxd.scopes import Scope, scopes_text
from pbxd.services.access import tokens as access
from pbxd.storage.access.tokens import Token


@group("tokens")
def tokens() -> None:
    """Group the commands."""


@tokens.command("create", help=N_("Create a token for an application. It is shown once and stored nowhere."))
@argument("name")
@option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(get_args(Scope)),
    about=N_("What it may be used for. May be repeated."),
)
@employee_option("--as", "extension", checked=True, about=N_("It acts for this employee only."))
@flag("--as-any", about=N_("It may act for any employee. Without --as and --as-any it makes no calls."))
@option(
    "--expires",
    "expires_days",
    type=Integer(1, 36_500),
    metavar="DAYS",
    about=N_("It is valid for this many days. Without it, until it is revoked."),
)
@json_option
@takes(access.CreateToken)
def create(session: Session, asked: access.CreateToken) -> None:
    """Create a token."""
    if asked.extension and asked.as_any:
        raise click.UsageError(_("either --as or --as-any, not both"))
    made = session.ask(access.create, asked)
    session.report(
        {
            "id": made.id,
            "name": asked.name,
            "token": made.plain,
            "scopes": scopes_text(made.scopes).split(),
            "expires": instant(made.expires),
        }
        | _stands_for(asked.extension, as_any=asked.as_any),
        made.plain,
    )


@tokens.command("list", help=N_("List tokens, revoked ones too."))
@json_option
@pass_session
def list_(session: Session) -> None:
    """List tokens."""
    found = session.ask(access.find)
    if session.as_json:
        print_json({"total": len(found), "items": [_json(token) for token in found]})
        return
    heads = [_("Id"), _("Name of the token"), _("Token"), _("Scopes"), _("Acts for"), _("Last used"), _("Ends")]
    print_table(heads, map(_cells, found))


@tokens.command("revoke", help=N_("Revoke a token at once. Asks first on a terminal."))
@id_argument("token_id")
@yes_option
@pass_session
def revoke(session: Session, token_id: int) -> None:
    """Revoke a token."""
    token = session.ask(access.show, token_id)
    session.confirm_at_terminal(
        _("Revoke token {id} ({name})? This can't be undone.").format(id=token_id, name=token.name)
    )
    session.ask(access.revoke, token_id)
    print_line(_("token {id} revoked").format(id=token_id))


def _cells(token: Token) -> list[str]:
    return [
        str(token.id),
        token.name,
        f"…{token.last_four}",
        scopes_text(token.actor.scopes),
        _acts_for(token),
        local_time(token.used),
        _("revoked") if token.revoked else local_time(token.expires),
    ]


def _acts_for(token: Token) -> str:
    """Name whom a token acts for; one whose employee lost the extension opens nothing, but is not nobody's."""
    if token.actor.acts_for_any:
        return _("any employee")
    if token.actor.employee is not None and not token.actor.extension:
        return _("{name} (no extension)").format(name=token.employee_name or token.actor.employee)
    return token.actor.extension


def _json(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "last_four": token.last_four,
        "created": instant(token.created),
        "revoked": instant(token.revoked),
        "scopes": scopes_text(token.actor.scopes).split(),
        "expires": instant(token.expires),
        "used": instant(token.used),
        "employee_id": token.actor.employee,
        "employee_name": token.employee_name or None,
    } | _stands_for(token.actor.extension, as_any=token.actor.acts_for_any)


def _stands_for(extension: str, *, as_any: bool) -> dict[str, object]:
    return {"employee": extension or None, "as_any": as_any}
