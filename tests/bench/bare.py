"""What imports and exports are compared with: the same rows by the libraries alone.

`read FILE`: python-calamine reads a workbook. `insert FROM TO IMPORT`: the rows of an import are written from one
database into another, with the same tables, indexes and triggers, by `executemany` in one transaction.
`keep TABLE ROWS`: the rows of an exported CSV file are pickled. `write ROWS FILE`: they are written by XlsxWriter, the
csv module or vobject.
"""

from __future__ import annotations

import csv
import pickle
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import vobject
import xlsxwriter
from python_calamine import CalamineWorkbook

from pbxd.storage.search.fulltext import lend_tokens

_PROPERTIES = (
    "tel", "email", "org", "title", "x-pbxd-manager", "x-pbxd-vip", "note", "categories", "bday",
    "x-pbxd-owner", "x-pbxd-id",
)  # fmt: skip


def read(file: str) -> None:
    """Read the first sheet."""
    CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python()


def insert(source: str, target: str, import_id: str) -> None:
    """Write what an import made."""
    mine = f"(SELECT id FROM contacts WHERE import_id = {int(import_id)})"  # noqa: S608 - a number
    firms = "id NOT IN (SELECT company_id FROM contacts WHERE company_id IS NOT NULL AND import_id = 0)"
    parts = ("contact_numbers", "contact_emails", "contact_tags", "number_holdings")
    wanted = {"companies": firms, "contacts": f"id IN {mine}"} | dict.fromkeys(parts, f"contact_id IN {mine}")
    there, new = sqlite3.connect(source), sqlite3.connect(target)
    lend_tokens(new)
    new.execute("PRAGMA synchronous=FULL")
    for table, condition in wanted.items():
        rows = there.execute(f"SELECT * FROM {table} WHERE {condition}").fetchall()  # noqa: S608 - names of ours
        places = ", ".join("?" * len(rows[0]))
        new.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - the same
    new.commit()


def keep(table: str, rows: str) -> None:
    """Pickle the rows of an exported table. Not in the bench: what it has in memory counts as its children's."""
    with Path(table).open(encoding="utf-8-sig", newline="") as stream, Path(rows).open("wb") as target:
        pickle.dump(list(csv.reader(stream, delimiter=";"))[1:], target)


def write(rows: str, file: str) -> None:
    """Write rows in the format of the file's ending."""
    with Path(rows).open("rb") as stream:
        listed = pickle.load(stream)  # noqa: S301 - ours
    _WRITERS[Path(file).suffix](listed, file)


def _xlsx(rows: Sequence[Sequence[str]], file: str) -> None:
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for place, row in enumerate(rows):
            for column, text in enumerate(row):
                sheet.write_string(place, column, text)


def _csv(rows: Sequence[Sequence[str]], file: str) -> None:
    with Path(file).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(rows)


def _vcf(rows: Sequence[Sequence[str]], file: str) -> None:
    with Path(file).open("w", encoding="utf-8", newline="") as stream:
        for name, *values in rows:
            card = vobject.vCard()
            card.add("fn").value = name
            card.add("n").value = vobject.vcard.Name(family=name)
            for named, value in zip(_PROPERTIES, values, strict=True):
                if value:
                    card.add(named).value = [value] if named in {"org", "categories"} else value
            stream.write(card.serialize())


_WRITERS: dict[str, Callable[[Sequence[Sequence[str]], str], None]] = {".xlsx": _xlsx, ".csv": _csv, ".vcf": _vcf}
_REFERENCES: dict[str, Callable[..., None]] = {"read": read, "insert": insert, "keep": keep, "write": write}

if __name__ == "__main__":
    _REFERENCES[sys.argv[1]](*sys.argv[2:])
