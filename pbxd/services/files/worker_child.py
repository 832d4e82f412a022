"""The child process of `worker`: do one job, tell how far it is, and answer."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import IO, Any, Final

from pbxd import i18n
from pbxd.book.fields import BUILT_IN, field_from
from pbxd.errors import PbxdError
from pbxd.services.files import exports, imports
from pbxd.services.files.worker import Failure, Job, Order
from pbxd.services.workspace import Workspace
from pbxd.storage.engine.database import Database

_NICE: Final = 10  # look-ups and calls go first
_TELL_SECONDS: Final = 0.2  # between two reports
JOBS: Final[Mapping[Job, Callable[..., Awaitable[Any]]]] = {
    "import": imports.import_contacts,
    "undo": imports.undo,
    "export-contacts": exports.export_contacts,
    "export-calls": exports.export_calls,
}


def main() -> None:
    """Read the order from standard input, do it, answer."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # so that no library prints between the frames
    os.nice(_NICE)
    order: Order = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    i18n.use(order.language)
    try:
        answer: tuple[str, Any] = "done", asyncio.run(_do(order, _Reports(out)))
    except PbxdError as error:
        answer = "refused", Failure.of(error)
    except Exception:  # noqa: BLE001 - the parent logs it
        answer = "failed", traceback.format_exc()
    _send(out, answer)


class _Reports:
    """Sends how far the job is, not too often."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._next = 0.0

    def __call__(self, *done: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _TELL_SECONDS
            _send(self._out, ("progress", done))


async def _do(order: Order, progress: Callable[..., None]) -> Any:  # noqa: ANN401 - what the job's function returns
    fields = BUILT_IN.extended(*map(field_from, order.fields)) if order.fields else BUILT_IN
    async with await Database.open(order.address, create=False, fields=fields) as database:
        return await JOBS[order.job](Workspace(database, order.rules), order.actor, order.asked, progress=progress)


def _send(out: IO[bytes], value: object) -> None:
    data = pickle.dumps(value)
    out.write(len(data).to_bytes(4, "big") + data)
    out.flush()


if __name__ == "__main__":
    main()
