"""`/clients/new`, `/clients/ID/edit`, `/clients/ID/delete` without scripts: what is typed, kept, refused and met."""

from __future__ import annotations

import asyncio
import re

import pytest

from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.book.employees import Employee
from pbxd.errors import ConflictError
from pbxd.http import repeated_forms
from pbxd.services import contacts as book
from pbxd.storage.access.request_keys import RequestKeys
from pbxd.storage.book.employees import Employees
from tests.actors import ADMINISTRATOR
from tests.web.book import ANNA, add, agent, fields_of
from tests.web.test_pages import PASSWORD, Browser
from tests.web.test_pages import browser as browser

FRAGMENT = {"X-Fragment": "1"}


@pytest.fixture(autouse=True)
async def colleague(browser: Browser) -> None:
    await Employees(browser.pbxd.database).upsert([Employee("102", "Петров Сергей")], source="list")


async def sign_in(browser: Browser, who: str = "101") -> None:
    browser.session.cookie_jar.clear()
    await browser.let_in(who) if await fresh(browser, who) else None
    await browser.post("/sign-in", {"login": who, "password": PASSWORD, "next": "/clients"})


async def fresh(browser: Browser, who: str) -> bool:
    seen = browser.__dict__.setdefault("known", set())
    new = who not in seen
    seen.add(who)
    return new


async def the_contact(browser: Browser, actor: Actor = ADMINISTRATOR) -> Contact:
    found = await book.find(browser.pbxd.services.workspace, actor, book.FindContacts(limit=10))
    (contact,) = found.items
    return contact


async def test_a_contact_with_everything(browser: Browser) -> None:
    await sign_in(browser)
    shown = await browser.get("/clients/new?number=8+916+123-45-67")
    assert (shown.status, shown.page.texts("h1")) == (200, ["Новый контакт"])
    assert shown.page.field("Номер телефона").attributes["value"] == "8 916 123-45-67"
    labels = {
        "ФИО",
        "Номер телефона",
        "Добавочный",
        "Тип номера",
        "E-mail",
        "Компания",
        "Должность",
        "Менеджер",
        "Теги",
    }
    assert labels | {"Дата рождения", "Комментарий"} <= set(shown.page.texts("label"))
    assert {"Добавить номер", "Сохранить", "Отмена"} <= set(shown.page.texts("button"))
    more = await browser.post("/clients/new", fields_of(shown.page) | {"name": "Ким Анна", "more_numbers": "1"})
    assert more.page.field("ФИО").attributes["value"] == "Ким Анна"
    form = fields_of(more.page) | {
        "number-1": "8 (495) 123-45-67", "extension-1": "12", "label-1": "рабочий", "email-0": "anna@example.org",
        "company": "ООО «Ромашка»", "position": "бухгалтер", "vip": "1", "tags": "опт, юг", "birth_date": "31.12.1980",
        "comment": "Звонить\r\nпосле обеда",
    }  # fmt: skip
    (manager,) = [each for each in more.page.elements if each.tag == "option" and "Петров" in each.text]
    form["manager"] = manager.attributes["value"]
    main = await browser.post("/clients/new", form | {"make_main": "1"})
    assert main.page.field("Должность").attributes["value"] == "бухгалтер"
    saved = await browser.post("/clients/new", fields_of(main.page))
    contact = await the_contact(browser)
    assert (saved.status, saved.headers["Location"]) == (303, f"/clients/{contact.id}")
    numbers = [(each.number, each.extension, each.label, each.main) for each in contact.numbers]
    assert numbers == [("+79161234567", "", "", False), ("+74951234567", "12", "рабочий", True)]
    assert (contact.emails, contact.tags, contact.vip, contact.manager) == (
        ("anna@example.org",), ("опт", "юг"), True, "102",
    )  # fmt: skip
    assert (contact.company, contact.comment) == ("ООО «Ромашка»", "Звонить\nпосле обеда")
    assert (str(contact.birth_date), contact.visibility, contact.created_by) == ("1980-12-31", "shared", "101")


async def test_everything_that_is_wrong_stands_beside_its_field_at_once(browser: Browser) -> None:
    await sign_in(browser)
    form = {
        "name": "", "number-0": "+79161234567", "number-1": "не номер", "extension-1": "7", "main": "0",
        "email-0": "никто", "birth_date": "31.13.1980", "company": "о" * 201, "visibility": "shared", "comment": "<b>",
    }  # fmt: skip
    shown = await browser.post("/clients/new", form)
    assert shown.status == 422
    said = {
        label: shown.page.described(label)
        for label in ("ФИО", "Номер телефона 2", "E-mail", "Дата рождения", "Компания")
    }
    assert "не номер" in said["Номер телефона 2"]
    assert "31.12.1980" in said["Дата рождения"]
    assert all(said.values())
    assert not re.search("name|birth_date|company|emails", "".join(said.values()))
    assert "aria-invalid" not in shown.page.field("Номер телефона").attributes
    assert {name: fields_of(shown.page).get(name) for name in form} == form
    assert (await book.find(browser.pbxd.services.workspace, ADMINISTRATOR, book.FindContacts(limit=1))).total == 0
    nothing = await browser.post("/clients/new", {"name": "Ким", "number-0": " "})
    assert "нужен телефон" in nothing.page.described("Номер телефона")


async def test_doubles_are_warned_of(browser: Browser) -> None:
    await sign_in(browser)
    for name in ("Ким Анна", "Ким Пётр"):
        await add(browser.pbxd, ADMINISTRATOR, name=name)
    await add(browser.pbxd, agent("102"), name="Тайный", visibility="personal")  # unseen, so not counted
    shown = await browser.get("/clients/new?number=%2B79161234567")
    assert shown.page.field("Номер телефона").attributes["value"] == "+7 916 123-45-67"
    (link,) = [each for each in shown.page.elements if each.attributes.get("class") == "double"]
    assert (link.text, link.attributes["target"]) == ("Дублей: 2", "_blank")
    found = await browser.get(link.attributes["href"])
    assert found.page.role("status")[0] == "Всего: 2"
    part = await browser.get("/clients/duplicates?number=8(916)1234567", **FRAGMENT)
    assert (part.status, part.page.texts("a")) == (200, ["Дублей: 2"])
    contact = (await book.find(browser.pbxd.services.workspace, ADMINISTRATOR, book.FindContacts(limit=1))).items[0]
    own = await browser.get(f"/clients/duplicates?number=89161234567&except={contact.id}", **FRAGMENT)
    assert own.page.texts("a") == ["Дублей: 1"]
    assert (await browser.get("/clients/duplicates?number=?&email=&except=x", **FRAGMENT)).text.strip() == ""


async def test_only_what_was_changed_is_written(browser: Browser) -> None:
    await sign_in(browser)
    before = await add(browser.pbxd, ADMINISTRATOR, **ANNA)
    shown = await browser.get(f"/clients/{before.id}/edit")
    assert shown.page.texts("h1") == ["Изменить контакт"]
    same = await browser.post(f"/clients/{before.id}/edit", fields_of(shown.page))
    assert (same.status, (await the_contact(browser)).version) == (303, before.version)
    await browser.post(f"/clients/{before.id}/edit", fields_of(shown.page) | {"position": "директор", "vip": "1"})
    changes = await book.history(browser.pbxd.services.workspace, ADMINISTRATOR, before.id)
    assert [(each.actor, each.fields) for each in changes] == [
        ("101", {"position": ["бухгалтер", "директор"], "vip": [False, True]})
    ]


async def test_two_people_at_once_see_both_values_and_lose_nothing(browser: Browser) -> None:
    await sign_in(browser)
    contact = await add(browser.pbxd, ADMINISTRATOR, **ANNA)
    path = f"/clients/{contact.id}/edit"
    mine = fields_of((await browser.get(path)).page) | {"position": "директор", "comment": "мой комментарий"}
    edit = book.EditContact(contact_id=contact.id, values={"position": "кассир", "tags": ("север",)})
    await book.edit(browser.pbxd.services.workspace, agent("102"), edit)
    met = await browser.post(path, mine)
    assert met.status == 409
    assert "Пока вы правили контакт" in met.page.role("alert")[0]
    cells = met.page.texts("td")
    assert cells == ["директор", "кассир", "опт, юг", "север"]
    form = fields_of(met.page)
    assert (form["position"], form["comment"], form["tags"]) == ("директор", "мой комментарий", "север")
    theirs = await browser.post(path, form | {"take-position": "theirs"})
    assert theirs.status == 303
    now = await the_contact(browser)
    assert (now.position, now.comment, now.tags) == ("кассир", "мой комментарий", ("север",))


async def test_of_two_at_the_same_moment_one_is_asked(browser: Browser) -> None:
    await sign_in(browser)
    contact = await add(browser.pbxd, ADMINISTRATOR, **ANNA)
    path = f"/clients/{contact.id}/edit"
    form = fields_of((await browser.get(path)).page)
    both = [form | {"position": "директор"}, form | {"position": "кассир", "comment": "новый"}]
    saved = await asyncio.gather(*(browser.post(path, each) for each in both))
    assert sorted(each.status for each in saved) == [303, 409]
    (asked,) = [each for each in saved if each.status == 409]
    assert {"директор", "кассир"} <= set(asked.page.texts("td"))
    assert (await browser.post(path, fields_of(asked.page))).status == 303
    changes = await book.history(browser.pbxd.services.workspace, ADMINISTRATOR, contact.id)
    assert [list(each.fields["position"]) for each in changes] in (
        [["бухгалтер", "директор"], ["директор", "кассир"]],
        [["бухгалтер", "кассир"], ["кассир", "директор"]],
    )


async def test_changes_of_the_same_field_to_the_same_value_are_no_clash(browser: Browser) -> None:
    await sign_in(browser)
    contact = await add(browser.pbxd, ADMINISTRATOR, **ANNA)
    path = f"/clients/{contact.id}/edit"
    mine = fields_of((await browser.get(path)).page) | {"number-0": "8 (916) 765-43-21", "comment": "новый"}
    values = {"numbers": ("+79167654321", "8 495 123-45-67 доб. 12")}
    await book.edit(
        browser.pbxd.services.workspace, agent("102"), book.EditContact(contact_id=contact.id, values=values)
    )
    assert (await browser.post(path, mine)).status == 303
    assert (await the_contact(browser)).comment == "новый"


async def test_what_was_typed_for_a_contact_that_is_gone_can_be_saved_as_a_new_one(browser: Browser) -> None:
    await sign_in(browser)
    contact = await add(browser.pbxd, ADMINISTRATOR, **ANNA)
    mine = fields_of((await browser.get(f"/clients/{contact.id}/edit")).page) | {"position": "директор"}
    await book.delete(browser.pbxd.services.workspace, ADMINISTRATOR, contact.id)
    gone = await browser.post(f"/clients/{contact.id}/edit", mine)
    assert (gone.status, gone.page.texts("h1")) == (404, ["Новый контакт"])
    assert (await browser.post("/clients/new", fields_of(gone.page))).status == 303
    assert (await the_contact(browser)).position == "директор"


async def test_a_lost_session_gives_the_form_back_to_the_same_user_only(browser: Browser) -> None:
    await sign_in(browser, "102")
    await sign_in(browser)
    typed = fields_of((await browser.get("/clients/new")).page) | {"name": "Ким & Анна", "number-0": "+79161234567"}
    typed["comment"] = "ё" * 9000
    browser.session.cookie_jar.clear()
    lost = await browser.post("/clients/new", typed)
    assert lost.status == 401
    sign = fields_of(lost.page)
    other = await browser.post("/sign-in", sign | {"login": "102", "password": PASSWORD})
    assert (other.status, "Ким" in other.text) == (303, False)
    browser.session.cookie_jar.clear()
    back = await browser.post("/sign-in", sign | {"login": "101", "password": PASSWORD})
    assert (back.status, back.page.texts("h1")) == (200, ["С возвращением"])
    again = await browser.post("/clients/new", fields_of(back.page))
    assert (again.status, again.page.field("ФИО").attributes["value"]) == (200, "Ким & Анна")
    assert (await book.find(browser.pbxd.services.workspace, ADMINISTRATOR, book.FindContacts(limit=1))).total == 0
    assert (await browser.post("/clients/new", fields_of(again.page))).status == 303
    assert (await the_contact(browser)).comment == typed["comment"]


async def test_deleting_and_why_not(browser: Browser) -> None:
    await sign_in(browser)
    theirs = await add(browser.pbxd, agent("102"), name="Чужой")
    own = await add(browser.pbxd, agent("101"), name="Мой")
    kept = await browser.get(f"/clients/{theirs.id}/edit")
    assert "Удалить контакт" not in kept.page.texts("button")
    above, buttons = kept.text.split('<div class="buttons last">')  # which would cover what stands below them
    assert "Удалить общий контакт может только создатель или администратор" in above, buttons
    assert (await browser.post(f"/clients/{theirs.id}/delete", {})).status == 403
    assert "Удалить контакт" in (await browser.get(f"/clients/{own.id}/edit")).page.texts("button")
    asked = await browser.get(f"/clients/{own.id}/delete")
    assert asked.page.texts("h1") == ["Удалить контакт?"]
    assert {"Удалить", "Отмена"} <= set(asked.page.texts("button"))
    assert (await browser.post(f"/clients/{own.id}/delete", {})).headers["Location"] == "/clients"
    assert (await browser.get(f"/clients/{own.id}")).status == 404


@pytest.mark.parametrize(
    "odd",
    [
        {"number-٣": "+79160000000"}, {"email-007": "a@b.ru"}, {"main": "9" * 5000}, {"manager": "9" * 5000},
        {"make_main": "x"}, {"visibility": "all"}, {"was": "::: x", "version": "x" * 100}, {"name": "\x00\ud7ff"},
        {"take-name": "theirs"}, {"birth_date": "9" * 5000}, {"number-0": "9" * 5000}, {"tags": ",;" * 5000},
        {f"number-{row}": "+79160000000" for row in range(90)}, {"more_numbers": "1", "number-999": "1"},
    ],
)  # fmt: skip
async def test_odd_fields_are_refused_or_left_out(browser: Browser, odd: dict[str, str]) -> None:
    await sign_in(browser)
    contact = await add(browser.pbxd, ADMINISTRATOR, **ANNA)
    for path in ("/clients/new", f"/clients/{contact.id}/edit"):
        form = fields_of((await browser.get(path)).page) | {"name": "Ким", "email-0": "kim@example.org"}
        assert (await browser.post(path, form | odd)).status in {200, 303, 409, 422}, path


async def test_a_page_of_another_site_changes_nothing(browser: Browser) -> None:
    await sign_in(browser)
    own = await add(browser.pbxd, agent("101"), name="Мой")
    form = {"name": "Чужими руками", "number-0": "+79160000000", "visibility": "shared"}
    for path in ("new", f"{own.id}/edit", f"{own.id}/delete", f"{own.id}/shared", f"{own.id}/favourite"):
        assert (await browser.post(f"/clients/{path}", form, **{"Sec-Fetch-Site": "same-site"})).status == 403, path
    assert (await the_contact(browser)) == own


async def test_personal_ones_are_one_s_own(browser: Browser) -> None:
    await sign_in(browser)
    hidden = await add(browser.pbxd, agent("102"), name="Тайный", visibility="personal")
    for path in ("", "/edit", "/delete", "/text", "/card.vcf", "?tab=calls", "?tab=changes"):
        shown = await browser.get(f"/clients/{hidden.id}{path}")
        assert (shown.status, "Тайный" in shown.text) == (404, False), path
    for path in ("edit", "delete", "shared", "favourite"):
        shown = await browser.post(f"/clients/{hidden.id}/{path}", {"name": "x", "number-0": "+79160000000"})
        assert (shown.status, "Тайный" in shown.text) == (404, False), path
    typed = {"name": "Мой личный", "number-0": "+79160000001", "visibility": "personal"}
    saved = await browser.post("/clients/new", typed)
    path = saved.headers["Location"]
    assert "личный контакт" in (await browser.get(path)).text
    assert (await browser.post(f"{path}/shared", {})).status == 303
    assert "Скопировать ссылку" in (await browser.get(path)).text
    shared = await add(browser.pbxd, agent("102"), name="Общий")
    form = fields_of((await browser.get(f"/clients/{shared.id}/edit")).page) | {"visibility": "personal"}
    refused = await browser.post(f"/clients/{shared.id}/edit", form)
    assert refused.status == 422
    assert "только создатель" in refused.text


async def test_a_form_that_is_sent_twice_adds_one_contact(browser: Browser) -> None:
    """A second click without scripts, and a page gone back to; what is typed anew is another contact."""
    await sign_in(browser)
    form = fields_of((await browser.get("/clients/new")).page) | {"name": "Ким Анна", "number-0": "89161234567"}
    refused = await browser.post("/clients/new", form | {"number-0": "кривой"})
    assert (refused.status, fields_of(refused.page)["_key"]) == (422, form["_key"])
    sent = await asyncio.gather(*(browser.post("/clients/new", form) for _click in range(3)))
    contact = await the_contact(browser)
    later = await browser.post("/clients/new", form, **FRAGMENT)
    places = {each.headers["Location"] for each in sent} | {later.headers["X-Location"]}
    assert ({each.status for each in sent}, places) == ({303}, {f"/clients/{contact.id}"})
    other = await browser.post("/clients/new", form | {"name": "Ким Ольга"})
    assert other.headers["Location"] != f"/clients/{contact.id}"
    anew = fields_of((await browser.get("/clients/new")).page)
    assert anew["_key"] != form["_key"]
    assert (await browser.post("/clients/new", form | {"_key": anew["_key"]})).headers["Location"] not in places
    await sign_in(browser, "102")
    (her,) = [
        each for each in (await browser.get("/clients/new")).page.elements if each.attributes.get("name") == "_user"
    ]
    own = await browser.post("/clients/new", form | {"_user": her.attributes["value"]})
    assert own.headers["Location"] not in places, "a key is its user's own"


async def test_a_form_that_is_gone_back_to_after_its_contact_was_deleted_adds_it_anew(browser: Browser) -> None:
    await sign_in(browser)
    form = fields_of((await browser.get("/clients/new")).page) | {"name": "Ким Анна", "number-0": "89161234567"}
    for _time in range(2):
        first = (await browser.post("/clients/new", form)).headers["Location"]
        assert first == f"/clients/{(await the_contact(browser)).id}"
        assert (await browser.post("/clients/new", form)).headers["Location"] == first
        await browser.post(f"{first}/delete", {})


@pytest.mark.parametrize("path", ["/clients/new", "/companies/new"])
async def test_a_click_that_waits_too_long_is_told_so_beside_what_was_typed(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def busy(_self: object, _asked: object) -> None:
        raise ConflictError("under way")

    monkeypatch.setattr(RequestKeys, "find", busy)
    monkeypatch.setattr(repeated_forms, "_LOOKS", 2)
    await sign_in(browser)
    form = fields_of((await browser.get(path)).page) | {"name": "Ким Анна", "number-0": "89161234567"}
    shown = await browser.post(path, form)
    assert (shown.status, shown.page.role("alert")) == (409, ["Эта форма ещё сохраняется; подождите немного"])
    assert fields_of(shown.page)["name"] == "Ким Анна"
    assert not [each for each in shown.page.elements if "aria-invalid" in each.attributes]
