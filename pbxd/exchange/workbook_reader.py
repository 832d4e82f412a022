"""Read workbooks: xlsx, xlsb and ods by calamine, xlsx in little memory by openpyxl; xls by xlrd.

Calamine is fast, but it keeps a sheet as a rectangle and does not report number formats. One stray cell far out makes
the rectangle too big for the child's memory. Openpyxl streams and knows formats, at a tenth of the speed.
Formulas give their stored values. Numbers become the digits that were typed: no exponent, no lost leading zero.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, cast

from python_calamine import CalamineWorkbook, SheetTypeEnum

from pbxd.errors import InvalidInputError
from pbxd.i18n import _

ZIP = b"PK"
OLE = b"\xd0\xcf\x11\xe0"
_CHUNK = 1 << 20
_ENTRIES = 10_000
_UNPACKED_AT_LEAST = 64 * 1024 * 1024
_UNPACKED_TIMES = 60  # the file's size; a sheet of equal rows packs 25:1
_ENTITIES = (b"<!DOCTYPE", b"<!ENTITY", b"<\0!\0D\0", b"\0<\0!\0D")  # the search of a regular expression is slow
_WORKBOOKS = frozenset({"xl/workbook.xml", "xl/workbook.bin", "content.xml"})  # xlsx, xlsb, ods
_MANIFEST = "META-INF/manifest.xml"  # of ods: may name its document type, and says whether the file is encrypted
_PADDED = re.compile(rb'formatCode="0{2,}"')
_FORMATS = b"formatCode"
_LEADING_ZEROS = re.compile(r"0{2,}")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_MIDNIGHT = (0, 0, 0)
_TEXTS = {str}

Rows = Callable[[], Iterator[tuple[int, list[str]]]]

Heights = dict[str, int]  # how many rows the sheets have that are being read, unless they are read as streams


def open_sheets(file: Path, head: bytes, heights: Heights, *, low_memory: bool) -> dict[str, Rows]:
    """Return the sheets by name, each with a function that reads its rows and notes how many there are.

    Raises InvalidInputError.
    """
    if head.startswith(ZIP):
        openpyxl_reads, padded = _check_package(file)
        return _xlsx_streamed(file) if openpyxl_reads and (low_memory or padded) else _by_calamine(file, heights)
    if _ENCRYPTED in file.read_bytes():
        raise InvalidInputError("file", _("the workbook is encrypted; save it without a password"))
    return _xls(file, heights)


def _by_calamine(file: Path, heights: Heights) -> dict[str, Rows]:
    """Read xlsx, xlsb and ods; which one it is says the content, not the file's name."""
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(file.read_bytes()))

    def reader(name: str) -> Rows:
        def rows() -> Iterator[tuple[int, list[str]]]:
            sheet = workbook.get_sheet_by_name(name)
            first = sheet.start[0] + 1 if sheet.start else 1
            heights[name] = first + sheet.height - 1
            for number, row in enumerate(sheet.iter_rows(), start=first):
                if set(map(type, row)) == _TEXTS:  # nearly every row of a table of contacts
                    yield number, cast("list[str]", row)
                else:
                    yield number, [_value(value, None) for value in row]

        return rows

    return {
        sheet.name: reader(sheet.name) for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet
    }


def _xlsx_streamed(file: Path) -> dict[str, Rows]:
    import openpyxl  # noqa: PLC0415 - half of the child's start, and few files need it

    workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)

    def reader(name: str) -> Rows:
        def rows() -> Iterator[tuple[int, list[str]]]:
            sheet: Any = workbook[name]
            sheet.reset_dimensions()  # the file's own are often wrong
            for number, row in enumerate(sheet.iter_rows(), start=1):
                yield number, [_value(cell.value, cell.number_format) for cell in row]

        return rows

    return {sheet.title: reader(sheet.title) for sheet in workbook.worksheets}


def _value(value: object, form: str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value, form)
    return _other(value)


def _number(value: float, form: str | None) -> str:
    if value != value // 1:
        return repr(value)
    text = str(int(value))
    return text.zfill(len(form)) if form and _LEADING_ZEROS.fullmatch(form) else text


def _other(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime) and (value.hour, value.minute, value.second) == _MIDNIGHT:
        value = value.date()
    return value.isoformat() if isinstance(value, date) else str(value)


def _xls(file: Path, heights: Heights) -> dict[str, Rows]:
    import xlrd  # noqa: PLC0415 - few files need it

    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a device
            book = xlrd.open_workbook(str(file), logfile=nowhere, formatting_info=True, ragged_rows=True)
    except xlrd.XLRDError as error:
        if "encrypted" in str(error):
            raise InvalidInputError("file", _("the workbook is encrypted; save it without a password")) from error
        raise InvalidInputError("file", _("not a workbook (xlsx, xls, ods)")) from error

    def reader(index: int) -> Rows:
        def rows() -> Iterator[tuple[int, list[str]]]:
            sheet = book.sheet_by_index(index)
            heights[sheet.name] = sheet.nrows
            for place in range(sheet.nrows):
                yield place + 1, [_xls_cell(xlrd, book, cell) for cell in sheet.row(place)]

        return rows

    return {name: reader(index) for index, name in enumerate(book.sheet_names())}


def _xls_cell(xlrd: Any, book: Any, cell: Any) -> str:  # noqa: ANN401 - the module and its own, without types
    match cell.ctype:
        case xlrd.XL_CELL_TEXT:
            return str(cell.value)
        case xlrd.XL_CELL_NUMBER:
            return _number(float(cell.value), book.format_map[book.xf_list[cell.xf_index].format_key].format_str)
        case xlrd.XL_CELL_DATE:
            return _other(xlrd.xldate_as_datetime(cell.value, book.datemode))
        case xlrd.XL_CELL_BOOLEAN:
            return "1" if cell.value else "0"
        case xlrd.XL_CELL_ERROR:
            return str(xlrd.error_text_from_code.get(cell.value, "#ERROR"))
        case _:
            return ""


def _check_package(file: Path) -> tuple[bool, bool]:
    """Unpack the whole package once, without keeping anything.

    Return whether it is one that openpyxl reads, and whether its numbers have leading zeros.

    Raises InvalidInputError for a package that unpacks to too much, whatever its directory says.
    """
    padded, kinds = False, set[str]()
    left = max(_UNPACKED_AT_LEAST, _UNPACKED_TIMES * file.stat().st_size)
    try:
        with zipfile.ZipFile(file) as package:
            names = package.namelist()
            if len(names) > _ENTRIES or len(names) != len(set(names)):
                raise InvalidInputError("file", _("not a workbook (xlsx, xls, ods)"))
            kinds = {name.lower() for name in names} & _WORKBOOKS
            if not kinds:
                raise InvalidInputError("file", _("not a workbook (xlsx, xls, ods)"))
            for entry in package.infolist():
                if entry.flag_bits & 1:
                    raise InvalidInputError("file", _("the workbook is encrypted; save it without a password"))
                entry.file_size = 1 << 62  # read the data to its end, not to the size in the directory
                with package.open(entry) as stream:
                    left, found = _check_entry(stream, left, entry.filename)
                padded = padded or found
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise InvalidInputError("file", _("the workbook is damaged: {why}").format(why=error)) from error
    return "xl/workbook.xml" in kinds, padded


def _check_entry(stream: IO[bytes], left: int, name: str) -> tuple[int, bool]:
    tail, padded = b"", False
    while chunk := stream.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise InvalidInputError("file", _("the workbook unpacks to far more than a table of contacts needs"))
        chunk = tail + chunk
        if name != _MANIFEST and any(entity in chunk for entity in _ENTITIES):
            raise InvalidInputError("file", _("the workbook defines XML entities, which no spreadsheet does"))
        padded = padded or (_FORMATS in chunk and bool(_PADDED.search(chunk)))
        tail = chunk[-16:]
    return left, padded
