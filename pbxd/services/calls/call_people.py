"""Who stands behind the extensions and contacts of calls that are shown: employees by name, clients by their cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pbxd.actor import Actor
from pbxd.services.past_names import contacts_in, owner_name
from pbxd.services.workspace import Workspace
from pbxd.storage.book.extension_ownership import owners
from pbxd.storage.book.number_ownership import Card, cards_of
from pbxd.storage.engine.database import Reading

Call = Mapping[str, Any]


class CallPeople(NamedTuple):
    """The people of some calls."""

    employees: Mapping[str, Mapping[str, str]]  # by call and extension: who had it then
    clients: Mapping[int, Card]  # the contacts that the actor sees


async def people_of(workspace: Workspace, actor: Actor, calls: Sequence[Call]) -> CallPeople:
    """Return who stands behind the extensions and contacts of calls in their public form."""
    return await workspace.database.ask(_people, actor, calls)


def _people(connection: Reading, actor: Actor, calls: Sequence[Call]) -> CallPeople:
    by_call = {call["id"]: _extensions(call) for call in calls}
    held = owners(connection, set().union(*by_call.values()))
    started = {call["id"]: datetime.fromisoformat(call["started"]) for call in calls}
    named = {
        call_id: {each: name for each in extensions if (name := owner_name(held.get(each, ()), started[call_id]))}
        for call_id, extensions in by_call.items()
    }
    cards = cards_of(connection, contacts_in(map(dict, calls)), actor)
    return CallPeople(named, {key: card for key, card in cards.items() if card.seen})


def _extensions(call: Call) -> set[str]:
    """Return the texts that may be extensions: those of the participants and those in the story."""
    sides = {call[side]["extension"] for side in ("caller", "callee")}
    steps = {step[part] for step in call["story"] for part in ("who", "detail")}
    found = sides | steps | {each["extension"] for each in call["agents"]} | set(call["answered_by"])
    return {each for each in found if each and not each.startswith("+")}
