"""Who has a number: the answer the PBX would get, read from the database without the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pbxd.actor import Actor
from pbxd.lookup.matching import Match
from pbxd.numbers import parse
from pbxd.services.call_history import Call, last_calls
from pbxd.services.caller_naming import name_from_database
from pbxd.services.workspace import Workspace


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


async def look_up(workspace: Workspace, actor: Actor, asked: LookUp) -> LookedUp:
    """Look a number up; the actor's personal contacts count too."""
    caller = await name_from_database(workspace, actor, asked.number, inside=True)
    parsed = parse(asked.number, workspace.rules)
    if not asked.last_calls or parsed.kind != "e164":
        return LookedUp(caller.match, [])
    return LookedUp(caller.match, await last_calls(workspace, actor, parsed.value))
