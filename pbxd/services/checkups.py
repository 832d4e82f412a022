"""The check of the installation, for an administrator who has no shell: what `pbxd doctor` finds."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pbxd import i18n, rights
from pbxd.actor import Actor
from pbxd.errors import UnavailableError
from pbxd.i18n import _
from pbxd.settings import Settings

_CHILD = "pbxd.checkup.child"


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of one check. `status`: ok, warning, failed or skipped. `remedies`: where to put which lines."""

    check: str
    status: str
    message: str
    remedies: Sequence[tuple[str, Sequence[str]]] = ()


class Checkups:
    """Runs the checks in a child process: they read files and ask the PBX while calls go on. One at a time."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()

    async def examine(self, actor: Actor) -> Sequence[Checked]:
        """Run all checks. Raises UnavailableError if the child dies."""
        rights.check_administrator(actor)
        async with self._turn:
            found = await _answer(pickle.dumps((self._settings(), i18n.current())))
        return [
            Checked(
                each["check"],
                each["status"],
                each["message"],
                [(remedy["where"], remedy["lines"]) for remedy in each["remedy"]],
            )
            for each in found
        ]


async def _answer(order: bytes) -> list[dict[str, Any]]:
    """Have a child run the checks; cancelled, it is killed."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", _CHILD, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    try:
        said, _nothing = await child.communicate(order)
        found: list[dict[str, Any]] = json.loads(said)
    except ValueError as error:
        raise UnavailableError(_("the check of the installation ended early")) from error
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            await child.wait()
    return found
