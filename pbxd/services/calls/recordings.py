"""The recordings of a call: which there are, and hearing one. Who heard what is logged."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, Literal

from pbxd import rights
from pbxd.actor import Actor
from pbxd.calls.log_merge import is_erased
from pbxd.calls.record import CallRecord
from pbxd.errors import AbsentError
from pbxd.i18n import _
from pbxd.services.call_history import seen_record
from pbxd.services.calls.recording_files import RecordingFolder, real_name
from pbxd.services.workspace import Workspace
from pbxd.settings import RecordingSettings
from pbxd.storage.access.audit import Audit
from pbxd.storage.access.colleagues import own_calls
from pbxd.storage.access.employee_ids import known
from pbxd.storage.calls.call_rows import agents_in, agents_of
from pbxd.storage.engine.database import Reading

Lack = Literal["no-folder", "no-file", "elsewhere", "unreadable", "erased"]

_LOGGED_SECONDS = 600.0  # a player asks for many parts of a file: that is one listening
_MOST_LOGGED = 1000  # listenings that are remembered
_LACKS: Final[dict[int, Lack]] = {errno.ENOENT: "no-file", errno.ENOTDIR: "no-file", errno.EXDEV: "elsewhere"}


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of a call."""

    n: int  # from 1 on
    name: str  # of the file, without its folder
    bytes: int | None = None  # its length; None: it can't be heard
    lack: Lack | None = None  # why it can't be heard


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """A recording that is open for reading; who takes it closes it."""

    name: str
    file: BinaryIO


class Recordings:
    """Lists and opens recordings. `settings` are those in force; a relative folder lies below `beside`."""

    def __init__(self, workspace: Workspace, settings: Callable[[], RecordingSettings], beside: Path = Path()) -> None:
        self._workspace = workspace
        self._settings = settings
        self._beside = beside
        self._logged: dict[tuple[str, str, str, int], float] = {}  # who, as whom, call, number -> monotonic time

    async def of_call(self, actor: Actor, call_id: str) -> list[Recording]:
        """Return a call's recordings. Raises NotFoundError for a call that the actor doesn't see, RefusedError."""
        record = await self._heard_record(actor, call_id)
        return await asyncio.to_thread(self._listed, record)

    async def audible(self, actor: Actor, calls: Sequence[Mapping[str, Any]]) -> frozenset[str]:
        """Return the ids of those calls that have a recording which the actor may hear.

        Only by what their public forms say: a recording that the PBX did not name is found by `of_call` alone.
        """
        named = [each for each in calls if each["ended"] and any("****" not in name for name in each["recordings"])]
        if not named or self._folder() is None:
            return frozenset()
        own = await self._workspace.database.ask(_own_of, named, actor)
        return frozenset(each["id"] for each in named if rights.hears(actor, own=each["id"] in own))

    async def open(self, actor: Actor, call_id: str, n: int, *, whole: bool = True) -> OpenRecording:
        """Open a call's recording for hearing, and log who hears it; not `whole`: only its size and type are asked for.

        Raises what `of_call` raises, and AbsentError: `no-recording`, or why the file can't be heard.
        """
        record = await self._heard_record(actor, call_id)
        opened = await asyncio.to_thread(self._opened, record, n)
        try:
            if whole:
                await self._log(actor, record.id, n)
        except BaseException:
            opened.file.close()
            raise
        return opened

    async def _heard_record(self, actor: Actor, call_id: str) -> CallRecord:
        record = await seen_record(self._workspace, actor, call_id)
        own = await self._workspace.database.ask(_is_own, record, actor)
        rights.check_hears(actor, own=own)
        return record

    async def _log(self, actor: Actor, call_id: str, n: int) -> None:
        """Write one line for a listening. Raises UnavailableError: nobody hears what can't be logged."""
        now, listening = time.monotonic(), (actor.source, actor.extension, call_id, n)
        if now - self._logged.get(listening, -_LOGGED_SECONDS) < _LOGGED_SECONDS:
            return
        await Audit(self._workspace.database).log_act()
        if len(self._logged) >= _MOST_LOGGED:
            self._logged.clear()
        self._logged[listening] = now

    def _folder(self) -> RecordingFolder | None:
        settings = self._settings()
        return RecordingFolder(self._beside / settings.folder, settings.pbx_folder) if settings.folder else None

    def _listed(self, record: CallRecord) -> list[Recording]:
        folder = self._folder()
        return [_described(folder, n, name) for n, name in enumerate(_names(folder, record), 1)]

    def _opened(self, record: CallRecord, n: int) -> OpenRecording:
        folder = self._folder()
        names = _names(folder, record)
        if not 0 < n <= len(names):
            message = _("call {call} has no recording {n}; it has {count}")
            raise AbsentError("no-recording", message.format(call=record.id, n=n, count=len(names)))
        name = names[n - 1]
        if folder is None or "****" in name:
            lack: Lack = "no-folder" if folder is None else "erased"
            raise AbsentError(lack, _why(lack))
        try:
            file = folder.open(name)
        except OSError as error:
            lack = _lack_of(error)
            raise AbsentError(lack, _why(lack)) from error
        return OpenRecording(real_name(file), file)


def _names(folder: RecordingFolder | None, record: CallRecord) -> list[str]:
    """Return the files of a call as the PBX named them, else those that are named after it."""
    if record.recordings or folder is None or is_erased(record):
        return list(record.recordings)
    return folder.named_after(record, datetime.now(UTC))


def _described(folder: RecordingFolder | None, n: int, name: str) -> Recording:
    shown = PurePosixPath(name).name
    if "****" in name:
        return Recording(n, shown, lack="erased")
    if folder is None:
        return Recording(n, shown, lack="no-folder")
    try:
        with folder.open(name) as file:
            return Recording(n, real_name(file), os.fstat(file.fileno()).st_size)
    except OSError as error:
        return Recording(n, shown, lack=_lack_of(error))


def _lack_of(error: OSError) -> Lack:
    return _LACKS.get(error.errno or 0, "unreadable")


def _why(lack: Lack) -> str:
    """Say why the recording can't be heard, and what to do."""
    said: dict[Lack, str] = {
        "no-folder": _("pbxd doesn't know where the recordings lie: set recordings.folder"),
        "no-file": _("the file isn't there: the PBX deleted or moved it"),
        "elsewhere": _("the file lies outside recordings.folder, which the PBX calls recordings.pbx_folder"),
        "erased": _("the name of the file was erased with the client's data"),
    }
    return said.get(lack, _("pbxd may not read the file: let the service's user read recordings.folder"))


def _own_of(connection: Reading, calls: Sequence[Mapping[str, Any]], actor: Actor) -> set[str]:
    """Return the ids of the calls in which an actor took part."""
    own = own_calls(connection, known(connection, actor))
    return {each["id"] for each in calls if own.has(agents_in(each), "", datetime.fromisoformat(each["started"]))}


def _is_own(connection: Reading, record: CallRecord, actor: Actor) -> bool:
    """Tell whether an actor took part in a call."""
    own = own_calls(connection, known(connection, actor))
    return own.has(agents_of(record), "", record.started)
