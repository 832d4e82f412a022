"""Read the numbers of a row: those of several columns, with labels and extensions in columns of their own. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pbxd import notation
from pbxd.book.contact_numbers import ContactNumber
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.exchange.cells import is_placeholder
from pbxd.exchange.columns import Columns
from pbxd.exchange.phone_cells import COLUMN_LABELS, PhoneReader, usual_label
from pbxd.exchange.row_cells import SHOWN, RowCells, cleaned, second
from pbxd.i18n import _

NUMBER_COLUMNS = frozenset({*COLUMN_LABELS, "titled_number"})
_CELLS = NUMBER_COLUMNS | {"extension"}
_DIGITS = re.compile(r"\d+")


class NumberCells:
    """Reads the numbers of the rows of one table."""

    def __init__(self, columns: Columns, phones: PhoneReader, *, lenient: bool) -> None:
        self._columns, self._phones, self._lenient = columns, phones, lenient
        self._labels = number_labels(columns.heads, columns.fields)
        self._label_places = [place for place, column in enumerate(columns.fields) if column == "label"]

    def read(self, work: RowCells) -> tuple[ContactNumber, ...]:
        """Return the numbers of a row. Raises InvalidInputError unless lenient."""
        found: list[ContactNumber] = []
        extension = ""
        labels = {place: text for place in self._label_places if (text := self._cell(place, work))}
        for place, column in enumerate(self._columns.fields[: len(work.cells)]):
            if column not in _CELLS or not (text := self._cell(place, work)):
                continue
            work.place["number"] = place
            if column == "extension":
                extension = self._add_extension(extension, text, found, work)
            else:
                phones = self._phones.read(text, self._label(place, column, labels))
                work.left_out += [("number", why) for why in phones.left_out]
                if extension and phones.numbers:
                    phones.numbers[:1] = [_extended(phones.numbers[0], extension, work)]
                    extension = ""
                found += phones.numbers
        work.place.pop("number", None)
        if extension:
            work.left_out.append(("number", _("an extension without a number: {text}").format(text=extension)))
        for text in labels.values():
            work.left_out.append(("number", _("a label without a number: {text}").format(text=text[:SHOWN])))
        return tuple(found)

    def _cell(self, place: int, work: RowCells) -> str:
        """Return the text of a cell; empty where it says that there is nothing."""
        text = cleaned(work.cells[place], foreign=self._columns.foreign) if place < len(work.cells) else ""
        return "" if self._columns.foreign and is_placeholder(text) else text

    def _label(self, place: int, column: str, labels: dict[int, str]) -> str:
        """Return the label of the numbers in a cell: that of its column, or the one that a cell beside it has.

        Take the one beside it out of `labels` unless the column has another one.
        """
        own = label_of(column, self._columns.heads[place])
        beside = self._labels.get(place, -1)
        text = usual_label(labels.get(beside, "")) if self._columns.foreign else labels.get(beside, "")
        if not own or folded(own) == folded(text):
            labels.pop(beside, None)
        return own or text

    def _add_extension(self, waiting: str, text: str, found: list[ContactNumber], work: RowCells) -> str:
        """Add an extension to the number before it; return it where the number is still to come."""
        try:
            extension = _extension(text)
        except InvalidInputError as error:
            if not self._lenient:
                raise
            work.left_out.append(("number", str(error)))
            return waiting
        if found:
            found[-1] = _extended(found[-1], extension, work)
            return ""
        if waiting and waiting != extension:
            work.left_out.append(("number", second(extension)))
        return waiting or extension


def number_labels(heads: Sequence[str], columns: Sequence[str]) -> dict[int, int]:
    """Return by the place of a column of numbers the place of the column with their labels.

    That is the one with the same digits, such as «Phone 1 - Label» of «Phone 1 - Value». Of headings without digits it
    is the one before it; the one after it where the last label has no number after it.
    """
    numbers = [place for place, column in enumerate(columns) if column in NUMBER_COLUMNS]
    by_digits: dict[int, int] = {}
    others: list[int] = []
    for label in (place for place, column in enumerate(columns) if column == "label"):
        digits = _DIGITS.findall(heads[label])
        same = [place for place in numbers if digits and _DIGITS.findall(heads[place]) == digits]
        if same:
            by_digits.setdefault(same[0], label)
        else:
            others.append(label)
    follow = bool(others and numbers) and numbers[-1] < others[-1]
    found: dict[int, int] = {}
    for before in (follow, not follow):  # the other way for those labels that found no number
        for label in [each for each in others if each not in found.values()]:
            place = _nearest(columns, label, before=before)
            if place is not None:
                found.setdefault(place, label)
    return found | by_digits


def _nearest(columns: Sequence[str], label: int, *, before: bool) -> int | None:
    """Return the place of the next column of numbers; None where a column of labels comes first."""
    for place in reversed(range(label)) if before else range(label + 1, len(columns)):
        if columns[place] == "label":
            return None
        if columns[place] in NUMBER_COLUMNS:
            return place
    return None


def _extended(number: ContactNumber, extension: str, work: RowCells) -> ContactNumber:
    """Return a number with an extension; name the extension where the number has another one."""
    if number.extension and number.extension != extension:
        work.left_out.append(("number", second(extension)))
    return replace(number, extension=number.extension or extension)


def label_of(column: str, head: str) -> str:
    """Return the label of the numbers in a column with this heading; empty where the column says nothing."""
    return head if column == "titled_number" else COLUMN_LABELS[column]()


def _extension(text: str) -> str:
    text = text.removesuffix(".0")
    if not notation.EXTENSION.fullmatch(text):
        raise InvalidInputError("number", _("not an extension: {text}").format(text=text[:50]))
    return text
