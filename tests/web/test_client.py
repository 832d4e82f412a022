"""`/clients/ID`: main data and calls at a glance, changes in words, sharing; hostile text in every field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from yarl import URL

from pbxd.book.employees import Employee
from pbxd.calls.record import CallRecord, Party
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.services import contacts as book
from pbxd.services.contact_edits import Typed
from pbxd.services.contacts import EditContact
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from tests.actors import ADMINISTRATOR
from tests.web.book import ANNA, add, agent
from tests.web.test_pages import Browser
from tests.web.test_pages import browser as browser

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    "</textarea></title><svg onload=alert(1)>",
)


@pytest.fixture(autouse=True)
async def signed_in(browser: Browser) -> None:
    await Employees(browser.pbxd.database).upsert([Employee("102", "Петров Сергей")], source="list")
    plain = await browser.let_in("101")
    browser.session.cookie_jar.update_cookies({PLAIN_NAME: plain}, URL(str(browser.session._base_url)))


async def test_everything_of_a_client_on_one_page(browser: Browser) -> None:
    contact = await add(browser.pbxd, ADMINISTRATOR, **ANNA, vip=True, manager="102")
    shown = await browser.get(f"/clients/{contact.id}")
    assert (shown.status, shown.page.texts("h1")) == (200, ["Ким Анна VIP"])
    assert {"Поделиться", "Изменить", "Позвонить"} <= set(shown.page.texts("button"))
    facts = dict(zip(shown.page.texts("dt"), shown.page.texts("dd"), strict=True))
    assert facts == {
        "Номер телефона": "+7 916 123-45-67 · основной +7 495 123-45-67 доб. 12", "E-mail": "anna@example.org",
        "Компания": "ООО «Ромашка»", "Должность": "бухгалтер", "Менеджер": "Петров Сергей · 102",
        "Дата рождения": "31.12.1980", "Теги": "оптюг", "Комментарий": "Звонить после обеда",
        "Доступ": "Все сотрудники",
    }  # fmt: skip
    links = {each.text.strip(): each.attributes["href"] for each in shown.page.elements if each.tag == "a"}
    assert links["anna@example.org"] == "mailto:anna@example.org"
    assert [each for each in ("О контакте", "Звонки", "Изменения") if each not in links] == []
    assert shown.page.role("menuitem")[-3:] == ["Скопировать ссылку", "Скопировать основные данные", "Скачать .vcf"]
    assert (await browser.get(links["ООО «Ромашка»"])).status in {200, 404}
    text = await browser.get(links["Скопировать основные данные"])
    assert text.text.splitlines()[0] == "Ким Анна"
    card = await browser.get(links["Скачать .vcf"])
    assert (card.headers["Content-Type"], card.text.startswith("BEGIN:VCARD")) == ("text/vcard; charset=utf-8", True)
    assert card.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%D0%9A")
    (copied,) = [each for each in shown.page.elements if each.attributes.get("data-copy")]
    assert copied.attributes["data-copy"] == text.text.rstrip("\n")


async def test_the_last_five_calls_and_all_of_them(browser: Browser) -> None:
    contact = await add(browser.pbxd, ADMINISTRATOR, **ANNA)
    none = await browser.get(f"/clients/{contact.id}")
    assert "Звонков пока нет" in none.text
    began = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
    for minute in range(7):
        started = began + timedelta(minutes=minute)
        record = CallRecord(f"C{minute}", "pbx", f"1.{minute}", started, caller=Party("+79161234567"), outcome="missed")
        record.direction = "incoming"
        record.callee = Party("", extension="102")
        await Calls(browser.pbxd.database).upsert([record])
    shown = await browser.get(f"/clients/{contact.id}")
    (table,) = [each for each in shown.page.elements if each.tag == "table"]
    assert table.attributes["aria-label"] == "Последние звонки"
    assert shown.page.texts("th") == ["Время", "Сотрудник", "Итог", "Длительность", "Действия"]
    cells = shown.page.texts("td")
    assert len(cells) == 5 * 5
    assert cells[1:4] == ["Петров Сергей", "пропущен", ""]
    every = await browser.get(f"/clients/{contact.id}?tab=calls")
    assert len(every.page.texts("td")) == 7 * 6
    assert "Всего: 7" in every.page.role("status")
    for page, rows in ((shown, 5), (every, 7)):
        assert page.text.count('aria-label="Позвонить: Ким Анна, +7 916 123-45-67"') == rows
    assert (await browser.get(f"/clients/{contact.id}?tab=calls&after=x")).status == 200


async def test_a_call_from_a_queue_names_who_answered_it_or_the_queue_if_no_phone_rang(browser: Browser) -> None:
    contact = await add(browser.pbxd, ADMINISTRATOR, **ANNA)
    began = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
    for minute in (1, 2):
        started = began + timedelta(minutes=minute)
        record = CallRecord(f"C{minute}", "pbx", f"1.{minute}", started, caller=Party("+79161234567"))
        record.direction, record.callee, record.queue = "incoming", Party("+74951230100"), "sales"
        record.answered_by = ["102"] if minute == 2 else []
        await Calls(browser.pbxd.database).upsert([record])
    cells = (await browser.get(f"/clients/{contact.id}")).page.texts("td")
    assert [cells[1], cells[6]] == ["Петров Сергей", "sales"]


async def test_a_personal_one_is_made_shared_not_linked_to(browser: Browser) -> None:
    contact = await add(browser.pbxd, agent("101"), name="Личный", visibility="personal")
    shown = await browser.get(f"/clients/{contact.id}")
    assert shown.page.role("menuitem")[-3:] == ["Сделать общим", "Скопировать основные данные", "Скачать .vcf"]
    assert (await browser.post(f"/clients/{contact.id}/shared", {})).headers["Location"] == f"/clients/{contact.id}"
    assert (await book.get(browser.pbxd.services.workspace, ADMINISTRATOR, contact.id)).visibility == "shared"


async def test_changes_in_words(browser: Browser) -> None:
    contact = await add(browser.pbxd, agent("101"), **ANNA, manager="101")
    values: dict[str, Typed] = {
        "position": "директор", "vip": True, "manager": "102", "birth_date": "", "tags": ("опт",),
        "numbers": ("+79161234567",),
    }  # fmt: skip
    edit = EditContact(contact_id=contact.id, values=values)
    await book.edit(browser.pbxd.services.workspace, agent("102"), edit)
    shown = await browser.get(f"/clients/{contact.id}?tab=changes")
    first, last = [each for each in shown.page.texts("p") if " · " in each][-2:]
    assert (first.split(" · ", 1)[1], last.split(" · ", 1)[1]) == ("Петров Сергей · 102", "Иванова Анна · 101")
    said = [each for each in shown.page.texts("li") if "→" in each and not each[0].isdigit()]
    arrows = [each for each in shown.page.elements if each.text == "→"]
    assert all(each.attributes.get("aria-hidden") for each in arrows), "a screen reader says the word instead"
    said = [each.replace("→ стало", "→") for each in said if "→ стало" in each]
    assert said == [
        "Должность: бухгалтер → директор",
        "Номера телефонов: +7 916 123-45-67 (основной), +7 495 123-45-67 доб. 12 → +7 916 123-45-67 (основной)",
        "Менеджер: Иванова Анна · 101 → Петров Сергей · 102",
        "VIP-клиент: нет → да",
        "Теги: опт, юг → опт",
        "Дата рождения: 31.12.1980 → пусто",
    ]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_stays_text(browser: Browser, text: str) -> None:
    values: dict[str, str | tuple[str, ...] | bool] = {
        "name": text, "company": text, "position": text, "comment": text, "tags": (text[:50],),
        "manager": "103",
    }  # fmt: skip
    await Employees(browser.pbxd.database).upsert([Employee("103", text)], source="list")
    contact = await add(browser.pbxd, ADMINISTRATOR, **values)
    edit = EditContact(contact_id=contact.id, values={"position": text[::-1], "comment": ""})
    await book.edit(browser.pbxd.services.workspace, agent("103"), edit)
    for path in (
        f"/clients/{contact.id}", f"/clients/{contact.id}?tab=calls", f"/clients/{contact.id}?tab=changes",
        f"/clients/{contact.id}/edit", f"/clients/{contact.id}/delete", "/clients", "/clients?search=alert",
        f"/clients/new?name={quote(text)}",
    ):  # fmt: skip
        shown = await browser.get(path)
        assert shown.status == 200, path
        for each in shown.page.elements:
            assert each.tag != "img", path
            assert not any(name.startswith("on") for name in each.attributes), path
            assert not each.attributes.get("href", "").startswith("javascript:"), path
        scripts = [each for each in shown.page.elements if each.tag == "script"]
        assert [each.attributes.get("src", "")[:8] for each in scripts] == ["/static/"], path
        assert "49" not in "".join(shown.page.texts("h1")), path
