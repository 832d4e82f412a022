"""Imports and exports, asked of their services as adapters ask."""

from __future__ import annotations

import asyncio
import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from pbxd.actor import Actor
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.calls.record import CallRecord, Party
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError, UnavailableError
from pbxd.services import call_history
from pbxd.services.call_filters import FindCalls
from pbxd.services.contacts import FindContacts, find
from pbxd.services.files import exports, imports
from pbxd.services.files.exports import ExportCalls, ExportContacts
from pbxd.services.files.imports import ImportContacts, Policy, import_contacts
from pbxd.services.workspace import Workspace
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from tests.actors import ADMINISTRATOR, agent

ANNA = agent("101")
HEAD = "ФИО;Телефон;Компания"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two good rows and a bad one."""
    made = tmp_path / "clients.csv"
    made.write_text(f"{HEAD}\nАнна;89160000001;Ромашка\nБорис;нет;\nВера;89160000002;\n", "utf-8")
    return made


async def total(workspace: Workspace) -> int:
    return (await find(workspace, ADMINISTRATOR, FindContacts())).total


async def test_dry_run_import_errors_undo(workspace: Workspace, file: Path, tmp_path: Path) -> None:
    counts = {"created": 2, "updated": 0, "unchanged": 0, "skipped": 0, "companies": 0, "bad": 1}
    tried = await import_contacts(workspace, ANNA, ImportContacts(file=file, dry_run=True))
    assert (tried.import_id, tried.counts, await total(workspace)) == (None, counts, 0)
    rows: list[tuple[int, int]] = []
    asked = ImportContacts(file=file, errors=tmp_path / "errors.xlsx")
    done = await import_contacts(workspace, ANNA, asked, progress=lambda done, total: rows.append((done, total)))
    assert (done.counts, done.errors_file, rows[-1], await total(workspace)) == (counts, asked.errors, (3, 3), 2)
    assert done.import_id is not None
    sheet = openpyxl.load_workbook(tmp_path / "errors.xlsx")["Контакты"]
    assert [cell.value for cell in sheet[2]][:2] == ["Борис", "нет"]
    assert [each.manager for each in (await find(workspace, ANNA, FindContacts())).items] == ["101", "101"]
    with pytest.raises(RefusedError):
        await imports.undo(workspace, agent("102"), done.import_id)
    undone = await imports.undo(workspace, ANNA, done.import_id)
    assert (undone.deleted, undone.spared, await total(workspace)) == (2, 0, 0)
    with pytest.raises(ConflictError):
        await imports.undo(workspace, ANNA, done.import_id)
    with pytest.raises(NotFoundError):
        await imports.undo(workspace, ANNA, 7)


@pytest.mark.parametrize("existing", ["skip", "update", "add"])
async def test_an_import_belongs_to_its_employee_when_the_extension_passes_meanwhile(
    workspace: Workspace, tmp_path: Path, existing: Policy
) -> None:
    employees, theirs = Employees(workspace.database), ContactDraft("Тайна", visibility="personal")
    await employees.upsert([Employee("101", "Анна Белова")], source="list")
    anna = (await employees.get("101")).id
    file = tmp_path / "clients.csv"
    rows = (f"Секрет {place};+7916{place:07d};" for place in range(3000))
    file.write_text("\n".join((HEAD, *rows)), "utf-8")

    async def passed() -> None:
        await employees.upsert([Employee("101", "Олег Юдин")], source="list")
        number = ContactNumber("+79160002999")
        await Contacts(workspace.database).add(replace(theirs, numbers=(number,)), actor=ANNA)

    async with asyncio.TaskGroup() as tasks:
        started: list[int] = []

        def progress(rows: int, _total: int) -> None:
            if not started:
                tasks.create_task(passed())
            started.append(rows)

        asked = ImportContacts(file=file, personal=True, existing=existing)
        done = await import_contacts(workspace, ANNA, asked, progress=progress)
    assert done.created == 3000
    assert [each.name for each in (await find(workspace, ANNA, FindContacts())).items] == ["Тайна"]
    assert (await find(workspace, Actor.agent("", "test", anna), FindContacts())).total == 3000


async def test_an_export_of_calls_is_its_employee_s_when_the_extension_passes_meanwhile(workspace: Workspace) -> None:
    employees, number = Employees(workspace.database), ContactNumber("+79160000001")
    await employees.upsert([Employee("101", "Анна Белова")], source="list")
    draft = ContactDraft("Тайна", numbers=(number,), visibility="personal")
    await Contacts(workspace.database).add(draft, actor=ANNA)
    first = datetime.now(UTC) + timedelta(minutes=1)
    calls = [
        CallRecord(
            f"{place:05}", "pbx", f"1.{place}", first + timedelta(seconds=place),
            caller=Party(number.number), outcome="missed",
        )
        for place in range(1001)
    ]  # fmt: skip
    await Calls(workspace.database).upsert(calls)
    names: list[list[str]] = []
    async for some in call_history.every(workspace, ANNA, FindCalls()):
        if not names:
            await employees.upsert([Employee("101", "Олег Юдин")], source="list")
        names.append([call["caller"]["name"] for call in some])
    assert [len(each) for each in names] == [1000, 1]
    assert {name for each in names for name in each} == {"Тайна"}


async def test_personal_contacts_are_an_employee_s(workspace: Workspace, file: Path) -> None:
    with pytest.raises(InvalidInputError):
        await import_contacts(workspace, ADMINISTRATOR, ImportContacts(file=file, personal=True))
    await import_contacts(workspace, ANNA, ImportContacts(file=file, personal=True))
    assert await total(workspace) == 0
    assert {each.owner for each in (await find(workspace, ANNA, FindContacts())).items} == {"101"}


async def test_no_workbook_of_errors_without_a_bad_row(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(f"{HEAD}\nАнна;89160000001;\n", "utf-8")
    asked = ImportContacts(file=tmp_path / "good.csv", errors=tmp_path / "errors.xlsx")
    assert (await import_contacts(workspace, ADMINISTRATOR, asked)).errors_file is None
    assert asked.errors is not None
    assert not asked.errors.exists()


async def test_an_export_holds_what_the_actor_sees(workspace: Workspace, file: Path, tmp_path: Path) -> None:
    await import_contacts(workspace, ANNA, ImportContacts(file=file, personal=True))
    out = tmp_path / "out.csv"
    assert await exports.export_contacts(workspace, ADMINISTRATOR, ExportContacts(file=out)) == 0
    assert await exports.export_contacts(workspace, ANNA, ExportContacts(file=out)) == 2
    with out.open(encoding="utf-8-sig", newline="") as stream:
        assert [row[0] for row in csv.reader(stream, delimiter=";")][1:] == ["Анна", "Вера"]
    with pytest.raises(InvalidInputError):
        await exports.export_contacts(workspace, ANNA, ExportContacts(file=tmp_path / "out.pdf"))
    with pytest.raises(UnavailableError):
        await exports.export_contacts(workspace, ANNA, ExportContacts(file=tmp_path / "nowhere" / "out.csv"))
    calls = tmp_path / "calls.csv"
    assert await exports.export_calls(workspace, ANNA, ExportCalls(file=calls)) == 0
    with pytest.raises(InvalidInputError):
        await exports.export_calls(workspace, ANNA, ExportCalls(file=calls, since="x"))
