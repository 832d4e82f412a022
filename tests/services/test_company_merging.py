"""What follows a merge of companies: imports, and the filter of the history."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from pbxd.services import companies as firms
from pbxd.services.call_filters import FindCalls, filter_of
from pbxd.services.files.imports import ImportContacts, ImportReport, Policy, import_contacts
from pbxd.services.workspace import Workspace
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.tables import companies
from tests.actors import ADMINISTRATOR

HEAD = "ФИО;Телефон;Компания\n"
ROWS = "Анна Ильина;89161112201;Ромашка\nБорис Котов;89161112202;Лютик\n"
DOUBLED = ROWS.replace("Лютик", "ООО «Ромашка»")  # as the file has it once the companies are one


async def brought(workspace: Workspace, folder: Path, rows: str, existing: Policy) -> ImportReport:
    file = folder / "a.csv"
    file.write_text(HEAD + rows, "utf-8")
    return await import_contacts(workspace, ADMINISTRATOR, ImportContacts(file=file, existing=existing))


@pytest.fixture
async def merged(workspace: Workspace, tmp_path: Path) -> dict[str, int]:
    """Return the companies, of whom «ООО «Ромашка»» has become a part of «Ромашка», by name.

    It was a company of its own because a former pbxd took another spelling for one.
    """
    await brought(workspace, tmp_path, ROWS, "skip")
    ids = {each.name: each.id for each in (await Companies(workspace.database).list())[1]}
    async with workspace.database.writing() as connection:
        spelled = {"name": "ООО «Ромашка»", "folded": "ооо «ромашка»", "name_key": "ромашка"}
        await connection.execute(update(companies).where(companies.c.id == ids["Лютик"]).values(spelled))
    await firms.merge(workspace, ADMINISTRATOR, ids["Ромашка"], [ids["Лютик"]])
    return ids


async def book(workspace: Workspace) -> list[tuple[str, str, int]]:
    cards = (await Contacts(workspace.database).list(actor=ADMINISTRATOR))[1]
    return [(card.name, card.company, card.version) for card in cards]


@pytest.mark.usefixtures("merged")
async def test_a_row_with_the_former_spelling_is_unchanged(workspace: Workspace, tmp_path: Path) -> None:
    before = await book(workspace)
    assert [company for _name, company, _version in before] == ["Ромашка", "Ромашка"]
    again = await brought(workspace, tmp_path, DOUBLED, "update")
    assert (again.created, again.updated, again.unchanged, again.skipped) == (0, 0, 2, 0)
    assert await book(workspace) == before
    assert (await Companies(workspace.database).list())[0] == 1


async def test_new_people_of_the_former_spelling_come_to_the_one_company(
    workspace: Workspace, tmp_path: Path, merged: dict[str, int]
) -> None:
    report = await brought(workspace, tmp_path, "Вера Лосева;89161112203;ООО Ромашка\n", "skip")
    assert report.created == 1
    assert {company for _name, company, _version in await book(workspace)} == {"Ромашка"}
    assert [each.id for each in (await Companies(workspace.database).list())[1]] == [merged["Ромашка"]]


@pytest.mark.usefixtures("merged")
@pytest.mark.parametrize("name", ["Ромашка", "ООО «Ромашка»", 'ооо "ромашка"'])
async def test_the_history_of_either_spelling_has_the_calls_of_all(workspace: Workspace, name: str) -> None:
    asked = FindCalls(company=name)
    wanted = await workspace.database.ask(
        lambda connection: filter_of(connection, asked, ADMINISTRATOR, workspace.rules)
    )
    assert {span.number for span in wanted.spans or ()} == {"+79161112201", "+79161112202"}
