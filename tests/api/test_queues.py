"""Who waits in the queues, and a supervisor who puts somebody first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.scopes import Scope
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from tests.actors import acting_token, agent
from tests.api.examples import IGOR, add, problem
from tests.api.test_audit import bearer, logged
from tests.api.test_sessions import let_in
from tests.http.conftest import House
from tests.services.scripted_queue import Pbx

QUEUES = "/api/v1/queues"
FIRST = QUEUES + "/{}/callers/{}/first"
WAITS = {"A": "01J0000000000000000000000A", "B": "01J0000000000000000000000B"}  # calls by their channels


@pytest.fixture
async def queue(pbxd: House) -> Pbx:
    """Callers A and B wait in `sales`, A first."""
    people = [Employee("101", "Иванова Анна"), Employee("103", "Петров Пётр")]
    await Employees(pbxd.database).upsert(people, source="list")
    await pbxd.directory._refresh()
    pbxd.services.queues.call_of = WAITS.get
    return Pbx(pbxd.pbx, "22.1.0", immediate=True)


async def session(pbxd: House, who: str, role: str) -> dict[str, str]:
    return {"Cookie": f"{PLAIN_NAME}={await let_in(pbxd, who, role)}", "Sec-Fetch-Site": "same-origin"}


async def waiting(pbxd: House, headers: dict[str, str] | None = None) -> dict[str, Any]:
    client = pbxd.public if headers else pbxd.local
    async with client.get(QUEUES, headers=headers) as answer:
        assert answer.status == 200
        told: dict[str, Any] = await answer.json()
        return told


async def test_queues_tell_who_waits(pbxd: House) -> None:
    await add(pbxd, IGOR)
    [caller] = (await waiting(pbxd))["items"]
    assert (caller["queue"], caller["position"], caller["name"], caller["vip"]) == ("sales", 1, "Фронкин Игорь", True)
    assert (caller["number"], caller["call"], caller["contact"]) == ("+74951234567", None, 1)
    since = datetime.fromisoformat(caller["since"])
    assert 60 <= (datetime.now(since.tzinfo) - since).total_seconds() <= 65


@pytest.mark.usefixtures("queue")
async def test_each_caller_has_its_call_and_queues_without_callers_are_named(pbxd: House) -> None:
    told = await waiting(pbxd)
    assert [(each["position"], each["call"]) for each in told["items"]] == [(1, WAITS["A"]), (2, WAITS["B"])]
    assert told["queues"] == ["sales"]


@pytest.mark.usefixtures("queue")
async def test_a_personal_contact_names_a_caller_for_its_owner_alone(pbxd: House) -> None:
    secret = ContactDraft("Тайна", numbers=(ContactNumber("+79160000001"),), visibility="personal", owner="101")
    await pbxd.contacts.add(secret, actor=agent("101"))
    await pbxd.directory._refresh()
    own = await session(pbxd, "101", "agent")
    boss = await session(pbxd, "103", "administrator")
    _id, plain = await Tokens(pbxd.database).create("x", acting_token("x", acts_for_any=True))
    acting = {"Authorization": f"Bearer {plain}"}
    assert (await waiting(pbxd, own))["items"][0]["name"] == "Тайна"
    for stranger in (boss, acting):
        assert "Тайна" not in str(await waiting(pbxd, stranger))
    async with pbxd.public.get(QUEUES, headers=acting, params={"as": "101"}) as answer:
        assert (await answer.json())["items"][0]["name"] == "Тайна"


async def test_a_supervisor_puts_a_caller_first_and_the_log_says_who(pbxd: House, queue: Pbx) -> None:
    headers = await session(pbxd, "103", "supervisor")
    for before in (2, 1):  # again: they are first already
        async with pbxd.public.post(FIRST.format("sales", WAITS["B"]), headers=headers) as answer:
            assert answer.status == 200
            told = await answer.json()
        assert told == {"queue": "sales", "call": WAITS["B"], "position_before": before, "position": 1}
    assert queue.order == [("B", 11), ("A", 0)]
    assert queue.moves == 1
    async with pbxd.local.get("/metrics") as answer:
        assert 'pbxd_queue_moves_total{by="person",result="done"} 1.0' in (await answer.text()).splitlines()
    row = (await logged(pbxd, action="move_caller_to_front"))[0]
    assert (row["employee"], row["result"]) == ("103", "done")
    assert row["subject"] == FIRST.format("sales", WAITS["B"])


@pytest.mark.parametrize(
    ("name", "call", "reason"),
    [
        ("nowhere", WAITS["B"], "no-queue"),
        ("sales", "01J0000000000000000000000X", "not-waiting"),
        ("sales%0d%0aAction: Originate", WAITS["B"], "no-queue"),
        ("SALES", WAITS["B"], "no-queue"),
    ],
)
async def test_who_does_not_wait_there_is_not_found(pbxd: House, queue: Pbx, name: str, call: str, reason: str) -> None:
    async with pbxd.local.post(FIRST.format(name, call)) as answer:
        told = await problem(answer, 404)
    assert told["reason"] == reason
    assert queue.moves == 0
    assert await logged(pbxd, action="move_caller_to_front") == []


async def test_who_leaves_at_that_moment_is_not_found(pbxd: House, queue: Pbx) -> None:
    def leave() -> None:
        if queue.moves:
            queue.callers = [caller for caller in queue.callers if caller[0] != "B"]

    queue.restless = leave
    async with pbxd.local.post(FIRST.format("sales", WAITS["B"])) as answer:
        assert (await problem(answer, 404))["reason"] == "not-waiting"


@pytest.mark.parametrize("scopes", [(), ("queues:read",), ("queues:move",)])
async def test_agents_move_nobody_whatever_their_token(pbxd: House, queue: Pbx, scopes: tuple[Scope, ...]) -> None:
    headers = await bearer(pbxd, "crm", *scopes) if scopes else await session(pbxd, "101", "agent")
    async with pbxd.public.post(FIRST.format("sales", WAITS["B"]), headers=headers) as answer:
        told = await problem(answer, 403)
    assert told.get("scope") == ("queues:move" if scopes == ("queues:read",) else None)
    assert queue.moves == 0


@pytest.mark.parametrize(("version", "asked"), [("16.28.0", 0), ("GIT-unknown", 2)])
async def test_a_pbx_that_moves_nobody_says_so(pbxd: House, queue: Pbx, version: str, asked: int) -> None:
    queue.version, queue.immediate = version, False
    async with pbxd.local.post(FIRST.format("sales", WAITS["B"])) as answer:
        await problem(answer, 409)
    assert queue.order == [("A", 0), ("B", 0)], "a priority that moves nobody is taken back"
    assert queue.moves == asked


async def test_without_the_pbx_nobody_is_moved(unlinked: House) -> None:
    async with unlinked.local.post(FIRST.format("sales", WAITS["B"])) as answer:
        await problem(answer, 503)
