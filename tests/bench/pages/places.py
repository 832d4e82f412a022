"""The pages that are measured, and the questions that each asks of the book and the history, asked in-process."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from pbxd.actor import Actor
from pbxd.services import call_history, companies, contacts, employees
from pbxd.services.access import audit, tokens, users
from pbxd.services.access.audit import FindDeeds
from pbxd.services.call_filters import FindCalls
from pbxd.services.calls import missed_calls
from pbxd.services.calls.call_people import people_of
from pbxd.services.companies import FindCompanies
from pbxd.services.contact_changes import extensions_of
from pbxd.services.contacts import FindContacts
from pbxd.services.employees import FindEmployees
from pbxd.services.files import imports as contact_imports
from pbxd.services.webhooks import webhooks
from pbxd.services.workspace import Workspace
from tests.bench import past
from tests.bench.pages.filled import CONTACTS
from tests.bench.pages.house import EDITED, House

Question = Callable[[Workspace, Actor], Awaitable[object]]
_WORDS = ("анна", "ром", "ким", "Ивановская", "Петров Сергей", "смирн", "директор", "кузн ол", "вера", "зай", "ООО")
_NUMBERS = ("916", "9051234", "77", "+79030000012")


@dataclass(frozen=True)
class Place:
    """One address, or several that differ in what they ask for."""

    name: str
    asked: Sequence[tuple[str, Sequence[Question]]]  # an address, and its questions
    fragment: bool = False  # what a script of the page fetches: without the frame, which has questions of its own
    said: str = field(default="")


def one(name: str, path: str, *questions: Question, fragment: bool = False) -> Place:
    """Return one address."""
    return Place(name, [(path, questions)], fragment)


async def ask(house: House, place: Place, turn: int) -> None:
    """Ask the questions of a page here: who is signed in, what the frame shows, what the page shows."""
    who, workspace = house.administrator, house.workspace
    await house.sessions.verify(who.session)
    user = await users.own(workspace, who.actor)
    if user is not None and not place.fragment:
        await missed_calls.count(workspace, user)
    for each in place.asked[turn % len(place.asked)][1]:
        await each(workspace, who.actor)


async def places(house: House) -> list[Place]:
    """Return all that are measured."""
    return [*await _clients(house), *_client(), *_companies(), *await _history(house), *_others()]


def _found(**wanted: Any) -> Question:  # noqa: ANN401 - fields of a question
    return lambda workspace, actor: contacts.find(workspace, actor, FindContacts(limit=20, **wanted))


_staff: Question = lambda workspace, actor: employees.find(workspace, actor, FindEmployees(active=True))  # noqa: E731
_everybody: Question = lambda workspace, actor: employees.find(workspace, actor, FindEmployees())  # noqa: E731
_favourites: Question = contacts.favourites


async def _clients(house: House) -> list[Place]:
    asked = FindContacts(sort="name", limit=20, offset=CONTACTS // 2)
    far = (await contacts.find(house.workspace, house.administrator.actor, asked)).after
    full = FindContacts(limit=100)
    return [
        one("/clients", "/clients", _found(), _favourites, _staff),
        one("/clients, far down", _path("/clients", sort="name", after=far), _found(sort="name", after=far),
            _favourites, _staff),
        one("/clients, 100 a page", "/clients?limit=100", lambda w, a: contacts.find(w, a, full), _favourites, _staff),
        Place("/clients, search", [
            (_path("/clients", search=text), (_found(search=text), _favourites)) for text in (*_WORDS, *_NUMBERS)
        ], fragment=True),
        Place("/clients, one letter", [
            (_path("/clients", search=text), (_found(search=text), _favourites)) for text in ("а", "и", "ан", "5")
        ], fragment=True),
        Place("/clients, sorted", [
            (_path("/clients", sort=sort), (_found(sort=sort.strip("-"), descending=sort[0] == "-"), _favourites))
            for sort in ("name", "-name", "company", "-manager", "vip", "number", "position")
        ], fragment=True),
        Place("/clients, filtered", [
            (_path("/clients", **query), (_found(**wanted), _favourites))
            for query, wanted in (
                ({"vip": "1"}, {"vip": True}),
                ({"manager": "105"}, {"manager": "105"}),
                ({"tag": "опт"}, {"tag": "опт"}),
                ({"tab": "mine"}, {"mine": True}),
                ({"tab": "favourites"}, {"favourites": True}),
                ({"tab": "personal"}, {"personal": True}),
            )
        ], fragment=True),
    ]  # fmt: skip


def _client() -> list[Place]:
    chance = random.Random(5)
    some = [1, EDITED, *(chance.randrange(1, CONTACTS) for _ in range(6))]

    def shown(contact_id: int, *more: Question) -> tuple[Question, ...]:
        async def card(workspace: Workspace, actor: Actor) -> None:
            contact = (await contacts.show(workspace, actor, contact_id)).contact
            await contacts.doubles(workspace, actor, contact)
            await companies.id_of(workspace, actor, contact.company)

        return card, _favourites, *more

    def calls(contact_id: int) -> Question:
        return lambda w, a: call_history.find(w, a, FindCalls(contact=contact_id, limit=50))

    async def changes(workspace: Workspace, actor: Actor) -> None:
        await extensions_of(workspace, await contacts.history(workspace, actor, EDITED))

    return [
        Place("/clients/ID", [(f"/clients/{each}", shown(each)) for each in some]),
        Place("/clients/ID, calls", [(f"/clients/{each}?tab=calls", shown(each, calls(each))) for each in some]),
        one("/clients/ID, changes", f"/clients/{EDITED}?tab=changes", *shown(EDITED, changes)),
        Place("/clients/ID/edit", [
            (f"/clients/{each}/edit", (lambda w, a, each=each: contacts.get(w, a, each), _staff))  # type: ignore[misc]
            for each in some
        ]),
        one("/clients/new", "/clients/new", _staff),
    ]  # fmt: skip


def _companies() -> list[Place]:
    def found(**wanted: Any) -> Question:  # noqa: ANN401 - fields of a question
        return lambda w, a: companies.find(w, a, FindCompanies(limit=20, **wanted))

    return [
        one("/companies", "/companies", found()),
        Place("/companies, search", [
            (_path("/companies", search=text), (found(search=text),)) for text in ("р", "ром", "вектор", "ООО", "77")
        ], fragment=True),
        Place("/companies/ID", [
            (f"/companies/{each}", (lambda w, a, each=each: companies.show(w, a, each),))  # type: ignore[misc]
            for each in (1, 700, 4000)
        ]),
    ]  # fmt: skip


def _calls(**wanted: Any) -> Question:  # noqa: ANN401 - fields of a question
    """Return the question for a page of calls and the people in them."""

    async def question(workspace: Workspace, actor: Actor) -> None:
        found = await call_history.find(workspace, actor, FindCalls(**{"limit": 20, **wanted}))
        await people_of(workspace, actor, found.items)

    return question


async def _history(house: House) -> list[Place]:
    workspace, actor = house.workspace, house.administrator.actor
    newest = await call_history.find(workspace, actor, FindCalls(limit=20))
    far = (await call_history.find(workspace, actor, FindCalls(limit=1, until="01.01.2026"))).items[0]["id"]
    choices: tuple[Question, ...] = (_everybody, employees.departments)
    filters: Sequence[tuple[dict[str, str], dict[str, Any]]] = (
        ({"direction": "incoming"}, {"direction": "incoming"}),
        ({"outcome": "missed"}, {"outcome": "missed"}),
        ({"outcome": "rejected"}, {"outcome": "rejected"}),
        ({"agent": "101"}, {"agent": "101"}),
        ({"agent": "160"}, {"agent": "160"}),
        ({"queue": past.QUEUES[0]}, {"queue": past.QUEUES[0]}),
        ({"department": "Склад"}, {"department": "Склад"}),
        ({"from": "2026-06-01", "to": "2026-06-02"}, {"since": "2026-06-01", "until": "2026-06-02"}),
        ({"no_callback": "1"}, {"no_callback": True}),
        ({"client": "Ивановская"}, {"search": "Ивановская"}),
        ({"client": "916000"}, {"search": "916000"}),
    )
    calls = [each["id"] for each in newest.items]
    return [
        one("/history", "/history", _calls(), _favourites, *choices),
        one("/history, 100 a page", "/history?limit=100", _calls(limit=100), _favourites, *choices),
        one("/history, far down", _path("/history", to="2026-01-01"), _calls(until="2026-01-01"), _favourites,
            *choices),
        *(
            Place(
                f"/history, {', '.join(query)}" + (f" {next(iter(query.values()))}" if len(query) == 1 else ""),
                [(_path("/history", **query), (_calls(**wanted), _favourites))], fragment=True,
            )
            for query, wanted in filters
        ),
        Place("/history/ID", [
            (f"/history/{each}", (lambda w, a, each=each: call_history.show(w, a, each), _favourites))  # type: ignore[misc]
            for each in (*calls[:6], far)
        ]),
    ]  # fmt: skip


def _others() -> list[Place]:
    deeds = FindDeeds(limit=50)
    return [
        one("/staff", "/staff", _staff, employees.clients_managed, employees.departments),
        one("/staff/ID", "/staff/101", lambda w, a: employees.by_id(w, a, 101), _found(managed_by=101, sort="name")),
        one("/queues", "/queues"),
        one("/import", "/import", lambda w, a: contact_imports.page(w, a, limit=20, after="")),
        one("/me", "/me"),
        one("/settings/users", "/settings/users", users.find, _staff),
        one("/settings/users/ID", "/settings/users/7", lambda w, a: users.show(w, a, 7)),
        one("/settings/tokens", "/settings/tokens", tokens.find, _staff),
        one("/settings/webhooks", "/settings/webhooks", webhooks.find),
        one("/settings/numbers", "/settings/numbers"),
        one("/settings/audit", "/settings/audit", lambda w, a: audit.find(w, a, deeds), _everybody),
        Place("/settings/audit, filtered", [
            (_path("/settings/audit", **query), (lambda w, a, wanted=wanted: audit.find(w, a, wanted), _everybody))  # type: ignore[misc]
            for query, wanted in (
                ({"result": "refused"}, FindDeeds(result="refused", limit=50)),
                ({"employee": "105"}, FindDeeds(employee=105, limit=50)),
                ({"action": "edit_contact"}, FindDeeds(action="edit_contact", limit=50)),
                ({"source": "user 140"}, FindDeeds(source="user 140", limit=50)),
            )
        ]),
    ]  # fmt: skip


def _path(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"
