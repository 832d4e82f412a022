"""The JSON API: access, look-ups, calls and their states, and how it refuses what it can't accept."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pbxd.api.click_to_call import CallRequest
from pbxd.asterisk.ami.packets import Packet
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.calls.events import BridgeEntered, ChannelCreated, ChannelEnded, ChannelUp, DialBegan, DialEnded, Endpoint
from pbxd.calls.record import CallRecord, HistoryGap, Party
from pbxd.http.token_cache import FRESH_SECONDS
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from tests.actors import ADMINISTRATOR
from tests.asterisk.amiserver import Session
from tests.http.conftest import House, until

IGOR = ContactDraft(
    "Фронкин Игорь",
    company="Ромашка",
    numbers=(ContactNumber("+74951234567", extension="12"), ContactNumber("+79160000001")),
    vip=True,
)
CALLS = "/api/v1/calls"


async def problem(answer: aiohttp.ClientResponse, status: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await answer.text())
    assert answer.status == status, found
    assert answer.content_type == "application/problem+json"
    assert found["status"] == status
    assert found.keys() >= {"type", "title", "detail"}
    return found


async def add(pbxd: House, *drafts: ContactDraft) -> list[int]:
    ids = [(await pbxd.contacts.add(draft, actor=ADMINISTRATOR)).id for draft in drafts]
    await pbxd.directory._refresh()
    return ids


# -- access


@pytest.mark.parametrize("path", ["/api/v1/lookup?number=1", CALLS, "/api/v1/queues", "/nowhere"])
async def test_tcp_asks_for_a_token_before_anything_else(pbxd: House, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}, {"Authorization": "Bearer"}):
        async with pbxd.public.get(path, headers=headers) as answer:
            found = await problem(answer, 401)
            assert found["type"] == "urn:pbxd:unauthorized"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_token_opens_until_it_is_revoked(pbxd: House) -> None:
    token_id, plain = await Tokens(pbxd.database).create("crm", ADMINISTRATOR)
    headers = {"Authorization": f"bearer {plain}"}
    async with pbxd.public.get("/api/v1/lookup?number=112", headers=headers) as answer:
        assert answer.status == 200
    await Tokens(pbxd.database).revoke(token_id)
    async with asyncio.timeout(60):  # FRESH_SECONDS on a machine that isn't busy
        while True:
            await asyncio.sleep(FRESH_SECONDS)
            async with pbxd.public.get("/api/v1/lookup?number=112", headers=headers) as answer:
                if answer.status != 200:
                    await problem(answer, 401)
                    return


async def test_the_socket_needs_no_token_and_is_the_group_s(pbxd: House) -> None:
    assert pbxd.settings.socket_path.stat().st_mode & 0o777 == 0o660
    async with pbxd.local.get("/api/v1/lookup?number=112") as answer:
        assert answer.status == 200


# -- health


async def test_health_is_open_and_a_lost_pbx_leaves_lookups_ready(unlinked: House) -> None:
    async with unlinked.public.get("/healthz") as answer:
        assert answer.status == 200
    async with unlinked.public.get("/readyz") as answer:
        assert answer.status == 200
        told = await answer.json()
    assert told == {
        "ready": True,
        "pbx": "away",
        "database": "answers",
        "index_age_seconds": pytest.approx(0.5, abs=5),
    }


async def test_a_database_that_is_away_leaves_lookups_ready_with_an_honest_age(
    unlinked: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(unlinked, IGOR)
    monkeypatch.setattr(unlinked.database, "_usable", False)
    async with unlinked.public.get("/readyz") as answer:
        assert answer.status == 200
        assert (await answer.json())["database"] == "away"
    async with unlinked.local.get("/api/v1/lookup?number=84951234567") as answer:
        assert (await answer.json())["name"] == "Фронкин Игорь"
    async with unlinked.local.get(CALLS) as answer:
        await problem(answer, 503)


async def test_a_database_that_is_gone_is_an_alarm_and_the_last_good_book_and_tokens_serve(unlinked: House) -> None:
    """C6; back at its place, it is used again."""
    await add(unlinked, IGOR)
    _id, plain = await Tokens(unlinked.database).create("crm", ADMINISTRATOR)
    headers = {"Authorization": f"Bearer {plain}"}
    lookup = "/api/v1/lookup?number=84951234567"
    file, gone = unlinked.settings.folder / "book.db", unlinked.settings.folder / "gone.db"
    async with unlinked.public.get(lookup, headers=headers) as answer:
        assert answer.status == 200
    file.rename(gone)
    for _count in range(3):
        async with unlinked.public.get(lookup, headers=headers) as answer:
            assert (await answer.json())["name"] == "Фронкин Игорь"
        async with unlinked.public.get(CALLS, headers=headers) as answer:
            assert "is gone" in (await problem(answer, 503))["detail"]
        async with unlinked.public.get("/readyz") as answer:
            assert answer.status == 503
            told = await answer.json()
        assert (told["ready"], told["database"]) == (False, "lost")
        async with unlinked.public.get(lookup, headers={"Authorization": "Bearer pbxd_perhaps_new"}) as answer:
            await problem(answer, 503)
    assert not file.exists()
    gone.rename(file)
    async with unlinked.public.get("/readyz") as answer:
        assert (answer.status, (await answer.json())["database"]) == (200, "answers")


async def test_readiness_tells_of_the_link(pbxd: House) -> None:
    async with pbxd.public.get("/readyz") as answer:
        assert (await answer.json())["pbx"] == "connected"


# -- look-ups


async def test_lookup_has_the_contract_s_shape_and_follows_the_book(pbxd: House) -> None:
    [contact] = await add(pbxd, IGOR)
    async with pbxd.local.get("/api/v1/lookup", params={"number": "8 (495) 123-45-67"}) as answer:
        assert await answer.json() == {
            "status": "found",
            "number": "+74951234567",
            "name": "Фронкин Игорь",
            "company": "Ромашка",
            "contact": contact,
            "vip": True,
            "manager": "",
            "display": "Фронкин Игорь",
        }


async def test_personal_contacts_name_for_their_owner_alone(pbxd: House) -> None:
    await add(pbxd, ContactDraft("Мама", numbers=(ContactNumber("+79160000009"),), visibility="personal", owner="101"))
    seen = {}
    for viewer in ("", "102", "101"):
        async with pbxd.local.get("/api/v1/lookup", params={"number": "89160000009", "for": viewer}) as answer:
            seen[viewer] = (await answer.json())["status"]
    assert seen == {"": "unknown", "102": "unknown", "101": "found"}


@pytest.mark.parametrize(
    "query", ["", "number=1&x=2", "number=1&number=2", "number=" + "1" * 300, "number=1&for=" + "1" * 33]
)
async def test_a_wrong_query_is_refused(pbxd: House, query: str) -> None:
    async with pbxd.local.get(f"/api/v1/lookup?{query}") as answer:
        assert (await problem(answer, 422))["field"]


# -- making calls


async def test_a_call_is_accepted_followed_and_ended(pbxd: House) -> None:
    [contact] = await add(pbxd, IGOR)
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
    assert contact


def conversation(leg: str) -> list[Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    phone = Endpoint("extension", "101")
    return [
        ChannelCreated(at, leg, leg, phone, "", ""),
        ChannelUp(at + 3, leg, leg),
        DialBegan(at + 4, leg, "client", leg, "x"),
        DialEnded(at + 5, leg, "client", leg, "answered"),
        BridgeEntered(at + 5, "b", leg, leg),
        BridgeEntered(at + 5, "b", "client", leg),
        ChannelEnded(at + 9, leg, leg, 16),
    ]


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


async def test_the_language_is_the_asker_s(unlinked: House) -> None:
    headers = {"Accept-Language": "ru-RU,ru;q=0.9"}
    async with unlinked.local.get(f"{CALLS}/X", headers=headers) as answer:
        assert (await problem(answer, 404))["detail"] == "нет звонка X"
    async with unlinked.local.get(f"{CALLS}/X") as answer:
        assert (await problem(answer, 404))["detail"] == "there is no call X"


@pytest.mark.parametrize(
    ("asked", "body", "status", "said"),
    [
        (("GET", "/nowhere"), b"", 404, ("Не найдено", "по этому адресу ничего нет")),
        (("PUT", CALLS), b"", 405, ("Метод не поддерживается", "метод для этого адреса не поддерживается")),
        (("POST", CALLS), b"{", 400, ("Неверный запрос", "тело запроса — не JSON")),
        (("POST", CALLS), b" " * 70_000, 413, ("Слишком большой запрос", "тело запроса длиннее 65536 байт")),
        (("POST", CALLS), b'{"target": "1"}', 422, ("Необрабатываемый запрос", "agent: не указано")),
        (
            ("POST", CALLS),
            b'{"agent": "101"}',
            422,
            ("Необрабатываемый запрос", "нужно ровно одно из target и contact"),
        ),
    ],
)
async def test_every_refusal_is_in_the_asker_s_language(
    pbxd: House, asked: tuple[str, str], body: bytes, status: int, said: tuple[str, str]
) -> None:
    headers = {"Accept-Language": "ru", "Content-Type": "application/json"}
    async with pbxd.local.request(*asked, data=body, headers=headers) as answer:
        found = await problem(answer, status)
        assert (found["title"], found["detail"]) == said


# -- bodies


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b'{"agent": "\xff"}', "application/json", 400),
        (b'{"agent": "\\ud800", "target": "1"}', "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b"agent=101", "application/x-www-form-urlencoded", 415),
        (b" " * 70_000, "application/json", 413),
    ],
)
async def test_what_is_no_request_is_refused(pbxd: House, data: bytes, kind: str, status: int) -> None:
    async with pbxd.local.post(CALLS, data=data, headers={"Content-Type": kind}) as answer:
        await problem(answer, status)


async def test_other_methods_and_paths_are_problems_too(pbxd: House) -> None:
    async with pbxd.local.delete(CALLS) as answer:
        await problem(answer, 405)
        assert "POST" in answer.headers["Allow"]
    async with pbxd.local.get("/api/v1/nowhere") as answer:
        await problem(answer, 404)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("plan", {"POST"}), ("planned", {"GET", "HEAD"}), ("X/hangup", {"POST"}), ("", {"GET", "HEAD", "POST"})],
)
async def test_allow_names_what_the_address_has(pbxd: House, path: str, allowed: set[str]) -> None:
    async with pbxd.local.put(f"{CALLS}/{path}".rstrip("/")) as answer:
        await problem(answer, 405)
        assert set(answer.headers["Allow"].split(",")) == allowed


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.text() | st.integers(), lambda leaf: st.lists(leaf) | st.dictionaries(st.text(), leaf)
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_body_is_a_request_or_a_validation_error(data: bytes) -> None:
    try:
        asked = CallRequest.model_validate_json(data)
    except ValidationError:
        return
    assert asked.agent


# -- history and queues


async def test_a_page_has_the_newest_gaps_and_says_how_many_there_are(pbxd: House) -> None:
    began = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
    minute = timedelta(minutes=1)
    found = [HistoryGap("pbx", began + number * minute, began + number * minute, "link") for number in range(250)]
    await Calls(pbxd.database).upsert([], found)
    async with pbxd.local.get(CALLS) as answer:
        told = await answer.json()
    assert (len(told["gaps"]), told["gaps_total"]) == (100, 250)
    assert told["gaps"][0]["from"] == "2026-01-01T13:09:00.000000Z"
    async with pbxd.local.get(f"{CALLS}?to=2026-01-01T10:00:00Z") as answer:  # the rest, by a shorter period
        told = await answer.json()
    assert len(told["gaps"]) == 60
    assert "gaps_total" not in told
    async with pbxd.local.get(f"{CALLS}?offset=2000000000") as answer:
        assert (await answer.json())["items"] == []


async def test_history_names_a_caller_saved_later(pbxd: House) -> None:
    began = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
    for minute, (number, direction) in enumerate((("+79160000001", "incoming"), ("+79160000002", "outgoing"))):
        started = began + timedelta(minutes=minute)
        record = CallRecord(f"C{minute}", "pbx", f"1.{minute}", started, caller=Party(number=number), outcome="missed")
        record.direction = direction  # type: ignore[assignment]  # two of the literals
        await Calls(pbxd.database).upsert([record])
    await add(pbxd, IGOR)
    await Calls(pbxd.database).upsert([], [HistoryGap("pbx", began, began + timedelta(minutes=1), "link")])
    async with pbxd.local.get(CALLS) as answer:
        found = await answer.json()
    assert found["total"] == 2
    assert [gap["why"] for gap in found["gaps"]] == ["link"], "B5"
    assert [item["id"] for item in found["items"]] == ["C1", "C0"]
    assert found["items"][1]["caller"]["name"] == "Фронкин Игорь"
    assert found["items"][1]["caller"]["company"] == "Ромашка"
    for query, ids in (
        ({"direction": "incoming"}, ["C0"]), ({"outcome": "busy"}, []), ({"limit": "1"}, ["C1"]),
        ({"limit": "1", "offset": "1"}, ["C0"]), ({"before": "C1"}, ["C0"]), ({"client": "8 916 000-00-02"}, ["C1"]),
        ({"agent": "101"}, []), ({"from": "02.01.2026"}, []), ({"to": "2026-01-01T09:01:00Z"}, ["C0"]),
        ({"min_talk": "1"}, []), ({"queue": "sales"}, []), ({"company": "Ромашка"}, ["C0"]),
        ({"as": "101"}, ["C1", "C0"]),
    ):  # fmt: skip
        async with pbxd.local.get(CALLS, params=query) as answer:
            assert [item["id"] for item in (await answer.json())["items"]] == ids, query
    async with pbxd.local.get(f"{CALLS}/C0") as answer:
        assert (await answer.json())["caller"]["name"] == "Фронкин Игорь"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "direction=sideways",
        "page=2",
        "offset=-1",
        "from=x",
        "since=1",
        "min_talk=nan",
    ],
)
async def test_wrong_filters_are_refused(pbxd: House, query: str) -> None:
    async with pbxd.local.get(f"{CALLS}?{query}") as answer:
        assert (await problem(answer, 422))["field"] == query.split("=", maxsplit=1)[0]


async def test_queues_tell_who_waits(pbxd: House) -> None:
    await add(pbxd, IGOR)
    async with pbxd.local.get("/api/v1/queues") as answer:
        [caller] = (await answer.json())["items"]
    assert (caller["queue"], caller["position"], caller["name"], caller["vip"]) == ("sales", 1, "Фронкин Игорь", True)
    assert caller["number"] == "+74951234567"


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
