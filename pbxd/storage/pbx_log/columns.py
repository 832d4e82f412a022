"""One log of the PBX: where it is, its columns, and how to read its values. Pure, except for its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from pbxd.settings import CEL_NEEDED

Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class PbxLog:
    """Where a log is: a path, or the URL of a database with the name of its table.

    `columns` are those of the CSV file in order, by the names in Asterisk's SQL back ends. `times` are the columns that
    are times; the first one orders the rows.
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


def normal(values: Values, log: PbxLog) -> Values:
    """Turn every time into seconds since the epoch.

    A value that is no time, as of an answer that never came, becomes empty.
    """
    for name in log.times:
        if "-" in values.get(name, ""):
            at = seconds(values[name], log.zone)
            values[name] = "" if at is None else f"{at:.6f}"
    return values
