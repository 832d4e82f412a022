"""`/clients`: filters in the address, chips that take them away, files of what is shown."""

from __future__ import annotations

import csv
import io

import pytest
from yarl import URL

from pbxd.book.employees import Employee
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.storage.book.employees import Employees
from tests.actors import ADMINISTRATOR
from tests.web.book import add, agent
from tests.web.test_pages import Browser
from tests.web.test_pages import browser as browser


@pytest.fixture(autouse=True)
async def five_clients(browser: Browser) -> None:
    await Employees(browser.pbxd.database).upsert([Employee("102", "Петров Сергей")], source="list")
    plain = await browser.let_in("101")
    browser.session.cookie_jar.update_cookies({PLAIN_NAME: plain}, URL(str(browser.session._base_url)))
    pbxd = browser.pbxd
    await add(pbxd, ADMINISTRATOR, name="Ким Анна", company="Ромашка", manager="102", vip=True, tags=("опт",))
    await add(pbxd, ADMINISTRATOR, name="Ли Олег", company="Ромашка", manager="101")
    await add(pbxd, ADMINISTRATOR, name="Фронкин Игорь", tags=("опт", "юг"))
    await add(pbxd, agent("101"), name="Мама", visibility="personal")
    await add(pbxd, agent("102"), name="Тайный", visibility="personal", company="Ромашка", tags=("опт",))


@pytest.mark.parametrize(
    ("query", "names", "chips"),
    [
        ("", ["Ким Анна", "Ли Олег", "Мама", "Фронкин Игорь"], []),
        ("vip=1", ["Ким Анна"], ["VIP"]),
        ("manager=102", ["Ким Анна"], ["Менеджер: Петров Сергей · 102"]),
        ("manager=Петров Сергей", ["Ким Анна"], ["Менеджер: Петров Сергей"]),
        ("company=Ромашка", ["Ким Анна", "Ли Олег"], ["Компания: Ромашка"]),
        ("company=Ромашка&tag=опт", ["Ким Анна"], ["Компания: Ромашка", "Тег: опт"]),
        ("tab=personal", ["Мама"], []),
        ("search=Тайный", [], []),
        ("tag=опт&search=игорь", ["Фронкин Игорь"], ["Тег: опт"]),
    ],
)
async def test_filters(browser: Browser, query: str, names: list[str], chips: list[str]) -> None:
    shown = await browser.get(f"/clients?{query}")
    found = [each.text for each in shown.page.elements if each.attributes.get("href", "").strip("/clients").isdigit()]
    assert found == names
    assert f"Всего: {len(names)}" in shown.page.role("status")
    links = [each for each in shown.page.elements if each.attributes.get("aria-label", "").startswith("Убрать фильтр")]
    assert [each.text.strip() for each in links] == chips
    for link in links:
        assert (await browser.get(link.attributes["href"])).text.count("Убрать фильтр") == len(chips) - 1
    file = await browser.get(f"/clients/export.csv?{query}")
    rows = list(csv.reader(io.StringIO(file.text.removeprefix("\ufeff")), delimiter=";"))
    assert sorted(row[rows[0].index("ФИО")] for row in rows[1:]) == sorted(names)


async def test_which_file(browser: Browser) -> None:
    shown = await browser.get("/clients?tag=опт&sort=-name")
    (link,) = [each for each in shown.page.elements if "data-filtered" in each.attributes]
    choice = await browser.get(link.attributes["href"])
    assert (choice.page.texts("h1"), "Клиентов в таблице: 2" in choice.text) == (["Экспорт"], True)
    links = [each.attributes["href"] for each in choice.page.elements if "download" in each.attributes]
    assert [each.split("?")[0][-4:] for each in links] == ["xlsx", ".csv", ".vcf"]
    for each, start in zip(links, ("PK", "\ufeff", "BEGIN:VCARD"), strict=True):
        async with browser.session.get(each) as answer:
            assert answer.status == 200
            assert "attachment" in answer.headers["Content-Disposition"]
            assert (await answer.read()).startswith(start.encode())


async def test_what_can_t_be_read_is_said(browser: Browser) -> None:
    shown = await browser.get("/clients?number=x")
    assert (shown.status, "x" in shown.page.role("alert")[0]) == (200, True)
    assert (await browser.get("/clients/export.csv?number=x")).headers["Location"] == "/clients?number=x"
    assert (await browser.get("/clients?manager=Никто Такой")).page.role("alert") != []
    assert (await browser.get("/clients?vip=9&tab=x&limit=7&sort=x")).status == 200


async def test_odd_characters_of_filters_reach_the_file(browser: Browser) -> None:
    await add(browser.pbxd, ADMINISTRATOR, name="Шарп", company="C# Club")
    dialog = await browser.get("/clients/export?company=C%23%20Club")
    links = [each.attributes["href"] for each in dialog.page.elements if each.tag == "a"]
    (link,) = [each for each in links if each.startswith("/clients/export.csv")]
    assert "Шарп" in (await browser.get(link)).text
    assert "Ким" not in (await browser.get(link)).text
    back = await browser.get("/clients/export.csv?number=x&a=%0d%0ab")
    assert (back.status, back.headers["Location"]) == (303, "/clients?number=x&a=%0D%0Ab")
