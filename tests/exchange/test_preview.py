"""What a file begins with, for a person who says what its columns mean."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from pbxd.errors import InvalidInputError
from pbxd.exchange.columns import Headings
from pbxd.exchange.preview import Preview, meanings
from pbxd.exchange.preview_reader import read_preview


def look(file: Path, content: str | bytes, sheet: str = "") -> Preview:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    found = read_preview(file, sheet=sheet, headings=Headings(), low_memory=False)
    assert Preview.from_json(found.to_json()) == found
    return found


def workbook(file: Path, **sheets: list[list[str]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(file)
    return file.read_bytes()


def test_a_known_header_below_a_title(tmp_path: Path) -> None:
    rows = "Наши клиенты;;\n;;\nФИО;Телефон;Разное\nКим;89161234567;а\nЛи;89161234568;б\n"
    found = look(tmp_path / "a.csv", rows)
    assert (found.heads, found.fields[:2]) == (("ФИО", "Телефон", "Разное"), ("name", "number"))
    assert found.problem == ""
    assert found.rows == (("Ким", "89161234567", "а"), ("Ли", "89161234568", "б"))
    assert found.taken({}) == {0: "name", 1: "number", 2: found.fields[2]}


def test_unknown_headings_are_shown_all_the_same(tmp_path: Path) -> None:
    found = look(tmp_path / "a.csv", "Кто;Куда;Кто\nКим;89161234567;х\n")
    assert found.heads == ("Кто", "Куда", "Кто")
    assert found.choosable == [0, 1], "equal headings mean the same"
    assert found.problem
    assert found.mapped({0: "name", 1: "number", 2: "comment", 9: "name"}) == ("Кто=name", "Куда=number")


def test_what_is_not_to_be_imported(tmp_path: Path) -> None:
    found = look(tmp_path / "a.csv", "ФИО;Телефон;Комментарий\nКим;89161234567;х\n")
    assert found.mapped({0: "name", 1: "number", 2: ""}) == ("Комментарий=ignore",)
    assert found.taken({"комментарий": "ignore"})[2] == ""
    assert found.mapped({0: "name", 1: "number", 2: "comment"}) == ()


def test_columns_without_a_heading_can_not_be_named(tmp_path: Path) -> None:
    found = look(tmp_path / "a.csv", "ФИО;Телефон;\nКим;89161234567;что-то\n")
    assert found.named == (True, True, False)
    assert found.choosable == [0, 1]


def test_rows_without_any_heading_are_shown_with_what_to_do(tmp_path: Path) -> None:
    found = look(tmp_path / "a.csv", "89161234567;10.10.2020\n89161234568;11.10.2020\n")
    assert (found.choosable, len(found.rows)) == ([], 2)
    assert "headings" in found.problem


def test_sheets(tmp_path: Path) -> None:
    good = [["ФИО", "Телефон"], ["Ким", "89161234567"]]
    file = tmp_path / "a.xlsx"
    one = look(file, workbook(file, Пусто=[], Заметки=[["а"], ["б"]], Юг=good))
    assert (one.sheets, one.sheet, one.problem) == (("Пусто", "Заметки", "Юг"), "Юг", "")
    several = look(file, workbook(file, Север=good, Юг=good))
    assert (several.sheet, bool(several.problem)) == ("Север", True)
    chosen = look(file, workbook(file, Север=good, Юг=good), "юг")
    assert (chosen.sheet, chosen.problem) == ("Юг", "")
    with pytest.raises(InvalidInputError, match="Запад"):
        look(file, workbook(file, Север=good), "Запад")


def test_cards_say_themselves_what_they_mean(tmp_path: Path) -> None:
    found = look(tmp_path / "a.vcf", "BEGIN:VCARD\nVERSION:3.0\nFN:Ким\nTEL:+79161234567\nEND:VCARD\n")
    assert (found.fixed, found.choosable, found.mapped({0: "comment"})) == (True, [], ())
    assert "Ким" in found.rows[0]


def test_long_texts_and_many_columns_are_cut(tmp_path: Path) -> None:
    heads = ";".join(["ФИО", "Телефон", *(f"Поле {place}" for place in range(200))])
    found = look(tmp_path / "a.csv", f"{heads}\n{'а' * 5000};89161234567\n")
    assert len(found.heads) == len(found.rows[0]) == len(found.named) == 60
    assert len(found.rows[0][0]) == 80


def test_what_a_column_can_mean(tmp_path: Path) -> None:
    found = look(tmp_path / "a.csv", "ФИО;Телефон;ID в pbxd\nКим;89161234567;1\n")
    offered = dict(meanings(Headings(), found))
    assert {"name", "number", "email", "first_name", "extension", "id"} <= offered.keys()
    assert all(offered.values())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"<!DOCTYPE x><a/>"])
def test_files_that_are_no_table(tmp_path: Path, content: bytes) -> None:
    try:
        found = look(tmp_path / "a", content)
    except InvalidInputError:
        return
    assert found.problem
