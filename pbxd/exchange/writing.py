"""Tables of contacts being written: the template, and exports as xlsx, csv and vcf."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pbxd.book.contacts import Contact
from pbxd.book.employees import Employee
from pbxd.errors import InvalidInputError
from pbxd.exchange import cells, columns, vcards
from pbxd.exchange.columns import FIELDS, SHEET
from pbxd.exchange.workbook_writer import new_workbook
from pbxd.files import new_file
from pbxd.i18n import _

_WIDTHS = {"name": 30, "number": 30, "email": 26, "company": 26, "comment": 40, "tags": 20}
_ROWS_VALIDATED = 10_000
_LONGEST_LIST = 255  # characters of a validation list in a workbook


def write_template(file: Path, employees: Iterable[Employee]) -> None:
    """Write the workbook to fill in: the sheet with its headings, and one that explains them.

    Raises ConflictError for a file that is there, for somebody may have filled it in, and UnavailableError.
    """
    with new_file(file) as part, new_workbook(part, file) as book:
        _fill_template(book, employees)


def _fill_template(book: Any, employees: Iterable[Employee]) -> None:  # noqa: ANN401 - XlsxWriter's own
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


async def export(file: Path, contacts: AsyncIterator[Sequence[Contact]]) -> int:
    """Write contacts as the file's ending says, in the place of an earlier export; returns how many.

    Raises InvalidInputError, UnavailableError.
    """
    writers = {".xlsx": _write_xlsx, ".csv": _write_csv, ".vcf": _write_vcf}
    write = writers.get(file.suffix.lower())
    if write is None:
        raise InvalidInputError("file", _("the file's name must end in .xlsx, .csv or .vcf"))
    with new_file(file, replace=True) as part:
        return await write(part, contacts)


async def _write_xlsx(file: Path, contacts: AsyncIterator[Sequence[Contact]]) -> int:
    row = 0
    with new_workbook(file, file) as book:
        sheet = book.add_worksheet(SHEET)
        _head(book, sheet)
        async for some in contacts:
            for contact in some:
                row += 1
                for place, text in enumerate(_texts(contact)):
                    if text:
                        sheet.write_string(row, place, text)
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
