"""One log of the PBX: where it is, what its columns are, and how its values are read. Pure but for its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from pbxd.settings import CEL_NEEDED

Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class PbxLog:
    """Where the log is: a path, or the URL of a database with the name of its table.

    `columns`: those of the CSV file, in their order, by the names Asterisk's SQL back ends give them. `times`: which of
    them are times; the first one orders the rows.
    """

    source: str
    columns: Sequence[str]
    table: str = "cel"
    times: Sequence[str] = ("eventtime",)
    needed: frozenset[str] = CEL_NEEDED
    zone: tzinfo = UTC  # of dates

    @property
    def order(self) -> str:
        """The column of the time by which rows are found."""
        return self.times[0]


def seconds(text: str, zone: tzinfo) -> float | None:
    """Read a time: seconds since the epoch, or a date with a time of day (UTC with `usegmtime=yes`)."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() if "-" in text else float(text)
    except ValueError:
        return None


def normal(values: Values, journal: PbxLog) -> Values:
    """Let every time be seconds since the epoch; what is none, as that of an answer that never came, is empty."""
    for name in journal.times:
        if "-" in values.get(name, ""):
            at = seconds(values[name], journal.zone)
            values[name] = "" if at is None else f"{at:.6f}"
    return values
