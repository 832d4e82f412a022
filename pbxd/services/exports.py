"""Files for people: contacts and calls that somebody sees, as tables and vCards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from pbxd.actor import Actor
from pbxd.exchange import call_tables, writing
from pbxd.services.call_queries import CallsAsked, filter_of, named
from pbxd.services.context import Context
from pbxd.storage.book.exports import everything
from pbxd.storage.calls.history import History


async def export_contacts(context: Context, actor: Actor, file: Path) -> int:
    """Write all contacts that the actor sees, in the form that the file's ending names; return how many.

    An earlier export is replaced. Raises InvalidInputError, UnavailableError.
    """
    async with everything(context.database, actor=actor) as contacts:
        return await writing.export(file, contacts)


async def export_calls(context: Context, actor: Actor, asked: CallsAsked, file: Path) -> int:
    """Write calls, newest first, in the form that the file's ending names; return how many.

    An earlier export is replaced. Raises InvalidInputError, NotFoundError, UnavailableError.
    """
    chosen = await filter_of(context.database, asked, context.rules)

    async def rows() -> AsyncIterator[list[list[call_tables.Cell]]]:
        async for records in History(context.database).every(chosen):
            calls = await named(context.database, records, context.rules, viewer=actor)
            yield [call_tables.cells(call) for call in calls]

    return await call_tables.write(file, call_tables.heads(), rows())
