"""Exports of 100,000 contacts as xlsx, csv and vcf, each beside the bare writer with the same rows."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench import commands
from tests.bench.figures import Figure, figure
from tests.bench.importing import workbook
from tests.bench.options import Options
from tests.bench.rows import empty_book

ROWS = 100_000
_FORMATS = {".xlsx": "XlsxWriter", ".csv": "the csv module", ".vcf": "vobject"}


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Export what an import of the measure `importing` made, format by format, turn by turn."""
    ratios: defaultdict[str, list[float]] = defaultdict(list)
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    memory: list[float] = []
    with tempfile.TemporaryDirectory(prefix="pbxd-bench-") as name:
        folder = Path(name)
        await empty_book(folder / "book.db")
        commands.pbxd(folder, "contacts", "import", str(workbook(ROWS)), "--json")
        rows = _rows(folder)
        for _round in range(min(options.rounds, 3)):
            for ending in _FORMATS:
                bare = commands.bare("write", rows, folder / f"bare{ending}")
                ours = commands.pbxd(folder, "contacts", "export", str(folder / f"ours{ending}"))
                ratios[ending].append(ours.processor / bare.processor)
                seconds[ending].append(ours.seconds)
                memory.append(ours.memory)
    for ending, library in _FORMATS.items():
        reference = f"{library} with the same rows; processor time"
        yield figure(f"export of {ROWS:,}, {ending[1:]} / bare", ratios[ending], "times", goal=3, reference=reference)
        yield figure(f"export of {ROWS:,}, {ending[1:]}", seconds[ending], "s")
    yield figure("export, memory", [max(memory)], "MB", goal=200)


def _rows(folder: Path) -> Path:
    """Return the file with the exported texts, for the bare writers."""
    table, kept = folder / "texts.csv", folder / "rows.pickle"
    commands.pbxd(folder, "contacts", "export", str(table))
    commands.bare("keep", table, kept)
    return kept
