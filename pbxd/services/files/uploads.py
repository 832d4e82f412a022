"""Imports of uploaded files: checked first, committed on request, and undone; each goes on when nobody waits for it.

An uploaded file lies in a folder of its own, named by the import's id, with the workbook of its bad rows and what the
check found. Nothing of it is in the book before it is committed.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from weakref import WeakValueDictionary

import structlog

from pbxd import rights
from pbxd.actor import Actor
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, PbxdError, UnavailableError
from pbxd.exchange.writing import write_template
from pbxd.files import unwritable
from pbxd.i18n import _
from pbxd.services import employees
from pbxd.services.files import imports, worker
from pbxd.services.files.exports import ExportCalls, ExportContacts
from pbxd.services.files.import_report import ImportReport
from pbxd.services.files.imports import Import, ImportContacts
from pbxd.services.files.upload_files import (
    ARRIVING,
    Upload,
    file_of,
    pieces_of,
    read_json,
    remove_old,
    report_json,
    take_over,
    upload_of,
    write_json,
)
from pbxd.services.workspace import Workspace
from pbxd.storage.imports import uploaded
from pbxd.storage.imports.imports import Undone

KEPT: Final = timedelta(days=7)  # an uploaded file that nobody commits, and the workbook of bad rows
MOST: Final = 20  # uploaded files of one employee, token or user that wait to be committed; the oldest are given up
_CHECKING: Final = timedelta(minutes=30)  # no check takes longer: its process is gone
_PATIENCE_SECONDS: Final = 10.0  # a request waits so long for the end; then it is asked for
_CLEAN_SECONDS: Final = 600.0
_AT_ONCE: Final = 2  # imports and exports: each has a child process
Exported = TypeVar("Exported", ExportContacts, ExportCalls)

_log = structlog.get_logger(__name__)


Progress = Callable[..., None]
Run = Callable[[Workspace, worker.Job, Actor, object, Progress], Coroutine[Any, Any, Any]]


@dataclass(slots=True)
class Work:
    """Something under way."""

    task: asyncio.Task[Any]
    checks: bool = False  # changes nothing, and may be given up at any time
    rows: int = 0  # done so far
    rows_of: int = 0  # in all; 0: nobody knows yet


@dataclass(frozen=True, slots=True)
class UploadedImport:
    """An import as a program sees it. `report`: what the check or the import found, once it is known."""

    listed: Import
    rows_done: int | None = None  # while something is under way
    rows_of: int = 0  # about how many there are in all; 0: nobody knows yet
    report: Mapping[str, Any] = field(default_factory=dict)
    has_errors_file: bool = False


class Uploads:
    """Uploaded files. `keep_clean` is a root task."""

    def __init__(
        self,
        workspace: Workspace,
        folder: Path,
        limit_mb: int,
        *,
        patience: float = _PATIENCE_SECONDS,
        run: Run = worker.run,
    ) -> None:
        """`patience`: seconds that a request waits. `run`: what does the work."""
        self.workspace, self._folder, self.patience, self._run = workspace, folder, patience, run
        self.limit = limit_mb * 1024 * 1024  # bytes of a file
        self._working: dict[int, Work] = {}
        self._steps: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.looking = asyncio.Semaphore(_AT_ONCE)  # a look at a file never waits for imports

    @asynccontextmanager
    async def arriving(self) -> AsyncIterator[Path]:
        """Yield a new folder for a file that is arriving; it is gone after the block unless `check` took it."""
        try:
            folder = await asyncio.to_thread(self._new_folder)
        except OSError as error:
            raise unwritable(self._folder, error) from error
        try:
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def check(self, actor: Actor, file: Path, upload: Upload) -> UploadedImport:
        """Take over a file that has arrived, and say what its import would do. Nothing is changed.

        Raises InvalidInputError for a file that can't be read.
        """
        async with self.taken(actor, file, upload) as import_id:
            await self.start_check(actor, import_id, upload, self.patience)
        return await self.show(actor, import_id, upload.caller)

    @asynccontextmanager
    async def taken(self, actor: Actor, file: Path, upload: Upload) -> AsyncIterator[int]:
        """Take over a file that has arrived; yield the id of its import. An error of the block forgets both."""
        if upload.personal and not actor.is_employee:
            raise InvalidInputError("visibility", _("whose contacts would they be? Say which employee acts, with --as"))
        import_id = await uploaded.reserve(
            self.workspace.database, upload.name, upload.visibility, actor, upload.caller
        )
        try:
            await self._give_up()
            await asyncio.to_thread(take_over, file, self.folder_of(import_id), upload)
            yield import_id
        except BaseException:
            await self.forget(import_id)
            raise

    async def start_check(
        self, actor: Actor, import_id: int, upload: Upload, patience: float, *, keeps: bool = False
    ) -> None:
        """Begin to check a file and wait a while for the end. Raises InvalidInputError for one that can't be read.

        `keeps`: such a file stays too, and can be checked again.
        """
        await self.wait(self.begin_check(actor, import_id, upload, keeps=keeps), patience)

    def begin_check(self, actor: Actor, import_id: int, upload: Upload, *, keeps: bool) -> Work:
        """Begin to check a file; `wait` waits for the end."""
        own = self.folder_of(import_id)
        return self._start(import_id, self._check(actor, import_id, own, upload, keeps=keeps), checks=True)

    def step(self, import_id: int) -> asyncio.Lock:
        """Return the lock that a step of an import holds until its work has started."""
        return self._steps.setdefault(import_id, asyncio.Lock())

    def folder_of(self, import_id: int) -> Path:
        """Return where the file of an import lies."""
        return self._folder / str(import_id)

    async def commit(
        self, actor: Actor, import_id: int, caller: str, *, patience: float | None = None
    ) -> UploadedImport:
        """Import a checked file. Raises NotFoundError, RefusedError, ConflictError unless it waits for that."""
        async with self.step(import_id):
            listed, upload = await self.own(actor, import_id, caller)
            if listed.state != "checked" or import_id in self._working or upload is None:
                raise ConflictError(_("import {id} is not waiting to be committed").format(id=import_id))
            await uploaded.begin_work(self.workspace.database, import_id, "checked")
            self._check_idle(import_id)
            work = self._start(import_id, self._import(actor, import_id, upload))
        await self.wait(work, self.patience if patience is None else patience)
        return await self.show(actor, import_id, caller)

    async def undo(self, actor: Actor, import_id: int, *, patience: float | None = None) -> Undone | None:
        """Undo an import; None: that goes on. Raises what `imports.undo` raises."""
        await imports.shown(self.workspace, actor, import_id)
        self._check_idle(import_id)
        await imports.check_undo(self.workspace, actor, import_id)
        await uploaded.begin_work(self.workspace.database, import_id, "done")
        self._check_idle(import_id)
        work = self._start(import_id, self._run(self.workspace, "undo", actor, import_id, _nobody))
        done: Undone | None = await self.wait(work, self.patience if patience is None else patience)
        return done

    async def show(self, actor: Actor, import_id: int, caller: str) -> UploadedImport:
        """Return an import and how far it is. Raises NotFoundError."""
        work = self._working.get(import_id)  # before the state that it leads to
        report, errors = dict[str, Any](), False
        listed = await imports.shown(self.workspace, actor, import_id)
        with suppress(NotFoundError, PbxdError):
            await self.own(actor, import_id, caller)  # only who uploaded the file sees its rows
            report = await asyncio.to_thread(read_json, self.folder_of(import_id) / "report.json")
            errors = (self.folder_of(import_id) / "errors.xlsx").exists()
        done, of = (work.rows, work.rows_of) if work else (None, 0)
        return UploadedImport(listed, done, of, report, errors)

    async def errors_file(self, actor: Actor, import_id: int, caller: str) -> Path:
        """Return the workbook of an upload's bad rows. Raises NotFoundError, RefusedError."""
        await self.own(actor, import_id, caller)
        file = self.folder_of(import_id) / "errors.xlsx"
        if not await asyncio.to_thread(file.exists):
            raise NotFoundError(_("import {id} has no workbook of bad rows").format(id=import_id))
        return file

    async def exported(
        self, job: Literal["export-contacts", "export-calls"], actor: Actor, asked: Exported, ending: str
    ) -> AsyncGenerator[bytes, None]:
        """Yield a file that an export writes, in pieces. Raises what the export raises, before the first piece."""
        async with self._turns, self.arriving() as folder:
            wanted = replace(asked, file=folder / f"export.{ending}")
            await self._run(self.workspace, job, actor, wanted, _nobody)
            async for piece in pieces_of(wanted.file):
                yield piece

    async def template(self, actor: Actor) -> AsyncGenerator[bytes, None]:
        """Yield the workbook to fill in, in pieces."""
        people = await employees.find(self.workspace, actor, employees.FindEmployees())
        async with self.arriving() as folder:
            file = folder / "contacts.xlsx"
            here = copy_context()  # headings are in the asker's language
            await asyncio.to_thread(here.run, write_template, file, people, self.workspace.fields)
            async for piece in pieces_of(file):
                yield piece

    async def keep_clean(self) -> None:
        """Give up what nobody committed and delete old files, until cancelled; then end what is under way."""
        try:
            while True:
                with suppress(UnavailableError):
                    await self._give_up()
                    await asyncio.to_thread(remove_old, self._folder, KEPT * 2)
                await asyncio.sleep(_CLEAN_SECONDS)
        finally:
            await self.stop()

    async def _give_up(self) -> None:
        for import_id in await uploaded.give_up(self.workspace.database, KEPT, _CHECKING, MOST):
            await self._remove(import_id)

    async def stop(self) -> None:
        """End what is under way: an import that is not complete is dropped by the next start."""
        tasks = [work.task for work in self._working.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _new_folder(self) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=ARRIVING, dir=self._folder))

    async def own(
        self, actor: Actor, import_id: int, caller: str, *, personal: bool = False
    ) -> tuple[Import, Upload | None]:
        """Return an import whose rows the actor may see, and how it was uploaded, if its file is still there.

        `personal`: its contacts are to become personal. Raises NotFoundError, RefusedError.
        """
        listed = await imports.shown(self.workspace, actor, import_id)
        upload = await asyncio.to_thread(upload_of, self.folder_of(import_id))
        same = upload is not None and upload.caller == caller
        personal = personal or listed.visibility == "personal"
        rights.check_commit(actor, listed.actor_id or 0, personal=personal, same_program=same)
        return listed, upload

    def _start(self, import_id: int, doing: Coroutine[Any, Any, Any], *, checks: bool = False) -> Work:
        work = Work(asyncio.create_task(doing, name=f"import {import_id}"), checks)
        self._working[import_id] = work
        work.task.add_done_callback(lambda task: self._ended(import_id, task))
        return work

    def _check_idle(self, import_id: int) -> None:
        if import_id in self._working:
            raise ConflictError(_("import {id} is under way").format(id=import_id))

    def _ended(self, import_id: int, task: asyncio.Task[Any]) -> None:
        work = self._working.get(import_id)
        if work is not None and work.task is task:  # else the next work has begun
            del self._working[import_id]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, PbxdError):
            _log.error("import_failed", id=import_id, exc_info=error)

    async def wait(self, work: Work, patience: float) -> Any:  # noqa: ANN401 - what the task returns
        """Wait for the end a while; None: it goes on, or somebody ended it. Raises what the work raises."""
        done, _pending = await asyncio.wait({work.task}, timeout=patience)
        return work.task.result() if done and not work.task.cancelled() else None

    async def _check(self, actor: Actor, import_id: int, own: Path, upload: Upload, *, keeps: bool) -> None:
        asked = _asked(own, upload, dry_run=True)
        try:
            async with self._turns:
                report = await self._run_import(actor, import_id, asked)
            await asyncio.to_thread(write_json, own / "report.json", report_json(report))
        except InvalidInputError as error:
            await uploaded.end_check(self.workspace.database, import_id, "refused", {})
            await asyncio.to_thread(write_json, own / "report.json", {"problem": str(error)})
            if not keeps:
                (own / file_of(own)).unlink()
            raise
        await uploaded.end_check(self.workspace.database, import_id, "checked", report.counts)

    async def _import(self, actor: Actor, import_id: int, upload: Upload) -> None:
        own = self.folder_of(import_id)
        await asyncio.to_thread((own / "errors.xlsx").unlink, missing_ok=True)
        asked = _asked(own, upload, reserved=import_id)
        async with self._turns:
            report = await self._run_import(actor, import_id, asked)
        await asyncio.to_thread(write_json, own / "report.json", report_json(report))
        await asyncio.to_thread(asked.file.unlink, missing_ok=True)

    async def _run_import(self, actor: Actor, import_id: int, asked: ImportContacts) -> ImportReport:
        report: ImportReport = await self._run(
            self.workspace, "import", actor, asked, lambda rows, of: self._note(import_id, rows, of)
        )
        return report

    def _note(self, import_id: int, rows: int, of: int) -> None:
        if work := self._working.get(import_id):
            work.rows, work.rows_of = rows, of

    async def halt(self, import_id: int) -> None:
        """End a check that is under way. Raises ConflictError if it is something else."""
        if work := self._working.get(import_id):
            if not work.checks:
                self._check_idle(import_id)
            work.task.cancel()
            await asyncio.wait({work.task})

    async def forget(self, import_id: int) -> None:
        """Delete an upload that is not committed, and its file."""
        await self.halt(import_id)
        await self._remove(import_id)
        await uploaded.forget(self.workspace.database, import_id)

    async def _remove(self, import_id: int) -> None:
        await asyncio.to_thread(shutil.rmtree, self.folder_of(import_id), ignore_errors=True)


def _nobody(*_done: int) -> None:
    """Tell nobody how far it is."""


def _asked(own: Path, upload: Upload, *, dry_run: bool = False, reserved: int = 0) -> ImportContacts:
    return ImportContacts(
        file=own / file_of(own),
        personal=upload.personal,
        existing=upload.existing,
        dry_run=dry_run,
        sheet=upload.sheet,
        mapped=upload.mapped,
        errors=own / "errors.xlsx",
        lenient=upload.lenient,
        name=upload.name,
        reserved=reserved,
    )
