"""An import in the steps of a person: upload, confirm what the columns are, check, correct, check again, commit.

What a step left behind belongs to the import's folder, and is cleaned up with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from pbxd import i18n, rights
from pbxd.actor import Actor
from pbxd.errors import ConflictError, InvalidInputError, RefusedError
from pbxd.exchange import sandbox
from pbxd.exchange.columns import Headings, mapping
from pbxd.exchange.preview import Preview, meanings
from pbxd.i18n import _
from pbxd.services.files import imports
from pbxd.services.files.imports import Policy
from pbxd.services.files.upload_files import Upload, file_of, read_json, write_json
from pbxd.services.files.uploads import UploadedImport, Uploads
from pbxd.storage.imports import uploaded

_PATIENCE_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAgain:
    """How a file is to be imported, as somebody says after a look. `columns`: field by place; empty: not imported."""

    personal: bool
    existing: Policy
    sheet: str = ""
    lenient: bool = False
    columns: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Step:
    """Where an import is.

    `upload` and `preview` are there while its file is. `taken`: what each column is taken as. `meanings`: what a
    column can mean, with its name for people.
    """

    found: UploadedImport
    upload: Upload | None
    preview: Preview | None
    taken: Mapping[int, str] = field(default_factory=dict)
    meanings: Sequence[tuple[str, str]] = ()


async def begin(uploads: Uploads, actor: Actor, file: Path, upload: Upload) -> int:
    """Take over a file that has arrived, look at it, and begin to check it by the guess; return the import's id.

    Raises InvalidInputError for a file that can't be read, whatever its columns are.
    """
    async with uploads.taken(actor, file, upload) as import_id:
        await _look(uploads, import_id, upload)
        with suppress(InvalidInputError):  # the next step shows why
            await uploads.start_check(actor, import_id, upload, patience_of(uploads), keeps=True)
    return import_id


def patience_of(uploads: Uploads) -> float:
    """Return how many seconds a page waits for the end of something before it shows how far that is."""
    return min(uploads.patience, _PATIENCE_SECONDS)


async def show(uploads: Uploads, actor: Actor, import_id: int, caller: str) -> Step:
    """Return where an import is; of a loaded one that the actor may only undo, without its rows.

    Raises NotFoundError, RefusedError for rows that the actor may not see.
    """
    try:
        _listed, upload = await uploads.own(actor, import_id, caller)
    except RefusedError:
        listed = await imports.shown(uploads.workspace, actor, import_id)
        if listed.state in uploaded.OPEN or not rights.may_undo(actor, listed.actor_id or 0):
            raise
        return Step(await uploads.show(actor, import_id, caller), None, None)
    found = await uploads.show(actor, import_id, caller)
    kept = await asyncio.to_thread(read_json, _preview_file(uploads, import_id))
    if not kept or upload is None:
        return Step(found, upload, None)
    seen, fields = Preview.from_json(kept), uploads.workspace.fields
    return Step(found, upload, seen, seen.taken(mapping(upload.mapped, fields)), meanings(Headings(fields), seen))


async def check_again(uploads: Uploads, actor: Actor, import_id: int, caller: str, asked: CheckAgain) -> None:
    """Check a file another way. A check that is under way ends.

    Raises NotFoundError, RefusedError, ConflictError if it is committed or gone, InvalidInputError.
    """
    async with uploads.step(import_id):
        upload = await _chosen(uploads, actor, import_id, caller, asked)
        await uploads.halt(import_id)
        await uploaded.check_again(uploads.workspace.database, import_id, upload.visibility)
        await asyncio.to_thread(_keep, uploads.folder_of(import_id), upload)
        work = uploads.begin_check(actor, import_id, upload, keeps=True)
    with suppress(InvalidInputError):
        await uploads.wait(work, patience_of(uploads))


async def _chosen(uploads: Uploads, actor: Actor, import_id: int, caller: str, asked: CheckAgain) -> Upload:
    """Return how a file is to be imported from now on. Raises what `check_again` raises."""
    await uploads.own(actor, import_id, caller, personal=asked.personal)
    step = await show(uploads, actor, import_id, caller)
    if asked.personal and not actor.is_employee:
        raise InvalidInputError("visibility", _("only employees have personal contacts"))
    if step.upload is None or step.preview is None:
        raise ConflictError(_("the uploaded file is gone: upload it again"))
    if asked.sheet and asked.sheet not in step.preview.sheets:
        raise InvalidInputError("sheet", _("there is no sheet “{sheet}”").format(sheet=asked.sheet))
    await asyncio.to_thread(file_of, uploads.folder_of(import_id))
    known = {"", *(field for field, _name in step.meanings)}
    columns = {place: field for place, field in asked.columns.items() if field in known}
    upload = replace(
        step.upload,
        personal=asked.personal,
        existing=asked.existing,
        lenient=asked.lenient,
        sheet=asked.sheet,
        mapped=() if asked.sheet != step.preview.sheet else step.preview.mapped(columns),
    )
    if asked.sheet != step.preview.sheet:
        await _look(uploads, import_id, upload)
    return upload


async def discard(uploads: Uploads, actor: Actor, import_id: int, caller: str) -> None:
    """Delete an upload that was not committed. Raises NotFoundError, RefusedError, ConflictError if it was."""
    async with uploads.step(import_id):
        listed, _upload = await uploads.own(actor, import_id, caller)
        if listed.state not in uploaded.OPEN:
            raise ConflictError(_("import {id} is not waiting to be committed").format(id=import_id))
        await uploads.forget(import_id)


async def _look(uploads: Uploads, import_id: int, upload: Upload) -> None:
    folder = uploads.folder_of(import_id)
    headings = Headings(uploads.workspace.fields)
    async with uploads.looking:
        found = await sandbox.preview(
            folder / file_of(folder), language=i18n.current(), sheet=upload.sheet, headings=headings
        )
    await asyncio.to_thread(write_json, _preview_file(uploads, import_id), found.to_json())


def _keep(folder: Path, upload: Upload) -> None:
    """Keep how a file is to be imported; what an earlier check found is no longer true."""
    for name in ("report.json", "errors.xlsx"):
        (folder / name).unlink(missing_ok=True)
    write_json(folder / "upload.json", asdict(upload))


def _preview_file(uploads: Uploads, import_id: int) -> Path:
    return uploads.folder_of(import_id) / "preview.json"
