"""What an import did, or would do: counts, bad rows, and what became of the rows that made no new contact."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pbxd.book.fields import Fields
from pbxd.exchange.cells import BadRow, guard_formula
from pbxd.files import new_file
from pbxd.i18n import N_, _

LISTED: Final = 10_000  # rows of each kind in memory; all are counted, and all stand in the files

_WHAT: Final = {
    "skipped": N_("skipped"),
    "updated": N_("updated"),
    "merged": N_("merged"),
    "repeated": N_("repeated"),
    "company": N_("company"),
}
What = Literal["skipped", "updated", "merged", "repeated", "company"]


@dataclass(frozen=True, slots=True)
class RowDone:
    """What became of a row.

    `skipped`: its contact is known already. `updated`: it changed a contact of the book. `merged`: it was added to the
    contact of an earlier row, `same_as_row`. `repeated`: it says what the row before about the same contact says.
    `company`: it became a company.
    """

    row: int
    what: What
    name: str
    contact: int | None = None  # the contact's id; None: a new contact, or a company
    same_as_row: int | None = None  # the row that made the contact
    fields: tuple[str, ...] = ()  # that it changed; of `company`: that a company doesn't have, and that were left out


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do."""

    import_id: int | None = None  # None: a dry run
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    companies: int = 0
    bad: int = 0
    errors: list[BadRow] = field(default_factory=list)
    errors_file: Path | None = None  # None: there was no bad row, or nobody wanted it
    rows: list[RowDone] = field(default_factory=list)  # the first `LISTED`
    listed: int = 0  # how many there are in all
    left_out: list[BadRow] = field(default_factory=list)  # the first `LISTED` rows, fields and faxes not taken
    left_out_count: int = 0
    sheet: str = ""
    ignored: list[str] = field(default_factory=list)  # headings of the columns that nothing was taken from

    def leave_out(self, *found: BadRow) -> None:
        """Name what stands in the file and is not taken."""
        if not found:  # nearly every row
            return
        self.left_out_count += len(found)
        self.left_out += found[: max(0, LISTED - len(self.left_out))]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows came to what."""
        names = ("created", "updated", "unchanged", "skipped", "companies", "bad")
        return {name: getattr(self, name) for name in names}


class RowList:
    """Lists what became of rows: the first ones in the report, all of them in a CSV file if one is wanted."""

    def __init__(self, report: ImportReport, fields: Fields, writer: Any = None) -> None:  # noqa: ANN401 - csv's own
        self._report, self._fields, self._writer = report, fields, writer
        self._waiting: list[RowDone] = []

    def add(self, done: RowDone) -> None:
        """List a row when `flush` is called."""
        self._waiting.append(done)

    def flush(self) -> None:
        """List the rows of a batch in the order of the file: its companies are decided about after its contacts."""
        for done in sorted(self._waiting, key=lambda done: done.row):
            self._list(done)
        self._waiting.clear()

    def _list(self, done: RowDone) -> None:
        self._report.listed += 1
        if len(self._report.rows) < LISTED:
            self._report.rows.append(done)
        if self._writer:
            titles = titles_of(done.fields, self._fields)
            cells = (done.row, _(_WHAT[done.what]), done.contact or "", done.name, done.same_as_row or "", titles)
            self._writer.writerow([guard_formula(str(cell)) for cell in cells])


def titles_of(names: Sequence[str], fields: Fields) -> str:
    """Return the titles of fields, as people know them."""
    return ", ".join(str(fields[name].title) if name in fields else name for name in names)


@contextmanager
def row_list(file: Path | None, report: ImportReport, fields: Fields) -> Iterator[RowList]:
    """Open the list of rows. The file appears under its name when the block ends without error.

    Raises what `new_file` raises.
    """
    if file is None:
        yield RowList(report, fields)
        return
    with new_file(file) as part, part.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(_heads())
        yield RowList(report, fields, writer)


def _heads() -> Sequence[str]:
    return [_("Row"), _("What"), _("Contact"), _("Name"), _("Same as row"), _("Fields")]
