"""The first line of each list and of a look-up on the command line, beside `pbxd --version` turn by turn."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench import commands
from tests.bench.figures import Figure, figure
from tests.bench.options import Options
from tests.bench.past import kept_history
from tests.bench.people import people

SIZES = (100_000, 1_000_000)
_GOAL = 3.0  # times `pbxd --version`
_NUMBER = "+79161234567"
_OF_BOOK = (
    ("contacts", "list"), ("contacts", "list", "--json"), ("companies", "list"), ("companies", "list", "--json"),
    ("employees", "list"), ("lookup", _NUMBER),
)  # fmt: skip
_OF_HISTORY = (("calls", "list"), ("calls", "list", "--json"))


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Ask for every list once a round; what runs before its first line is all that counts."""
    for size in SIZES:
        ratios: defaultdict[str, list[float]] = defaultdict(list)
        wall: defaultdict[str, list[float]] = defaultdict(list)
        with tempfile.TemporaryDirectory(prefix="pbxd-bench-") as name:
            folders = {}
            for what, kept in (("book", await people(size)), ("history", await kept_history(size))):
                folders[what] = Path(name) / what
                folders[what].mkdir()
                shutil.copyfile(kept, folders[what] / "book.db")
            for _round in range(options.rounds):
                for what, asked in (("book", _OF_BOOK), ("history", _OF_HISTORY)):
                    for each in asked:
                        version = commands.first_line(folders[what], "--version")
                        first, command = commands.first_line(folders[what], *each), " ".join(each)
                        ratios[command].append(first.processor / version.processor)
                        wall[command].append(first.seconds / version.seconds)
        for command, found in ratios.items():
            said = f"pbxd --version, processor time; by the clock {min(wall[command]):.2f} to {max(wall[command]):.2f}"
            yield figure(f"first line of {command} at {size:,}", found, "times", goal=_GOAL, reference=said)
