"""`/companies`: the list, a company with its people, its form, and two of one name made one."""

from __future__ import annotations

import pytest
from yarl import URL

from pbxd.actor import Actor
from pbxd.book.companies import Company
from pbxd.book.employees import Employee
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.services import companies
from pbxd.services.access import users
from pbxd.services.access.users import InviteUser
from pbxd.services.companies import EditCompany
from pbxd.services.workspace import Workspace
from pbxd.storage.book.company_rows import find_by_name
from pbxd.storage.book.employees import Employees
from tests.actors import ADMINISTRATOR
from tests.storage.test_company_merging import double
from tests.web.book import ANNA, add, agent, fields_of
from tests.web.document import Document
from tests.web.test_client import HOSTILE
from tests.web.test_pages import PASSWORD, Browser
from tests.web.test_pages import browser as browser


async def let_in(browser: Browser, who: str, role: str = "agent") -> None:
    browser.session.cookie_jar.clear()
    asked = InviteUser(who=who, role=role)
    made = await users.invite(browser.pbxd.services.workspace, ADMINISTRATOR, asked)
    plain = (await browser.pbxd.services.sessions.accept(made.plain, PASSWORD, "192.0.2.9")).plain
    browser.session.cookie_jar.update_cookies({PLAIN_NAME: plain}, URL(str(browser.session._base_url)))


@pytest.fixture(autouse=True)
async def signed_in(browser: Browser) -> None:
    await Employees(browser.pbxd.database).upsert([Employee("102", "Петров Сергей")], source="list")
    await let_in(browser, "101")


async def id_of(browser: Browser, name: str) -> int:
    found = await companies.find(browser.pbxd.services.workspace, ADMINISTRATOR, companies.FindCompanies(search=name))
    return next(each.id for each in found.companies if each.name == name)


async def test_a_company_with_its_people_and_numbers(browser: Browser) -> None:
    anna = await add(browser.pbxd, ADMINISTRATOR, **ANNA)
    await add(browser.pbxd, agent("102"), name="Тайный", visibility="personal", company="ООО «Ромашка»")
    await add(browser.pbxd, agent("102"), name="Другой", visibility="personal", company="Тайная")
    shown = await browser.get("/companies?search=рома")
    assert shown.page.texts("h1") == ["Компании"]
    assert "Всего: 1" in shown.page.role("status")
    assert "Тайная" not in (await browser.get("/companies")).text
    path = f"/companies/{await id_of(browser, 'ООО «Ромашка»')}"
    edited = fields_of((await browser.get(f"{path}/edit")).page) | {
        "numbers": "8 495 765-43-21\r\n\r\n8 800 555-35-35", "emails": "info@example.org", "site": "example.org",
        "address": "Москва",
    }  # fmt: skip
    assert (await browser.post(f"{path}/edit", edited)).headers["Location"] == path
    row = await browser.get("/companies?search=рома")
    assert 'aria-label="Позвонить: ООО «Ромашка»"' in row.text
    for number in ("+74957654321", "+78005553535"):
        assert f'<input type="hidden" name="number" value="{number}">' in row.text
    page = await browser.get(path)
    assert page.page.texts("h1") == ["ООО «Ромашка»"]
    assert [each for each in page.page.texts("dd") if each] == [
        "+7 495 765-43-21 +7 800 555-35-35", "info@example.org", "example.org", "Москва"
    ]  # fmt: skip
    people = [each.text for each in page.page.elements if each.attributes.get("href") == f"/clients/{anna.id}"]
    assert (people, "Тайный" in page.text) == (["Ким Анна"], False)
    client = await browser.get(f"/clients/{anna.id}")
    assert path in [each.attributes.get("href") for each in client.page.elements]
    options = await browser.get("/companies/names?search=ром", **{"X-Fragment": "1"})
    assert [each.attributes["value"] for each in options.page.elements] == ["ООО «Ромашка»"]


def is_sent(page: Document) -> bool:
    """Whether drafts.js keeps the form although nobody typed into it since it came."""
    (form,) = [each for each in page.elements if each.tag == "form" and "data-draft" in each.attributes]
    return "data-sent" in form.attributes


async def test_what_is_wrong_with_a_company(browser: Browser) -> None:
    form = {"name": "", "numbers": "8 495 765-43-21\nне номер\n123", "emails": "никто", "site": "x", "address": "y"}
    shown = await browser.post("/companies/new", form)
    assert shown.status == 422
    said = shown.page.described("Номера телефонов, по одному в строке")
    assert "не номер" in said
    assert "123" in said
    assert shown.page.described("Название")
    assert shown.page.described("E-mail, по одному в строке")
    assert {name: fields_of(shown.page)[name] for name in form} == form
    blank = await browser.get("/companies/new")
    assert [is_sent(each.page) for each in (shown, blank)] == [True, False]
    assert (await browser.post("/companies/new", {"name": "Ромашка"})).status == 303
    taken = await browser.post("/companies/new", {"name": "ООО «Ромашка»"})
    assert (taken.status, taken.page.described("Название")) == (422, "Такая компания уже есть: Ромашка")


async def test_two_people_change_one_company(browser: Browser) -> None:
    await browser.post("/companies/new", {"name": "Ромашка", "site": "a.example", "address": "Москва"})
    company = await id_of(browser, "Ромашка")
    path = f"/companies/{company}/edit"
    mine = fields_of((await browser.get(path)).page) | {"site": "mine.example"}
    theirs = EditCompany(company_id=company, site="theirs.example", address="Тверь")
    await companies.edit(browser.pbxd.services.workspace, ADMINISTRATOR, theirs)
    met = await browser.post(path, mine)
    assert (met.status, met.page.texts("td")) == (409, ["mine.example", "theirs.example", "Москва", "Тверь"])
    assert (await browser.post(path, fields_of(met.page))).status == 303
    now = await companies.get(browser.pbxd.services.workspace, ADMINISTRATOR, company)
    assert (now.site, now.address) == ("mine.example", "Тверь")


async def test_the_form_stays_when_the_name_is_taken(browser: Browser) -> None:
    for name in ("Ромашка", "Лютик"):
        await browser.post("/companies/new", {"name": name, "site": "a.example"})
    path = f"/companies/{await id_of(browser, 'Лютик')}/edit"
    form = fields_of((await browser.get(path)).page)
    taken = await browser.post(path, form | {"name": "ООО «Ромашка»", "site": "b.example"})
    assert (taken.status, taken.page.described("Название")) == (422, "Такая компания уже есть: Ромашка")
    kept = fields_of(taken.page)
    assert (kept["name"], kept["site"], kept["version"]) == ("ООО «Ромашка»", "b.example", form["version"])
    assert (await browser.post(path, kept | {"name": "Астра"})).status == 303
    assert "b.example" in (await browser.get(path)).text


async def test_the_form_stays_when_somebody_saves_in_between(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    await browser.post("/companies/new", {"name": "Ромашка", "site": "a.example"})
    company = await id_of(browser, "Ромашка")
    path, edit = f"/companies/{company}/edit", companies.edit
    form = fields_of((await browser.get(path)).page) | {"site": "mine.example"}

    async def late(workspace: Workspace, actor: Actor, asked: EditCompany) -> Company:
        await edit(workspace, actor, EditCompany(company_id=company, site="theirs.example"))
        return await edit(workspace, actor, asked)

    with monkeypatch.context() as patched:
        patched.setattr(companies, "edit", late)
        met = await browser.post(path, form)
    assert (met.status, bool(met.page.described("Название"))) == (422, True)
    again = await browser.post(path, fields_of(met.page))
    assert (again.status, again.page.texts("td")) == (409, ["mine.example", "theirs.example"])


async def test_a_hidden_company_is_not_merged_on_a_page(browser: Browser) -> None:
    await browser.post("/companies/new", {"name": "Ромашка"})
    await add(browser.pbxd, agent("102"), name="Другой", visibility="personal", company="Тайная")
    hidden = (await browser.pbxd.services.workspace.database.ask(find_by_name, ["Тайная"]))["тайная"].id
    path = f"/companies/{await id_of(browser, 'Ромашка')}/merge"
    await let_in(browser, "102", "administrator")
    answers = [await browser.get(f"{path}?with={hidden}"), await browser.post(path, {"with": str(hidden)})]
    assert [(each.status, "Тайная" in each.text) for each in answers] == [(404, False)] * 2


async def test_similar_ones_are_made_one_by_an_administrator(browser: Browser) -> None:
    workspace = browser.pbxd.services.workspace
    for name, number in (("Ромашка", "+74950000001"), ("Тюльпан", "+74950000002")):
        await companies.add(workspace, ADMINISTRATOR, companies.AddCompany(name=name, numbers=(number,)))
    tulip = await id_of(browser, "Тюльпан")
    await add(browser.pbxd, ADMINISTRATOR, name="Ким Анна", company="Тюльпан")
    path = f"/companies/{await id_of(browser, 'Ромашка')}"
    assert (await browser.get(f"{path}/merge?with={tulip}")).status == 403
    assert (await browser.post(f"{path}/merge", {"with": str(tulip)})).status == 403
    assert "Похожих названий нет" in (await browser.get("/companies?tab=doubles")).text
    await let_in(browser, "102", "administrator")
    asked = await browser.get(f"{path}/merge?with={tulip},x")
    assert (asked.status, "Перейдёт контактов: 1" in asked.text) == (200, True)
    assert (await browser.post(f"{path}/merge", fields_of(asked.page) | {"with": str(tulip)})).headers[
        "Location"
    ] == path
    page = await browser.get(path)
    assert ("+7 495 000-00-02" in page.text, "Ким Анна" in page.text) == (True, True)
    assert (await browser.get(f"/companies/{tulip}")).status == 404


async def test_names_that_differ_by_spelling_stand_together(browser: Browser) -> None:
    workspace = browser.pbxd.services.workspace
    kept = await companies.add(workspace, ADMINISTRATOR, companies.AddCompany(name="Ромашка"))
    other = await double(browser.pbxd.database, "ооо ромашка", "Лютик")
    shown = await browser.get("/companies?tab=doubles")
    links = [each.text for each in shown.page.elements if each.attributes.get("href", "").startswith("/companies/")]
    assert links[-2:] == ["Ромашка", "ооо ромашка"]
    assert "Объединить" not in shown.text
    await let_in(browser, "102", "administrator")
    shown = await browser.get("/companies?tab=doubles")
    (link,) = [each for each in shown.page.elements if each.tag == "a" and each.text == "Объединить: Ромашка"]
    assert link.attributes["href"] == f"/companies/{kept.id}/merge?with={other}"


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_names_stay_text(browser: Browser, text: str) -> None:
    saved = await browser.post(
        "/companies/new", {"name": text, "site": text, "address": text, "numbers": "84950000001"}
    )
    path = saved.headers["Location"]
    for each in (path, f"{path}/edit", "/companies", f"/companies/names?search={text[:3]}", "/companies?tab=doubles"):
        shown = await browser.get(each)
        assert shown.status == 200, each
        for element in shown.page.elements:
            assert element.tag != "img", each
            assert not any(name.startswith("on") for name in element.attributes), each
            assert not element.attributes.get("href", "").startswith("javascript:"), each
        sources = [element.attributes.get("src", "") for element in shown.page.elements if element.tag == "script"]
        assert all(source.startswith("/static/") for source in sources), each


async def test_a_form_that_is_sent_twice_adds_one_company(browser: Browser) -> None:
    form = fields_of((await browser.get("/companies/new")).page) | {"name": "ООО «Ромашка»", "site": "example.org"}
    sent = [await browser.post("/companies/new", form) for _click in range(2)]
    assert [each.status for each in sent] == [303, 303]
    assert {each.headers["Location"] for each in sent} == {f"/companies/{await id_of(browser, 'ООО «Ромашка»')}"}
    taken = await browser.post("/companies/new", form | {"site": "example.net"})
    assert taken.status == 422
    assert fields_of(taken.page)["_key"] == form["_key"]
