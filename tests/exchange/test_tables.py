"""Files as real programs write them: which rows are read. In this process; `test_sandbox` has the child."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
import xlwt

from pbxd.errors import InvalidInputError
from pbxd.exchange import tables
from pbxd.exchange.columns import Headings
from pbxd.exchange.tables import Table
from tests.exchange.shapes import PAGE, XML, write_open_document

ROWS: list[list[Any]] = [["ФИО", "Телефон", "Дата рождения"], ["Фронкин", 79161234567, datetime(1980, 12, 31)]]  # noqa: DTZ001 - a cell's
READ = [(2, ["Фронкин", "79161234567", "1980-12-31"])]


def read(
    file: Path, *, sheet: str = "", low_memory: bool = False, **mapped: str
) -> tuple[Table, list[tuple[int, list[str]]]]:
    table = tables.open_table(file, sheet=sheet, headings=Headings(mapped=mapped), low_memory=low_memory)
    return table, list(table.rows)


def by_xlsxwriter(file: Path, rows: list[list[Any]], sheet: str = "Контакты") -> None:
    with xlsxwriter.Workbook(str(file), {"default_date_format": "dd.mm.yyyy"}) as book:
        page = book.add_worksheet(sheet)
        for place, row in enumerate(rows):
            page.write_row(place, 0, row)


def by_openpyxl(file: Path, rows: list[list[Any]], sheet: str = "Контакты") -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(row)
    book.save(file)


def by_xlwt(file: Path, rows: list[list[Any]], sheet: str = "Контакты") -> None:
    book = xlwt.Workbook()
    page = book.add_sheet(sheet)
    style = xlwt.easyxf(num_format_str="DD.MM.YYYY")
    for place, row in enumerate(rows):
        for column, value in enumerate(row):
            page.write(place, column, value, *([style] if isinstance(value, datetime) else []))
    book.save(str(file))


Write = Callable[[Path, list[list[Any]]], None]
WRITERS: list[tuple[Write, str]] = [(by_xlsxwriter, "a.xlsx"), (by_openpyxl, "a.xlsx"), (by_xlwt, "a.xls")]


@pytest.mark.parametrize("low_memory", [False, True])
@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_workbooks_of_every_writer(write: Write, name: str, low_memory: bool, tmp_path: Path) -> None:
    write(tmp_path / name, ROWS)
    table, rows = read(tmp_path / name, low_memory=low_memory)
    assert (table.sheet, table.columns.fields, rows) == ("Контакты", ("name", "number", "birth_date"), READ)


@pytest.mark.parametrize("low_memory", [False, True])
def test_titles_merged_headings_hidden_rows_and_stray_cells(tmp_path: Path, low_memory: bool) -> None:
    file = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(file)) as book:
        page = book.add_worksheet("Контакты")
        page.merge_range("A1:D1", "Клиенты филиала")
        page.merge_range("A3:A4", "ФИО")
        page.merge_range("B3:C3", "Связь")
        page.write_row("B4", ["Телефон", "Почта"])
        page.write_row("A5", ["Анна", 79161234567, "a@example.org"])
        page.write_row("A6", ["Борис", "+7 916 123-45-68"])
        page.set_row(5, None, None, {"hidden": True})
        page.write("Z2000", "x")
        page.write_formula("B8", "=79161234569+0", None, 79161234569)
        page.write("A8", "Вера")
    table, rows = read(file, low_memory=low_memory)
    assert table.columns.fields[:3] == ("name", "number", "email")
    assert [(row, texts[:2]) for row, texts in rows] == [
        (5, ["Анна", "79161234567"]), (6, ["Борис", "+7 916 123-45-68"]), (8, ["Вера", "79161234569"]),
        (2000, ["", ""]),  # it is named: see `row_kinds`
    ]  # fmt: skip


def test_numbers_keep_their_leading_zeros(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(file)) as book:
        page = book.add_worksheet("Контакты")
        page.write_row(0, 0, ["ФИО", "Телефон"])
        page.write_row(1, 0, ["Анна", 79161230000])
        page.write(2, 0, "Борис")
        page.write(2, 1, 4915112345678, book.add_format({"num_format": "000000000000000"}))
    assert [texts[1] for _row, texts in read(file)[1]] == ["79161230000", "004915112345678"]


def test_which_sheet_is_taken(tmp_path: Path) -> None:
    """S2.13: without the sheet «Контакты» nothing is guessed; one sheet with known headings is taken."""
    other = tmp_path / "other.xlsx"
    by_openpyxl(other, ROWS, "Лист1")
    assert read(other)[0].sheet == "Лист1"
    assert read(other, sheet="лист1")[1] == READ
    with pytest.raises(InvalidInputError, match="no sheet “Лист9”; there are: Лист1"):
        read(other, sheet="Лист9")
    by_openpyxl(other, [["a", "b"], ["c", "d"]], "Лист1")
    with pytest.raises(InvalidInputError, match=r'row 1 are “a”, “b”.*--map "a=name" --map "b=number"'):
        read(other)
    by_openpyxl(other, [["a", "b"], ["c", "d"]])
    assert read(other, a="name", b="number")[1] == [(2, ["c", "d"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_csv_in_every_encoding_with_every_separator(encoding: str, separator: str, tmp_path: Path) -> None:
    text = 'Список\r\nФИО;Телефон;Комментарий\r\nАнна;\'+7 916 123-45-67;"a\r\nb"\r\n;;\r\n'.replace(";", separator)
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    assert read(tmp_path / "a.csv")[1] == [(3, ["Анна", "+7 916 123-45-67", "a\r\nb"])]


CARDS = """BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=90=D0=BD=D0=BD=\r\n=D0=B0;;;;\r
TEL;CELL:89161234567\r\nTEL;WORK;PREF:84951234567\r\nTEL;FAX:84950000000\r\nEND:VCARD\r
BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Борис\\, младший\r\nTEL;VALUE=uri;TYPE="voice,home":tel:+7-916-123-45-68;ext=12\r
ORG:Ромашка;Отдел\r\nBDAY:19801231\r\nCATEGORIES:опт,юг\r\nNOTE:a\\nb\r\nEND:VCARD\r
BEGIN:VCARD\r\nчепуха\r\nEND:VCARD\r\nbegin:vcard\r\nVERSION:3.0\r\nFN:Вера\r\nitem1.TEL:+79161234569\r
item1.X-ABLabel:дача\r\nend:vcard\r\n"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_vcards_of_every_version(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.vcf").write_bytes(CARDS.encode(encoding))
    table, rows = read(tmp_path / "a.vcf")
    width = len(table.columns.fields)
    cards = [dict(zip(table.columns.fields, [*texts, *[""] * width][:width], strict=True)) for _row, texts in rows]
    first, second, third, fourth = cards
    assert (first["name"], first["last_name"]) == ("", "Анна")
    assert first["number"] == "mobile: 89161234567; ★ work: 84951234567"
    assert first["left_out"] == "TEL 84950000000 (a fax)"
    assert second["name"] == "Борис, младший"
    assert second["number"] == "home: +7-916-123-45-68 доб. 12"
    assert (second["company"], second["left_out"]) == ("Ромашка", "department: Отдел")
    assert (second["birth_date"], second["tags"]) == ("1980-12-31", "опт; юг")
    assert second["comment"] == "a\nb"
    assert third["left_out"] == "an unreadable line: чепуха"
    assert (fourth["name"], fourth["number"]) == ("Вера", "дача: +79161234569")


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.xlsx", b"", "empty"), ("a.csv", b"", "empty"), ("a.xls", b"<html>", "the table is empty"),
        ("a.xlsx", b"PK\x03\x04 and no more", "damaged"), ("a.xls", b"\xd0\xcf\x11\xe0 and no more", "not a workbook"),
        ("a.csv", b"\x01\x02\x03", "no column is known"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(name: str, data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidInputError, match=why):
        read(tmp_path / name)


def test_more_than_a_sheet_can_hold_is_refused_with_the_limit(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w") as out:
        out.write("name,phone\n")
        out.write("a,b\n" * tables.MOST_ROWS)
    with pytest.raises(InvalidInputError, match="more than 1,048,576 rows"):
        for _row in tables.open_table(tmp_path / "a.csv", sheet="", headings=Headings(), low_memory=False).rows:
            pass
    with (tmp_path / "b.csv").open("wb") as out:
        out.truncate(tables.MOST_BYTES + 1)
    with pytest.raises(InvalidInputError, match="longer than 100 MB"):
        read(tmp_path / "b.csv")


def test_dates_and_truth_in_cells(tmp_path: Path) -> None:
    by_openpyxl(tmp_path / "a.xlsx", [["ФИО", "Телефон", "VIP", "Дата рождения"], ["А", 1.5, True, date(1980, 12, 31)]])
    assert read(tmp_path / "a.xlsx")[1] == [(2, ["А", "1.5", "1", "1980-12-31"])]


def test_a_quotation_mark_that_nothing_closes_is_refused_not_read_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('ФИО;Телефон\n"Анна;89161234567\nБорис;89161234568\n', encoding="utf-8")
    with pytest.raises(InvalidInputError, match="row 2: a quotation mark"):
        read(tmp_path / "a.csv")


def by_hand(file: Path, text: str, encoding: str = "utf-8") -> Path:
    file.write_bytes(text.encode(encoding))
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_a_web_page_named_xls(tmp_path: Path, encoding: str) -> None:
    table, rows = read(by_hand(tmp_path / "a.xls", PAGE.format("windows-1251"), encoding))
    assert table.columns.fields == ("name", "number", "email")
    assert rows == [(3, ["Анна\nКим", "89161234567", "a&b@example.org"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_workbook_as_xml_named_xls(tmp_path: Path, encoding: str) -> None:
    table, rows = read(by_hand(tmp_path / "a.xls", XML, encoding))
    assert (table.sheet, table.columns.fields) == ("Лист1", ("name", "", "number", "birth_date"))
    assert rows == [(4, ["Анна", "", "89161234567", "1985-03-12"])]
    entity = XML.replace("<Workbook", '<!DOCTYPE x [<!ENTITY a "b">]><Workbook', 1)
    with pytest.raises(InvalidInputError, match="XML entities"):
        read(by_hand(tmp_path / "b.xls", entity))


def test_an_open_document_whatever_its_name(tmp_path: Path) -> None:
    for name in ("a.ods", "a.xls"):
        write_open_document(tmp_path / name, [["ФИО", "Телефон"], ["Анна", "89161234567"]])
        assert read(tmp_path / name)[1] == [(2, ["Анна", "89161234567"])]


@pytest.mark.parametrize("encoding", ["cp866", "koi8-r"])
def test_old_russian_encodings(tmp_path: Path, encoding: str) -> None:
    file = by_hand(tmp_path / "a.csv", "ФИО;Телефон\nАнна;89161234567\n", encoding)
    assert read(file)[1] == [(2, ["Анна", "89161234567"])]


def test_utf_8_cut_in_a_letter_stays_utf_8(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("ФИО;Телефон\nАнна;89161234567\nБорис".encode()[:-1])
    assert read(tmp_path / "a.csv")[1][0] == (2, ["Анна", "89161234567"])


def test_the_order_of_dates_is_that_of_other_rows(tmp_path: Path) -> None:
    text = "name,phone,birthday\nA,89161234567,3/4/1980\nB,89161234568,{}\n"
    orders = [("12/25/1980", "month"), ("25/12/1980", "day"), ("", ""), ("12/25/1980\nC,1,25/12/1980", "")]
    for other, order in orders:
        assert read(by_hand(tmp_path / "a.csv", text.format(other)))[0].columns.order == order


def test_what_no_column_takes_is_named(tmp_path: Path) -> None:
    rows = [["Отбор: всё"], [], ["ФИО", "Телефон", "Рост"], ["Анна", "89161234567", "180", "прим."]]
    by_openpyxl(tmp_path / "a.xlsx", rows, "Лист1")
    columns = read(tmp_path / "a.xlsx")[0].columns
    assert columns.ignored == ["Рост", "column D"]
    assert columns.above == ((1, "Отбор: всё"),)
