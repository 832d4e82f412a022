"""An import of 100,000 rows, its dry run, an update of the same rows and the undo, each beside a bare reference."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import insert

from pbxd.storage.access.employee_ids import UNKNOWN
from pbxd.storage.engine import schema
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import employees
from tests.bench import commands
from tests.bench.commands import Run
from tests.bench.figures import Figure, figure

_RATIOS = {
    "import / bare read and executemany": 2.0,
    "dry run / bare read": 2.0,
    "update of the same rows / import": 1.5,
    "undo of the update / import": None,
    "undo / import": 0.5,
}


async def ratios(file: Path, changed: Path, rounds: int) -> AsyncIterator[Figure]:
    """Measure rounds of them. `changed`: the same numbers with other values."""
    runs: defaultdict[str, list[Run]] = defaultdict(list)
    for _round in range(rounds):
        with tempfile.TemporaryDirectory(prefix="pbxd-bench-") as name:
            for what, run in (await _turn(Path(name), file, changed)).items():
                runs[what].append(run)
    for what, goal in _RATIOS.items():
        ours, _slash, reference = what.partition(" / ")
        compared = [one.processor / other.processor for one, other in zip(runs[ours], runs[reference], strict=True)]
        wall = [one.seconds / other.seconds for one, other in zip(runs[ours], runs[reference], strict=True)]
        said = f"processor time; by the clock {min(wall):.2f} to {max(wall):.2f}"
        yield figure(what, compared, "times", goal=goal, reference=said)
    for what, found in runs.items():
        yield figure(f"{what}, by the clock", [run.seconds for run in found], "s")
        yield figure(f"{what}, processor time", [run.processor for run in found], "s")


async def _turn(folder: Path, file: Path, changed: Path) -> dict[str, Run]:
    book, bare = folder / "book.db", folder / "bare.db"
    await empty_book(book)
    shutil.copyfile(book, bare)
    read = commands.bare("read", file)
    dry = commands.pbxd(folder, "contacts", "import", str(file), "--dry-run", "--json")
    made = commands.pbxd(folder, "contacts", "import", str(file), "--json")
    insert = commands.bare("insert", book, bare, _id(made))
    both = Run(read.seconds + insert.seconds, read.processor + insert.processor, insert.memory, "")
    kept = Path(shutil.copyfile(book, folder / "kept.db"))
    update = commands.pbxd(folder, "contacts", "import", str(changed), "--existing", "update", "--json")
    undone = commands.pbxd(folder, "contacts", "import-undo", _id(update), "--yes", "--json")
    shutil.copyfile(kept, book)  # an import whose contacts were changed since would be spared
    undo = commands.pbxd(folder, "contacts", "import-undo", _id(made), "--yes", "--json")
    return {
        "bare read": read,
        "bare read and executemany": both,
        "dry run": dry,
        "import": made,
        "update of the same rows": update,
        "undo of the update": undone,
        "undo": undo,
    }


async def empty_book(file: Path) -> None:
    """Make a database that has the employees whom the rows name, and no contacts."""
    address = f"sqlite+aiosqlite:///{file}"
    await schema.upgrade(address)
    named = ({"extension": str(101 + place), "name": f"Менеджер {place}", "listed": True} for place in range(4))
    people = [UNKNOWN | each for each in named]
    async with await Database.open(address, create=False) as database, database.writing() as connection:
        await connection.execute(insert(employees), people)


def _id(run: Run) -> str:
    return str(json.loads(run.output)["import"])
