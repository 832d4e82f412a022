"""What Asterisk itself wrote about the calls: CEL and CDR, the judges of pbxd's history."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CelRow:
    """One channel event, in the order of cel_custom.conf; `eventtime` is epoch seconds (UTC)."""

    eventtype: str
    eventtime: float
    cid_num: str
    cid_name: str
    exten: str
    context: str
    channame: str
    appname: str
    appdata: str
    uniqueid: str
    linkedid: str
    peer: str
    extra: str


def read_cel(file: Path) -> list[CelRow]:
    """Read cel.csv; a last line still being written is left out."""
    if not file.exists():
        return []
    complete = file.read_text(encoding="utf-8", errors="surrogateescape").rpartition("\n")[0]
    rows = csv.reader(io.StringIO(complete, newline=""))
    return [CelRow(row[0], float(row[1]), *row[2:]) for row in rows if len(row) == 13]


def read_cdr(file: Path) -> list[list[str]]:
    """Read Master.csv as written by cdr_csv."""
    if not file.exists():
        return []
    return list(csv.reader(io.StringIO(file.read_text(encoding="utf-8", errors="surrogateescape"), newline="")))
