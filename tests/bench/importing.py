"""An import of 100,000 rows beside a working daemon: its time and memory, and what look-ups and other writers feel."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import xlsxwriter

from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, News, tell
from tests.bench.book import place_book
from tests.bench.dialplan import ask, asking, p99
from tests.bench.figures import FOLDER, Figure, figure
from tests.bench.options import Options
from tests.bench.processes import memory
from tests.bench.rows import ratios
from tests.lab.daemon import Daemon
from tests.lab.lab import Lab
from tests.lab.processes import Child, LabError

ROWS = 100_000
_BOOK = 100_000
_FIRST = 79_500_000_000
_IDLE_SECONDS = 10.0
_LIMIT_SECONDS = 300.0
# Not all as our own template has them: most people bring files of other programs, which are read with more care.
_HEADS = "ФИО,Телефоны,Эл. почта,Компания,Должность,Менеджер,VIP,Комментарий,Теги,Дата рождения"


async def measure(options: Options) -> AsyncIterator[Figure]:
    """First the commands alone, then imports into a book of 100,000 beside a daemon, a round each on a fresh copy."""
    async for each in ratios(workbook(ROWS), workbook(ROWS, changed=True), min(options.rounds, 3)):
        yield each
    found: dict[str, list[float]] = {}
    async with Lab() as lab:
        for _round in range(min(options.rounds, 3)):
            daemon = lab.prepare()
            await place_book(_BOOK, daemon.folder / "pbxd.db")
            await daemon.start()
            for name, value in (await _round_of(daemon)).items():
                found.setdefault(name, []).append(value)
            await daemon.stop()
    goals = {
        "import of 100,000 rows, xlsx": ("s", 60), "import, memory of both processes": ("MB", 300),
        "import, in look-ups after its flip": ("s", 2), "look-up p99 during an import / idle": ("times", 2),
        "look-up p99 idle": ("ms", None), "another writer's p99 during an import": ("ms", 500),
    }  # fmt: skip
    for name, (unit, goal) in goals.items():
        yield figure(name, found[name], unit, goal=goal)


async def _round_of(daemon: Daemon) -> dict[str, float]:
    file = workbook(ROWS)
    port = int(str(daemon.config["agi"]["listen"]).rpartition(":")[2])
    async with asking(port) as idle:
        await asyncio.sleep(_IDLE_SECONDS)
    async with await Database.open(f"sqlite+aiosqlite:///{daemon.folder / 'pbxd.db'}", create=False) as database:
        before = await Feed(database).last()
        began = time.monotonic()
        async with asking(port) as busy, _writing(database) as writes:
            child = await daemon.spawn("contacts", "import", str(file), "--json", log="import.log")
            highest, seen = await _until_done(child, port)
            took = time.monotonic() - began
        rows = [row for row in await Feed(database).read(before, 100_000) if row.kind == "import.done"]
    if not rows or json.loads((daemon.folder / "import.log").read_text("utf-8"))["created"] != ROWS:
        raise LabError((daemon.folder / "import.log").read_text("utf-8"))
    return {
        "import of 100,000 rows, xlsx": took,
        "import, memory of both processes": highest,
        "import, in look-ups after its flip": seen - rows[0].at.timestamp(),
        "look-up p99 idle": p99(idle) * 1000,
        "look-up p99 during an import / idle": p99(busy) / p99(idle),
        "another writer's p99 during an import": p99(writes) * 1000,
    }


async def _until_done(child: Child, port: int) -> tuple[float, float]:
    """Return the most memory of the import and its child together, MB, and when its last number was known."""
    highest, seen, end = 0.0, 0.0, time.monotonic() + _LIMIT_SECONDS
    while child.returncode is None or not seen:
        if time.monotonic() > end:
            raise LabError("the import took too long")
        highest = max(highest, sum(map(_memory, _family(child.pid))))
        if not seen and b"found" in await ask(port, _FIRST + ROWS - 1):
            seen = time.time()
        await asyncio.sleep(0.02)
    return highest, seen


def _memory(pid: int) -> float:
    try:
        return memory(pid)[0]
    except (OSError, KeyError):  # it has ended
        return 0.0


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *map(int, children.read_text("ascii").split())] if children.exists() else []


@asynccontextmanager
async def _writing(database: Database) -> AsyncIterator[list[float]]:
    """Commit a small row ten times a second, as the recorder does, and note how long each took, seconds."""
    took: list[float] = []

    async def write() -> None:
        while True:
            began = time.perf_counter()
            async with database.writing() as connection:
                await tell(connection, [News("bench", "", {})])
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(write())
        yield took
        task.cancel()


def workbook(rows: int, *, changed: bool = False) -> Path:
    """Return a file to import, made once. `changed`: the same numbers with other positions and remarks."""
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"contacts-{rows}{'-changed' if changed else ''}.xlsx"
    if file.exists():
        return file
    part = file.with_suffix(".part.xlsx")
    position, remark = ("менеджер", "Другое") if changed else ("директор", "Заметка")
    with xlsxwriter.Workbook(str(part), {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Контакты")
        sheet.write_row(0, 0, _HEADS.split(","))
        for row in range(rows):
            name, company = f"Импортов Иван {row}", f"ООО «Лютик-{row // 20}»"
            more = [
                position,
                str(101 + row % 4),
                "да" if row % 100 == 0 else "",
                f"{remark} {row}",
                "опт; юг",
                "31.12.1980",
            ]
            sheet.write_row(row + 1, 0, [name, f"+{_FIRST + row}", f"u{row}@example.org", company, *more])
    part.rename(file)
    return file
