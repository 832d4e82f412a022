"""One client's data, handed out or erased as the law demands."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import structlog

from pbxd import rights
from pbxd.actor import Actor
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.lookup.partial_index import contact_named
from pbxd.numbers import parse
from pbxd.services.workspace import Workspace
from pbxd.storage.engine.progress import Report
from pbxd.storage.privacy import Client, Erased, Privacy

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseClient:
    """Whose data to erase, and who does it."""

    client: str  # a number, or a contact: id or whole name
    by: str  # the user of the operating system or of pbxd, for the feed and the log


@dataclass(frozen=True, slots=True)
class ErasedClient:
    """What was erased, and the client's numbers that were left because others have them too."""

    erased: Erased
    left_out: tuple[str, ...]


async def export(
    workspace: Workspace, actor: Actor, client: str, *, progress: Report = lambda _done, _total: None
) -> dict[str, Any]:
    """Return all that is kept of a client (a number, or a contact: id or whole name), as JSON.

    Raises NotFoundError, InvalidInputError.
    """
    rights.check_administrator(actor)
    return await Privacy(workspace.database).export(await _client(workspace, actor, client), progress)


async def erase(
    workspace: Workspace, actor: Actor, asked: EraseClient, *, progress: Report = lambda _done, _total: None
) -> ErasedClient:
    """Erase a client's data: cards, also personal ones; in calls and the feed the number is masked. It is logged.

    Raises NotFoundError, InvalidInputError, and ConflictError while the client is on the phone.
    """
    rights.check_administrator(actor)
    whom = await _client(workspace, actor, asked.client)
    erased = await Privacy(workspace.database).erase(whom, by=asked.by, progress=progress)
    _log.warning("client_erased", **asdict(erased), user=asked.by)
    return ErasedClient(erased, whom.left_out)


async def _client(workspace: Workspace, actor: Actor, text: str) -> Client:
    parsed = parse(text, workspace.rules)
    if parsed.kind == "e164":
        return await Privacy(workspace.database).by_number(parsed.value)
    if not text.strip():
        raise InvalidInputError("client", _("whose data? A number, or a contact's id or name"))
    return await Privacy(workspace.database).by_card(await contact_named(workspace.database, text, actor=actor))
