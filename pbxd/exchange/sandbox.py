"""Read a file from outside in a child process, so that a bad file can break the child alone.

The child has limits on memory and processor time and reads nothing but the file. It sends the rows in frames: four
bytes of length, then JSON. Whatever goes wrong in it becomes one error message.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pbxd.book.fields import definition
from pbxd.errors import InvalidInputError
from pbxd.exchange.columns import Columns, Headings
from pbxd.exchange.preview import Preview
from pbxd.files import open_regular
from pbxd.i18n import _

_LONGEST_FRAME = 64 * 1024 * 1024
_LENGTH = 4
_CHUNK = 1 << 20
_USUAL = Headings()


class _Died(InvalidInputError):  # noqa: N818 - the end of the child, reported as an error of the file
    def __init__(self) -> None:
        super().__init__(
            "file", _("the file takes more memory or time than one of its size should: it is damaged or hostile")
        )


@dataclass(slots=True)
class Reading:
    """A table that a child reads. `batches` yields up to a thousand numbered rows at a time."""

    sheet: str
    columns: Columns
    batches: AsyncIterator[list[tuple[int, list[str]]]] = field(init=False)
    share: float = 0.0  # how much of the file the rows so far are, 0 to 1; 0: nobody knows


@asynccontextmanager
async def reading(
    file: Path, *, language: str, sheet: str = "", headings: Headings = _USUAL, plain: bool = False
) -> AsyncIterator[Reading]:
    """Open a file of contacts. Raises InvalidInputError, also while its rows are read.

    `plain`: read the first sheet of any workbook without looking for a header.
    """
    asked = _asked(file, language, sheet, headings) | {"plain": plain}
    child, head = await _started(asked)
    try:
        columns = Columns.from_json(head["columns"]) if head["columns"] else Columns((), (), 0)
        table = Reading(head["sheet"], columns)
        table.batches = _batches(child, table)
        yield table
    finally:
        await _ended(child)


async def preview(file: Path, *, language: str, sheet: str = "", headings: Headings = _USUAL) -> Preview:
    """Return what a file of contacts begins with. Raises InvalidInputError for one that can't be read at all."""
    child, frame = await _started(_asked(file, language, sheet, headings) | {"preview": True})
    await _ended(child)
    return Preview.from_json(frame["preview"])


async def plain_rows(file: Path, *, language: str, most: int) -> list[tuple[int, list[str]]]:
    """Return the rows of a workbook's first sheet. Raises InvalidInputError, also for more rows than `most`."""
    found: list[tuple[int, list[str]]] = []
    async with reading(file, language=language, plain=True) as table:
        async for rows in table.batches:
            found += rows
            if len(found) > most:
                raise InvalidInputError("file", _("more than {limit} rows").format(limit=f"{most:,}"))
    return found


def _asked(file: Path, language: str, sheet: str, headings: Headings) -> dict[str, Any]:
    try:
        open_regular(file).close()
    except OSError as error:
        raise InvalidInputError(
            "file", _("{file}: can't be read: {why}").format(file=file, why=error.strerror)
        ) from error
    return {
        "file": str(file),
        "language": language,
        "sheet": sheet,
        "fields": list(map(definition, headings.fields.defined)),
        "mapped": dict(headings.mapped),
        "plain": False,
        "preview": False,
    }


async def _started(asked: dict[str, Any]) -> tuple[Process, dict[str, Any]]:
    """Start a child that reads fast. When that takes too much memory, start one that reads slowly in little memory."""
    for low_memory in (False, True):
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
            child.stdin.write(json.dumps(asked | {"low_memory": low_memory}).encode())
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
            # `child.kill` polls first, and the task that waits for the child would not see its end.
            os.kill(child.pid, signal.SIGKILL)
    assert child.stdout  # noqa: S101 - asked for in `_started`
    while await child.stdout.read(_CHUNK):  # `wait` returns only after all output was read
        pass
    await child.wait()


async def _batches(child: Process, table: Reading) -> AsyncIterator[list[tuple[int, list[str]]]]:
    while (frame := await _frame(child))["rows"]:
        table.share = frame.get("share", 1.0)  # the last rows come without it
        yield [(row, texts) for row, texts in frame["rows"]]


async def _frame(child: Process) -> dict[str, Any]:
    """Read one frame. Raises InvalidInputError when the child reports an error or dies."""
    assert child.stdout  # noqa: S101 - asked for above
    try:
        length = int.from_bytes(await child.stdout.readexactly(_LENGTH), "big")
        if length > _LONGEST_FRAME:
            raise _Died
        frame: dict[str, Any] = json.loads(await child.stdout.readexactly(length))
    except asyncio.IncompleteReadError as error:  # the limits or the system killed it
        raise _Died from error
    if "error" in frame:
        raise InvalidInputError(frame["field"], frame["error"])
    return frame
