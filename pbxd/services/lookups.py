"""Who has a number: the answer the PBX would get, read from the database without the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pbxd.actor import Actor
from pbxd.errors import NotFoundError
from pbxd.lookup.matching import Match
from pbxd.numbers import parse
from pbxd.services.call_history import Call, last_calls
from pbxd.services.calls.caller_naming import name_from_database
from pbxd.services.workspace import Workspace
from pbxd.storage.book.employees import Employees


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """A number to look up."""

    number: str  # in any notation
    last_calls: bool = False  # the last calls with it are wanted too


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What was found, with the last calls in their public form."""

    match: Match
    last_calls: Sequence[Call]
    manager_name: str  # of the responsible employee, where known


async def look_up(workspace: Workspace, actor: Actor, asked: LookUp) -> LookedUp:
    """Look a number up; the actor's personal contacts count too."""
    match = (await name_from_database(workspace, actor, asked.number, inside=True)).match
    parsed = parse(asked.number, workspace.rules)
    wanted = asked.last_calls and parsed.kind == "e164"
    calls = await last_calls(workspace, actor, parsed.value) if wanted else []
    return LookedUp(match, calls, await _name_of(workspace, match.manager) if match.manager else "")


async def _name_of(workspace: Workspace, extension: str) -> str:
    try:
        return (await Employees(workspace.database).get(extension)).name
    except NotFoundError:  # known by extension only
        return ""
