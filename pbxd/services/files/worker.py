"""Run work that takes long in a child process, so that calls never wait for it: imports, undos, exports.

The child has the lowest priority. It gets its orders by standard input, which nobody else can read, and answers in
frames: four bytes of length, then a pickle. Both ends are this program, so that a pickle is as safe as its memory.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog

from pbxd import errors, i18n
from pbxd.actor import Actor
from pbxd.book.fields import definition
from pbxd.errors import InvalidInputError, PbxdError, RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.numbers import NumberRules
from pbxd.services.workspace import Workspace

Job = Literal["import", "undo", "export-contacts", "export-calls"]
_LENGTH: Final = 4
_LONGEST: Final = 256 * 1024 * 1024  # bytes of a frame
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What a child has to do."""

    job: Job
    address: str  # of the database
    fields: tuple[dict[str, Any], ...]  # that the company defined
    rules: NumberRules
    actor: Actor
    asked: Any
    language: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One of our errors, on its way from the child."""

    kind: str
    message: str
    field: str = ""
    reason: str = ""

    @classmethod
    def of(cls, error: PbxdError) -> Failure:
        """Pack an error."""
        named = {"field": getattr(error, "field", ""), "reason": getattr(error, "reason", "")}
        known = next(kind.__name__ for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
        return cls(known, str(error), **named)

    @property
    def error(self) -> PbxdError:
        """The error."""
        kind = getattr(errors, self.kind)
        if issubclass(kind, InvalidInputError):
            return InvalidInputError(self.field, self.message)
        if issubclass(kind, RefusedError):
            return RefusedError(self.reason, self.message)
        found: PbxdError = kind(self.message)
        return found


async def run(
    workspace: Workspace, job: Job, actor: Actor, asked: object, progress: Callable[..., None] = lambda *_done: None
) -> Any:  # noqa: ANN401 - what the job's function returns
    """Have a child do the job; return its answer. `progress` is called with what the job's function tells.

    Raises the errors of the job's function, and UnavailableError when the child dies. Cancelled, it kills the child.
    """
    fields = tuple(map(definition, workspace.fields.defined))
    order = Order(job, workspace.database.address, fields, workspace.rules, actor, asked, i18n.current())
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # no module from the folder we happen to be in
        "-m",
        "pbxd.services.files.worker_child",
        stdin=PIPE,
        stdout=PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("PBXD_")},
    )
    try:
        assert child.stdin  # noqa: S101 - asked for above
        child.stdin.write(pickle.dumps(order))
        child.stdin.close()
        while True:
            match await _frame(child):
                case ("progress", done):
                    progress(*done)
                case ("done", result):
                    return result
                case ("refused", Failure() as failure):
                    raise failure.error
                case (_failed, trace):
                    _log.error("worker_failed", job=job, trace=trace)
                    raise RuntimeError(job)
                case other:
                    raise TypeError(other)
    finally:
        await _ended(child)


async def _frame(child: Process) -> Any:  # noqa: ANN401 - a pickled pair
    assert child.stdout  # noqa: S101 - asked for in `run`
    try:
        length = int.from_bytes(await child.stdout.readexactly(_LENGTH), "big")
        if length > _LONGEST:
            raise UnavailableError(_("the worker process answered too much"))
        return pickle.loads(await child.stdout.readexactly(length))  # noqa: S301 - from our own child
    except asyncio.IncompleteReadError as error:
        raise UnavailableError(_("the worker process died")) from error


async def _ended(child: Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
    await child.wait()
