"""Files for people: contacts and calls that somebody sees, as tables and vCards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pbxd.actor import Actor
from pbxd.exchange import call_columns, call_tables, vcards, writing
from pbxd.services import call_history
from pbxd.services.call_filters import FindCalls
from pbxd.services.contacts import ContactsWanted, filter_of
from pbxd.services.dates import read_instant
from pbxd.services.workspace import Workspace
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.exports import everything
from pbxd.storage.calls.history import History
from pbxd.storage.engine.progress import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCalls(FindCalls):
    """Which calls to write, and to which file; pages don't count."""

    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportContacts(ContactsWanted):
    """Which contacts to write, and to which file."""

    file: Path


async def export_contacts(
    workspace: Workspace, actor: Actor, asked: ExportContacts, *, progress: Report = lambda _done, _total: None
) -> int:
    """Write such contacts that the actor sees, in the form that the file's ending names; return how many.

    An earlier export is replaced. Raises InvalidInputError, UnavailableError.
    """
    async with everything(workspace.database, filter_of(workspace, asked), actor=actor, progress=progress) as contacts:
        return await writing.export(asked.file, contacts, workspace.fields)


async def vcard(workspace: Workspace, actor: Actor, contact_id: int) -> str:
    """Return a contact as a vCard. Raises NotFoundError."""
    return vcards.write_card(await Contacts(workspace.database).get(contact_id, actor=actor), workspace.fields)


async def export_calls(
    workspace: Workspace, actor: Actor, asked: ExportCalls, *, progress: Report = lambda _done, _total: None
) -> int:
    """Write all such calls, newest first, in the form that the file's ending names; return how many.

    `progress` is called with how many seconds of the history are done, and of how many. An earlier export is replaced.
    Raises InvalidInputError, NotFoundError, UnavailableError.
    """

    async def rows() -> AsyncIterator[list[list[call_tables.Cell]]]:
        since = read_instant("from", asked.since) if asked.since else await History(workspace.database).began()
        newest: datetime | None = None
        async for some in call_history.every(workspace, actor, asked):
            newest = newest or datetime.fromisoformat(some[0]["started"])
            reached = datetime.fromisoformat(some[-1]["started"])
            if since and newest > since:
                progress(round((newest - reached).total_seconds()), round((newest - since).total_seconds()))
            yield [call_columns.cells(call) for call in some]

    return await call_tables.write(asked.file, call_columns.heads(), rows())
