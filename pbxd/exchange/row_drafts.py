"""Read a row of a table as a contact, or everything that is wrong in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
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
from pbxd.exchange.row_cells import How as How
from pbxd.exchange.row_cells import RowCells, is_given
from pbxd.exchange.row_fields import FieldCells
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
        flags = frozenset(each.column for each in fields.exported if each.kind == "flag")
        self._cells = FieldCells(columns, rules, employees, how, flags)
        wanted = columns.whole | _REQUIRED
        # What reads each field, made once for all rows.
        self._readers = [(each, self._cells.reader(each)) for each in fields.exported if each.column in wanted]
        self._plain = PlainRows(columns, fields, self._cells, self._readers)

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
        if not left_out:
            return found
        if isinstance(found, BadRow):
            return replace(found, message="; ".join((found.message, *left_out))[:_LONGEST_MESSAGE])
        return replace(found, left_out=(*(BadRow(row, "", why) for why in left_out), *found.left_out))

    def _found(self, row: int, work: RowCells) -> Read | ReadCompany | BadRow:
        errors: list[InvalidInputError] = []
        draft, given = self._draft(work, errors)
        errors = [*_missing(draft, errors), *errors]
        if not errors:
            try:
                return self._checked(row, draft, given, work)
            except InvalidInputError as error:
                errors.append(error)
        errors += [InvalidInputError(column, why) for column, why in work.left_out]
        return self._bad(row, work, errors)

    def refused(self, row: int, texts: Sequence[str], field: str, why: str) -> BadRow:
        """Return a row that can be read and is refused nonetheless, with the heading of its column."""
        return self._bad(row, self._cells.of_row(texts), [InvalidInputError(field, why)])

    def _bad(self, row: int, work: RowCells, errors: Sequence[InvalidInputError]) -> BadRow:
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
        head = self._head(column, work) or (self._head("email", work) if column == "number" else "")
        return f"{head}: {str(error).removeprefix(f'{error.field}: ')}" if head else str(error)

    def _head(self, column: str, work: RowCells) -> str:
        """Return the heading of the cell that a field is read from, or could be; empty where the table has none."""
        if column in work.place:
            return self._columns.heads[work.place[column]]
        pairs = zip(self._columns.heads, self._columns.fields, strict=True)
        there = [(place, head) for place, (head, found) in enumerate(pairs) if PARTS.get(found, found) == column]
        filled = (head for place, head in there if place < len(work.cells) and work.cells[place].strip())
        return next(filled, there[0][1] if there else "")

    def _checked(self, row: int, draft: ContactDraft, given: frozenset[str], work: RowCells) -> Read | ReadCompany:
        """Return what a readable row is. Raises InvalidInputError."""
        left = tuple(
            BadRow(row, column, self._named(InvalidInputError(column, why), work)) for column, why in work.left_out
        )
        if not draft.name and draft.company:
            numbers = tuple(number.number for number in draft.numbers)
            left += tuple(
                BadRow(row, "number", _("a company has no extensions: {text}").format(text=number.typed))
                for number in draft.numbers
                if number.extension
            )
            lost = [name for name in given - _COMPANY if self.fields.value(draft, self.fields[name])]  # a no is no loss
            company = checked_company(Company(0, draft.company, numbers, emails=draft.emails))
            return ReadCompany(company, tuple(sorted(lost)), left)
        if owner := work.first(OWNER):
            person = self._employees.find(OWNER, owner, new=work.is_ours)
            draft = replace(draft, visibility="personal", owner=person.extension, owner_id=person.id)
        draft = checked(draft, self.fields)
        return Read(draft, frozenset(filter(partial(self._is_kept, draft), given)), work.first(OWN_ID), left)

    def _is_kept(self, draft: ContactDraft, name: str) -> bool:
        """Tell whether a field that the row fills in is so after the check: of the tags `, ,` nothing is left."""
        field = self.fields[name]
        return field.kind == "employee" or is_given(self.fields.value(draft, field))

    def _draft(self, work: RowCells, errors: list[InvalidInputError]) -> tuple[ContactDraft, frozenset[str]]:
        """Return what the row says, and the fields that it fills in.

        Errors are collected, so that people hear of all of them at once.
        """
        given: set[str] = set()
        attributes: dict[str, Any] = {}
        extra: dict[str, Json] = {}
        for each, read in self._readers:
            try:
                value = read(work)
                if self._how.lenient and not isinstance(value, Employee):
                    checked_value(each.name, each.kind, value) if value else None
                if is_given(value):
                    given.add(each.name)
            except InvalidInputError as error:
                if self._how.lenient and each.kind != "name":
                    work.left_out.append((each.column, str(error).removeprefix(f"{error.field}: ")))
                else:
                    errors.append(error)
                value = None
            value = empty_value(each.kind) if value is None else value
            if each.stored == "extra":
                extra[each.name] = extra_json(value)
            elif isinstance(value, Employee):
                attributes |= {each.name: value.extension, f"{each.name}_id": value.id}
            else:
                attributes[each.name] = value
        return ContactDraft(**attributes, extra=extra), frozenset(given)


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
