"""The calls under way as each asker may see them, the phones, and the list of gaps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.calls.events import ChannelCreated, ChannelEnded, ChannelRinging, DialBegan, Endpoint, QueueJoined
from pbxd.calls.record import HistoryGap
from pbxd.calls.tracker import Tracker
from pbxd.roles import Sight, Sights
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from tests.actors import acting_token, agent
from tests.api.examples import CALLS, IGOR, add, problem
from tests.api.test_audit import bearer
from tests.api.test_queues import session
from tests.http.conftest import House, serving

LIVE = f"{CALLS}/live"
GAPS = f"{CALLS}/gaps"
NOW = datetime.now(UTC).timestamp()


def comes_in(tracker: Tracker, name: str, number: str, extension: str, at: float = NOW) -> None:
    """A call from a trunk waits in the queue `sales` and rings at an extension."""
    trunk, phone = Endpoint("trunk", "trunk"), Endpoint("extension", extension)
    tracker.feed(ChannelCreated(at, name, name, trunk, number, "84950000000"))
    tracker.feed(QueueJoined(at + 1, name, name, "sales", number))
    tracker.feed(ChannelCreated(at + 2, f"{name}p", name, phone, extension, ""))
    tracker.feed(DialBegan(at + 2, name, f"{name}p", name, extension))
    tracker.feed(ChannelRinging(at + 2, f"{name}p", name))


@asynccontextmanager
async def office(pbxd: House, calls: Sight = "all") -> AsyncIterator[tuple[aiohttp.ClientSession, Tracker]]:
    """101 and 102 sell, 103 does not; each of 101 and 103 is rung by a client."""
    people = [
        Employee("101", "Иванова Анна", department="Продажи"),
        Employee("102", "Петров Пётр", department="Продажи"),
        Employee("103", "Сидоров Сидор"),
    ]
    await Employees(pbxd.database).upsert(people, source="list")
    await pbxd.directory._refresh()
    tracker = Tracker("pbx", pbxd.services.workspace.rules, CHANNEL_IDS, in_gap=False)
    comes_in(tracker, "a", "+74951234567", "101")
    comes_in(tracker, "b", "+79160000009", "103", NOW + 10)
    pbxd.phones.update(tracker.phones())
    services = replace(pbxd.services, calls_now=tracker.calls_now, sights=lambda: Sights(calls, "all"))
    async with (
        serving(replace(pbxd, services=services)) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client,
    ):
        yield client, tracker


async def live(client: aiohttp.ClientSession, headers: dict[str, str], **query: str) -> dict[str, Any]:
    async with client.get(LIVE, headers=headers, params=query) as answer:
        assert answer.status == 200, await answer.text()
        told: dict[str, Any] = await answer.json()
        return told


async def test_calls_under_way_are_told_with_what_they_do_and_who_is_in_them(pbxd: House) -> None:
    await add(pbxd, IGOR)
    headers = await session(pbxd, "boss@example.org", "administrator")
    async with office(pbxd) as (client, tracker):
        told = await live(client, headers)
        assert [each["caller"]["number"] for each in told["items"]] == ["+79160000009", "+74951234567"]
        igor = told["items"][1]
        assert (igor["caller"]["name"], igor["queue"], igor["outcome"], igor["ended"]) == (
            "Фронкин Игорь", "sales", None, None,
        )  # fmt: skip
        assert (igor["part"], igor["phones"]) == ("ring", {"101": "ringing"})
        assert [step["what"] for step in igor["story"]] == ["called", "queued", "rang"]
        assert told["extensions"] == {"101": "ringing", "102": "free", "103": "ringing"}
        for channel in ("ap", "a"):
            tracker.feed(ChannelEnded(NOW + 20, channel, "a", 16))
        assert [each["caller"]["number"] for each in (await live(client, headers))["items"]] == ["+79160000009"]


@pytest.mark.parametrize(
    ("sight", "who", "calls", "phones"),
    [
        ("all", "102", 2, {"101", "102", "103"}),
        ("department", "102", 1, {"101", "102"}),
        ("own", "101", 1, {"101"}),
        ("own", "102", 0, {"102"}),
        ("own", "103", 1, {"103"}),
    ],
)
async def test_an_agent_sees_the_calls_and_phones_that_are_set(
    pbxd: House, sight: Sight, who: str, calls: int, phones: set[str]
) -> None:
    async with office(pbxd, sight) as (client, _tracker):
        told = await live(client, await session(pbxd, who, "agent"))
        assert (len(told["items"]), set(told["extensions"])) == (calls, phones)
        told = await live(client, await session(pbxd, "103" if who != "103" else "101", "supervisor"))
        assert (len(told["items"]), set(told["extensions"])) == (2, {"101", "102", "103"})


async def test_a_personal_contact_names_a_call_for_its_owner_alone(pbxd: House) -> None:
    secret = ContactDraft("Тайна", numbers=(ContactNumber("+79160000009"),), visibility="personal", owner="101")
    await Employees(pbxd.database).upsert([Employee("101", "Иванова Анна")], source="list")
    await pbxd.contacts.add(secret, actor=agent("101"))
    async with office(pbxd) as (client, _tracker):
        boss = await live(client, await session(pbxd, "boss@example.org", "administrator"))
        assert "Тайна" not in str(boss)
        own = await live(client, await session(pbxd, "101", "agent"))
        assert own["items"][0]["caller"]["name"] == "Тайна"


async def test_live_events_after_its_number_bring_what_changes(pbxd: House) -> None:
    before = (await live(pbxd.local, {}))["seq"]
    await add(pbxd, IGOR)
    assert (await live(pbxd.local, {}))["seq"] > before


@pytest.mark.parametrize("address", [LIVE, GAPS])
async def test_the_scope_is_needed(pbxd: House, address: str) -> None:
    async with pbxd.public.get(address, headers=await bearer(pbxd, "crm", "calls:make")) as answer:
        assert (await problem(answer, 403))["scope"] == "calls:read"
    async with pbxd.local.post(address) as answer:
        await problem(answer, 405)
        assert answer.headers["Allow"] == "GET,HEAD"


async def test_gaps_are_listed_newest_first_page_by_page(pbxd: House) -> None:
    began = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
    minute = timedelta(minutes=1)
    for number in (0, 2, 2, 1):  # two began at the same moment
        gap = HistoryGap("pbx", began + number * minute, began + (number + 1) * minute, "link", calls=number)
        await Calls(pbxd.database).upsert([], [gap])
    found, after = [], ""
    for page in range(4):
        async with pbxd.local.get(GAPS, params={"limit": "1"} | ({"after": after} if after else {})) as answer:
            assert answer.status == 200
            told = await answer.json()
            assert ("next" in answer.links) == (page < 3)
        assert (told["total"], told["total_is_exact"]) == (4, True)
        found += [(each["id"], each["calls"]) for each in told["items"]]
        after = told["next"] or ""
    assert found == [(3, 2), (2, 2), (4, 1), (1, 0)]
    assert after == ""
    async with pbxd.local.get(GAPS) as answer:
        whole = await answer.json()
    assert [each["id"] for each in whole["items"]] == [3, 2, 4, 1]
    assert whole["items"][0] | {"id": 0} == {
        "id": 0, "pbx": "pbx", "from": "2026-01-01T09:02:00.000000Z", "to": "2026-01-01T09:03:00.000000Z",
        "why": "link", "calls": 2, "filled": None, "filled_from": None, "filled_calls": None,
    }  # fmt: skip


@pytest.mark.parametrize("after", ["x", "WyJnYXBzIiwiIiwxXQ", "%00"])
async def test_a_cursor_that_is_none_is_refused(pbxd: House, after: str) -> None:
    async with pbxd.local.get(GAPS, params={"after": after}) as answer:
        assert (await problem(answer, 422))["errors"][0]["code"] == "cursor"


async def test_a_token_that_acts_for_anybody_names_whose_contacts_count(pbxd: House) -> None:
    async with office(pbxd) as (client, _tracker):
        _id, plain = await Tokens(pbxd.database).create("x", acting_token("x", acts_for_any=True))
        told = await live(client, {"Authorization": f"Bearer {plain}"}, **{"as": "101"})
        assert len(told["items"]) == 2
