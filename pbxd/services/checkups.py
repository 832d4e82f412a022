"""The check of the installation, for an administrator who has no shell: what `pbxd doctor` finds."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from pbxd import i18n, rights
from pbxd.actor import Actor
from pbxd.i18n import _
from pbxd.settings import Settings

_CHILD = "pbxd.checkup.child"
_LONGEST_SECONDS = 600.0
_COMPLAINT = 1000  # characters of what a child that crashed wrote last, for the log
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of one check. `status`: ok, warning, failed or skipped. `remedies`: where to put which lines."""

    check: str
    status: str
    message: str
    remedies: Sequence[tuple[str, Sequence[str]]] = ()


@dataclass(frozen=True, slots=True)
class Checkup:
    """How far the checks are. While they run, the findings are those of the time before."""

    running: bool = False
    findings: Sequence[Checked] | None = None  # None: nobody has had them run since the daemon started
    at: datetime | None = None  # when these were found
    language: str = ""  # and in which language
    problem: str = ""  # why there are none


class Checkups:
    """Runs the checks in a child process: they read files and ask the PBX while calls go on. One at a time.

    A PBX that answers slowly keeps them busy for minutes: nobody waits for them, the findings are kept.
    """

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._work: asyncio.Task[None] | None = None
        self._seen = Checkup()

    def begin(self, actor: Actor) -> None:
        """Have the checks run, in the language of who asks, unless they are running."""
        rights.check_administrator(actor)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run(pickle.dumps((self._settings(), i18n.current()))))

    def show(self, actor: Actor) -> Checkup:
        """Return how far they are and what was found last."""
        rights.check_administrator(actor)
        return replace(self._seen, running=self._work is not None and not self._work.done())

    async def _run(self, order: bytes) -> None:
        limit = asyncio.timeout(_LONGEST_SECONDS)
        try:
            async with limit:
                found = [_checked(each) for each in await _answer(order)]
        except Exception as error:  # noqa: BLE001 - nobody waits for this task: whatever it is, it is logged
            minutes = round(_LONGEST_SECONDS / 60)
            problem = _("the check of the installation ended early; pbxd's log says why")
            if limit.expired():
                problem = _("the check of the installation took more than {minutes} minutes and was ended")
            _log.error("checkup_failed", reason=f"no end after {minutes} min" if limit.expired() else repr(error))
            self._seen = Checkup(problem=problem.format(minutes=minutes))
        else:
            self._seen = Checkup(findings=found, at=datetime.now(UTC), language=i18n.current())


class _CrashedError(Exception):
    """The child ended with an error."""


def _checked(found: dict[str, Any]) -> Checked:
    remedies = [(remedy["where"], remedy["lines"]) for remedy in found["remedy"]]
    return Checked(found["check"], found["status"], found["message"], remedies)


async def _answer(order: bytes) -> list[dict[str, Any]]:
    """Have a child run the checks; cancelled, it is killed."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", _CHILD, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        said, complaint = await child.communicate(order)
        if child.returncode:
            last = complaint.decode(errors="replace")[-_COMPLAINT:].strip()
            raise _CrashedError(f"status {child.returncode}: {last}")
        found: list[dict[str, Any]] = json.loads(said)
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            await child.wait()
    return found
