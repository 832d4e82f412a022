"""Read a row of a table as a contact, or everything that is wrong in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pbxd.book.companies import Company, checked_company
from pbxd.book.contacts import ContactDraft, check_reachable, checked
from pbxd.book.dates import write_date
from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employees import Employee
from pbxd.book.field_kinds import Json, checked_value, empty_value, extra_json
from pbxd.book.fields import Fields
from pbxd.book.headings import LEFT_OUT, OWN_ID, OWNER, PARTS
from pbxd.errors import InvalidInputError
from pbxd.exchange import cells, row_kinds
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Columns
from pbxd.exchange.plain_rows import PlainRows
from pbxd.exchange.row_fields import FieldCells, RowCells
from pbxd.exchange.row_fields import How as How
from pbxd.i18n import _
from pbxd.numbers import NumberRules

_LONGEST_MESSAGE = 2000  # characters about one row
_REQUIRED = {"name", "number"}
_COMPANY = {"company", "numbers", "emails"}  # what a company takes from a row
_NOBODY = EmployeeLookup(())


@dataclass(frozen=True, slots=True)
class Read:
    """A contact read from a row, the names of the fields that the row fills in, and its `pbxd ID`."""

    draft: ContactDraft
    given: frozenset[str]
    card: str = ""
    left_out: tuple[BadRow, ...] = ()  # what stands in the row and is not taken


@dataclass(frozen=True, slots=True)
class ReadCompany:
    """A company read from a row without a person's name. `lost`: fields of the row that a company doesn't have."""

    company: Company
    lost: tuple[str, ...]
    left_out: tuple[BadRow, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is no contact: a heading of a group, a total, the headings again."""

    why: BadRow


_STRICT = How()


class RowReader:
    """Reads the rows of one table.

    A contact needs a name, and a number or an e-mail; every other cell must be readable too. A row with a company and
    no person's name is a company.
    """

    def __init__(
        self,
        columns: Columns,
        rules: NumberRules,
        fields: Fields,
        employees: EmployeeLookup = _NOBODY,
        how: How = _STRICT,
    ) -> None:
        self.fields = fields
        self._employees = employees
        self._columns = columns
        if {LEFT_OUT, OWNER} <= set(columns.fields):  # one odd property must not cost a whole vCard
            how = how._replace(lenient=True)
        self._how = how
        self._cells = FieldCells(columns, rules, employees, how)
        wanted = columns.whole | _REQUIRED
        # What reads each field, made once for all rows.
        self._readers = [(each, self._cells.reader(each)) for each in fields.exported if each.column in wanted]
        self._plain = PlainRows(columns, fields, self._cells, self._readers)
        self._names = {column: each.name for column in columns.fields if (each := fields.field_of(column))}

    def read(self, row: int, texts: Sequence[str]) -> Read | ReadCompany | LeftOut | BadRow:
        """Read a row."""
        if why := row_kinds.no_contact(texts, self._columns):
            return LeftOut(BadRow(row, "", why))
        plain = self._plain.read(texts)
        return Read(*plain) if plain else self.read_with_care(row, texts)

    def read_with_care(self, row: int, texts: Sequence[str]) -> Read | ReadCompany | LeftOut | BadRow:
        """Read a row that may be a contact, whatever its cells have: `read` does the same in fewer steps if it can."""
        work = self._cells.of_row(texts)
        left_out = [why for text in work.values.pop(LEFT_OUT, ()) for why in text.splitlines()]
        if left_out and not any(map(any, work.values.values())):
            return LeftOut(BadRow(row, "", "; ".join(left_out)))  # a group of contacts
        found = self._found(row, work)
        if not left_out or isinstance(found, BadRow):
            return found
        return replace(found, left_out=(*(BadRow(row, "", why) for why in left_out), *found.left_out))

    def _found(self, row: int, work: RowCells) -> Read | ReadCompany | BadRow:
        errors: list[InvalidInputError] = []
        draft = self._draft(work, errors)
        errors = [*_missing(draft, errors), *errors]
        if not errors:
            try:
                return self._checked(row, draft, work)
            except InvalidInputError as error:
                errors.append(error)
        first = errors[0].field
        column = self.fields[first].column if first in self.fields else first
        return BadRow(row, column, "; ".join(self._named(each, work) for each in errors)[:_LONGEST_MESSAGE])

    def for_correction(self, texts: Sequence[str]) -> list[str]:
        """Return the cells of a row with the dates as people write them: alone they could be read in two ways."""
        if not self._columns.order:
            return list(texts)
        dates = {field.column for field in self.fields.exported if field.kind == "date"}
        return [
            self._rewritten(text) if column in dates else text
            for column, text in zip(self._columns.fields, texts, strict=False)
        ]

    def _rewritten(self, text: str) -> str:
        try:
            day = cells.read_day("", text, self._columns.order, self._how.today)
        except InvalidInputError:
            return text
        return write_date(day) if day else text

    def _named(self, error: InvalidInputError, work: RowCells) -> str:
        """Return what is wrong, with the heading of its column."""
        column = self.fields[error.field].column if error.field in self.fields else error.field
        head = self._head(column, work)
        return f"{head}: {str(error).removeprefix(f'{error.field}: ')}" if head else str(error)

    def _head(self, column: str, work: RowCells) -> str:
        """Return the heading of the cell that a field is read from; empty where the row has none."""
        if column in work.place:
            return self._columns.heads[work.place[column]]
        for head, found, text in zip(self._columns.heads, self._columns.fields, work.cells, strict=False):
            if PARTS.get(found, found) == column and text.strip():
                return head
        return ""

    def _checked(self, row: int, draft: ContactDraft, work: RowCells) -> Read | ReadCompany:
        """Return what a readable row is. Raises InvalidInputError."""
        filled = [column for column, found in work.values.items() if any(found) and column in self._names]
        left = tuple(
            BadRow(row, column, self._named(InvalidInputError(column, why), work)) for column, why in work.left_out
        )
        given = frozenset([self._names[column] for column in filled])
        if not draft.name and draft.company:
            numbers = tuple(number.number for number in draft.numbers)
            left += tuple(
                BadRow(row, "number", _("a company has no extensions: {text}").format(text=number.typed))
                for number in draft.numbers
                if number.extension
            )
            company = checked_company(Company(0, draft.company, numbers, emails=draft.emails))
            return ReadCompany(company, tuple(sorted(given - _COMPANY)), left)
        if owner := work.first(OWNER):
            person = self._employees.find(OWNER, owner, new=work.is_ours)
            draft = replace(draft, visibility="personal", owner=person.extension, owner_id=person.id)
        return Read(checked(draft, self.fields), given, work.first(OWN_ID), left)

    def _draft(self, work: RowCells, errors: list[InvalidInputError]) -> ContactDraft:
        """Return what the row says. Errors are collected, so that people hear of all of them at once."""
        attributes: dict[str, Any] = {}
        extra: dict[str, Json] = {}
        for each, read in self._readers:
            try:
                value = read(work)
                if self._how.lenient and not isinstance(value, Employee):
                    checked_value(each.name, each.kind, value) if value else None
            except InvalidInputError as error:
                if self._how.lenient and each.kind != "name":
                    work.left_out.append((each.column, str(error).removeprefix(f"{error.field}: ")))
                else:
                    errors.append(error)
                value = empty_value(each.kind)
            if each.stored == "extra":
                extra[each.name] = extra_json(value)
            elif isinstance(value, Employee):
                attributes |= {each.name: value.extension, f"{each.name}_id": value.id}
            else:
                attributes[each.name] = value
        return ContactDraft(**attributes, extra=extra)


def _missing(draft: ContactDraft, errors: Sequence[InvalidInputError]) -> list[InvalidInputError]:
    """Return what the row needs and hasn't, beside what can't be read in it."""
    if not draft.name and not draft.company:
        return [InvalidInputError("name", _("a name is needed"))]
    try:
        if draft.name and not {"number", "numbers", "emails"} & {error.field for error in errors}:
            check_reachable(draft)
    except InvalidInputError as error:
        return [error]
    return []
