"""API tokens that may do more than anybody decided."""

from __future__ import annotations

import shlex

from pbxd.checkup import remedies
from pbxd.checkup.result import Finding, failed, warning
from pbxd.errors import PbxdError
from pbxd.i18n import _
from pbxd.scopes import scopes_text
from pbxd.settings import Settings
from pbxd.storage.access.tokens import Token, Tokens
from pbxd.storage.engine.database import Database


async def inherited(settings: Settings) -> Finding | None:
    """Return a finding for tokens that act for every employee since the upgrade; None: there are none."""
    check = "database"
    try:
        async with await Database.open(settings.database_url, create=False) as database:
            found = [each for each in await Tokens(database).list() if each.inherited and not each.revoked]
    except PbxdError as error:
        return failed(check, str(error))
    if not found:
        return None
    message = _("tokens created before tokens had owners act for every employee: {names}")
    renewal = remedies.shell(*(line for each in found for line in _renewal(each)))
    return warning(check, message.format(names=", ".join(each.name for each in found)), renewal)


def _renewal(token: Token) -> tuple[str, str]:
    scopes = " ".join(f"--scope {scope}" for scope in scopes_text(token.actor.scopes).split())
    return (
        f"pbxd tokens create {shlex.quote(token.name)} {scopes} --as EXT   # --as-any",
        f"pbxd tokens revoke {token.id}",
    )
