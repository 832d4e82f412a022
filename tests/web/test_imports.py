"""`/import`: from the file to the contacts and back, as a person without scripts does it."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Mapping

import aiohttp
import openpyxl
import pytest

from pbxd.book.employees import Employee
from pbxd.services.access import users
from pbxd.services.access.users import InviteUser
from pbxd.services.files import imports
from pbxd.storage.book.employees import Employees
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House
from tests.web.test_pages import PASSWORD, Browser, Shown

HOSTILE = '"><img src=x onerror=alert(1)>{{7*7}}'


@pytest.fixture
async def browser(pbxd: House, site: str) -> AsyncIterator[Browser]:
    await Employees(pbxd.database).upsert([Employee("101", "Иванова Анна"), Employee("102", "Петров")], source="list")
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(site, cookie_jar=jar, headers={"Accept-Language": "ru"}) as session:
        browser = Browser(session, pbxd)
        await _sign_in(browser, "101")
        yield browser


async def _sign_in(browser: Browser, who: str, role: str = "agent") -> None:
    browser.session.cookie_jar.clear()
    made = await users.invite(browser.pbxd.services.workspace, ADMINISTRATOR, InviteUser(who=who, role=role))
    await browser.post(made.path, {"password": PASSWORD, "again": PASSWORD})


async def _let_in(browser: Browser, who: str) -> None:
    """Sign in somebody who has a password already."""
    browser.session.cookie_jar.clear()
    assert (await browser.post("/sign-in", {"login": who, "password": PASSWORD})).status == 303


def _csv(*rows: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    return text.getvalue().encode()


def _workbook(sheets: Mapping[str, list[list[str]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


async def _upload(browser: Browser, content: bytes, name: str = "клиенты.csv", **fields: str) -> Shown:
    form = aiohttp.FormData(fields)
    form.add_field("file", io.BytesIO(content), filename=name)
    return await browser.post("/import", form)


async def _settled(browser: Browser, path: str) -> Shown:
    """The page of an import when nothing is under way any more."""
    while True:
        shown = await browser.get(path)
        assert shown.status == 200
        if not [each for each in shown.page.elements if each.tag == "progress"]:
            return shown
        await asyncio.sleep(0.05)


async def _checked(browser: Browser, content: bytes, name: str = "клиенты.csv", **fields: str) -> tuple[str, Shown]:
    sent = await _upload(browser, content, name, **fields)
    assert sent.status == 303, sent.text
    path = sent.headers["Location"]
    return path, await _settled(browser, path)


async def _names(browser: Browser) -> set[str]:
    shown = await browser.get("/clients?limit=100")
    return set(re.findall(r'<a href="/clients/\d+">([^<]+)</a>', shown.text))


def _choices(shown: Shown) -> dict[str, str]:
    """What each column is taken as, by its heading."""
    heads = {
        each.attributes["id"]: each.text.strip()
        for each in shown.page.elements
        if each.tag == "th" and "id" in each.attributes
    }
    found = {}
    for name, label, body in re.findall(
        r'<select name="(column-\d+)" aria-labelledby="(head-\d+)">(.*?)</select>', shown.text, re.DOTALL
    ):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        found[f"{name}:{heads[label]}"] = chosen[1] if chosen else ""
    return found


async def test_from_the_file_to_the_contacts_and_back(browser: Browser) -> None:
    begun = await browser.get("/import")
    assert (begun.status, begun.page.texts("h1")) == (200, ["Импорт"])
    assert "Скачать шаблон" in begun.text
    assert {"Доступ", "Существующие контакты"} <= set(begun.page.texts("legend"))
    file = _csv(
        ["Клиент", "Тел", "Заметка"], ["Ким Анна", "+7 916 123-45-67", "ценит тишину"], ["Кривой", "кривой", ""]
    )
    path, checked = await _checked(browser, file)
    assert _choices(checked) == {"column-0:Клиент": "name", "column-1:Тел": "number", "column-2:Заметка": "comment"}
    assert "ценит тишину" in checked.text, "the file's own rows are shown"
    assert "это не номер телефона: кривой" in checked.text
    assert await _names(browser) == set(), "nothing is in the book before it is loaded"
    assert {"Проверить", "Загрузить", "Отменить импорт"} <= set(checked.page.texts("button"))
    async with browser.session.get(f"{path}/errors.xlsx") as errors:
        (_heads, row) = (
            openpyxl.load_workbook(io.BytesIO(await errors.read())).worksheets[0].iter_rows(values_only=True)
        )
    assert "Кривой" in row
    loaded = await browser.post(f"{path}/commit", {})
    assert (loaded.status, loaded.headers["Location"]) == (303, path)
    done = await _settled(browser, path)
    assert "Загружено" in done.text
    assert await _names(browser) == {"Ким Анна"}
    undone = await browser.post(f"{path}/undo", {})
    assert undone.status == 303
    assert "Импорт отменён" in (await _settled(browser, path)).text
    assert await _names(browser) == set()
    assert "клиенты.csv" in (await browser.get("/import")).text


async def test_the_guess_is_corrected_and_the_file_checked_again(browser: Browser) -> None:
    rows = ["Кто", "Куда звонить", "Комментарий"], ["Ким Анна", "8 916 123-45-67", "тайна"]
    path, refused = await _checked(browser, _csv(*rows))
    assert refused.page.role("alert") == ["Укажите, в каком столбце имя или компания, а в каком телефон или e-mail"]
    assert "Загрузить" not in refused.page.texts("button")
    assert "--map" not in refused.text
    chosen = {"column-0": "name", "column-1": "number", "column-2": "", "existing": "add"}
    assert (await browser.post(f"{path}/check", chosen)).status == 303
    checked = await _settled(browser, path)
    assert _choices(checked) == {"column-0:Кто": "name", "column-1:Куда звонить": "number", "column-2:Комментарий": ""}
    assert 'value="add" checked' in checked.text
    await browser.post(f"{path}/commit", {})
    await _settled(browser, path)
    found = await browser.pbxd.contacts.get(1, actor=ADMINISTRATOR)
    assert (found.name, found.comment) == ("Ким Анна", "")


async def test_the_sheet_is_chosen(browser: Browser) -> None:
    rows = {
        "Юг": [["ФИО", "Телефон"], ["Южный", "89161234567"]],
        "Север": [["ФИО", "Телефон"], ["Северный", "89161234568"]],
    }
    path, shown = await _checked(browser, _workbook(rows), "два.xlsx")
    assert shown.page.role("alert") == ["Выберите лист с контактами"]
    assert shown.page.texts("option")[:2] == ["Юг", "Север"]
    await browser.post(f"{path}/check", {"sheet": "Север"})
    assert "Северный" in (await _settled(browser, path)).text
    await browser.post(f"{path}/commit", {})
    await _settled(browser, path)
    assert await _names(browser) == {"Северный"}


async def test_leaving_leaves_nothing(browser: Browser) -> None:
    path, _shown = await _checked(browser, _csv(["ФИО", "Телефон"], ["Ким", "89161234567"]))
    folder = browser.pbxd.settings.folder
    assert list(folder.rglob("upload.csv"))
    gone = await browser.post(f"{path}/discard", {})
    assert (gone.status, gone.headers["Location"]) == (303, "/import")
    assert (await browser.get(path)).status == 404
    assert not list(folder.rglob("upload.csv"))
    assert await imports.listed(browser.pbxd.services.workspace, ADMINISTRATOR) == []
    refused = await _upload(browser, b"PK\x03\x04 no workbook", "книга.xlsx")
    assert refused.status == 422
    assert refused.page.described("Файл")
    assert not list(folder.rglob("upload.xlsx"))


async def test_what_was_loaded_is_not_discarded_nor_checked_again(browser: Browser) -> None:
    path, _shown = await _checked(browser, _csv(["ФИО", "Телефон"], ["Ким", "89161234567"]))
    await browser.post(f"{path}/commit", {})
    await _settled(browser, path)
    for step in ("discard", "check", "commit"):
        shown = await browser.post(f"{path}/{step}", {})
        assert (shown.status, len(shown.page.role("alert"))) == (422, 1), step
        (state,) = (each.attributes for each in shown.page.elements if each.attributes.get("id") == "import-state")
        assert state.get("data-url") == path, "what is fetched again while the import goes on"
    assert await _names(browser) == {"Ким"}


async def test_personal_contacts_are_only_mine(browser: Browser) -> None:
    path, _shown = await _checked(browser, _csv(["ФИО", "Телефон"], ["Тайный", "89161234567"]), visibility="personal")
    await browser.post(f"{path}/commit", {})
    await _settled(browser, path)
    assert await _names(browser) == {"Тайный"}
    await _sign_in(browser, "102")
    assert await _names(browser) == set()
    for shown in (
        await browser.get(path),
        await browser.post(f"{path}/undo", {}),
        await browser.get(f"{path}/errors.xlsx"),
    ):
        assert shown.status == 404
    assert "клиенты.csv" not in (await browser.get("/import")).text


async def test_an_administrator_may_only_undo_personal_contacts_of_others(browser: Browser) -> None:
    file = _csv(["ФИО", "Телефон"], ["Тайный", "89161234567"], ["Кривой", "секрет"])
    path, _shown = await _checked(browser, file, visibility="personal")
    await _sign_in(browser, "boss@example.org", "administrator")
    answers = [await browser.get(path), await browser.get(f"{path}/errors.xlsx")]
    answers += [await browser.post(f"{path}/{step}", {"visibility": "shared"}) for step in ("check", "commit")]
    answers.append(await browser.post(f"{path}/discard", {}))
    assert [each.status for each in answers] == [403] * 5
    assert not any(text in each.text for each in answers for text in ("Тайный", "секрет"))
    assert "клиенты.csv" not in (await browser.get("/import")).text
    await _let_in(browser, "101")
    await browser.post(f"{path}/commit", {})
    await _settled(browser, path)
    await _let_in(browser, "boss@example.org")
    assert f'href="{path}"' in (await browser.get("/import")).text
    loaded = await browser.get(path)
    assert (loaded.status, "секрет" in loaded.text, "errors.xlsx" in loaded.text) == (200, False, False)
    assert (await browser.get(f"{path}/errors.xlsx")).status == 403
    assert (await browser.post(f"{path}/commit", {})).status == 403
    assert "Отменить импорт" in loaded.page.texts("button")
    assert (await browser.post(f"{path}/undo", {})).status == 303
    assert "Импорт отменён" in (await _settled(browser, path)).text


async def test_somebody_elses_file_is_not_shown(browser: Browser) -> None:
    path, _shown = await _checked(browser, _csv(["ФИО", "Телефон"], ["Ким", "89161234567"]))
    await _sign_in(browser, "102")
    answers = [await browser.get(path), await browser.get(f"{path}/errors.xlsx")]
    answers += [await browser.post(f"{path}/{step}", {}) for step in ("check", "commit", "undo", "discard")]
    assert {each.status for each in answers} == {403}
    assert all("89161234567" not in each.text for each in answers)
    assert "клиенты.csv" not in (await browser.get("/import")).text, "before it is loaded nobody else hears of it"


async def test_texts_of_the_file_stay_texts(browser: Browser) -> None:
    rows = {HOSTILE[:25]: [["ФИО", "Телефон", HOSTILE], [HOSTILE, HOSTILE, HOSTILE]], "б": []}
    path, shown = await _checked(browser, _workbook(rows), f"{HOSTILE}.xlsx".replace("/", ""))
    listed = await browser.get("/import")
    for page in (shown, listed):
        assert "onerror" in page.text
        assert "49" not in re.findall(r"alert\(1\)&gt;(\w*)", page.text)
        assert not [each for each in page.page.elements if each.tag == "img" or "onerror" in each.attributes]
    assert path.startswith("/import/")


async def test_how_many_rows_with_errors_are_not_shown_is_said(browser: Browser) -> None:
    _, checked = await _checked(browser, _csv(["Клиент", "Тел"], *(["Кривой", "кривой"] for _ in range(21))))
    assert "Показаны первые строки с ошибками: 20 из 21" in checked.text
    _, checked = await _checked(browser, _csv(["Клиент", "Тел"], *(["Кривой", "кривой"] for _ in range(20))))
    assert "Показаны первые" not in checked.text


async def test_no_file(browser: Browser) -> None:
    shown = await _upload(browser, b"", "", visibility="personal")
    assert (shown.status, shown.page.described("Файл")) == (422, "Выберите файл")
    assert 'value="personal" checked' in shown.text, "what was chosen stays"
    assert (await _upload(browser, b"")).page.described("Файл") == "Файл пуст"
    for begins in (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"%PDF-1.4\n1 0 obj"):
        refused = await _upload(browser, begins * 100)
        assert (refused.status, refused.page.described("Файл")) == (422, "Это картинка, PDF или архив, а не таблица")
    other = await browser.post("/import", aiohttp.FormData({"a": "b"}, default_to_multipart=True))
    assert (other.status, other.page.described("Файл")) == (422, "Выберите файл")
    assert (await browser.post("/import", {"file": "x"})).status == 415


async def test_a_file_that_is_too_long(browser: Browser) -> None:
    limit = browser.pbxd.services.uploads.limit
    shown = await _upload(browser, b"x" * (limit + 100_000))
    assert shown.status == 422
    assert "МБ" in shown.page.described("Файл")


async def test_odd_forms_of_the_check(browser: Browser) -> None:
    path, _shown = await _checked(browser, _csv(["ФИО", "Телефон"], ["Ким", "89161234567"]))
    for form in (
        {"column-99": "name"},
        {"column-x": "name", "column-": "", "existing": "?"},
        {"column-99999999999999": "name"},
    ):
        assert (await browser.post(f"{path}/check", form)).status == 303
    wrong = await browser.post(f"{path}/check", {"sheet": "нет такого"})
    assert (wrong.status, len(wrong.page.role("alert"))) == (422, 1)
    await browser.post(f"{path}/check", {"column-0": HOSTILE, "column-1": "number"})
    assert _choices(await _settled(browser, path)) == {"column-0:ФИО": "name", "column-1:Телефон": "number"}


async def test_who_has_no_extension_has_no_personal_contacts(browser: Browser) -> None:
    await _sign_in(browser, "boss@example.org")
    assert "Только я" not in (await browser.get("/import")).text
    shown = await _upload(browser, _csv(["ФИО", "Телефон"], ["Ким", "89161234567"]), visibility="personal")
    assert (shown.status, shown.page.described("Файл")) == (422, "Личные контакты есть только у сотрудников")


async def test_what_was_chosen_when_the_session_ended_is_shown_again_and_not_checked(browser: Browser) -> None:
    book = _workbook({"Юг": [["Клиент", "Тел"], ["Ким", "+79161234567"]], "Север": [["Кто"], ["Ли"]]})
    path, before = await _checked(browser, book, "клиенты.xlsx")
    assert _choices(before) == {"column-0:Клиент": "name", "column-1:Тел": "number"}
    form = {"column-0": "comment", "column-1": "", "sheet": "Север", "existing": "update", "lenient": "1"}
    shown = await browser.post(f"{path}/check", {**form, "visibility": "personal", "_resumed": "1"})
    assert (shown.status, _choices(shown)) == (200, {"column-0:Клиент": "comment", "column-1:Тел": ""})
    checked = {e.attributes["value"] for e in shown.page.elements if e.tag == "input" and "checked" in e.attributes}
    assert {"personal", "update", "1"} <= checked
    assert re.search(r"<option selected>Север", shown.text)
    assert _choices(await browser.get(path)) == _choices(before), "it is not checked that way yet"
    browser.session.cookie_jar.clear()
    lost = await browser.post(f"{path}/check", form | {"_user": "1"})
    assert (lost.status, "column-0=comment" in lost.text) == (401, True)


async def test_what_was_chosen_for_a_file_comes_back_after_a_sign_in(browser: Browser) -> None:
    """Without scripts; the file has to be chosen again. Of a long upload nobody reads what strangers send."""
    (user,) = [each.id for each in await users.find(browser.pbxd.services.workspace, ADMINISTRATOR)]
    browser.session.cookie_jar.clear()
    content = _csv(["ФИО", "Телефон"], ["Ким", "89161234567"])
    chosen = {"_user": str(user), "visibility": "personal", "existing": "update"}
    lost = await _upload(browser, content, **chosen)
    assert (lost.status, "visibility=personal&amp;existing=update" in lost.text) == (401, True)
    form = {each.attributes["name"]: each.attributes["value"] for each in lost.page.elements if each.tag == "input"}
    back = await browser.post("/sign-in", form | {"login": "101", "password": PASSWORD})
    kept = {each.attributes["name"]: each.attributes["value"] for each in back.page.elements if each.tag == "input"}
    assert kept == {**chosen, "_resumed": "1"}
    shown = await browser.post("/import", kept)
    assert (shown.status, shown.page.described("Файл")) == (422, "Выберите файл ещё раз")
    checked = [each.attributes["value"] for each in shown.page.elements if "checked" in each.attributes]
    assert checked == ["personal", "update"]
    assert not (await imports.page(browser.pbxd.services.workspace, ADMINISTRATOR, limit=1, after="")).items
    assert (await browser.post("/import", chosen)).status == 415
    browser.session.cookie_jar.clear()
    forgotten = [await _upload(browser, b"x" * 2_000_000, **chosen)]
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    forgotten += [await browser.post("/import", odd, **headers) for odd in (b"--", b"--b\r\n\r\n", b"\xff")]
    for each in forgotten:
        assert (each.status, each.headers["Location"]) == (303, "/sign-in?next=%2Fimport")
