"""The child process of `sandbox`: read one file within limits and write its rows to standard output."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MB = 1024 * 1024
_MEMORY = 140 * _MB
_MEMORY_TIMES = 8  # the file's size
_MEMORY_MOST = 1024 * _MB
_SECONDS = 8
_SECONDS_A_MB = 8
_NICE = 5  # look-ups and calls go first
_BATCH = 1000  # rows
_BATCH_CHARACTERS = 200_000


def main() -> None:
    """Read the request from standard input and answer it."""
    asked = json.load(sys.stdin)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # so that no library prints between the frames
    file = Path(asked["file"])
    _limit(file)
    gc.freeze()
    gc.set_threshold(20_000)  # rows are no cycles
    with contextlib.suppress(BrokenPipeError):  # the parent has stopped reading
        for frame in _frames(file, asked):
            data = json.dumps(frame, ensure_ascii=False).encode("utf-8", "replace")
            out.write(len(data).to_bytes(4, "big") + data)
        out.flush()
    os._exit(0)


def _limit(file: Path) -> None:
    """Set limits that a file of this size needs at most."""
    size = file.stat().st_size
    memory = min(_MEMORY + _MEMORY_TIMES * size, _MEMORY_MOST)
    seconds = _SECONDS + _SECONDS_A_MB * size // _MB
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICE)
    warnings.simplefilter("ignore")


def _frames(file: Path, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from pbxd import i18n  # noqa: PLC0415 - within the limits
    from pbxd.errors import InvalidInputError  # noqa: PLC0415 - the same
    from pbxd.i18n import _  # noqa: PLC0415 - the same

    i18n.use(asked["language"])
    try:
        yield from _table(file, asked)
    except InvalidInputError as error:
        yield {"error": str(error), "field": error.field}
    except MemoryError:
        why = _("it takes too much memory")
        yield {"error": _("the file can't be read: {why}").format(why=why), "field": "file"}
    except Exception as error:  # noqa: BLE001 - libraries raise anything for a damaged file
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        yield {"error": _("the file is damaged or not what it seems: {why}").format(why=why), "field": "file"}


def _table(file: Path, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from pbxd.book.fields import BUILT_IN, field_from  # noqa: PLC0415 - within the limits
    from pbxd.exchange import tables  # noqa: PLC0415 - with the libraries that read workbooks
    from pbxd.exchange.columns import Headings  # noqa: PLC0415 - the same

    if asked["preview"]:
        from pbxd.exchange.preview_reader import read_preview  # noqa: PLC0415 - the same

        headings = Headings(BUILT_IN.extended(*map(field_from, asked["fields"])))
        found = read_preview(file, sheet=asked["sheet"], headings=headings, low_memory=asked["low_memory"])
        yield {"preview": found.to_json()}
        return
    if asked["plain"]:
        yield {"sheet": "", "columns": None}
        table = None
        source = tables.read_first_sheet(file, low_memory=asked["low_memory"])
    else:
        fields = BUILT_IN.extended(*map(field_from, asked["fields"]))
        headings = Headings(fields, asked["mapped"])
        table = tables.open_table(file, sheet=asked["sheet"], headings=headings, low_memory=asked["low_memory"])
        yield {"sheet": table.sheet, "columns": table.columns.to_json()}
        source = table.rows
    rows: list[tuple[int, list[str]]] = []
    characters = 0
    for row in source:
        rows.append(row)
        characters += sum(map(len, row[1]))
        if len(rows) >= _BATCH or characters >= _BATCH_CHARACTERS:
            height = table.height if table else 0
            yield {"rows": rows, "share": row[0] / height if height else _share(file)}
            rows, characters = [], 0
    if rows:
        yield {"rows": rows}
    yield {"rows": []}


def _share(file: Path) -> float:
    """Return how much of the file was read, 0 to 1, by where its open descriptor stands; 0: it is not open."""
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(int(each.name)), file.stat()):
                return os.lseek(int(each.name), 0, os.SEEK_CUR) / max(file.stat().st_size, 1)
    return 0.0


if __name__ == "__main__":
    main()
