"""Damaged files, imported: the rows that can be read, or one refusal and nothing left, in the book and on the disk."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from sqlalchemy import select

from pbxd.errors import InvalidInputError
from pbxd.numbers import NumberRules
from pbxd.services.files.imports import ImportContacts, ImportReport, import_contacts
from pbxd.services.workspace import Workspace
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine import schema
from pbxd.storage.engine.database import Database
from pbxd.storage.search.visibility import UNFINISHED
from pbxd.storage.tables import contacts, imports
from tests.actors import ADMINISTRATOR
from tests.exchange.shapes import TEXTS, WORKBOOKS, write_mutated

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
ALL = (*TEXTS, *WORKBOOKS)
FEW = [(name, range(1)) for place, name in enumerate(ALL) if place % 12 == 0 or name in WORKBOOKS]
MANY = [pytest.param(name, range(1, 101), marks=pytest.mark.soak) for name in ALL]


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A book that every file of this module is imported into."""
    made = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('book') / 'book.db'}"
    await schema.upgrade(made)
    return made


def write_cut(folder: Path) -> Path:
    """Write a workbook that is read as a stream, and whose damage comes after thousands of rows."""
    whole, file = folder.parent / "whole.xlsx", folder / "cut.xlsx"
    with xlsxwriter.Workbook(str(whole)) as book:
        padded, sheet = book.add_format({"num_format": "00000000000"}), book.add_worksheet("Контакты")
        sheet.write_row(0, 0, ["ФИО", "Телефон"])
        for row in range(1, 2501):
            sheet.write_string(row, 0, f"Анна {row}" if row % 500 else "")  # a bad row now and then
            sheet.write_number(row, 1, 89_160_000_000 + row, padded)
    with zipfile.ZipFile(whole) as package, zipfile.ZipFile(file, "w") as damaged:
        for name in package.namelist():
            content = package.read(name)
            damaged.writestr(name, content[: len(content) * 9 // 10] if "worksheets/" in name else content)
    return file


async def test_a_file_whose_damage_comes_late_leaves_nothing(url: str, tmp_path: Path) -> None:
    """A thousand rows are in the book, hidden, when the refusal comes."""
    file = write_cut(tmp_path)
    asked = ImportContacts(file=file, existing="add", errors=tmp_path / "errors.xlsx", report=tmp_path / "report.csv")
    seen: list[int] = []
    async with await Database.open(url, create=False) as database:
        before = await _there(database)
        with pytest.raises(InvalidInputError, match="damaged"):
            await import_contacts(
                Workspace(database, RULES), ADMINISTRATOR, asked, progress=lambda done, _total: seen.append(done)
            )
        assert seen[0] >= 1000  # a batch
        assert await _there(database) == before
    assert os.listdir(tmp_path) == [file.name]  # noqa: PTH208 - pathlib's own would block just the same


@pytest.mark.parametrize(("name", "seeds"), [*FEW, *MANY])
async def test_a_mutated_file_leaves_its_rows_or_nothing(url: str, tmp_path: Path, name: str, seeds: range) -> None:
    """Done means 3."""
    async with await Database.open(url, create=False) as database:
        for seed in seeds:
            folder = tmp_path / str(seed)
            folder.mkdir()
            await _check(database, write_mutated(folder, name, seed))


async def _check(database: Database, file: Path) -> None:
    errors, listed = file.with_name("errors.xlsx"), file.with_name("report.csv")
    before = await _there(database)
    asked = ImportContacts(file=file, existing="add", errors=errors, report=listed)
    try:
        report = await import_contacts(Workspace(database, RULES), ADMINISTRATOR, asked)
    except InvalidInputError as refused:
        assert "\n" not in str(refused)  # noqa: PT017 - some files are read
        report, kept = ImportReport(), [file.name]
    else:
        kept = [file.name, listed.name, *([errors.name] if report.bad else [])]
    assert sorted(os.listdir(file.parent)) == sorted(kept)  # noqa: PTH208 - pathlib's own would block just the same
    assert await _there(database) == before + report.created
    assert (await Contacts(database).list(actor=ADMINISTRATOR))[0] == before + report.created


async def _there(database: Database) -> int:
    """Return how many contacts are in the table, hidden ones too; no import may be under way."""
    async with database.reading() as connection:
        states = (await connection.execute(select(imports.c.state))).scalars().all()
        assert not set(states) & set(UNFINISHED)
        return len((await connection.execute(select(contacts.c.id))).all())
