"""A list of clients becomes contacts: by keyboard, without script, with mistakes to correct, and back."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from playwright.async_api import FilePayload, Page, expect
from sqlalchemy import update

from pbxd.services.files.imports import ImportContacts, import_contacts
from pbxd.storage.tables import imports
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House
from tests.lab.processes import until
from tests.web.browser.faults import hold
from tests.web.browser.judging import tab_to
from tests.web.browser.site import Site

LIST = "Кто;Куда звонить;Заметка\nКим Анна;8 916 123-45-67;ценит тишину\nФронкин Игорь;звонить некуда;\n"


def _file(text: str) -> FilePayload:
    return FilePayload(name="клиенты.csv", mimeType="text/csv", buffer=text.encode())


async def _press(page: Page, role: str, name: str) -> None:
    wanted = page.get_by_role(role, name=name)  # type: ignore[arg-type] # a name of a role
    await tab_to(wanted)
    await page.keyboard.press("Enter")


async def test_by_keyboard_alone(site: Site) -> None:
    page = await site.page()
    await page.goto("/clients")
    await _press(page, "link", "Импорт")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Импорт")
    await tab_to(page.get_by_label("Файл", exact=True))
    async with page.expect_file_chooser() as chooser:  # the system's dialog, which the keyboard opens
        await page.keyboard.press("Space")
    await (await chooser.value).set_files([_file(LIST)])
    await expect(page.get_by_label("Файл", exact=True)).to_be_focused()
    await tab_to(page.get_by_role("radio", name="Все сотрудники"))
    await page.keyboard.press("ArrowDown")
    await _press(page, "button", "Проверить")
    await expect(page.get_by_role("alert")).to_contain_text("укажите, в каком столбце имя", ignore_case=True)
    columns = page.get_by_role("group", name="Столбцы")
    for head, down, field in (("Кто", 1, "name"), ("Куда звонить", 2, "number")):
        await tab_to(columns.get_by_label(head, exact=True))
        for _ in range(down):
            await page.keyboard.press("ArrowDown")
        await expect(columns.get_by_label(head, exact=True)).to_have_value(field)
    await expect(page.get_by_role("radio", name="Только я")).to_be_checked()
    await _press(page, "button", "Проверить")
    await expect(page.get_by_text("это не номер телефона: звонить некуда")).to_be_visible()
    await _press(page, "button", "Загрузить")
    await expect(page.get_by_role("heading", name="Загружено", exact=True)).to_be_visible()
    await _press(page, "link", "К клиентам")
    await expect(page.get_by_role("row", name="Ким Анна")).to_contain_text("личный")
    await page.go_back()
    await _press(page, "button", "Отменить импорт")
    await expect(page.get_by_role("heading", name="Импорт отменён")).to_be_visible()


@pytest.mark.parametrize("scripts", [False, True])
async def test_what_was_wrong_is_corrected_in_its_file_and_all_of_it_taken_back(
    site: Site, tmp_path: Path, scripts: bool
) -> None:
    page = await site.page(scripts=scripts)
    await page.goto("/import")
    await page.get_by_label("Файл", exact=True).set_input_files(
        [_file(LIST.replace("Кто;Куда звонить", "ФИО;Телефон"))]
    )
    await page.get_by_role("button", name="Проверить").click()
    await page.get_by_role("button", name="Загрузить").click()
    await expect(page.get_by_role("heading", name="Загружено", exact=True)).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Скачать строки с ошибками").click()
    await (await download.value).save_as(tmp_path / "ошибки.xlsx")
    book = openpyxl.load_workbook(tmp_path / "ошибки.xlsx")
    for row in book.worksheets[0].iter_rows():
        for cell in row:
            if cell.value == "звонить некуда":
                cell.value = "8 903 555-01-01"
    book.save(tmp_path / "исправлено.xlsx")
    await page.get_by_role("link", name="Загрузить исправленный файл").click()
    await page.get_by_label("Файл", exact=True).set_input_files(tmp_path / "исправлено.xlsx")
    await page.get_by_role("button", name="Проверить").click()
    await page.get_by_role("button", name="Загрузить").click()
    await expect(page.get_by_role("heading", name="Загружено", exact=True)).to_be_visible()
    await page.goto("/clients")
    names = page.get_by_role("table", name="Клиенты").get_by_role("row")
    await expect(names).to_have_count(3)
    await page.goto("/import")
    for file in ("исправлено.xlsx", "клиенты.csv"):
        await page.get_by_role("link", name=file).click()
        await page.get_by_role("button", name="Отменить импорт").click()
        await expect(page.get_by_role("heading", name="Импорт отменён")).to_be_visible()
        await page.get_by_role("link", name="Другой файл").click()
    await page.goto("/clients")
    await expect(names).to_have_count(0)


async def test_the_template_is_loaded_and_a_bar_shows_an_import(site: Site, pbxd: House, tmp_path: Path) -> None:
    page = await site.page()
    await page.goto("/import")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Скачать шаблон").click()
    template = await download.value
    assert template.suggested_filename == "contacts.xlsx"
    await template.save_as(tmp_path / "template.xlsx")
    heads = next(openpyxl.load_workbook(tmp_path / "template.xlsx").worksheets[0].iter_rows(values_only=True))
    assert {"ФИО", "E-mail"} <= set(heads)
    await page.get_by_label("Файл", exact=True).set_input_files([_file("ФИО;Телефон\nКим;89161234567\n")])
    await page.get_by_role("button", name="Проверить").click()
    await expect(page.get_by_role("button", name="Загрузить")).to_be_visible()
    bar = page.get_by_role("progressbar", name="Импорт")
    await expect(bar).to_have_count(0)
    await _become(pbxd, "applying")
    await page.clock.install()
    await page.reload()
    await expect(bar).to_be_visible()
    late = await hold(page, page.url)
    await page.clock.run_for(5000)
    await until(lambda: late, "a question how far it is")
    assert len(late) == 1, "the next one waits for the answer"
    await late.pop().continue_()
    await page.unroute(page.url)
    await _become(pbxd, "checked")
    await expect(bar).to_have_count(0)  # by itself


async def _become(pbxd: House, state: str) -> None:
    async with pbxd.database.writing() as connection:
        await connection.execute(update(imports).values(state=state))


async def test_an_import_by_somebody_else_is_one_refresh(site: Site, pbxd: House, tmp_path: Path) -> None:
    page = await site.page()
    await page.goto("/clients")
    await page.get_by_role("searchbox").hover()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    file = tmp_path / "clients.csv"
    rows = [f"Клиент {place};8916{place:07}" for place in range(1200)]  # of several batches
    file.write_text("\n".join(["ФИО;Телефон", *rows]), encoding="utf-8")
    await import_contacts(pbxd.services.workspace, ADMINISTRATOR, ImportContacts(file=file))
    await expect(page.get_by_role("status").first).to_have_text("Всего: 1200")
    await page.wait_for_timeout(600)
    assert [url for url in asked if "/clients" in url] == [f"{site.url}/clients"]
