"""Who a token acts for: its employee, anybody, or nobody; nothing personal of others is told (C4)."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from pbxd.actor import Actor
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.calls.events import ChannelSeen, Endpoint, SnapshotBegan, SnapshotEnded
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from tests.actors import acting_token
from tests.api.examples import CALLS, add, problem
from tests.http.conftest import House, until
from tests.http.contract import checked_session

OWN, OTHER = acting_token("crm", "101"), acting_token("crm", "102")
ANY, NOBODY = acting_token("crm", acts_for_any=True), acting_token("crm")
NUMBER = "89160000009"
LOOKUP = f"/api/v1/lookup?number={NUMBER}"


async def test_a_token_opens_what_its_scopes_name_and_nothing_else(pbxd: House) -> None:
    """The control is the token of the other scope."""
    for scope, path, other in (("lookup", LOOKUP, CALLS), ("calls:read", CALLS, LOOKUP)):
        async with await client(pbxd, acting_token("crm", scopes=frozenset({scope}))) as crm:  # type: ignore[arg-type]
            async with crm.get(path) as answer:
                assert answer.status == 200
            async with crm.get(other) as answer:
                told = await problem(answer, 403)
                assert told["scope"] == ("calls:read" if scope == "lookup" else "lookup")


async def client(pbxd: House, actor: Actor) -> aiohttp.ClientSession:
    _id, plain = await Tokens(pbxd.database).create("crm", actor)
    headers = {"Authorization": f"Bearer {plain}"}
    return checked_session(f"http://127.0.0.1:{pbxd.server.port}", headers=headers)


def personal(owner: str, number: str = "+79160000009") -> ContactDraft:
    return ContactDraft(f"Тайна {owner}", numbers=(ContactNumber(number),), visibility="personal", owner=owner)


@pytest.mark.parametrize(
    ("actor", "named", "status", "found"),
    [
        (OWN, "", 200, "found"),
        (OWN, "&for=101", 200, "found"),
        (OWN, "&for=102", 403, "other-employee"),
        (ANY, "", 200, "unknown"),
        (ANY, "&for=101", 200, "found"),
        (ANY, "&for=102", 200, "unknown"),
        (NOBODY, "", 200, "unknown"),
        (NOBODY, "&for=", 200, "unknown"),
        (NOBODY, "&for=101", 403, "no-employee"),
    ],
)
async def test_a_look_up_uses_the_personal_contacts_of_whom_the_token_acts_for(
    pbxd: House, actor: Actor, named: str, status: int, found: str
) -> None:
    await add(pbxd, personal("101"))
    async with await client(pbxd, actor) as crm, crm.get(LOOKUP + named) as answer:
        if status == 200:
            assert (await answer.json())["status"] == found
        else:
            told = await problem(answer, status)
            assert told["reason"] == found
            assert "--as" in told["detail"], "what is needed is named"


async def test_a_colleague_is_named_inside_alone(pbxd: House) -> None:
    """C5: a trunk caller who sends 101 is no Agent 101."""
    await Employees(pbxd.database).upsert([Employee("101", "Agent 101", mobile="+79160000009")], source="list")
    await until(lambda: pbxd.directory.employee("101") is not None)
    for number in ("101", NUMBER):
        for query, status, display in (
            ("", "unknown", ""),
            ("&inside=0", "unknown", ""),
            ("&inside=1", "employee", "Agent 101"),
        ):
            async with pbxd.local.get(f"/api/v1/lookup?number={number}{query}") as answer:
                told = await answer.json()
                assert (told["status"], told["display"]) == (status, display), query
                assert ("Agent" in str(told)) == (status == "employee")


async def test_a_queue_names_no_colleague_for_an_outside_caller(pbxd: House) -> None:
    await Employees(pbxd.database).upsert([Employee("101", "Agent 101", did="+74951234567")], source="list")
    await until(lambda: pbxd.directory.employee("101") is not None)
    async with pbxd.local.get("/api/v1/queues") as answer:
        [caller] = (await answer.json())["items"]
    assert (caller["number"], caller["name"]) == ("+74951234567", None)


@pytest.mark.parametrize("path", [CALLS, f"{CALLS}/C0"])
async def test_the_history_is_seen_with_no_other_s_eyes(pbxd: House, path: str) -> None:
    for actor, named, status in ((OWN, "102", 403), (NOBODY, "101", 403), (OWN, "101", 200), (ANY, "102", 200)):
        async with await client(pbxd, actor) as crm, crm.get(path, params={"as": named}) as answer:
            if status == 403:
                await problem(answer, 403)
            else:
                assert answer.status == (200 if path == CALLS else 404)


def body(**asked: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"target": "89160000001"} | asked


@pytest.mark.parametrize("path", [CALLS, f"{CALLS}/plan"])
@pytest.mark.parametrize(
    ("actor", "asked", "status", "word"),
    [
        (OWN, body(), 0, "101"),
        (OWN, body(agent="101"), 0, "101"),
        (OWN, body(agent="102"), 403, "other-employee"),
        (ANY, body(agent="102"), 0, "102"),
        (ANY, body(), 422, "agent: missing"),
        (NOBODY, body(), 403, "no-employee"),
        (NOBODY, body(agent="101"), 403, "no-employee"),
    ],
)
async def test_a_call_is_made_for_whom_the_token_acts_for(
    pbxd: House, path: str, actor: Actor, asked: dict[str, Any], status: int, word: str
) -> None:
    async with await client(pbxd, actor) as crm, crm.post(path, json=asked) as answer:
        if status:
            assert word in str(await problem(answer, status))
            assert pbxd.pbx.asked == []
        elif path == CALLS:
            assert answer.status == 202
            assert pbxd.click_to_call.attempts.agent((await answer.json())["id"]) == word
        else:
            assert (await answer.json())["agent"] == word


async def test_counting_ids_tells_nothing_about_contacts_of_others(pbxd: House) -> None:
    await add(pbxd, *(personal(owner, f"+791600000{count}") for count, owner in enumerate(("102", "103"), 10)))
    async with await client(pbxd, OWN) as crm:
        told = set()
        for asked in ({"contact": 1}, {"contact": 2}, {"contact": 99}, {"target": "1", "number": "89160000010"}):
            async with crm.post(f"{CALLS}/plan", json=asked) as answer:
                detail = (await problem(answer, 404))["detail"]
                told.add("".join(letter for letter in detail if not letter.isdigit()))
        assert len(told) == 1, "what is there and what isn't look alike"
        async with crm.post(f"{CALLS}/plan", json={"target": "89160000010"}) as answer:
            plan = await answer.json()
        assert plan["contact"] is None
        assert "Тайна" not in str(plan)


async def test_a_call_is_followed_and_ended_by_whom_it_is_made_for(pbxd: House) -> None:
    async with await client(pbxd, ANY) as crm, crm.post(CALLS, json=body(agent="102")) as answer:
        call_id = (await answer.json())["id"]
    for actor in (OWN, NOBODY):
        async with await client(pbxd, actor) as crm:
            async with crm.post(f"{CALLS}/{call_id}/hangup") as answer:
                await problem(answer, 403)
            async with crm.get(f"{CALLS}/{call_id}/states") as answer:
                await problem(answer, 403)
    assert "Hangup" not in pbxd.pbx.asked
    async with await client(pbxd, OTHER) as crm, crm.post(f"{CALLS}/{call_id}/hangup") as answer:
        assert answer.status == 202


async def test_a_call_of_an_unknown_agent_is_nobody_s_but_who_acts_for_any(pbxd: House) -> None:
    """Known again after a restart by a leg that isn't any employee's phone."""
    call_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    leg = f"pbxd-{call_id}-1469918176.1"
    pbxd.click_to_call.feed(SnapshotBegan(5))
    pbxd.click_to_call.feed(ChannelSeen(5, leg, leg, Endpoint("trunk", "desk"), "", "", "up", "", 9))
    pbxd.click_to_call.feed(SnapshotEnded(6))
    for actor in (OWN, NOBODY):
        async with await client(pbxd, actor) as crm:
            for method, what in (("POST", "hangup"), ("GET", "states")):
                async with crm.request(method, f"{CALLS}/{call_id}/{what}") as answer:
                    assert "it isn't known whose it is" in (await problem(answer, 403))["detail"]
    assert "Hangup" not in pbxd.pbx.asked
    async with await client(pbxd, ANY) as crm, crm.post(f"{CALLS}/{call_id}/hangup") as answer:
        assert answer.status == 202


async def test_a_key_is_no_way_to_another_s_call(pbxd: House) -> None:
    """A key is one token's: with another token it is another request."""
    headers = {"Idempotency-Key": "k"}
    async with await client(pbxd, OWN) as crm:
        async with crm.post(CALLS, json=body(), headers=headers) as answer:
            made = await answer.json()
        async with crm.post(CALLS, json=body(agent="101"), headers=headers) as answer:
            assert (await answer.json())["id"] == made["id"], "the same request, said in full"
        async with crm.post(CALLS, json=body(target="89160000002"), headers=headers) as answer:
            await problem(answer, 422)
    async with await client(pbxd, OTHER) as crm, crm.post(CALLS, json=body(), headers=headers) as answer:
        other = await answer.json()
    assert other["id"] != made["id"]
    assert "repeated" not in other


async def test_a_token_ends_when_its_employee_leaves(pbxd: House) -> None:
    employees = Employees(pbxd.database)
    await employees.upsert([Employee("101", "Анна")], source="pbx")
    await until(lambda: pbxd.directory.employee("101") is not None)
    async with await client(pbxd, OWN) as crm:
        async with crm.get(LOOKUP) as answer:
            assert answer.status == 200
        await employees.retire({"101"})
        await until(lambda: not getattr(pbxd.directory.employee("101"), "active", True))
        async with crm.get(LOOKUP) as answer:
            await problem(answer, 401)


async def test_administrators_on_the_socket_act_for_anybody(pbxd: House) -> None:
    await add(pbxd, personal("101"))
    async with pbxd.local.get(LOOKUP + "&for=101") as answer:
        assert (await answer.json())["status"] == "found"
    async with pbxd.local.get(LOOKUP) as answer:
        assert (await answer.json())["status"] == "unknown"
    async with pbxd.local.post(CALLS, json=body()) as answer:
        assert (await problem(answer, 422))["field"] == "agent"
