"""Tables of contacts being written: the template, exports as xlsx, csv and vcf, and the workbook of bad rows.

Every text is a string cell, whatever it begins with: nothing anybody typed is ever a formula (CWE-1236).
"""

from __future__ import annotations

import csv
import errno
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from xlsxwriter import Workbook

from pbxd.book import Contact, Employee, folded
from pbxd.errors import InvalidInputError, UnavailableError
from pbxd.exchange import cells, columns, vcards
from pbxd.exchange.columns import FIELDS, SHEET, Columns
from pbxd.i18n import _

_WIDTHS = {"name": 30, "number": 30, "email": 26, "company": 26, "comment": 40, "tags": 20}
_ROWS_VALIDATED = 10_000
_LONGEST_LIST = 255  # characters of a validation list in a workbook


class ErrorWorkbook:
    """The rows that couldn't be imported, each with what to correct: a workbook that can be imported as it is."""

    def __init__(self, file: Path | None, table: Columns, mapped: Mapping[str, str]) -> None:
        """Raise InvalidInputError, UnavailableError where no workbook could be written, before anything is done."""
        if file is not None and file.suffix.lower() != ".xlsx":
            raise InvalidInputError("errors", _("--errors: the file's name must end in .xlsx"))
        if file is not None and not os.access(file.absolute().parent, os.W_OK):
            raise UnavailableError(
                _("{file}: can't be written: {why}").format(file=file, why=os.strerror(errno.EACCES))
            )
        self._wanted, self._table, self._mapped = file, table, mapped
        self._book: Any = None
        self._row = 0
        self.file: Path | None = None  # where it is, once there was a bad row

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._book is not None and error is None:
            _finish(self._book, str(self._wanted))
            self.file = self._wanted

    def add(self, texts: Sequence[str], message: str) -> None:
        """Add a row and what is wrong in it."""
        if self._wanted is None:
            return
        if self._book is None:
            self._begin()
        padded = [*texts, *[""] * len(self._table.heads)][: len(self._table.heads)]
        self._write([*(text for text, head in zip(padded, self._table.heads, strict=True) if head), message])

    def _begin(self) -> None:
        assert self._wanted  # noqa: S101 - `add` sees to it
        self._book = _workbook(self._wanted)
        self._sheet = self._book.add_worksheet(SHEET)
        self._text = self._book.add_format({"num_format": "@"})
        heads = [self._heading(*pair) for pair in zip(self._table.heads, self._table.fields, strict=True) if pair[0]]
        self._sheet.set_column(0, len(heads), 25, self._text)
        self._write([*heads, columns.correction()])

    def _heading(self, head: str, field: str) -> str:
        """Return a heading that is known without `--map`."""
        if folded(head) in self._mapped:
            return columns.heading(field)
        return head

    def _write(self, texts: Iterable[str]) -> None:
        for place, text in enumerate(texts):
            if text:
                self._sheet.write_string(self._row, place, text, self._text)
        self._row += 1


def write_template(file: Path, employees: Iterable[Employee]) -> None:
    """Write the workbook to fill in: the sheet with its headings, and one that explains them."""
    book = _workbook(file)
    sheet = book.add_worksheet(SHEET)
    _head(book, sheet)
    people = [person.extension for person in employees if person.active]
    places = {name: place for place, name in enumerate(FIELDS)}
    _validate(sheet, places["vip"], {"validate": "list", "source": [_("yes"), _("no")]})
    if people and len(",".join(people)) <= _LONGEST_LIST:
        _validate(sheet, places["manager"], {"validate": "list", "source": people, "error_type": "warning"})
    explained = book.add_worksheet(_("Explanation"))
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    explained.set_column(0, 0, 20, wrap)
    explained.set_column(1, 2, 50, wrap)
    for row, line in enumerate(_explanation()):
        for place, text in enumerate(line):
            explained.write_string(row, place, text, wrap)
    _finish(book, str(file))


async def export(file: Path, contacts: AsyncIterator[Sequence[Contact]]) -> int:
    """Write contacts as the file's ending says; returns how many. Raises InvalidInputError, UnavailableError."""
    writers = {".xlsx": _write_xlsx, ".csv": _write_csv, ".vcf": _write_vcf}
    write = writers.get(file.suffix.lower())
    if write is None:
        raise InvalidInputError("file", _("the file's name must end in .xlsx, .csv or .vcf"))
    with _part_of(file) as part:
        return await write(part, contacts)


async def _write_xlsx(file: Path, contacts: AsyncIterator[Sequence[Contact]]) -> int:
    book = _workbook(file)
    sheet = book.add_worksheet(SHEET)
    _head(book, sheet)
    row = 0
    async for some in contacts:
        for contact in some:
            row += 1
            for place, text in enumerate(_texts(contact)):
                if text:
                    sheet.write_string(row, place, text)
    _finish(book, str(file))
    return row


async def _write_csv(file: Path, contacts: AsyncIterator[Sequence[Contact]]) -> int:
    count = 0
    with file.open("w", encoding="utf-8-sig", newline="") as stream:  # the mark makes spreadsheets read UTF-8
        writer = csv.writer(stream, delimiter=";")
        writer.writerow([columns.heading(name) for name in FIELDS])
        async for some in contacts:
            count += len(some)
            writer.writerows([cells.guarded(text) for text in _texts(contact)] for contact in some)
    return count


async def _write_vcf(file: Path, contacts: AsyncIterator[Sequence[Contact]]) -> int:
    count = 0
    with file.open("w", encoding="utf-8", newline="") as stream:
        async for some in contacts:
            count += len(some)
            stream.writelines(vcards.written(contact) for contact in some)
    return count


def _texts(contact: Contact) -> list[str]:
    found = {
        "name": contact.name,
        "number": cells.written_numbers(contact.numbers),
        "email": cells.joined(contact.emails),
        "company": contact.company,
        "position": contact.position,
        "manager": contact.manager,
        "vip": _("yes") if contact.vip else "",
        "comment": contact.comment,
        "tags": cells.joined(contact.tags),
        "birth_date": contact.birth_date.strftime("%d.%m.%Y") if contact.birth_date else "",
    }
    return [found[name] for name in FIELDS]


def _head(book: Any, sheet: Any) -> None:  # noqa: ANN401 - XlsxWriter's own
    bold = book.add_format({"bold": True, "bottom": 1})
    text = book.add_format({"num_format": "@"})  # so that a spreadsheet doesn't round what is typed into it
    for place, name in enumerate(FIELDS):
        sheet.set_column(place, place, _WIDTHS.get(name, 14), text)
        sheet.write_string(0, place, columns.heading(name), bold)
    sheet.freeze_panes(1, 0)


def _validate(sheet: Any, place: int, rule: dict[str, Any]) -> None:  # noqa: ANN401 - XlsxWriter's own
    sheet.data_validation(1, place, _ROWS_VALIDATED, place, rule)


def _explanation() -> Iterator[tuple[str, str, str]]:
    yield _("Column"), _("What to write"), _("Example")
    example = {
        "name": (_("Required."), "Фронкин Игорь"),
        "number": (
            _("Required. Several are separated by “;”, the first is the main one. An extension stands after “доб.”."),
            "+7 916 123-45-67; 8 (495) 123-45-67 доб. 123",
        ),
        "email": (_("Several are separated by “;”, the first is the main one."), "igor@example.org"),
        "company": (_("A new one is created."), "ООО «Ромашка»"),
        "position": ("", "директор"),
        "manager": (_("Extension of the responsible employee; whoever imports, if empty."), "101"),
        "vip": (_("“yes” goes to the head of every queue."), _("yes")),
        "comment": ("", ""),
        "tags": (_("Several are separated by “;”."), "опт; юг"),
        "birth_date": (_("Day, month, year."), "31.12.1980"),
    }
    for name in FIELDS:
        yield (columns.heading(name), *example[name])
    yield "", _("Only the sheet “{sheet}” is imported.").format(sheet=SHEET), ""


def _workbook(file: Path) -> Any:  # noqa: ANN401 - XlsxWriter's own
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    return Workbook(str(file), options)


def _finish(book: Any, file: str) -> None:  # noqa: ANN401 - XlsxWriter's own
    try:
        book.close()
    except Exception as error:
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        if not isinstance(cause, OSError) and type(error).__module__.partition(".")[0] != "xlsxwriter":
            raise
        raise _unwritable(file, cause) from error


@contextmanager
def _part_of(file: Path) -> Iterator[Path]:
    """Write beside the file, and put it there when it is whole."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".part", dir=file.parent)
        os.close(descriptor)
    except OSError as error:
        raise _unwritable(str(file), error) from error
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(file)
    except OSError as error:
        raise _unwritable(str(file), error) from error
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _unwritable(file: str, error: BaseException) -> UnavailableError:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return UnavailableError(_("{file}: can't be written: {why}").format(file=file, why=why))
