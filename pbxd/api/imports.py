"""Imports of contacts from uploaded files: checked first, then committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from pbxd.api.call_record import Instant
from pbxd.api.lists import ListAnswer, NumberPath, PageQuery, link_to_next
from pbxd.calls.record import instant
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.downloads import XLSX, Download
from pbxd.http.operations import HandlerT, Resource
from pbxd.http.requests import ActingQuery, InvalidRequestError, Mistake
from pbxd.http.uploads import Form, receive
from pbxd.i18n import _
from pbxd.services.files import imports
from pbxd.services.files.upload_files import Upload, pieces_of
from pbxd.services.files.uploads import UploadedImport

IMPORTS = "/api/v1/imports"
ONE = IMPORTS + r"/{id:\d+}"
Count = Annotated[int, Field(ge=0)]

resource = Resource("imports", "Contacts from files: uploaded and checked, committed, undone.")


class ImportPath(NumberPath):
    """Which import."""


class ImportForm(Form):
    """A file of contacts, and how to import it."""

    file: Annotated[str, Field(json_schema_extra={"format": "binary"})] = ""
    """xlsx, xls, csv, vcf and what else `pbxd contacts import` reads."""
    visibility: Literal["shared", "personal"] = "shared"
    """Who sees the new contacts: everybody, or the employee who acts."""
    existing: Literal["skip", "update", "add"] = "skip"
    """When a contact is known already (number and name): skip the row, update it, or add another one."""
    map: Annotated[tuple[str, ...], Field(examples=[["Телефон=number"]])] = ()
    """`Column=field`: which field a column is. May be repeated."""
    sheet: str = ""
    lenient: bool = False
    """Take a contact without the optional fields that can't be read."""


class BadRowAnswer(Answer):
    """A row, or a part of one, that can't be imported."""

    row: int
    field: str
    message: str


class ImportAnswer(Answer):
    """An import. The counts are there when it was checked, and again when it was committed."""

    id: int
    state: Literal[
        "checking", "checked", "refused", "writing", "applying", "done", "undoing", "undone", "dropping", "dropped"
    ]
    """`checked`: commit it. `done`: in the book. While `checking`, `writing`, `applying` or `undoing`: ask again."""
    file: str
    visibility: Literal["shared", "personal"]
    at: Instant
    """When it was uploaded, or its import began."""
    actor: str
    """The extension of who imports."""
    actor_id: int | None
    actor_name: str
    undoable: bool
    undo_first: int | None
    """A later import that has to be undone before this one."""
    rows_done: Count = 0
    """How many rows were read so far, while something is under way."""
    created: Count = 0
    updated: Count = 0
    unchanged: Count = 0
    skipped: Count = 0
    companies: Count = 0
    bad: Count = 0
    """Rows that can't be imported."""
    errors: tuple[BadRowAnswer, ...] = ()
    """The first 100 of them."""
    errors_file: str | None = None
    """The address of a workbook with all of them, to correct and upload again."""
    sheet: str = ""
    ignored_columns: tuple[str, ...] = ()
    left_out: tuple[BadRowAnswer, ...] = ()
    """The first 100 rows and fields that were not taken, besides."""
    left_out_count: Count = 0
    problem: str = ""
    """Why the file can't be read."""


class ImportsAnswer(ListAnswer):
    """A page of imports, the latest first."""

    items: tuple[ImportAnswer, ...]


class SparedAnswer(Answer):
    """A contact that an undo left, because it was edited since."""

    id: int
    name: str


class UndoneAnswer(Answer):
    """What an undo did. While it goes on there is only the state."""

    id: int
    state: Literal["undoing", "undone"]
    deleted: Count = 0
    restored: Count = 0
    spared: Count = 0
    contacts: tuple[SparedAnswer, ...] = ()
    """The first of those that were spared."""


def _answer(found: UploadedImport) -> ImportAnswer:
    listed = found.listed
    form: dict[str, Any] = {
        "id": listed.id,
        "state": listed.state,
        "file": listed.file,
        "visibility": listed.visibility,
        "at": instant(listed.created),
        "actor": listed.actor,
        "actor_id": listed.actor_id,
        "actor_name": listed.actor_name,
        "undoable": listed.undoable,
        "undo_first": listed.undo_first,
        **listed.counts,
        **found.report,
    }
    if found.rows_done is not None:
        form["rows_done"] = found.rows_done
    if found.has_errors_file:
        form["errors_file"] = f"{IMPORTS}/{listed.id}/errors.xlsx"
    return ImportAnswer.model_validate(form)


@resource.operation("GET", IMPORTS, scope="contacts:read")
async def list_imports(context: Context, query: PageQuery) -> Reply[ImportsAnswer]:
    """List imports, the latest first: one's own, and those of shared contacts."""
    page = await imports.page(context.services.workspace, context.actor, limit=query.limit, after=query.after)
    items = tuple(_answer(UploadedImport(each)) for each in page.items)
    answer = ImportsAnswer(
        items=items, total=page.total, total_is_exact=page.next is None, next=page.next, seq=page.seq
    )
    return Reply(answer, headers=link_to_next(context.request, page.next))


@resource.operation("POST", IMPORTS, scope="contacts:write", status=(HTTPStatus.CREATED, HTTPStatus.ACCEPTED))
async def upload_import(context: Context, query: ActingQuery, form: ImportForm) -> Reply[ImportAnswer]:
    """Upload a file and check it. Nothing is imported before `commit`.

    The answer says what the import would do. For a big file it is 202: ask the address in `Location` until `state` is
    `checked` or `refused`.
    """
    del query, form
    uploads = context.services.uploads
    async with uploads.arriving() as folder:
        received = await receive(context.request, folder, uploads.limit)
        upload = _upload(received.fields, received.name, context.caller)
        found = await uploads.check(context.actor, received.file, upload)
    status = HTTPStatus.CREATED if found.listed.state == "checked" else HTTPStatus.ACCEPTED
    return Reply(_answer(found), status, {"Location": f"{IMPORTS}/{found.listed.id}"})


@resource.operation("GET", IMPORTS + "/template.xlsx", scope="contacts:read")
async def download_template(context: Context) -> Download[XLSX]:
    """Download a workbook to fill in and import."""
    return Download(XLSX, "contacts.xlsx", context.services.uploads.template(context.actor))


@resource.operation("GET", ONE, scope="contacts:read")
async def show_import(context: Context, path: ImportPath, query: ActingQuery) -> ImportAnswer:
    """Show an import, and how far it is.

    Only the uploader (same token, user or employee) and administrators see the rows of a file. If the contacts will be
    personal, only the uploader sees them; an administrator can only undo the import.
    """
    del query
    return _answer(await context.services.uploads.show(context.actor, path.id, context.caller))


def _step(name: str, conflict: str) -> Callable[[HandlerT], HandlerT]:
    """Declare a step of an import; 202: it goes on."""
    return resource.operation(
        "POST",
        f"{ONE}/{name}",
        scope="contacts:write",
        status=(HTTPStatus.OK, HTTPStatus.ACCEPTED),
        problems={HTTPStatus.CONFLICT: conflict},
    )


@_step("commit", "The import is not waiting to be committed.")
async def commit_import(context: Context, path: ImportPath, query: ActingQuery) -> Reply[ImportAnswer]:
    """Import a checked file. All of it becomes visible at once. 202: ask until `state` is `done`."""
    del query
    found = await context.services.uploads.commit(context.actor, path.id, context.caller)
    done = found.listed.state == "done"
    return Reply(_answer(found), HTTPStatus.OK if done else HTTPStatus.ACCEPTED)


@_step("undo", "The import is not done, or a later one changed the same contacts.")
async def undo_import(context: Context, path: ImportPath, query: ActingQuery) -> Reply[UndoneAnswer]:
    """Take a whole import out of the book, but for the contacts edited since. 202: ask until `state` is `undone`."""
    del query
    done = await context.services.uploads.undo(context.actor, path.id)
    if done is None:
        return Reply(UndoneAnswer(id=path.id, state="undoing"), HTTPStatus.ACCEPTED)
    counts = {name: value for name, value in asdict(done).items() if name != "names"}
    names = tuple(SparedAnswer(id=contact, name=name) for contact, name in done.names)
    return Reply(UndoneAnswer(id=path.id, state="undone", contacts=names, **counts))


@resource.operation("GET", ONE + "/errors.xlsx", scope="contacts:read")
async def download_import_errors(context: Context, path: ImportPath, query: ActingQuery) -> Download[XLSX]:
    """Download the bad rows, each with what to correct; the corrected workbook can be uploaded."""
    del query
    file = await context.services.uploads.errors_file(context.actor, path.id, context.caller)
    return Download(XLSX, f"import-{path.id}-errors.xlsx", pieces_of(file))


def _upload(fields: Mapping[str, list[str]], name: str, caller: str) -> Upload:
    """Return what a form asks for. Raises InvalidRequestError with everything that is wrong."""
    mistakes: list[Mistake] = []
    single = {each: texts[-1] for each, texts in fields.items() if each != "map"}
    for each, texts in fields.items():
        if each != "map" and len(texts) > 1:
            message = _("{field}: given twice").format(field=each)
            mistakes.append(Mistake("pointer", (each,), "repeated", message))
    given: dict[str, Any] = {**single, "map": fields.get("map", [])}
    form = ImportForm()
    try:
        form = ImportForm.model_validate(given)
    except ValidationError as error:
        mistakes += [Mistake.of(each, "pointer") for each in error.errors()]
    if mistakes:
        raise InvalidRequestError(mistakes)
    return Upload(
        name=name,
        personal=form.visibility == "personal",
        existing=form.existing,
        sheet=form.sheet,
        lenient=form.lenient,
        mapped=form.map,
        caller=caller,
    )
