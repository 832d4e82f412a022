"""Calls made here: what a target means, what may not be called, their states and their end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pbxd.api.click_to_call import CallRequest
from pbxd.asterisk.ami.packets import Packet
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.storage.book.employees import Employees
from tests.api.examples import CALLS, IGOR, add, conversation, problem
from tests.asterisk.amiserver import Session
from tests.http.conftest import House, until
from tests.http.contract import reference, validate


async def test_a_call_is_accepted_followed_and_ended(pbxd: House) -> None:
    await add(pbxd, IGOR)
    async with pbxd.local.post(CALLS, json={"agent": "101", "target": "Фронкин Игорь"}) as answer:
        assert answer.status == 202
        made = await answer.json()
        assert answer.headers["Location"] == f"{CALLS}/{made['id']}"
    assert made["state"] == "ringing-agent"
    originate = next(one for one in pbxd.pbx.sessions[0].actions if one["Action"] == "Originate")
    assert originate["Exten"] == "84951234567"
    assert originate["CallerID"] == '"Фронкин Игорь" <84951234567>'
    async with pbxd.local.get(f"{CALLS}/{made['id']}") as answer:
        assert await answer.json() == {"id": made["id"], "state": "ringing-agent", "reason": None}
    async with pbxd.local.get(f"{CALLS}/{made['id']}/states") as answer:
        assert answer.content_type == "application/x-ndjson"
        first = json.loads(await answer.content.readline())
        for event in conversation(await pbxd.agent_leg()):
            pbxd.click_to_call.feed(event)
        rest = [json.loads(line) async for line in answer.content]
    states = [each["state"] for each in [first, *rest]]
    assert states == ["ringing-agent", "agent-answered", "ringing-client", "talking", "ended"]
    assert [each["reason"] for each in rest] == [None, None, None, "completed"]
    assert {each["id"] for each in rest} == {made["id"]}
    assert rest[-1]["at"] == "2026-01-01T00:00:09.000000Z"
    for line in (first, *rest):
        validate(line, reference("CallStateAnswer"))


async def test_a_call_is_cancelled(pbxd: House) -> None:
    async with pbxd.local.post(CALLS, json={"agent": "101", "target": "89160000001"}) as answer:
        call_id = (await answer.json())["id"]
    async with pbxd.local.post(f"{CALLS}/{call_id}/hangup") as answer:
        assert answer.status == 202
    assert "Hangup" in pbxd.pbx.asked
    for path in (f"{CALLS}/X/hangup",):
        async with pbxd.local.post(path) as answer:
            await problem(answer, 404)
    async with pbxd.local.get(f"{CALLS}/X/states") as answer:
        await problem(answer, 404)


async def test_a_call_that_has_ended_is_not_ended_again(pbxd: House) -> None:
    """C12: 409 while it is known; the PBX isn't asked."""
    async with pbxd.local.post(CALLS, json={"agent": "101", "target": "89160000001"}) as answer:
        call_id = (await answer.json())["id"]
    for event in conversation(await pbxd.agent_leg()):
        pbxd.click_to_call.feed(event)
    async with pbxd.local.post(f"{CALLS}/{call_id}/hangup") as answer:
        told = await problem(answer, 409)
    assert (told["type"], told["detail"]) == ("urn:pbxd:conflict", f"the call {call_id} has ended already")
    assert "Hangup" not in pbxd.pbx.asked


async def test_a_second_call_of_the_same_agent_is_refused(pbxd: House) -> None:
    for status in (202, 409):
        async with pbxd.local.post(CALLS, json={"agent": "101", "target": "89160000001"}) as answer:
            assert answer.status == status


@pytest.mark.parametrize(
    ("asked", "dialled", "digits"),
    [
        ({"target": "8 916 000-00-02"}, "89160000002", ""),
        ({"target": "84951234567 доб. 77"}, "84951234567", "ww77"),
        ({"target": "фронкин  игорь"}, "84951234567", "ww12"),
        ({"target": "{id}"}, "84951234567", "ww12"),
        ({"contact": 1}, "84951234567", "ww12"),
        ({"contact": 1, "number": "+7 916 000-00-01"}, "89160000001", ""),
        ({"target": "1", "number": "89160000001"}, "89160000001", ""),
        ({"target": "150"}, "150", ""),
    ],
)
async def test_what_a_target_means(pbxd: House, asked: dict[str, Any], dialled: str, digits: str) -> None:
    [contact] = await add(pbxd, IGOR)
    if asked.get("target") == "{id}":
        asked = {"target": str(contact)}
    async with pbxd.local.post(f"{CALLS}/plan", json={"agent": "101", **asked}) as answer:
        plan = await answer.json()
        assert answer.status == 200, plan
    assert (plan["dialled"], plan["digits"]) == (dialled, digits)
    assert pbxd.pbx.asked == []


async def test_a_colleague_comes_before_a_contact_of_that_id(pbxd: House) -> None:
    await add(pbxd, *(ContactDraft(f"К {n}", numbers=(ContactNumber(f"+791600000{n:02}"),)) for n in range(1, 13)))
    for extension, dialled in (("12", "89160000012"), ("11", "11")):
        if dialled == "11":
            await Employees(pbxd.database).upsert([Employee("11", "Анна")], source="list")
            await until(lambda: pbxd.directory.employee("11") is not None)
        async with pbxd.local.post(f"{CALLS}/plan", json={"agent": "101", "target": extension}) as answer:
            assert (await answer.json())["dialled"] == dialled


async def test_an_emergency_number_rings_nobody_and_is_no_contacts_id(pbxd: House) -> None:
    drafts = (ContactDraft(f"К {n}", numbers=(ContactNumber(f"+79160000{n:03}"),)) for n in range(1, 113))
    assert (await add(pbxd, *drafts))[-1] == 112
    for path in (CALLS, f"{CALLS}/plan"):
        async with pbxd.local.post(path, json={"agent": "101", "target": "112"}) as answer:
            told = await problem(answer, 403)
            assert "an emergency number" in told["detail"]
    assert "Originate" not in pbxd.pbx.asked
    async with pbxd.local.post(f"{CALLS}/plan", json={"agent": "101", "contact": 112}) as answer:
        assert (await answer.json())["dialled"] == "89160000112"


async def test_an_extension_that_the_pbx_has_not_rings_nobody(pbxd: House) -> None:
    def state(session: Session, action: Packet) -> None:
        session.respond(action, f"Value: {'INVALID' if '150' in action['Variable'] else 'NOT_INUSE'}")

    pbxd.pbx.on["Getvar"] = state
    async with pbxd.local.post(CALLS, json={"agent": "101", "target": "150"}) as answer:
        assert "150" in (await problem(answer, 403))["detail"]
    assert "Originate" not in pbxd.pbx.asked


@pytest.mark.parametrize(
    ("asked", "status", "word"),
    [
        ({"agent": "101", "target": "150"}, 200, "internal"),
        ({"agent": "101", "target": "112"}, 403, "emergency"),
        ({"agent": "101", "target": "02"}, 403, "emergency"),
        ({"agent": "101", "target": "103"}, 403, "emergency"),
        ({"agent": "101", "target": "+14155550100"}, 403, "foreign"),
        ({"agent": "101", "target": "88091234567"}, 403, "premium"),
        ({"agent": "101", "target": "101"}, 403, "self"),
        ({"agent": "101", "target": "Никто"}, 404, "Никто"),
        ({"agent": "101", "target": "#*"}, 422, "number"),
        ({"agent": "101", "contact": 99}, 404, "99"),
        ({"agent": "boss", "target": "89160000001"}, 422, "agent"),
        ({"agent": "101"}, 422, "exactly one"),
        ({"agent": "101", "target": "1", "contact": 1}, 422, "exactly one"),
        ({"agent": "101", "target": ""}, 422, "target"),
        ({"agent": 101, "target": "1"}, 422, "agent"),
        ({"agent": "101", "contact": "1"}, 422, "contact"),
        ({"agent": "101", "target": "1", "priority": 1}, 422, "priority: unknown key"),
        ({"agent": "101", "target": "${EVAL(1)}\r\nAction: x"}, 404, "EVAL"),
        ({"agent": "101", "target": "9" * 201}, 422, "target"),
    ],
)
async def test_what_may_not_be_called_is_refused(pbxd: House, asked: dict[str, Any], status: int, word: str) -> None:
    async with pbxd.local.post(f"{CALLS}/plan", json=asked) as answer:
        if status == 200:
            assert word in await answer.text()
        else:
            assert word in json.dumps(await problem(answer, status), ensure_ascii=False)


async def test_without_the_pbx_calls_are_unavailable(unlinked: House) -> None:
    async with unlinked.local.post(CALLS, json={"agent": "101", "target": "89160000001"}) as answer:
        assert (await problem(answer, 503))["type"] == "urn:pbxd:unavailable"


NEARLY = st.fixed_dictionaries(  # now and then a request
    {},
    optional={
        "agent": st.none() | st.text(max_size=40),
        "target": st.none() | st.text(max_size=210),
        "contact": st.none() | st.integers(),
        "number": st.none() | st.text(max_size=5) | st.booleans(),
        "more": st.text(),
    },
)
ANYTHING = st.recursive(
    st.none() | st.text() | st.integers(), lambda leaf: st.lists(leaf) | st.dictionaries(st.text(), leaf)
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@example(b'{"agent": "101", "target": "89161234567"}', True)
@example(b'{"contact": 1}', True)
@example(b'{"agent": "", "contact": 1}', False)
@example(b'{"target": "1", "contact": 1}', False)
@given(st.binary(max_size=200) | (NEARLY | ANYTHING).map(lambda value: json.dumps(value).encode()), st.none())
def test_any_body_is_a_request_or_a_validation_error(data: bytes, valid: bool | None) -> None:
    try:
        asked = CallRequest.model_validate_json(data)
    except ValidationError:
        assert not valid
        return
    assert valid is not False
    assert (asked.target is None) != (asked.contact is None)
    assert asked.agent is None or 1 <= len(asked.agent) <= 32
    assert asked.contact is None or 1 <= asked.contact < 2**63


async def test_a_listener_that_leaves_hurts_nobody(pbxd: House) -> None:
    async with pbxd.local.post(CALLS, json={"agent": "101", "target": "89160000001"}) as answer:
        call_id = (await answer.json())["id"]
    answer = await pbxd.local.get(f"{CALLS}/{call_id}/states")
    await answer.content.readline()
    answer.close()
    await asyncio.sleep(0)
    for event in conversation(await pbxd.agent_leg()):
        pbxd.click_to_call.feed(event)
    async with pbxd.local.get(f"{CALLS}/{call_id}") as answer:
        assert (await answer.json())["reason"] == "completed"
