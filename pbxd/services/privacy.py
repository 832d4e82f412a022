"""One client's data, handed out or erased as the law demands."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from pbxd import rights
from pbxd.actor import Actor
from pbxd.errors import InvalidInputError
from pbxd.files import unwritable
from pbxd.i18n import _
from pbxd.lookup.partial_index import contact_named
from pbxd.numbers import parse
from pbxd.services.files.upload_files import remove_all
from pbxd.services.workspace import Workspace
from pbxd.storage.engine.progress import Report, silent
from pbxd.storage.imports import uploaded
from pbxd.storage.privacy import Client, Erased, Privacy

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseClient:
    """Whose data to erase, and who does it."""

    client: str  # a number, or a contact: id or whole name
    uploads: Path  # the folder of uploaded files
    by: str  # the user of the operating system or of pbxd, for the feed and the log


@dataclass(frozen=True, slots=True)
class ErasedClient:
    """What was erased, and the client's numbers that were left because others have them too."""

    erased: Erased
    left_out: tuple[str, ...]


async def export(workspace: Workspace, actor: Actor, client: str, *, progress: Report = silent) -> dict[str, Any]:
    """Return all that is kept of a client (a number, or a contact: id or whole name), as JSON.

    Raises NotFoundError, InvalidInputError.
    """
    rights.check_administrator(actor)
    whom = await _client(workspace, actor, client)
    return await Privacy(workspace.database, workspace.rules).export(whom, progress)


async def erase(workspace: Workspace, actor: Actor, asked: EraseClient, *, progress: Report = silent) -> ErasedClient:
    """Erase a client's data: cards, also personal ones; in calls and the feed the number is masked. It is logged.

    All uploaded files are deleted, since any may name the client; what was not committed is given up.
    Raises NotFoundError, InvalidInputError, ConflictError while the client is on the phone or an import is written, and
    UnavailableError if a file can't be deleted.
    """
    rights.check_administrator(actor)
    whom = await _client(workspace, actor, asked.client)
    book = Privacy(workspace.database, workspace.rules)
    await book.check(whom)
    await uploaded.give_up_all(workspace.database)
    try:
        removed = await asyncio.to_thread(remove_all, asked.uploads)
    except OSError as error:
        raise unwritable(asked.uploads, error) from error
    erased = await book.erase(whom, by=asked.by, uploads=removed, progress=progress)
    _log.warning("client_erased", **asdict(erased), user=asked.by)
    return ErasedClient(erased, whom.left_out)


async def _client(workspace: Workspace, actor: Actor, text: str) -> Client:
    parsed = parse(text, workspace.rules)
    if parsed.kind == "e164":
        return await Privacy(workspace.database, workspace.rules).by_number(parsed.value)
    if not text.strip():
        raise InvalidInputError("client", _("whose data? A number, or a contact's id or name"))
    card = await contact_named(workspace.database, text, actor=actor)
    return await Privacy(workspace.database, workspace.rules).by_card(card)
