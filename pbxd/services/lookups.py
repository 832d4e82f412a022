"""Whose number is it: the answer the PBX would get, read from the database without the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pbxd.actor import Actor
from pbxd.lookup.matching import Match
from pbxd.lookup.partial_index import excerpt
from pbxd.numbers import parse
from pbxd.services import calls
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
    last_calls: Sequence[calls.Call]


async def look_up(workspace: Workspace, actor: Actor, asked: LookUp) -> LookedUp:
    """Look a number up; the actor's personal contacts count too."""
    parsed = parse(asked.number, workspace.rules)
    wanted = [parsed.value] if parsed.kind == "e164" else []
    book = await excerpt(workspace.database, wanted, actor)
    match = book.lookup(parsed, actor)
    if not asked.last_calls or not wanted:
        return LookedUp(match, [])
    return LookedUp(match, await calls.last_calls(workspace, actor, parsed.value))
