"""What is exported and imported again is what was there, in every format."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pbxd.book.companies import Company
from pbxd.book.contacts import Contact, ContactDraft
from pbxd.book.employees import Employee
from pbxd.numbers import NumberRules
from pbxd.services.files.exports import ExportContacts, export_contacts
from pbxd.services.files.imports import ImportContacts, import_contacts
from pbxd.services.workspace import Workspace
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine import schema
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR, agent
from tests.contact_drafts import drafts

OWNER = agent("101")
FORMATS = ("xlsx", "csv", "vcf")
RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
OF_ONE_BOOK = ("id", "version", "created", "changed", "created_by_id", "created_by_name", "manager_id", "owner_id")


def shown(contact: Contact) -> dict[str, Any]:
    """Return a contact without what belongs to one book, and without how its numbers were typed."""
    card = {name: value for name, value in asdict(contact).items() if name not in OF_ONE_BOOK}
    return card | {"numbers": [{**number, "typed": ""} for number in card["numbers"]]}


async def cards(database: Database) -> list[dict[str, Any]]:
    found = (await Contacts(database).list(actor=OWNER))[1]
    return sorted(map(shown, found), key=repr)


@pytest.fixture(scope="module")
def empty_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book with two employees and no contact."""
    file = tmp_path_factory.mktemp("book") / "empty.db"

    async def make() -> None:
        await schema.upgrade(f"sqlite+aiosqlite:///{file}")
        async with await Database.open(f"sqlite+aiosqlite:///{file}", create=False) as database:
            await Employees(database).upsert(
                [Employee("101", "Иванова Анна"), Employee("102", "Петров Пётр")], source="list"
            )

    asyncio.run(make())
    return file


@asynccontextmanager
async def copy_of(empty: Path, file: Path) -> AsyncIterator[Database]:
    shutil.copy(empty, file)
    async with await Database.open(f"sqlite+aiosqlite:///{file}", create=False) as database:
        yield database


@pytest.mark.parametrize("examples", [12, pytest.param(300, marks=pytest.mark.soak)])
def test_export_then_import_is_identical(empty_book: Path, tmp_path: Path, examples: int) -> None:
    """Done means 2, second half."""

    phases = (Phase.explicit, Phase.reuse, Phase.generate)  # an example takes seconds: too long to look for a small one

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), phases=phases)
    @given(listed=st.lists(drafts(), min_size=1, max_size=12))
    def check(listed: list[ContactDraft]) -> None:
        asyncio.run(_check(empty_book, tmp_path, listed))

    check()


async def _check(empty_book: Path, folder: Path, listed: list[ContactDraft]) -> None:
    async with copy_of(empty_book, folder / "a.db") as database:
        for each in listed:
            await Contacts(database).add(each, actor=OWNER)
        before = await cards(database)
        for ending in FORMATS:
            asked = ExportContacts(file=folder / f"a.{ending}")
            await export_contacts(Workspace(database, RULES), OWNER, asked)
    for ending in FORMATS:
        async with copy_of(empty_book, folder / f"{ending}.db") as database:
            wanted = ImportContacts(file=folder / f"a.{ending}", existing="add")
            report = await import_contacts(Workspace(database, RULES), OWNER, wanted)
            assert (report.errors, report.left_out) == ([], []), ending
            assert await cards(database) == before, ending


@pytest.mark.parametrize("ending", FORMATS)
async def test_of_companies_an_export_has_the_names_that_contacts_have(
    empty_book: Path, tmp_path: Path, ending: str
) -> None:
    """What a company has of its own, and one without contacts, is in no file of contacts: docs/cli.md says so."""
    file = tmp_path / f"a.{ending}"
    async with copy_of(empty_book, tmp_path / "a.db") as database:
        firms = Companies(database)
        await firms.create(Company(0, "ООО «Ромашка»", ("+74951234567",), "Казань", "romashka.example", ("a@x.ru",)))
        await firms.create(Company(0, "Без людей", ("+74951234568",)))
        for name, firm in (("Анна", "Ромашка"), ("Борис", "ромашка, ооо"), ("Вера", "Лютик"), ("Глеб", "")):
            await Contacts(database).add(ContactDraft(name, company=firm, emails=("x@x.ru",)), actor=OWNER)
        before = await cards(database)
        await export_contacts(Workspace(database, RULES), OWNER, ExportContacts(file=file))
    async with copy_of(empty_book, tmp_path / "b.db") as database:
        await import_contacts(Workspace(database, RULES), OWNER, ImportContacts(file=file, existing="add"))
        assert await cards(database) == before
        found = (await Companies(database).list())[1]
        assert [replace(each, id=0, version=1) for each in found] == [Company(0, "Лютик"), Company(0, "ООО «Ромашка»")]


async def test_personal_contacts_in_a_file_stay_their_owner_s(empty_book: Path, tmp_path: Path) -> None:
    """A row that belongs to somebody else is refused; an administrator gives it to its owner."""
    file = tmp_path / "a.csv"
    file.write_text("ФИО;Телефон;Личный контакт\nМама;89161112233;101\n", "utf-8")
    asked = ImportContacts(file=file, existing="add")
    async with copy_of(empty_book, tmp_path / "a.db") as database:
        workspace = Workspace(database, RULES)
        refused = await import_contacts(workspace, agent("102"), asked)
        assert [(bad.row, bad.field) for bad in refused.errors] == [(2, "owner")]
        await import_contacts(workspace, ADMINISTRATOR, asked)
        assert [card["owner"] for card in await cards(database)] == ["101"]
        assert (await Contacts(database).list(actor=ADMINISTRATOR))[0] == 0
