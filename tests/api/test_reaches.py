"""How far each role reaches with each act, found out by requests and compared with the one table (`pbxd.roles`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.roles import ROLES, TABLE, Act, Reach, Role, Sights
from pbxd.storage.imports.imports import Imports
from tests.actors import ADMINISTRATOR, agent
from tests.api.askers import NUMBER, OWNER, USERS, Client, Headers, asking, call_of
from tests.api.test_audit import end_call
from tests.api.test_events import reading
from tests.api.test_rights import OPERATIONS
from tests.http.conftest import House

pytestmark = pytest.mark.both_databases

TARGET = {"target": NUMBER}
ANY_VERSION = {"If-Match": "*"}
FEW = Sights("own", "own")
Measure = Callable[[Client, Role], Awaitable[Reach]]
MEASURES: dict[Act, Measure] = {}


def measures(act: Act) -> Callable[[Measure], Measure]:
    def add(measure: Measure) -> Measure:
        MEASURES[act] = measure
        return measure

    return add


def reach(own: int, others: int, *, refusals: tuple[int, ...] = (403,), others_are: Reach = "everything") -> Reach:
    """Return how far somebody reaches by the statuses that the own thing and somebody else's have."""
    assert {own, others} <= {200, 201, 202, 204, *refusals}, (own, others)
    if own >= 300:
        return "nothing"
    return others_are if others < 300 else "own"


async def shared_contact(client: Client, manager: str, maker: str = "") -> str:
    draft = ContactDraft(f"Клиент {manager}", manager=manager, numbers=(ContactNumber(NUMBER),))
    card = await client.pbxd.contacts.add(draft, actor=agent(maker) if maker else ADMINISTRATOR)
    return f"/api/v1/contacts/{card.id}"


async def status_of(client: Client, method: str, path: str, headers: Headers, body: object = None) -> int:
    return (await client.ask(method, path, headers, body))[0]


@measures("look up numbers")
async def _look_up(client: Client, role: Role) -> Reach:
    await shared_contact(client, OWNER)
    await client.pbxd.directory._refresh()
    status, told = await client.ask("GET", "/api/v1/lookup", await client.user(role), number=NUMBER)
    return "everything" if (status, told["status"]) == (200, "found") else "nothing"


@measures("see shared contacts")
async def _see_shared(client: Client, role: Role) -> Reach:
    headers = await client.user(role)
    paths = [await shared_contact(client, who) for who in (USERS[role], OWNER)]
    found = {}
    for client.sights in (Sights(), FEW):
        found[client.sights] = [await status_of(client, "GET", path, headers) for path in paths]
    return _as_set(found[Sights()], found[FEW])


@measures("see calls")
async def _see_calls(client: Client, role: Role) -> Reach:
    headers = await client.user(role)
    paths = [await call_of(client, who) for who in (USERS[role], OWNER)]
    found = {}
    for client.sights in (Sights(), FEW):
        found[client.sights] = [await status_of(client, "GET", path, headers) for path in paths]
        total = (await client.ask("GET", "/api/v1/calls", headers))[1]["total"]
        assert total == found[client.sights].count(200)
    return _as_set(found[Sights()], found[FEW])


def _as_set(all_seen: list[int], few_seen: list[int]) -> Reach:
    """Return how far somebody sees by the statuses of the own and of another's thing, seeing all and seeing few."""
    assert all_seen == [200, 200]
    assert few_seen in ([200, 200], [200, 404])
    return "everything" if few_seen == all_seen else "as set"


@measures("see personal contacts")
async def _see_personal(client: Client, role: Role) -> Reach:
    statuses = []
    for who in (USERS[role], OWNER):
        card = await client.pbxd.contacts.add(ContactDraft("Тайна", visibility="personal", owner=who), actor=agent(who))
        statuses.append(await status_of(client, "GET", f"/api/v1/contacts/{card.id}", await client.user(role)))
    return reach(*statuses, refusals=(404,))


@measures("add and change shared contacts")
async def _change_shared(client: Client, role: Role) -> Reach:
    headers = await client.user(role)
    assert await status_of(client, "POST", "/api/v1/contacts", headers, {"name": "Новый", "numbers": [NUMBER]}) == 201
    paths = [await shared_contact(client, who) for who in (USERS[role], OWNER)]
    for path in paths:  # everybody sees everything
        assert await status_of(client, "PATCH", path, {**headers, **ANY_VERSION}, {"comment": "x"}) == 200
    client.sights = FEW
    own, others = [
        await status_of(client, "PATCH", path, {**headers, **ANY_VERSION}, {"comment": "y"}) for path in paths
    ]
    return "seen" if (own, others) == (200, 404) else reach(own, others)


@measures("delete shared contacts")
async def _delete_shared(client: Client, role: Role) -> Reach:
    paths = [await shared_contact(client, "", maker) for maker in (USERS[role], OWNER)]
    own, (others, told) = [await client.ask("DELETE", path, await client.user(role)) for path in paths]
    assert others == 204 or told["reason"] == "not-creator"
    return reach(own[0], others)


@measures("undo imports")
async def _undo(client: Client, role: Role) -> Reach:
    statuses = []
    for who in (USERS[role], OWNER):
        writing = await Imports(client.pbxd.database).begin("a.csv", actor=agent(who), visibility="shared")
        await writing.add([ContactDraft(f"Импорт {who}")], {})
        await writing.finish({"created": 1})
        path = f"/api/v1/imports/{writing.id}/undo"
        statuses.append(await status_of(client, "POST", path, await client.user(role)))
    return reach(*statuses)


@measures("make calls")
async def _make_calls(client: Client, role: Role) -> Reach:
    headers = await client.user(role)
    others, told = await client.ask("POST", "/api/v1/calls", headers, TARGET | {"agent": OWNER})
    assert others == 202 or told["reason"] == "other-employee"
    own = await status_of(client, "POST", "/api/v1/calls", headers, TARGET)
    await end_call(client.pbxd)
    return reach(own, others)


@measures("follow and end calls")
async def _follow(client: Client, role: Role) -> Reach:
    headers = await client.user(role)
    found = []
    for who, maker in ((USERS[role], headers), (OWNER, await client.signed_in(OWNER))):
        _status, made = await client.ask("POST", "/api/v1/calls", maker, TARGET)
        path = f"/api/v1/calls/{made['id']}"
        answers = [
            await client.ask("POST", "/api/v1/calls/plan", headers, TARGET | {"agent": who}),
            await client.ask("GET", f"{path}/states", headers),
            await client.ask("POST", f"{path}/hangup", headers),
        ]
        assert all(status < 300 or told["reason"] == "other-employee" for status, told in answers)
        assert len({status < 300 for status, _told in answers}) == 1, "all of them, or none"
        found.append(answers[-1][0])
    return reach(*found)


@measures("hear recordings")
async def _hear_recordings(client: Client, role: Role) -> Reach:
    answers = [
        await client.ask("GET", f"{await call_of(client, who)}/recordings", await client.user(role))
        for who in (USERS[role], OWNER)
    ]
    assert all(status == 200 or told["reason"] == "not-own-call" for status, told in answers)
    return reach(answers[0][0], answers[1][0])


@measures("see queues")
async def _see_queues(client: Client, role: Role) -> Reach:
    client.sights = FEW
    status, told = await client.ask("GET", "/api/v1/queues", await client.user(role))
    return "everything" if status == 200 and [each["queue"] for each in told["items"]] == ["sales"] else "nothing"


@measures("move callers")
async def _move_callers(client: Client, role: Role) -> Reach:
    path = "/api/v1/queues/nowhere/callers/01J00000000000000000000000/first"
    status, told = await client.ask("POST", path, await client.user(role))
    assert (status, told["reason"]) in {(404, "no-queue"), (403, "not-supervisor")}
    return "everything" if status == 404 else "nothing"


@measures("hear events")
async def _hear_events(client: Client, role: Role) -> Reach:
    book, headers = client.pbxd.contacts, await client.user(role)
    secret = await book.add(ContactDraft("Тайна", visibility="personal", owner=OWNER), actor=agent(OWNER))
    own = await book.add(ContactDraft("Своя", visibility="personal", owner=USERS[role]), actor=agent(USERS[role]))
    last = await shared_contact(client, OWNER)
    heard = set[str]()
    async with reading(client.session, "?after=0&kinds=contact.added", **headers) as reader:
        while last.rpartition("/")[2] not in heard:
            heard.add((await reader.event()).data["subject"])
    assert str(own.id) in heard
    return "everything" if str(secret.id) in heard else "seen"


@measures("read metrics")
async def _read_metrics(client: Client, role: Role) -> Reach:
    status = await status_of(client, "GET", "/metrics", await client.user(role))
    return reach(status, status)


@measures("administer")
async def _administer(client: Client, role: Role) -> Reach:
    headers = await client.user(role)
    statuses: set[Any] = {
        await status_of(client, "GET", f"/api/v1/{what}", headers)
        for what in ("users", "users/1", "tokens", "webhooks", "audit")
    }
    (status,) = statuses
    return reach(status, status)


def test_every_row_of_the_table_that_operations_want_is_measured() -> None:
    """The journal has no operation yet."""
    wanted = {operation.scope for operation in OPERATIONS}
    assert set(MEASURES) == {act for act, row in TABLE.items() if row.scope in wanted}
    assert len(TABLE) - len(MEASURES) == 2


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_reaches_as_far_as_the_table_says(pbxd: House, role: Role) -> None:
    async with asking(pbxd) as client:
        found = {}
        for act, measure in MEASURES.items():
            client.sights = Sights()
            found[act] = await measure(client, role)
    assert found == {act: TABLE[act].of(role) for act in MEASURES}
