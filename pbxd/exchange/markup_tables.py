"""Read tables that programs write as HTML or as Excel's XML of 2003, and often name .xls."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from pbxd.errors import InvalidInputError
from pbxd.exchange.text_tables import Row, text_encoding
from pbxd.i18n import _

Rows = Callable[[], Iterator[Row]]

_CHUNK: Final = 1 << 16
_HTML: Final = re.compile(
    r"(?:\s|<!--.*?-->|<\?.*?\?>)*<(?:!doctype\s+html|html|head|meta|table|body|style)\b", re.IGNORECASE | re.DOTALL
)
_CHARSET: Final = re.compile(rb"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_NAMESPACE: Final = "{urn:schemas-microsoft-com:office:spreadsheet}"
_ENTITIES: Final = re.compile(r"<!(?:DOCTYPE|ENTITY)")
_MOST_SPAN: Final = 256  # columns of one cell


def is_html(head: bytes) -> bool:
    """Tell whether the first bytes of a file are those of a web page."""
    return bool(_HTML.match(_text(head)))


def is_spreadsheet_xml(head: bytes) -> bool:
    """Tell whether the first bytes of a file are those of a workbook as XML."""
    return _NAMESPACE.strip("{}") in _text(head)


def read_html(file: Path) -> Rows:
    """Return what reads the rows of all tables of a page, one after another."""

    def rows() -> Iterator[Row]:
        page = _Page()
        for chunk in _chunks(file):
            page.feed(chunk)
            yield from page.taken()
        page.close()
        page.end_row()
        yield from page.taken()

    return rows


def spreadsheet_xml_sheets(file: Path) -> dict[str, Rows]:
    """Return the sheets by name, each with a function that reads its rows. Raises InvalidInputError."""
    names: list[str] = []
    for event, element in _elements(file):
        if event == "start" and element.tag == f"{_NAMESPACE}Worksheet":
            names.append(element.get(f"{_NAMESPACE}Name", str(len(names) + 1)))

    def reader(index: int) -> Rows:
        return lambda: _sheet_rows(file, index)

    return {name: reader(index) for index, name in enumerate(names)}


class _Page(HTMLParser):
    """Collects the rows of a page's tables. A cell over several columns or rows fills the first one."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Row] = []
        self._count = 0
        self._row: list[str] | None = None
        self._cell: list[str] | None = None
        self._span = 1
        self._down: dict[int, int] = {}  # column -> rows below that a cell covers

    def taken(self) -> list[Row]:
        """Return the rows since the last time."""
        taken, self._rows = self._rows, []
        return taken

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._down = {}
        elif tag == "tr":
            self.end_row()
            self._row = []
        elif tag in {"td", "th"}:
            self._end_cell()
            self._begin_cell({name: value or "" for name, value in attrs})
        elif tag == "br" and self._cell is not None:
            self._cell.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._end_cell()
        elif tag in {"tr", "table"}:
            self.end_row()

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(re.sub(r"\s+", " ", data))

    def end_row(self) -> None:
        """Finish the row that is being read."""
        self._end_cell()
        if self._row is not None:
            self._count += 1
            self._rows.append((self._count, self._row))
        self._row = None

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        if self._row is None:
            self._row = []
        while self._down.get(len(self._row), 0):
            self._down[len(self._row)] -= 1
            self._row.append("")
        self._cell = []
        self._span = _span(attributes.get("colspan", ""))
        if (rows := _span(attributes.get("rowspan", ""))) > 1:
            self._down |= {len(self._row) + place: rows - 1 for place in range(self._span)}

    def _end_cell(self) -> None:
        if self._cell is not None and self._row is not None:
            lines = "".join(self._cell).replace("\xa0", " ").split("\n")
            self._row += ["\n".join(" ".join(line.split()) for line in lines).strip(), *[""] * (self._span - 1)]
        self._cell = None


def _span(text: str) -> int:
    return min(max(int(text), 1), _MOST_SPAN) if text.isdecimal() and len(text) < 6 else 1  # noqa: PLR2004


def _sheet_rows(file: Path, wanted: int) -> Iterator[Row]:
    sheet, row = -1, 0
    for event, element in _elements(file):
        if event == "start" and element.tag == f"{_NAMESPACE}Worksheet":
            sheet, row = sheet + 1, 0
        elif event == "end" and element.tag == f"{_NAMESPACE}Row":
            row = _index(element, row)
            if sheet == wanted:
                yield row, _cells(element)
            element.clear()
        elif event == "end" and element.tag == f"{_NAMESPACE}Worksheet":
            element.clear()
            if sheet == wanted:
                return


def _cells(row: Element) -> list[str]:
    texts: list[str] = []
    for cell in row.iterfind(f"{_NAMESPACE}Cell"):
        place = _index(cell, len(texts))
        texts += [""] * (min(place, _MOST_SPAN) - 1 - len(texts))
        data = cell.find(f"{_NAMESPACE}Data")
        text = "" if data is None else "".join(data.itertext())
        is_day = data is not None and data.get(f"{_NAMESPACE}Type") == "DateTime"
        texts.append(text.removesuffix("T00:00:00.000") if is_day else text)
        texts += [""] * _number(cell.get(f"{_NAMESPACE}MergeAcross", ""))
    return texts


def _index(element: Element, before: int) -> int:
    return _number(element.get(f"{_NAMESPACE}Index", "")) or before + 1


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 8 else 0  # noqa: PLR2004 - longer is no place in a sheet


def _elements(file: Path) -> Iterator[tuple[str, Element]]:
    """Yield the start and the end of the elements. Raises InvalidInputError, also for a document type."""
    parser: Any = XMLPullParser(("start", "end"))
    tail = ""
    try:
        for chunk in _chunks(file):
            if _ENTITIES.search(tail + chunk):
                raise InvalidInputError("file", _("the workbook defines XML entities, which no spreadsheet does"))
            tail = chunk[-16:]
            parser.feed(chunk)
            yield from parser.read_events()
        parser.close()
        yield from parser.read_events()
    except ParseError as error:
        raise InvalidInputError("file", _("the workbook is damaged: {why}").format(why=error)) from error


def _chunks(file: Path) -> Iterator[str]:
    """Yield the text of a file in pieces, without the declaration of its encoding."""
    with file.open("rb") as stream:
        named = _CHARSET.search(stream.read(4096))
    encoding = text_encoding(file) or _known_encoding(named) or "cp1251"
    with file.open(encoding=encoding, errors="replace") as text:
        first = text.read(_CHUNK).lstrip("\ufeff\r\n\t ")
        yield re.sub(r"^<\?xml[^>]*\?>", "", first)
        while chunk := text.read(_CHUNK):
            yield chunk


def _known_encoding(named: re.Match[bytes] | None) -> str:
    """Return the encoding that a page names, if there is such a one."""
    try:
        return codecs.lookup(named[1].decode("ascii")).name if named else ""
    except LookupError:
        return ""


def _text(head: bytes) -> str:
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    return head.decode("utf-16" if wide else "utf-8", "replace").lstrip("\ufeff")
