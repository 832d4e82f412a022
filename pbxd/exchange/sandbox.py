"""Reading a stranger's file in a child process, so that what it does to a library it can't do to us.

The child has limits on memory and processor time, reads nothing but the file, and tells the rows in frames: four bytes
of length, then JSON. What it can't read ends in one sentence, whatever happened to it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbxd.book.fields import definition
from pbxd.errors import InvalidInputError
from pbxd.exchange.columns import Columns, Headings
from pbxd.files import open_regular
from pbxd.i18n import _

_LONGEST_FRAME = 64 * 1024 * 1024
_LENGTH = 4
_CHUNK = 1 << 20
_USUAL = Headings()


class _Died(InvalidInputError):  # noqa: N818 - the child's end, told as what is wrong with the file
    def __init__(self) -> None:
        super().__init__(
            "file", _("the file takes more memory or time than one of its size should: it is damaged or hostile")
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """A table being read in a child; `batches` yields rows, some hundreds at a time."""

    sheet: str
    columns: Columns
    batches: AsyncIterator[list[tuple[int, list[str]]]]


@asynccontextmanager
async def reading(
    file: Path, *, language: str, sheet: str = "", headings: Headings = _USUAL, plain: bool = False
) -> AsyncIterator[Reading]:
    """Open a file of contacts. Raises InvalidInputError, also while its rows are read.

    `plain`: any workbook; nobody asks what the columns of its first sheet mean.
    """
    try:
        open_regular(file).close()
    except OSError as error:
        raise InvalidInputError(
            "file", _("{file}: can't be read: {why}").format(file=file, why=error.strerror)
        ) from error
    asked = {
        "file": str(file),
        "language": language,
        "sheet": sheet,
        "fields": list(map(definition, headings.fields.defined)),
        "mapped": dict(headings.mapped),
        "plain": plain,
    }
    child, head = await _started(asked)
    try:
        columns = Columns(tuple(head["heads"]), tuple(head["fields"]), 0)
        yield Reading(head["sheet"], columns, _batches(child))
    finally:
        await _ended(child)


async def plain_rows(file: Path, *, language: str, most: int) -> list[tuple[int, list[str]]]:
    """Return the rows of a workbook's first sheet. Raises InvalidInputError, also for more than `most`."""
    found: list[tuple[int, list[str]]] = []
    async with reading(file, language=language, plain=True) as table:
        async for rows in table.batches:
            found += rows
            if len(found) > most:
                raise InvalidInputError("file", _("more than {limit} rows").format(limit=f"{most:,}"))
    return found


async def _started(asked: dict[str, Any]) -> tuple[Process, dict[str, Any]]:
    """Start a child that reads fast, and where that takes too much memory one that reads patiently."""
    for patient in (False, True):
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no module from the folder we happen to be in
            "-m",
            "pbxd.exchange.sandbox_child",
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith("PBXD_")},  # no secrets
        )
        try:
            assert child.stdin  # noqa: S101 - asked for above
            child.stdin.write(json.dumps(asked | {"patient": patient}).encode())
            child.stdin.close()
            return child, await _frame(child)
        except _Died:
            await _ended(child)
            continue
        except BaseException:
            await _ended(child)
            raise
    raise _Died


async def _ended(child: Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(
                child.pid, signal.SIGKILL
            )  # its own `kill` looks first, and takes the end away from who waits for it
    assert child.stdout  # noqa: S101 - asked for in `_started`
    while await child.stdout.read(_CHUNK):  # `wait` doesn't return before all it told was taken
        pass
    await child.wait()


async def _batches(child: Process) -> AsyncIterator[list[tuple[int, list[str]]]]:
    while rows := (await _frame(child))["rows"]:
        yield [(row, texts) for row, texts in rows]


async def _frame(child: Process) -> dict[str, Any]:
    """Read one frame. Raises InvalidInputError when the child says so, or dies."""
    assert child.stdout  # noqa: S101 - asked for above
    try:
        length = int.from_bytes(await child.stdout.readexactly(_LENGTH), "big")
        if length > _LONGEST_FRAME:
            raise _Died
        frame: dict[str, Any] = json.loads(await child.stdout.readexactly(length))
    except asyncio.IncompleteReadError as error:  # its limits ended it, or the system did
        raise _Died from error
    if "error" in frame:
        raise InvalidInputError(frame["field"], frame["error"])
    return frame
