"""Workbooks and tables that LibreOffice has written: what people keep in them is read as they see it.

LibreOffice is real; it is installed when it isn't there.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from tests.cli.conftest import Pbxd
from tests.cli.test_exchange import HOSTILE, book, fill
from tests.lab.asterisk import CHECKOUT

pytestmark = pytest.mark.soak

Convert = Callable[[Path, str], Path]
UTF_8, CP1251 = 76, 34  # LibreOffice's numbers for them
WORKBOOKS = {"xlsx": "xlsx:Calc MS Excel 2007 XML", "xls": "xls:MS Excel 97"}
TABLES = {"csv": UTF_8, "csv, cp1251": CP1251}


@pytest.fixture(scope="module")
def libreoffice(tmp_path_factory: pytest.TempPathFactory) -> Convert:
    """Let LibreOffice open a file and save it as another kind; returns the new file."""
    subprocess.run([CHECKOUT / "tests/lab/setup.sh", "libreoffice"], check=True)
    profile = tmp_path_factory.mktemp("profile").as_uri()

    def convert(file: Path, kind: str) -> Path:
        wanted = WORKBOOKS.get(kind) or f"csv:Text - txt - csv (StarCalc):59,34,{TABLES[kind]},1,,0,false,true"
        target = file.parent / "saved"
        subprocess.run(
            [
                "soffice", "--headless", f"-env:UserInstallation={profile}", "--infilter=CSV:59,34,76,1,,1049",
                "--convert-to", wanted, "--outdir", str(target), str(file),
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        return target / f"{file.stem}.{wanted.partition(':')[0]}"

    return convert


@pytest.mark.parametrize("kind", [*WORKBOOKS, *TABLES])
def test_an_export_saved_by_libreoffice_comes_back_as_it_was(
    pbxd: Pbxd, libreoffice: Convert, kind: str, tmp_path: Path, empty_book: Path
) -> None:
    """A `'` before a sign that would begin a formula is the guard of a CSV cell, whoever wrote it, and taken off."""
    for options in HOSTILE:
        pbxd("contacts", "add", *options)
    before, file = book(pbxd), tmp_path / "out.xlsx"
    pbxd("contacts", "export", str(file))
    shutil.copy(empty_book, pbxd.folder / "book.db")
    done = pbxd.json("contacts", "import", str(libreoffice(file, kind)))
    assert (done["created"], done["errors"]) == (len(HOSTILE), [])
    expected = [each | {"name": each["name"].removeprefix("'")} for each in before] if kind in TABLES else before
    assert sorted(book(pbxd), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("kind", WORKBOOKS)
def test_numbers_dates_and_formulas_typed_into_libreoffice(
    pbxd: Pbxd, libreoffice: Convert, kind: str, tmp_path: Path
) -> None:
    """What looks like a number or a date becomes one there; a formula is kept with its value."""
    typed = tmp_path / "typed.csv"
    typed.write_text(
        "ФИО;Телефоны;Дата рождения;VIP\nАнна;89161230000;31.12.1980;да\nБорис;=89161230000+1;;\n"
        "Вера;+7 (916) 123-00-02;01.02.1990;нет\n",
        "utf-8",
    )
    saved = libreoffice(typed, kind)
    assert pbxd.json("contacts", "import", str(saved))["created"] == 3
    if kind == "xlsx":
        page = openpyxl.load_workbook(saved).worksheets[0]
        assert [type(page[cell].value) for cell in ("B2", "C2", "B3")] == [int, datetime, str]
        assert page["B3"].value == "=89161230000+1"
    found = [(each["name"], each["numbers"][0]["number"], each["birth_date"], each["vip"]) for each in book(pbxd)]
    assert found == [
        ("Анна", "+79161230000", "1980-12-31", True),
        ("Борис", "+79161230001", None, False),
        ("Вера", "+79161230002", "1990-02-01", False),
    ]


@pytest.mark.parametrize("kind", WORKBOOKS)
def test_the_template_and_the_error_workbook_saved_by_libreoffice(
    pbxd: Pbxd, libreoffice: Convert, kind: str, tmp_path: Path
) -> None:
    template, errors = tmp_path / "template.xlsx", tmp_path / "errors.xlsx"
    pbxd("contacts", "template", str(template))
    fill(template, ["Борис", 89161230001], ["Анна", "не номер"])
    done = pbxd.json("contacts", "import", str(libreoffice(template, kind)), "--errors", str(errors))
    assert (done["created"], done["bad"], done["sheet"]) == (1, 1, "Контакты")
    corrected = openpyxl.load_workbook(errors)
    corrected["Контакты"]["B2"] = 89161230002
    corrected.save(errors)
    assert pbxd.json("contacts", "import", str(libreoffice(errors, kind)))["created"] == 1
    assert [each["name"] for each in book(pbxd)] == ["Анна", "Борис"]
