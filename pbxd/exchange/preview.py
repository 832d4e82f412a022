"""The beginning of a table, shown to a person who says what its columns mean. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pbxd.book.headings import FAX, IGNORE, PARTS
from pbxd.book.texts import folded
from pbxd.exchange.columns import Headings

_CHOSEN_PARTS = tuple(part for part in PARTS if not part.startswith(("birth_", "titled_")))


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file begins with. `fields`: the guess for each column, in import columns; empty: not imported.

    `fixed`: the kind of file says itself what its columns mean. `named`: which columns have a heading of their own, by
    which they can be named. `problem`: why the table can't be read as it is.
    """

    sheets: tuple[str, ...] = ()
    sheet: str = ""
    heads: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    fixed: bool = False
    named: tuple[bool, ...] = ()
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the preview as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Return the preview that `to_json` wrote."""
        tuples = {name: tuple(found[name]) for name in ("sheets", "heads", "fields", "named")}
        return cls(**{**found, **tuples, "rows": tuple(map(tuple, found["rows"]))})

    @property
    def choosable(self) -> list[int]:
        """The columns whose meaning can be chosen: of several with one heading the first."""
        there: set[str] = set()
        found: list[int] = []
        for place, head in enumerate(self.heads):
            if self.named[place] and folded(head) not in there and not self.fixed:
                there.add(folded(head))
                found.append(place)
        return found

    def mapped(self, chosen: Mapping[int, str]) -> tuple[str, ...]:
        """Return `Column=field` for the columns whose meaning somebody chose otherwise than guessed."""
        return tuple(
            f"{self.heads[place]}={field or IGNORE}"
            for place, field in chosen.items()
            if place in self.choosable and field != ("" if self.fields[place] in {IGNORE, FAX} else self.fields[place])
        )

    def taken(self, mapped: Mapping[str, str]) -> dict[int, str]:
        """Return what each column is taken as, by folded headings that somebody mapped, else by the guess."""
        found = {place: mapped.get(folded(self.heads[place])) or self.fields[place] for place in self.choosable}
        return {place: "" if field in {IGNORE, FAX} else field for place, field in found.items()}


def meanings(headings: Headings, preview: Preview) -> Sequence[tuple[str, str]]:
    """Return what a column can mean, each with its name for people."""
    usual = [*headings.fields.by_column, *_CHOSEN_PARTS]
    odd = [field for field in preview.fields if field and field not in {*usual, FAX, IGNORE}]
    return [(column, _named(headings, column)) for column in dict.fromkeys(usual + odd)]


def _named(headings: Headings, column: str) -> str:
    try:
        return headings.title(column)
    except KeyError:
        return column
