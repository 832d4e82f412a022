"""Files with bytes changed, cut or doubled: rows or one clear refusal, never another error."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import pytest

from pbxd.book.fields import BUILT_IN
from pbxd.errors import InvalidInputError
from pbxd.exchange.columns import Headings
from pbxd.exchange.row_drafts import How, RowReader
from pbxd.exchange.sandbox import reading
from pbxd.exchange.tables import open_table
from pbxd.numbers import NumberRules
from tests.exchange.shapes import TEXTS, WORKBOOKS, write_mutated

CASES = Path(__file__).resolve().parents[1] / "cases" / "files"
RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))


def read(file: Path) -> str:
    """Return the refusal; empty where the rows can be read, bad ones as well."""
    try:
        table = open_table(file, sheet="", headings=Headings(), low_memory=False)
        reader = RowReader(table.columns, RULES, BUILT_IN, how=How(lenient=True))
        for row, texts in table.rows:
            reader.read(row, texts)
    except InvalidInputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("seeds", [range(5), pytest.param(range(5, 105), marks=pytest.mark.soak)])
def test_a_mutated_text_gives_rows_or_one_refusal(name: str, seeds: range, tmp_path: Path) -> None:
    for seed in seeds:
        file = write_mutated(tmp_path, name, seed)
        refusal = read(file)
        assert "\n" not in refusal
        assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", WORKBOOKS)
@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 102), marks=pytest.mark.soak)])
async def test_a_mutated_workbook_gives_rows_or_one_refusal(name: str, seeds: range, tmp_path: Path) -> None:
    for seed in seeds:
        file = write_mutated(tmp_path, name, seed)
        try:
            async with reading(file, language="en") as table:
                async for _batch in table.batches:
                    pass
        except InvalidInputError as error:
            assert "\n" not in str(error)  # noqa: PT017 - some files are read
        assert os.listdir(tmp_path) == [file.name]  # noqa: PTH208 - pathlib's own would block just the same


async def test_a_damaged_workbook_is_called_damaged(tmp_path: Path) -> None:
    """Not one that takes too much memory or time: that is what the child's death is taken for."""
    file = tmp_path / "damaged.xlsx"
    with zipfile.ZipFile(CASES / "14-1c-list.xlsx") as whole, zipfile.ZipFile(file, "w") as damaged:
        for name in whole.namelist():
            content = whole.read(name)
            damaged.writestr(name, content[: len(content) // 2] + b"<" if "worksheets/" in name else content)

    async def read_all() -> None:
        async with reading(file, language="en") as table:
            async for _batch in table.batches:
                pass

    with pytest.raises(InvalidInputError, match="damaged or not what it seems"):
        await read_all()
