"""`GET /api/v1/events`: the feed over server-sent events, and the present state of extensions."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from sqlalchemy import delete

from pbxd.actor import Actor
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.calls.presence import PhoneState, Presence
from pbxd.calls.record import Agent, CallRecord, Party
from pbxd.http import connection_limits
from pbxd.roles import Sights
from pbxd.scopes import Scope
from pbxd.services.events import live_feed
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine.feed import Feed, News, tell
from pbxd.storage.tables import feed
from tests.http.conftest import House, serving

pytestmark = pytest.mark.both_databases

URL = "/api/v1/events"
CLIENT = "+79161234567"
ALL: tuple[Scope, ...] = ("events", "calls:read", "contacts:read", "queues:read")
STARTED = datetime(2026, 3, 1, 9, tzinfo=UTC)


@dataclass
class Frame:
    event: str = ""
    id: int | None = None
    comment: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class Reader:
    answer: aiohttp.ClientResponse

    async def frame(self) -> Frame:
        """Return the next frame, whatever it is."""
        found = Frame()
        async with asyncio.timeout(30):
            while line := (await self.answer.content.readline()).decode().rstrip("\n"):
                name, _colon, value = line.partition(": ")
                match name:
                    case "event":
                        found.event = value
                    case "id":
                        found.id = int(value)
                    case "data":
                        found.data = json.loads(value)
                    case _:
                        found.comment = value
        return found

    async def event(self) -> Frame:
        """Return the next event with a number."""
        while True:
            found = await self.frame()
            if found.event and found.event != "extension.state":
                return found

    async def events(self, count: int) -> list[Frame]:
        return [await self.event() for _ in range(count)]

    async def until_end(self) -> None:
        with suppress(aiohttp.ClientPayloadError):  # a stop does not end the body
            async with asyncio.timeout(10):
                while await self.answer.content.read(65536):
                    pass


@asynccontextmanager
async def reading(client: aiohttp.ClientSession, query: str = "", **headers: str) -> AsyncIterator[Reader]:
    async with client.get(URL + query, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        yield Reader(answer)


async def token(pbxd: House, *scopes: Scope, extension: str = "", as_any: bool = False) -> dict[str, str]:
    actor = Actor.token("crm", extension, acts_for_any=as_any, scopes=frozenset(scopes or ALL))
    _id, plain = await Tokens(pbxd.database).create("crm", actor)
    return {"Authorization": f"Bearer {plain}"}


async def told(pbxd: House, *news: News) -> None:
    async with pbxd.database.writing() as connection:
        await tell(connection, news)


def call_news(number: int, *, kind: str = "call.ended", **data: object) -> News:
    return News(kind, f"{number:04}", {"direction": "incoming", "extensions": ["101"], "queue": None, **data})


def ringing(number: int, extension: str) -> CallRecord:
    record = CallRecord(f"{number:04}", "pbx", f"1.{number}", STARTED, caller=Party(CLIENT), queue="sales")
    record.agents.append(Agent(extension, rings=1))
    return record


async def test_a_ringing_phone_is_heard_at_once_with_all_that_a_card_needs(pbxd: House) -> None:
    async with reading(pbxd.local) as reader:
        first = await reader.frame()
        assert (first.comment, first.id) == ("connected", 0), "a reader that is cut before any event resumes from here"
        await Calls(pbxd.database).upsert([ringing(1, "101")])
        heard = await reader.event()
    assert (heard.event, heard.id) == ("call.ringing", 1)
    assert heard.data.keys() == {"seq", "at", "kind", "subject", "data"}
    assert heard.data["data"]["extension"] == "101"
    assert heard.data["data"]["caller"]["number"] == CLIENT


@pytest.mark.parametrize(
    ("query", "last", "first"),
    [
        ("?after=0", None, 1),
        ("?after=3", None, 4),
        ("?after=1", 4, 5),
        ("", 0, 1),
        ("", None, 6),
    ],
    ids=["the oldest", "after one", "Last-Event-ID beats after", "from its beginning", "from now on"],
)
async def test_where_a_stream_begins(pbxd: House, query: str, last: int | None, first: int) -> None:
    await told(pbxd, *(call_news(number) for number in range(1, 6)))
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    async with reading(pbxd.local, query, **headers) as reader:
        await reader.frame()
        await told(pbxd, call_news(6))
        assert [each.id for each in await reader.events(7 - first)] == list(range(first, 7))


@pytest.mark.parametrize("after", [1, 7, 2**63 - 1])
async def test_a_cursor_outside_the_feed_is_told_to_begin_anew(pbxd: House, after: int) -> None:
    await told(pbxd, *(call_news(number) for number in range(1, 6)))
    async with pbxd.database.writing() as connection:
        await connection.execute(delete(feed).where(feed.c.seq < 4))
    async with reading(pbxd.local, f"?after={after}") as reader:
        heard = await reader.event()
        assert (heard.event, heard.id, heard.data) == ("reset", 5, {"oldest": 4, "newest": 5})
        await told(pbxd, call_news(6))
        assert (await reader.event()).id == 6
    async with reading(pbxd.local, "?after=3") as reader:
        assert (await reader.event()).id == 4, "it has missed nothing"


@pytest.mark.parametrize(
    ("query", "headers", "where"),
    [
        ("?after=-1", {}, {"parameter": "after"}),
        ("?after=x", {}, {"parameter": "after"}),
        ("?after=9223372036854775808", {}, {"parameter": "after"}),
        ("", {"Last-Event-ID": "abc"}, {"header": "Last-Event-ID"}),
        ("?since=1", {}, {"parameter": "since"}),
    ],
)
async def test_a_wrong_cursor_is_refused(
    pbxd: House, query: str, headers: dict[str, str], where: dict[str, str]
) -> None:
    async with pbxd.local.get(URL + query, headers=headers) as answer:
        assert answer.status == 422
        assert where.items() <= (await answer.json())["errors"][0].items()


async def test_an_unknown_kind_is_refused_and_names_those_there_are(pbxd: House) -> None:
    async with pbxd.local.get(f"{URL}?kinds=call.rang") as answer:
        problem = await answer.json()
        assert (answer.status, problem["field"]) == (422, "kinds")
        assert "call.ringing" in problem["detail"]


async def test_filters(pbxd: House) -> None:
    await told(
        pbxd,
        call_news(1, queue="sales"),
        call_news(2, queue="support"),
        News("queue.joined", "0003", {"queue": "sales", "caller": {"number": CLIENT, "extension": None}}),
        News("company.changed", "7", {}),
        call_news(4, kind="call.ringing", extension="102", extensions=["101", "102"]),
        call_news(5, kind="call.ringing", extension="101", extensions=["101", "102"]),
    )
    employee = await token(pbxd, extension="101")
    for query, expected in (
        ("kinds=call.*", [1, 2, 5, 6]),
        ("kinds=company.changed,queue.joined", [3, 4]),
        ("queue=sales", [1, 3, 4]),
        ("queue=sales&kinds=call.ended", [1]),
    ):
        async with reading(pbxd.local, f"?after=0&{query}") as reader:
            assert [each.id for each in await reader.events(len(expected))] == expected
    async with reading(pbxd.public, "?after=0&mine=true&kinds=call.*", **employee) as reader:
        assert [each.id for each in await reader.events(3)] == [1, 2, 6]
    async with pbxd.public.get(f"{URL}?mine=true", headers=await token(pbxd)) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (403, "no-employee")


async def heard_until(reader: Reader, last: int) -> list[int]:
    """Return the numbers of what was heard up to the marker `last`, by event or by ping."""
    found = []
    while True:
        frame = await reader.frame()
        if frame.event and frame.event not in {"extension.state", "reset"}:
            found.append(frame.id or 0)
        if (frame.id or 0) >= last:
            return found


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        (("events",), []),
        (("events", "calls:read"), [1, 5]),
        (("events", "contacts:read"), [2, 3]),
        (("events", "queues:read"), [4]),
        (ALL, [1, 2, 3, 4, 5]),
    ],
)
async def test_a_token_hears_what_its_scopes_read(
    pbxd: House, monkeypatch: pytest.MonkeyPatch, scopes: Sequence[Scope], expected: list[int]
) -> None:
    monkeypatch.setattr(live_feed, "PING_SECONDS", 0.1)
    monkeypatch.setattr(live_feed, "BEAT_SECONDS", 0.05)
    await told(
        pbxd,
        call_news(1),
        News("contact.changed", "1", {"visibility": "shared", "owner_id": 0, "version": 2}),
        News("employee.changed", "101", {"employee": 1}),
        News("queue.left", "0001", {"queue": "sales"}),
        News("gap", "pbx", {"id": 1}),
        News("privacy.erased", "", {"by": "root"}),
    )
    async with reading(pbxd.public, "?after=0", **await token(pbxd, *scopes)) as reader:
        assert await heard_until(reader, 6) == expected, "what is pbxd's own affair is for nobody"


async def test_without_the_scope_there_is_no_stream(pbxd: House) -> None:
    async with pbxd.public.get(URL, headers=await token(pbxd, "calls:read")) as answer:
        assert answer.status == 403
        assert (await answer.json())["scope"] == "events"
    async with pbxd.public.get(URL) as answer:
        assert answer.status == 401


async def test_a_personal_contact_is_its_owners_alone(pbxd: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_feed, "PING_SECONDS", 0.1)
    monkeypatch.setattr(live_feed, "BEAT_SECONDS", 0.05)
    await Employees(pbxd.database).upsert([Employee("101", "Анна"), Employee("102", "Олег")], source="list")
    draft = ContactDraft("Мама", numbers=(ContactNumber(CLIENT),), visibility="personal")
    await Contacts(pbxd.database).add(draft, actor=Actor.agent("101", "test"))
    last = await Feed(pbxd.database).last()
    any_employee = await token(pbxd, as_any=True)
    for client, query, headers, hears in (
        (pbxd.public, "", await token(pbxd, extension="101"), True),
        (pbxd.public, "&as=101", any_employee, True),
        (pbxd.public, "&as=102", any_employee, False),
        (pbxd.public, "", any_employee, False),
        (pbxd.public, "", await token(pbxd, extension="102"), False),
        (pbxd.local, "", {}, False),
    ):
        async with reading(client, "?after=0&kinds=contact.*" + query, **headers) as reader:
            assert (last in await heard_until(reader, last)) is hears
    async with reading(pbxd.public, "?after=0&kinds=contact.*", **await token(pbxd, extension="101")) as reader:
        assert (await reader.event()).data["data"] == {"visibility": "personal", "version": 1}, "the owner stays inside"
    async with pbxd.public.get(f"{URL}?as=102", headers=await token(pbxd, extension="101")) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (403, "other-employee")


@pytest.mark.parametrize("limits", [Sights(contacts="department"), Sights(calls="department")])
async def test_who_comes_to_another_department_hears_anew(
    pbxd: House, monkeypatch: pytest.MonkeyPatch, limits: Sights
) -> None:
    monkeypatch.setattr(live_feed, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(live_feed, "CHECK_SECONDS", 0.3)
    people = Employees(pbxd.database)
    await people.upsert([Employee("101", department="Sales"), Employee("102", department="Stock")], source="list")
    await pbxd.directory.load()
    headers = await token(pbxd, extension="101")
    limited = replace(pbxd.services, sights=lambda: limits)
    async with (
        serving(replace(pbxd, services=limited)) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client,
        reading(client, **headers) as reader,
    ):
        await reader.frame()
        await people.upsert([Employee("103", department="Stock")], source="hand")
        await told(pbxd, call_news(1))
        assert (await reader.event()).event == "employee.changed", "another department is no reason to end"
        await people.upsert([Employee("101", department="Stock")], source="hand")
        await reader.until_end()


async def test_every_extension_s_state_comes_after_each_connect_and_then_its_changes(pbxd: House) -> None:
    await Employees(pbxd.database).upsert([Employee("101"), Employee("102")], source="list")
    await pbxd.directory.load()
    async with reading(pbxd.local, "?kinds=extension.state") as reader:
        await reader.frame()
        states = [await reader.frame() for _ in range(2)]
        assert {each.data["subject"]: each.data["data"]["state"] for each in states} == {"101": "free", "102": "free"}
        pbxd.phones["102"] = "talking"
        changed = await reader.frame()
        assert (changed.event, changed.id) == ("extension.state", None)
        assert (changed.data["subject"], changed.data["data"]) == ("102", {"state": "talking"})
        assert "seq" not in changed.data
    async with reading(pbxd.local, "?kinds=extension.state") as reader:
        await reader.frame()
        again = [await reader.frame() for _ in range(2)]
        assert {each.data["subject"]: each.data["data"]["state"] for each in again} == {"101": "free", "102": "talking"}


def presence(number: int, extension: str, state: PhoneState, part: str = "ring") -> Presence:
    return Presence(ringing(number, extension), part, {extension: state})


async def test_calls_under_way_come_to_those_who_ask_and_only_about_calls_they_see(pbxd: House) -> None:
    await Employees(pbxd.database).upsert([Employee("101"), Employee("102")], source="list")
    await pbxd.directory.load()
    pbxd.presences.append(presence(1, "102", "ringing"))
    mine = reading(pbxd.public, "?kinds=live.call&mine=true", **await token(pbxd, extension="101"))
    async with reading(pbxd.local, "?kinds=live.call") as everybody, mine as own:
        await own.frame()
        await everybody.frame()
        rings = await everybody.frame()
        assert (rings.event, rings.id, rings.data["subject"]) == ("live.call", None, "0001")
        assert rings.data["data"] == {"state": "ring", "phones": {"102": "ringing"}, "people": ["102"], "steps": 0}
        pbxd.presences.append(presence(2, "101", "talking", "talk"))
        assert (await own.frame()).data["subject"] == "0002"
        pbxd.presences.clear()
        over = await own.frame()
        assert (over.data["subject"], over.data["data"]) == ("0002", {"state": "over"})


async def test_who_does_not_name_the_calls_under_way_does_not_get_them(pbxd: House) -> None:
    pbxd.presences.append(presence(1, "102", "ringing"))
    async with reading(pbxd.local) as plain, reading(pbxd.local, "?kinds=live.call") as asking:
        while (await asking.frame()).event != "live.call":
            pass
        await told(pbxd, call_news(1))
        assert (await plain.event()).event == "call.ended"


async def test_pings_carry_the_number_so_that_a_filtered_reader_moves_on(
    pbxd: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_feed, "PING_SECONDS", 0.1)
    monkeypatch.setattr(live_feed, "BEAT_SECONDS", 0.05)
    async with reading(pbxd.local, "?kinds=gap") as reader:
        await reader.frame()
        await told(pbxd, *(call_news(number) for number in range(1, 4)))
        while (frame := await reader.frame()).id != 3:
            assert frame.comment == "ping"


async def test_a_reader_behind_what_memory_has_misses_nothing(pbxd: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_feed, "_PAGE", 7)
    await told(pbxd, *(call_news(number) for number in range(1, 60)))
    async with reading(pbxd.local, "?after=0") as reader:
        assert [each.id for each in await reader.events(59)] == list(range(1, 60))
        await told(pbxd, *(call_news(number) for number in range(60, 90)))
        assert [each.id for each in await reader.events(30)] == list(range(60, 90))


def small_buffer(address: tuple[Any, ...]) -> socket.socket:
    """Make a socket whose buffer does not grow to megabytes."""
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    return made


async def test_a_slow_reader_is_cut_and_resumes_without_loss(pbxd: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "UNREAD_SECONDS", 0.2)
    long = "x" * 20_000
    count = 400  # 8 MB: more than the sockets' buffers take
    connector = aiohttp.TCPConnector(socket_factory=small_buffer)
    async with (
        serving(pbxd) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}", connector=connector) as client,
    ):
        headers = await token(pbxd)
        seen: list[int] = []
        async with client.get(f"{URL}?after=0", headers=headers) as answer:
            reader = Reader(answer)
            for start in range(1, count + 1, 50):
                await told(pbxd, *(call_news(number, note=long) for number in range(start, start + 50)))
            await asyncio.sleep(1.0)  # it doesn't read
            with suppress(aiohttp.ClientError, ValueError):
                while len(seen) < count:
                    seen.append((await reader.event()).id or 0)
            assert len(seen) < count, "it was cut"
        async with reading(client, **headers, **{"Last-Event-ID": str(seen[-1])}) as resumed:
            seen += [each.id or 0 for each in await resumed.events(count - len(seen))]
    assert seen == list(range(1, count + 1))


async def test_equal_readers_get_the_same_and_a_stop_ends_all(pbxd: House) -> None:
    async with serving(pbxd) as server, aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        headers = await token(pbxd)
        answers = [await client.get(URL, headers=headers) for _ in range(20)]
        readers = [Reader(answer) for answer in answers]
        for reader in readers:
            await reader.frame()
        assert pbxd.live_feed.streams == 20
        await told(pbxd, *(call_news(number) for number in range(1, 11)))
        heard = [[each.id for each in await reader.events(10)] for reader in readers]
        assert heard == [list(range(1, 11))] * 20
        await server.stop()
        for reader in readers:
            await reader.until_end()
    assert pbxd.live_feed.streams == 0


async def test_head_opens_no_stream(pbxd: House) -> None:
    async with pbxd.local.head(URL) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
    assert pbxd.live_feed.streams == 0
