"""Write tables of contacts: the template, and exports as xlsx, csv and vcf."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from pbxd.book.card_marks import card_mark
from pbxd.book.contacts import Contact
from pbxd.book.employees import Employee
from pbxd.book.field_kinds import Kind
from pbxd.book.fields import Fields
from pbxd.book.headings import OWN_ID_HEADINGS, OWNER_HEADINGS
from pbxd.errors import InvalidInputError
from pbxd.exchange import cells, vcards
from pbxd.exchange.columns import SHEET
from pbxd.exchange.workbook_writer import new_workbook
from pbxd.files import new_file
from pbxd.i18n import _

_WIDTHS: dict[Kind, int] = {"name": 30, "numbers": 30, "emails": 26, "company": 26, "long-text": 40, "tags": 20}
_OWN_HEADINGS = (OWNER_HEADINGS, OWN_ID_HEADINGS)  # of columns that only our own exports have
_owner = attrgetter("owner")
_ROWS_VALIDATED = 10_000
_LONGEST_LIST = 255  # characters of a validation list in a workbook


def write_template(file: Path, employees: Iterable[Employee], fields: Fields) -> None:
    """Write the file to fill in: a workbook with the headings and a sheet that explains them, or a csv of the headings.

    Raises InvalidInputError for another ending, ConflictError when the file exists, because somebody may have filled it
    in, and UnavailableError.
    """
    kind = file.suffix.lower()
    if kind == ".csv":
        with new_file(file) as part, part.open("w", encoding="utf-8-sig", newline="") as stream:
            csv.writer(stream, delimiter=";").writerow([str(field.heading) for field in fields.exported])
        return
    if kind != ".xlsx":
        raise InvalidInputError("file", _("the file's name must end in .xlsx or .csv"))
    with new_file(file) as part, new_workbook(part, file) as book:
        _fill_template(book, employees, fields)


def _fill_template(book: Any, employees: Iterable[Employee], fields: Fields) -> None:  # noqa: ANN401 - XlsxWriter's own
    sheet = book.add_worksheet(SHEET)
    _head(book, sheet, fields)
    people = [person.extension for person in employees if person.active]
    for place, field in enumerate(fields.exported):
        if field.kind == "flag":
            _validate(sheet, place, {"validate": "list", "source": [_("yes"), _("no")]})
        elif field.kind == "employee" and people and len(",".join(people)) <= _LONGEST_LIST:
            _validate(sheet, place, {"validate": "list", "source": people, "error_type": "warning"})
    explained = book.add_worksheet(_("Explanation"))
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    explained.set_column(0, 0, 20, wrap)
    explained.set_column(1, 2, 50, wrap)
    for row, line in enumerate(_explanation(fields)):
        for place, text in enumerate(line):
            explained.write_string(row, place, text, wrap)


async def export(file: Path, contacts: AsyncIterator[Sequence[Contact]], fields: Fields) -> int:
    """Write contacts in the format of the file's ending and return how many. An earlier export is replaced.

    Raises InvalidInputError, UnavailableError.
    """
    writers = {".xlsx": _write_xlsx, ".csv": _write_csv, ".vcf": _write_vcf}
    write = writers.get(file.suffix.lower())
    if write is None:
        raise InvalidInputError("file", _("the file's name must end in .xlsx, .csv or .vcf"))
    with new_file(file, replace=True) as part:
        return await write(part, contacts, fields)


async def _write_xlsx(file: Path, contacts: AsyncIterator[Sequence[Contact]], fields: Fields) -> int:
    row, columns = 0, _columns(fields)
    with new_workbook(file, file) as book:
        sheet = book.add_worksheet(SHEET)
        _head(book, sheet, fields)
        for place, heading in enumerate(_OWN_HEADINGS, start=len(fields.exported)):
            sheet.write_string(0, place, str(heading))
        async for some in contacts:
            for texts in zip(*(write(some) for write in columns), strict=True):
                row += 1
                for place, text in enumerate(texts):
                    if text:
                        sheet.write_string(row, place, text)
    return row


async def _write_csv(file: Path, contacts: AsyncIterator[Sequence[Contact]], fields: Fields) -> int:
    count, columns = 0, _columns(fields)
    with file.open("w", encoding="utf-8", newline="") as stream:
        stream.write("\ufeff")  # makes spreadsheets read UTF-8; Python's `utf-8-sig` is slow for many rows
        writer = csv.writer(stream, delimiter=";")
        writer.writerow([*(str(field.heading) for field in fields.exported), *map(str, _OWN_HEADINGS)])
        async for some in contacts:
            count += len(some)
            writer.writerows(zip(*(cells.guard_formulas(write(some)) for write in columns), strict=True))
    return count


async def _write_vcf(file: Path, contacts: AsyncIterator[Sequence[Contact]], fields: Fields) -> int:
    count = 0
    with file.open("w", encoding="utf-8", newline="") as stream:
        async for some in contacts:
            count += len(some)
            stream.writelines(vcards.write_card(contact, fields) for contact in some)
    return count


def _columns(fields: Fields) -> list[Callable[[Sequence[Contact]], list[str]]]:
    """Return what writes each column of some contacts. Column by column takes half as long as row by row.

    The last two say whose personal contact it is, and what names the card when the file is imported again.
    """
    return [*fields.columns_of(cells.writer_of), lambda some: list(map(_owner, some)), _own_ids]


def _own_ids(contacts: Sequence[Contact]) -> list[str]:
    return [card_mark(each.id, each.created) if each.created else "" for each in contacts]


def _head(book: Any, sheet: Any, fields: Fields) -> None:  # noqa: ANN401 - XlsxWriter's own
    bold = book.add_format({"bold": True, "bottom": 1})
    text = book.add_format({"num_format": "@"})  # else a spreadsheet rounds numbers that are typed into it
    for place, field in enumerate(fields.exported):
        sheet.set_column(place, place, _WIDTHS.get(field.kind, 14), text)
        sheet.write_string(0, place, str(field.heading), bold)
    sheet.freeze_panes(1, 0)


def _validate(sheet: Any, place: int, rule: dict[str, Any]) -> None:  # noqa: ANN401 - XlsxWriter's own
    sheet.data_validation(1, place, _ROWS_VALIDATED, place, rule)


def _explanation(fields: Fields) -> Iterator[tuple[str, str, str]]:
    yield _("Column"), _("What to write"), _("Example")
    for field in fields.exported:
        yield str(field.heading), str(field.hint), str(field.example)
    yield "", _("Only the sheet “{sheet}” is imported.").format(sheet=SHEET), ""
