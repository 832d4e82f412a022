"""The employees whom changes of contacts name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pbxd.services.workspace import Workspace
from pbxd.storage.book.changes import Change
from pbxd.storage.book.extension_ownership import Ownership as Ownership
from pbxd.storage.book.extension_ownership import owners

_PEOPLE = ("manager", "owner")  # fields whose values are extensions


async def extensions_of(workspace: Workspace, changes: Sequence[Change]) -> Mapping[str, Sequence[Ownership]]:
    """Return who had the extensions named in changes, and when."""
    named = {str(value) for change in changes for name in _PEOPLE for value in change.fields.get(name, ()) if value}
    return await workspace.database.ask(owners, named) if named else {}
