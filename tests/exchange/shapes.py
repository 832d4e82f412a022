"""A small file of each shape that is read: of every program, of every kind of workbook, and made by hand."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import xlwt

_CASES = Path(__file__).resolve().parents[1] / "cases" / "files"
_PROGRAMS = Path(__file__).resolve().parent / "programs"
PAGE = """<html><head><meta charset="{0}"></head><body><table><tr><th rowspan=2>ФИО</th><th colspan="2">Связь</th></tr>
<tr><th>Телефон</th><th>Почта</th></tr><tr><td>Анна<br>Ким</td><td>89161234567</td><td>a&amp;b@example.org</td></tr>
</table></body></html>"""
XML = """<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"
 xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="Лист1"><Table>
<Row ss:Index="3"><Cell><Data ss:Type="String">ФИО</Data></Cell><Cell ss:Index="3"><Data ss:Type="String">Телефон</Data>
</Cell><Cell><Data ss:Type="String">Дата рождения</Data></Cell></Row><Row>
<Cell><Data ss:Type="String">Анна</Data></Cell>
<Cell ss:Index="3"><Data ss:Type="Number">89161234567</Data></Cell>
<Cell><Data ss:Type="DateTime">1985-03-12T00:00:00.000</Data></Cell></Row></Table></Worksheet></Workbook>"""
_CONTENT = (
    '<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="Лист1">{}</table:table></office:spreadsheet></office:body></office:document-content>'
)
_CELL = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
_KIND = "application/vnd.oasis.opendocument.spreadsheet"
_MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{_KIND}"/></manifest:manifest>'
)
_ROWS = [["ФИО", "Телефон", "Дата рождения"], *([f"Анна {place}", f"8916123{place:04}", ""] for place in range(30))]
_CHANGES: tuple[Callable[[random.Random, bytes, int], bytes], ...] = (
    lambda _chance, data, at: data[:at],
    lambda chance, data, at: data[:at] + chance.randbytes(3) + data[at + 3 :],
    lambda chance, data, at: data[:at] + data[at + chance.randrange(40) :],
    lambda chance, data, at: data[:at] + chance.choice([b'"', b";", b",", b"\n", b"\0", b"\xff\xfe"]) + data[at:],
    lambda chance, data, at: data[: at + chance.randrange(200)] + data[at:],
)


def write_open_document(file: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write an ods."""
    lines = "".join(f"<table:table-row>{''.join(map(_CELL.format, row))}</table:table-row>" for row in rows)
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("mimetype", _KIND)
        package.writestr("content.xml", _CONTENT.format(lines))
        package.writestr("META-INF/manifest.xml", _MANIFEST)


def _write_xls(file: Path) -> None:
    book = xlwt.Workbook()
    page = book.add_sheet("Контакты")
    for place, row in enumerate(_ROWS):
        for column, text in enumerate(row):
            page.write(place, column, text)
    book.save(str(file))


_MADE: Final[dict[str, Callable[[Path], object]]] = {
    "page.xls": lambda file: file.write_text(PAGE.format("utf-8"), "utf-8"),
    "sheet.xls": lambda file: file.write_text(XML, "utf-8"),
    "old.xls": _write_xls,
    "open.ods": lambda file: write_open_document(file, _ROWS),
}
_FILES: Final = {path.name: path for folder in (_CASES, _PROGRAMS) for path in folder.iterdir()}
WORKBOOKS: Final = ("14-1c-list.xlsx", "old.xls", "open.ods")  # read by libraries that take what they need
TEXTS: Final = (
    *sorted(name for name, path in _FILES.items() if path.suffix in {".csv", ".vcf", ".ldif", ".xml"}),
    "page.xls",
    "sheet.xls",
)


def write_mutated(folder: Path, name: str, seed: int) -> Path:
    """Write the file of a shape with some bytes changed, cut or doubled."""
    file, chance = folder / name, random.Random(f"{name} {seed}")
    if name in _MADE:
        _MADE[name](file)
    data = file.read_bytes() if name in _MADE else _FILES[name].read_bytes()
    for _time in range(chance.randint(1, 3)):
        data = chance.choice(_CHANGES)(chance, data, chance.randrange(len(data) + 1))
    file.write_bytes(data)
    return file
