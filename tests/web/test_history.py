"""`/history`: what is in it for whom, its filters, pages and file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.calls.record import PARTS, Agent, CallRecord, HistoryGap, Party
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.roles import Sights
from pbxd.services import call_filters
from pbxd.services.access import users
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps
from tests.actors import ADMINISTRATOR, agent
from tests.http.conftest import House, serving
from tests.web.conftest import mount
from tests.web.test_pages import Browser, Shown
from tests.web.test_pages import browser as browser

DAY = timedelta(days=1)
NOW = datetime.now().astimezone()
NOON = NOW.replace(hour=12, minute=0, second=0, microsecond=0) - DAY * (NOW.hour < 12)  # the last one
ONE, TWO, THREE = "+79160000001", "+79160000002", "+79160000003"
DID = "+74951234567"


def call(number: int, *, before: timedelta = timedelta(), **changes: Any) -> CallRecord:  # noqa: ANN401 - any field
    started = NOON - before - timedelta(minutes=number)
    plain = CallRecord(f"C{number}", "pbx", f"1.{number}", started, ended=started + timedelta(seconds=30))
    talk = changes.pop("talk", 0.0)
    return replace(plain, seconds=dict.fromkeys(PARTS, 0.0) | {"talk": talk}, **changes)


CALLS = [
    call(1, caller=Party(ONE), callee=Party(DID), queue="sales", outcome="answered", answered_by=["101"], talk=65.0),
    call(2, caller=Party(TWO), callee=Party(DID), queue="sales", outcome="missed", agents=[Agent("102", 9.0)]),
    call(3, direction="outgoing", caller=Party("102", extension="102"), callee=Party(ONE), outcome="busy"),
    call(4, before=DAY, direction="internal", caller=Party("101", extension="101"),
         callee=Party("102", extension="102"), outcome="no-answer"),
    call(5, before=DAY, caller=Party(None), callee=Party(DID), outcome="abandoned"),
    call(6, before=9 * DAY, caller=Party(THREE), callee=Party(DID), ended=None),
]  # fmt: skip


@pytest.fixture
async def history(browser: Browser) -> Browser:
    """A signed-in 101, calls of three days."""
    database = browser.pbxd.database
    people = [
        Employee("101", "Иванова Анна", department="Продажи", queues=("sales",)),
        Employee("102", "Петров Борис", department="Склад"),
    ]
    await Employees(database).upsert(people, source="list")
    await Employees(database).upsert(people, source="pbx")
    book = Contacts(database)
    await book.add(
        ContactDraft("Фронкин Игорь", company="Ромашка", numbers=(ContactNumber(ONE),), vip=True), actor=ADMINISTRATOR
    )
    secret = ContactDraft("Тайная Жена", visibility="personal", owner="102", numbers=(ContactNumber(TWO),))
    await book.add(secret, actor=agent("102"))
    await Calls(database).upsert(CALLS, [HistoryGap("pbx", NOON - DAY, NOON - DAY + timedelta(minutes=5), "link")])
    await sign_in(browser, "101")
    return browser


async def sign_in(browser: Browser, who: str, role: str = "agent") -> None:
    browser.session.cookie_jar.clear()
    made = await users.invite(browser.pbxd.services.workspace, ADMINISTRATOR, users.InviteUser(who=who, role=role))
    form = {"password": "корова 7 лошадь", "again": "корова 7 лошадь"}
    assert (await browser.post(made.path, form)).status == 303


def rows(text: str) -> list[str]:
    """The ids of the calls that a page shows."""
    return [part.split('"')[0] for part in text.split('<tr id="call-')[1:]]


async def test_the_table_says_who_called_and_how_it_ended(history: Browser) -> None:
    shown = await history.get("/history")
    assert (shown.status, shown.page.texts("h1"), rows(shown.text)) == (
        200, ["История"], ["C1", "C2", "C3", "C4", "C5", "C6"],
    )  # fmt: skip
    (table,) = [each for each in shown.page.elements if each.tag == "table"]
    assert table.attributes["aria-label"] == "История"
    heads = ["Время", "Направление", "Клиент", "Компания", "Сотрудник", "Очередь", "Итог", "Длительность", "Действия"]
    days = [text for text in shown.page.texts("th") if text not in heads]
    assert shown.page.texts("th")[:9] == heads
    is_today = NOON.date() == datetime.now().astimezone().date()
    assert days[:2] == (["Сегодня", "Вчера"] if is_today else ["Вчера", f"{NOON - DAY:%d.%m.%Y}"])
    assert days[2] == f"{NOON - 9 * DAY:%d.%m.%Y}"
    cells = shown.page.texts("td")
    assert cells[:8] == [
        "11:59",
        "входящий",
        "Фронкин Игорь VIP",
        "Ромашка",
        "Иванова Анна",
        "sales",
        "отвечен",
        "1:05",
    ]
    assert "Петров Борис" in cells[13], "who rang, where nobody answered"
    assert "Иванова Анна → Петров Борис" in shown.text
    assert "скрытый номер" in shown.text
    assert "идёт" in cells
    assert "Всего: 6" in shown.page.role("status")
    (gap,) = [text for text in cells if "не записывались" in text]
    assert gap.startswith(
        "С 12:00 до 12:05 звонки не записывались (не было связи с АТС); звонки этого времени могли не"
    )


async def test_a_gap_within_a_minute_has_its_seconds(history: Browser) -> None:
    gap = HistoryGap("pbx", NOON + timedelta(seconds=5), NOON + timedelta(seconds=40), "link")
    await Calls(history.pbxd.database).upsert([], [gap])
    assert "С 12:00:05 до 12:00:40 звонки не записывались" in (await history.get("/history")).text


async def test_a_gap_that_was_filled_says_so(history: Browser) -> None:
    gaps = HistoryGaps(history.pbxd.database)
    (gap,) = await gaps.list()
    await gaps.note_filled(gap.id, "cel", 3)
    shown = await history.get("/history")
    (text,) = [text for text in shown.page.texts("td") if "не записывались" in text]
    assert "CEL: 3" in text
    assert "могли" not in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("direction=outgoing", ["C3"]),
        ("outcome=missed", ["C2"]),
        ("agent=102", ["C3", "C4"]),
        ("client=фронк", ["C1", "C3"]),
        ("client=%2B7 916 000-00-02", ["C2"]),
        ("client=тайная", []),
        ("company=ромаш", ["C1", "C3"]),
        ("company=Завод", []),
        ("queue=sales", ["C1", "C2"]),
        ("department=Продажи", ["C1", "C2", "C4"]),
        ("department=Склад", ["C3", "C4"]),
        ("no_callback=1", ["C2"]),
        ("min_talk=60", ["C1"]),
        ("min_talk=66", []),
        ("min_talk=минуту", ["C1", "C2", "C3", "C4", "C5", "C6"]),
        ("no_callback=1&department=Склад", []),
        (f"from={NOON:%Y-%m-%d}", ["C1", "C2", "C3"]),
        (f"from={NOON - DAY:%d.%m.%Y}&to={NOON - DAY:%Y-%m-%d}", ["C4", "C5"]),
        ("outcome=x&direction=y&no_callback=2&limit=7&unknown=1", ["C1", "C2", "C3", "C4", "C5", "C6"]),
    ],
)
async def test_filters_stand_in_the_address(history: Browser, query: str, found: list[str]) -> None:
    shown = await history.get(f"/history?{query}")
    assert (shown.status, rows(shown.text)) == (200, found)
    part = await history.get(f"/history?{query}", **{"X-Fragment": "1"})
    assert (rows(part.text), part.page.texts("h1")) == (found, [])
    async with history.session.get(f"/history/export.csv?{query}") as answer:
        table = list(csv.reader(io.StringIO((await answer.text()).lstrip("\ufeff")), delimiter=";"))
    assert [row[-1] for row in table[1:]] == found, "the file has what is shown"
    if not found:
        assert "Ничего не найдено" in shown.text


async def test_of_too_many_clients_those_who_fit_best_are_searched(
    history: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ContactDraft("Абрамов", comment="зять Фронкина", numbers=(ContactNumber(THREE),))
    await history.pbxd.contacts.add(other, actor=ADMINISTRATOR)
    assert rows((await history.get("/history?client=фронк")).text) == ["C1", "C3", "C6"]
    monkeypatch.setattr(call_filters, "MOST_SEARCHED", 1)
    assert rows((await history.get("/history?client=фронк")).text) == ["C1", "C3"]


async def test_the_form_shows_what_is_asked_for(history: Browser) -> None:
    shown = await history.get(
        "/history?from=01.11.2026&department=Склад&client=фронк&agent=199&no_callback=1&outcome=busy"
    )
    page = shown.page
    assert page.field("С").attributes["value"] == "2026-11-01"
    assert page.field("Клиент").attributes["value"] == "фронк"
    chosen = [each.text for each in page.elements if each.tag == "option" and "selected" in each.attributes]
    assert chosen == ["Склад", "199", "Занято", "20"]
    assert [e for e in page.elements if e.attributes.get("name") == "no_callback" and "checked" in e.attributes]
    (link,) = [each for each in page.elements if each.text.strip() == "Экспорт"][:1]
    assert "department=" in next(e for e in page.elements if "data-filtered" in e.attributes).attributes["href"], link


async def test_what_is_wrong_is_said(history: Browser) -> None:
    wrong = await history.get("/history?from=вчера")
    assert (wrong.status, rows(wrong.text)) == (200, [])
    assert wrong.page.role("alert") == ["С: Неверная дата (пишите так: 31.12.1980): вчера"]
    assert (await history.get("/history?department=Кадры")).page.role("alert") == ["Отдела Кадры нет"]
    assert (await history.get("/history?after=x")).page.role("alert")
    refused = await history.get("/history/export.xlsx?from=вчера")
    assert (refused.status, refused.headers["Location"].split("?")[0]) == (303, "/history")


async def test_pages_lead_on_and_back(history: Browser) -> None:
    more = [call(number, before=20 * DAY, caller=Party(TWO), outcome="missed") for number in range(100, 115)]
    await Calls(history.pbxd.database).upsert(more)
    seen: list[str] = []
    path, text = "/history?limit=10&outcome=missed", ""
    while path:
        shown = await history.get(path)
        text = shown.text
        seen += rows(shown.text)
        path = next((e.attributes["href"] for e in shown.page.elements if e.attributes.get("rel") == "next"), "")
    assert seen == ["C2", *(each.id for each in more)]
    assert "В начало" in text


@asynccontextmanager
async def beside(pbxd: House, **services: Any) -> AsyncIterator[str]:  # noqa: ANN401 - any of the services
    """Another server of the same house, with some services of its own; yields its address."""
    with TemporaryDirectory() as folder:
        own = pbxd.settings.service.model_copy(update={"runtime_folder": folder})
        settings = pbxd.settings.model_copy(update={"service": own})
        changed = replace(pbxd, settings=settings, services=replace(pbxd.services, **services))
        async with serving(changed, mount, beside=True) as server:
            yield f"http://127.0.0.1:{server.port}"


async def test_an_agent_sees_only_what_is_theirs(history: Browser) -> None:
    await sign_in(history, "102")
    async with beside(history.pbxd, sights=lambda: Sights("own", "all")) as own:
        shown = await history.get(f"{own}/history")
        assert (rows(shown.text), shown.page.role("status")[0]) == (["C3", "C4"], "Всего: 2")
        assert rows((await history.get(f"{own}/history?department=Продажи")).text) == ["C4"]
        assert rows((await history.get(f"{own}/history?no_callback=1")).text) == []
        async with history.session.get(f"{own}/history/export.csv") as answer:
            table = list(csv.reader(io.StringIO((await answer.text()).lstrip("\ufeff")), delimiter=";"))
        assert [row[-1] for row in table[1:]] == ["C3", "C4"]


async def test_names_of_others_personal_contacts_are_not_shown(history: Browser) -> None:
    assert "Тайная" not in (await history.get("/history")).text
    async with history.session.get("/history/export.csv") as answer:
        assert "Тайная" not in await answer.text()
    await sign_in(history, "102")
    assert "Тайная Жена" in (await history.get("/history")).text


MARKUP = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onfocus='alert(1)", "</table></td><b>",
    "{{ 7*7 }}", "javascript:alert(1)", "<svg/onload=alert(1)>", "&lt;b&gt;", "\u2028</script>",
)  # fmt: skip


@pytest.mark.parametrize("text", MARKUP)
async def test_hostile_texts_stay_texts(history: Browser, text: str) -> None:
    database = history.pbxd.database
    number = "+79160000077"
    evil = call(7, caller=Party(number, name=text, company=text), callee=Party(text), queue=text, outcome="missed")
    evil.answered_by, evil.story = [text], []
    await Calls(database).upsert([evil])
    shown = await history.get("/history")
    assert "C7" in rows(shown.text)
    assert {each.tag for each in shown.page.elements} <= TAGS
    asked = dict.fromkeys(("from", "to", "department", "client", "company", "agent", "queue", "after"), text)
    async with history.session.get("/history", params=asked) as answer:
        assert answer.status == 200
    found = await history.get("/history")
    assert {each.tag for each in found.page.elements} <= TAGS


TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "link",
        "script",
        "body",
        "a",
        "header",
        "nav",
        "ul",
        "li",
        "svg",
        "use",
        "span",
    ),
    *("form", "input", "div", "button", "p", "small", "main", "h1", "label", "select", "option", "datalist", "table"),
    *("thead", "tbody", "tr", "th", "td", "time"),
}


async def test_only_people_who_are_signed_in(history: Browser) -> None:
    history.session.cookie_jar.clear()
    for path in ("/history", "/history/export.csv"):
        assert (await history.get(path)).headers["Location"].startswith("/sign-in")


def badge(shown: Shown) -> str:
    return "".join(each.text for each in shown.page.elements if each.attributes.get("id") == "missed").strip()


async def test_the_menu_counts_what_one_missed_since_one_looked(history: Browser) -> None:
    database, later = history.pbxd.database, timedelta(days=1)
    rang = [Agent("101", 9.0, rings=1)]
    both = [Agent("102", 9.0, rings=1), Agent("101", 0.0)]
    missed = [
        call(50, before=-later, caller=Party(TWO), outcome="missed", agents=rang),
        call(51, before=-later, caller=Party(TWO), outcome="abandoned", agents=both,
             callee=Party("101", extension="101")),
        call(52, before=-later, direction="internal", caller=Party("102", extension="102"),
             callee=Party("101", extension="101"), outcome="cancelled"),
    ]  # fmt: skip
    others = [
        call(53, before=-later, caller=Party(TWO), outcome="answered", answered_by=["102"], agents=rang),
        call(54, before=-later, caller=Party(TWO), outcome="missed", agents=[Agent("102", 9.0, rings=1)]),
        call(55, before=-later, caller=Party(TWO), outcome="missed", agents=rang, merged_into="C1"),
        call(56, before=-later, caller=Party(TWO), agents=rang, ended=None),
        call(57, before=-later, direction="outgoing", caller=Party("101", extension="101"), outcome="no-answer"),
    ]
    await Calls(database).upsert([*missed, *others])
    assert badge(await history.get("/clients")) == "Пропущенных: 3"
    part = await history.get("/history/missed", **{"X-Fragment": "1"})
    assert (part.page.texts("span")[0], part.page.texts("h1")) == ("Пропущенных: 3", [])
    taken = replace(missed[0], outcome="answered", answered_by=["101"])  # the PBX's log knows better
    await Calls(database).amend({taken.id: (await Calls(database).record(taken.id), taken)}, "call.filled")
    assert badge(await history.get("/clients")) == "Пропущенных: 2"
    await sign_in(history, "102")
    assert badge(await history.get("/clients")) == "Пропущенных: 2"


async def test_who_looks_at_the_history_has_missed_nothing_more(history: Browser) -> None:
    rang = [Agent("101", 9.0, rings=1), Agent("102", 9.0, rings=1)]
    await history.let_in("102")
    recent = replace(CALLS[1], id="N1", linkedid="9.1", started=datetime.now(UTC), ended=datetime.now(UTC), agents=rang)
    await Calls(history.pbxd.database).upsert([recent])
    assert badge(await history.get("/me")) == "Пропущенных: 1"
    await history.session.head("/history")
    assert badge(await history.get("/me")) == "Пропущенных: 1", "a preview doesn't count"
    await history.get("/history", **{"X-Fragment": "auto"})
    assert badge(await history.get("/me")) == "Пропущенных: 1", "an open page fetches itself: nobody may sit there"
    assert badge(await history.get("/history")) == ""
    assert badge(await history.get("/me")) == ""
    sessions = history.pbxd.services.sessions
    begun = await sessions.sign_in("102", "корова 7 лошадь", "192.0.2.9")
    history.session.cookie_jar.clear()
    history.session.cookie_jar.update_cookies({PLAIN_NAME: begun.plain})
    assert badge(await history.get("/me")) == "Пропущенных: 1", "each has an own count"
