"""`pbxd tokens`: what other applications show at the HTTP API."""

from __future__ import annotations

import click

from pbxd.actor import Actor
from pbxd.calls.record import instant
from pbxd.cli.command import EXTENSION, N_, Group, Session, argument, flag, json_option, option, pass_session, run
from pbxd.cli.output import local_time, print_json, print_line, print_table
from pbxd.i18n import _
from pbxd.storage.access.tokens import Token, Tokens


@click.group("tokens", cls=Group, help=N_("Tokens for the HTTP API."))
def tokens() -> None:
    """Group the commands."""


@tokens.command("create", help=N_("Make a token for an application; it is shown once and kept nowhere."))
@argument("name")
@option("--as", "extension", type=EXTENSION, default="", metavar="EXT", help=N_("Let it act for this employee alone."))
@flag("--as-any", "as_any", help=N_("Let it act for every employee; without either it makes no calls."))
@json_option
@pass_session
def create(session: Session, name: str, extension: str, as_any: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Make a token."""
    if extension and as_any:
        raise click.UsageError(_("either --as or --as-any"))
    actor = Actor.token(name, extension, acts_for_any=as_any)

    async def work() -> tuple[int, str]:
        async with await session.database() as database:
            return await Tokens(database).create(name, actor)

    token_id, plain = run(work())
    if as_json:
        print_json({"id": token_id, "name": name, "token": plain} | _whose(actor))
    else:
        print_line(plain)


@tokens.command("list", help=N_("List tokens, revoked ones too."))
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """List tokens."""

    async def work() -> list[Token]:
        async with await session.database() as database:
            return await Tokens(database).list()

    found = run(work())
    if as_json:
        print_json({"total": len(found), "items": [_json(token) for token in found]})
        return
    rows = (
        [
            str(each.id),
            each.name,
            f"…{each.last_four}",
            _("any employee") if each.actor.acts_for_any else each.actor.extension,
            local_time(each.created),
            local_time(each.revoked),
        ]
        for each in found
    )
    print_table([_("Id"), _("Name"), _("Token"), _("Acts for"), _("Created"), _("Revoked")], rows)


@tokens.command("revoke", help=N_("End a token's validity at once."))
@click.argument("token_id", type=int, metavar="ID")
@pass_session
def revoke(session: Session, token_id: int) -> None:
    """Revoke a token."""

    async def work() -> None:
        async with await session.database() as database:
            await Tokens(database).revoke(token_id)

    run(work())
    print_line(_("token {id} revoked").format(id=token_id))


def _json(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "last_four": token.last_four,
        "created": instant(token.created),
        "revoked": instant(token.revoked),
    } | _whose(token.actor)


def _whose(actor: Actor) -> dict[str, object]:
    return {"employee": actor.extension or None, "as_any": actor.acts_for_any}
