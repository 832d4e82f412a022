"""`/staff` and `/queues`: what each phone does, who waits, and who is served next."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.calls.tracker import Tracker
from pbxd.roles import Role, Sight, Sights
from pbxd.services.access import users
from pbxd.services.access.users import InviteUser
from pbxd.storage.book.employees import Employees
from tests.actors import ADMINISTRATOR, agent
from tests.api.test_live_calls import NOW, comes_in
from tests.api.test_queues import WAITS
from tests.http.conftest import House, house, serving
from tests.services.scripted_queue import Pbx
from tests.web.conftest import mount
from tests.web.test_pages import PASSWORD, Browser, Shown

HOSTILE = "<img src=x onerror=alert(1)>"


@asynccontextmanager
async def office(pbxd: House, who: str, role: Role = "agent", calls: Sight = "all") -> AsyncIterator[Browser]:
    """101 and 102 sell, 103 has an odd name; 101 and 103 are rung by clients. `who` looks at the pages."""
    people = [
        Employee("101", "Иванова Анна", mobile="+79160000101", department="Продажи"),
        Employee("102", "Петров Пётр", department="Продажи", did="+74951230102"),
        Employee("103", HOSTILE, department=HOSTILE),
    ]
    await Employees(pbxd.database).upsert(people, source="list")
    await pbxd.contacts.add(
        ContactDraft("Ким", numbers=(ContactNumber("+74951234567"),), manager="101"), actor=agent("101")
    )
    secret = ContactDraft("Тайна", numbers=(ContactNumber("+79160000009"),), visibility="personal", owner="103")
    await pbxd.contacts.add(secret, actor=agent("103"))
    await pbxd.directory._refresh()
    tracker = Tracker("pbx", pbxd.services.workspace.rules, CHANNEL_IDS, in_gap=False)
    comes_in(tracker, "a", "+74951234567", "101")
    comes_in(tracker, "b", "+79160000009", "103", NOW + 10)
    pbxd.phones.update(tracker.phones())
    pbxd.services.queues.call_of = WAITS.get
    services = replace(pbxd.services, calls_now=tracker.calls_now, sights=lambda: Sights(calls, "all"))
    here = replace(pbxd, services=services)
    async with (
        serving(here, mount) as server,
        aiohttp.ClientSession(
            f"http://127.0.0.1:{server.port}",
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            headers={"Accept-Language": "ru"},
        ) as session,
    ):
        made = await users.invite(services.workspace, ADMINISTRATOR, InviteUser(who=who, role=role))
        browser = Browser(session, here)
        await browser.post(made.path, {"password": PASSWORD, "again": PASSWORD})
        yield browser


def _rows(shown: Shown) -> list[list[str]]:
    body = shown.text.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in body.split("<tr>")[1:]
    ]


async def test_the_staff_with_what_they_do_now(pbxd: House) -> None:
    async with office(pbxd, "102") as browser:
        shown = await browser.get("/staff")
        assert (shown.status, shown.page.texts("h1")) == (200, ["Сотрудники"])
        assert shown.page.texts("th")[:6] == [
            "ФИО",
            "Внутренний номер",
            "Номер телефона",
            "Отдел",
            "Клиенты",
            "Состояние",
        ]
        rows = _rows(shown)
        assert rows[0][:6] == ["Иванова Анна", "101", "+7 916 000-01-01", "Продажи", "1", "звонит: Ким"]
        assert rows[1][5] == "свободен"
        assert rows[2][5] == "звонит: +7 916 000-00-09", "a personal contact of somebody else is nobody's name"
        assert 'href="/clients?manager=101"' in shown.text
        assert "Ким" in (await browser.get("/clients?manager=101")).text
        assert [each for each in shown.page.elements if each.attributes.get("aria-label") == "Позвонить: Иванова Анна"]
        assert not [
            each for each in shown.page.elements if each.attributes.get("aria-label") == "Позвонить: Петров Пётр"
        ]


async def test_a_department_is_a_filter(pbxd: House) -> None:
    async with office(pbxd, "102") as browser:
        assert [row[0] for row in _rows(await browser.get("/staff?department=Продажи"))] == [
            "Иванова Анна",
            "Петров Пётр",
        ]
        assert "Здесь никого нет" in (await browser.get("/staff?department=Нет")).text
        folded = await browser.get("/staff?department=продажи")
        assert [each.text for each in folded.page.elements if "selected" in each.attributes] == ["Продажи"]


async def test_a_department_leads_to_its_people_and_who_has_no_extension_to_their_clients(pbxd: House) -> None:
    async with office(pbxd, "102") as browser:
        for path in ("/staff", "/staff/1"):
            shown = await browser.get(path)
            (leads, *_) = [
                each.attributes for each in shown.page.elements if each.tag == "a" and each.text == "Продажи"
            ]
            assert len(_rows(await browser.get(leads["href"]))) == 2
        hostile = [each for each in (await browser.get("/staff")).page.elements if each.text == HOSTILE]
        assert len(_rows(await browser.get(hostile[-1].attributes["href"]))) == 1
        numbers = [(ContactNumber(f"+7916000{place:04}", main=True),) for place in range(100, 121)]
        for each in numbers:
            await pbxd.contacts.add(ContactDraft("Ли", numbers=each, manager="101"), actor=agent("102"))
        await Employees(pbxd.database).other_person("101", "Новый")
        (link,) = [
            e for e in (await browser.get("/staff/1")).page.elements if (e.tag, e.text) == ("a", "Все клиенты: 22")
        ]
        clients = await browser.get(link.attributes["href"])
        assert "Всего: 22" in clients.page.role("status"), "their old number is somebody else's now"


@pytest.mark.parametrize("words", ["пётр", "петров", "102", "495 123-01-02", "петр прод"])
async def test_somebody_is_found_by_number_first_or_last_name_and_the_direct_number_shows(
    pbxd: House, words: str
) -> None:
    async with office(pbxd, "101") as browser:
        assert _rows(await browser.get(f"/staff?search={words}"))[0][:3] == ["Петров Пётр", "102", "+7 495 123-01-02"]
        assert len(_rows(await browser.get(f"/staff?search={words}"))) == 1
        assert "Здесь никого нет" in (await browser.get("/staff?search=никто")).text


async def test_an_agent_who_sees_own_calls_sees_no_other_phone(pbxd: House) -> None:
    async with office(pbxd, "102", calls="own") as browser:
        assert [row[5] for row in _rows(await browser.get("/staff"))] == ["", "свободен", ""]


async def test_an_employee_with_their_clients(pbxd: House) -> None:
    async with office(pbxd, "102") as browser:
        shown = await browser.get("/staff/1")
        assert (shown.status, shown.page.texts("h1")) == (200, ["Иванова Анна"])
        assert "звонит: Ким" in shown.text
        assert "+7 916 000-01-01" in shown.text
        assert '<a href="/clients/1">Ким</a>' in shown.text
        assert "Тайна" not in (await browser.get("/staff/3")).text
        for path in ("/staff/99", "/staff/0", "/staff/999999999999999999"):
            assert (await browser.get(path)).status == 404


async def test_an_employee_s_own_numbers_can_be_called(pbxd: House) -> None:
    async with office(pbxd, "102") as browser:
        mobile, direct = "Позвонить: Иванова Анна, +7 916 000-01-01", "Позвонить: Петров Пётр, +7 495 123-01-02"
        for path, label in (("/staff", mobile), ("/staff/1", mobile), ("/staff", direct), ("/staff/2", direct)):
            assert f'aria-label="{label}"' in (await browser.get(path)).text, path


async def test_texts_stay_texts(pbxd: House) -> None:
    async with office(pbxd, "102") as browser:
        for path in ("/staff", "/staff/3", "/staff?department=" + "%3Cimg%20src%3Dx%20onerror%3D%3E"):
            shown = await browser.get(path)
            assert shown.status == 200
            assert not [each for each in shown.page.elements if each.tag == "img" or "onerror" in each.attributes]


@pytest.fixture
def queue(pbxd: House) -> Pbx:
    """Callers A and B wait in `sales`, A first."""
    return Pbx(pbxd.pbx, "22.1.0", immediate=True)


@pytest.mark.usefixtures("queue")
async def test_a_supervisor_moves_a_caller_to_the_front(pbxd: House) -> None:
    async with office(pbxd, "102", "supervisor") as browser:
        shown = await browser.get("/queues")
        assert (shown.status, shown.page.texts("h1")) == (200, ["Очереди"])
        assert [each.attributes["aria-label"] for each in shown.page.elements if each.tag == "table"] == [
            "Очередь sales"
        ]
        assert shown.page.texts("th")[:4] == ["Место", "Клиент", "Ожидание", "VIP"]
        before = [row[1] for row in _rows(shown)]
        buttons = [
            each.attributes["aria-label"]
            for each in shown.page.elements
            if "Переместить" in each.attributes.get("aria-label", "")
        ]
        assert buttons == [f"Переместить в начало: {before[1]}"], "the first one has no further to go"
        moved = await browser.post("/queues/first", {"queue": "sales", "call": WAITS["B"]})
        assert (moved.status, moved.headers["Location"]) == (303, "/queues")
        assert [row[1] for row in _rows(await browser.get("/queues"))] == [before[1], before[0]]
        part = await browser.post("/queues/first", {"queue": "sales", "call": WAITS["A"]}, **{"X-Fragment": "1"})
        assert [row[1] for row in _rows(part)] == before
        assert "<html" not in part.text


@pytest.mark.usefixtures("queue")
async def test_who_left_meanwhile_is_not_moved(pbxd: House) -> None:
    async with office(pbxd, "102", "supervisor") as browser:
        for form in ({"queue": "sales", "call": "gone"}, {"queue": HOSTILE, "call": WAITS["B"]}, {}):
            shown = await browser.post("/queues/first", form)
            assert len(shown.page.role("alert")) == 1, form
            assert not [each for each in shown.page.elements if each.tag == "img"]
            assert len(_rows(shown)) == 2, "the list stays"


async def test_a_move_that_the_pbx_does_not_answer_is_told(pbxd: House, queue: Pbx) -> None:
    queue.server.on["QueueChangePriorityCaller"] = lambda session, _action: session.writer.transport.abort()
    async with office(pbxd, "102", "supervisor") as browser:
        shown = await browser.post("/queues/first", {"queue": "sales", "call": WAITS["B"]}, **{"X-Fragment": "1"})
        assert shown.page.role("alert") == ["АТС не ответила: проверьте, переместился ли клиент"]


@pytest.mark.usefixtures("queue")
async def test_agents_see_who_waits_and_move_nobody(pbxd: House) -> None:
    async with office(pbxd, "102") as browser:
        shown = await browser.get("/queues")
        assert len(_rows(shown)) == 2
        assert "Переместить" not in shown.text
        assert "Тайна" not in shown.text
        names = [row[1].partition(" +7")[0] for row in _rows(shown)]
        assert [name for name in names if f'aria-label="Позвонить: {name}"' in shown.text] == names
        moved = await browser.post("/queues/first", {"queue": "sales", "call": WAITS["B"]})
        assert (moved.status, moved.page.texts("h1")) == (403, ["Не получилось"])


async def test_without_the_pbx_people_are_told(tmp_path: Path, empty_book: Path) -> None:
    async with house(tmp_path, empty_book, linked=False) as pbxd, office(pbxd, "102") as browser:
        shown = await browser.get("/queues")
        assert (shown.status, shown.page.role("alert")) == (200, ["АТС не отвечает: сейчас неизвестно, кто ждёт"])
        staff = await browser.get("/staff")
        assert staff.page.role("alert") == ["Нет связи с АТС: чем заняты телефоны сотрудников, неизвестно."]
        assert "свободен" not in staff.text
