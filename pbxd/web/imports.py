"""`/import`: contacts from a file, in steps. Every step is a page of its own; leaving leaves nothing in the book."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from pbxd import rights
from pbxd.errors import ConflictError, InvalidInputError, RefusedError
from pbxd.http.downloads import XLSX, Download
from pbxd.http.requests import InvalidRequestError
from pbxd.http.uploads import FORM, UNNAMED, receive
from pbxd.i18n import _
from pbxd.services.files import import_steps, imports
from pbxd.services.files.import_steps import CheckAgain, Step
from pbxd.services.files.imports import Policy
from pbxd.services.files.upload_files import Upload, pieces_of
from pbxd.web.frame import RESUMED, USER_FIELD, Visit, go, person, show
from pbxd.web.import_texts import counts, problem_of, row_errors, state_text
from pbxd.web.pages import Page, sentence

IMPORT: Final = "/import"
_ONE: Final = IMPORT + r"/{id:\d{1,18}}"
_POLICIES: Final[tuple[Policy, ...]] = ("skip", "update", "add")
_LISTED: Final = 20
_OPEN: Final = frozenset({"checking", "checked", "refused"})  # can still be checked another way
_BUSY: Final = frozenset({"checking", "writing", "applying", "undoing", "dropping"})


async def _start(visit: Visit) -> web.StreamResponse:
    return await _begin_page(visit, visit.query, {})


async def _begin_page(visit: Visit, values: Mapping[str, str], errors: Mapping[str, str]) -> web.StreamResponse:
    rights.check_scope(visit.actor, "contacts:write")
    page = await imports.page(visit.workspace, visit.actor, limit=_LISTED, after=visit.query.get("after", ""))
    return show(
        visit,
        "import.html",
        _status(errors),
        values={"visibility": "shared", "existing": "skip", **values},
        errors=errors,
        limit=visit.services.uploads.limit // 1024 // 1024,
        listed=[each for each in page.items if each.state not in _OPEN or _mine(visit, each)],
        next=page.next,
        opens=lambda each: _mine(visit, each) or rights.may_undo(visit.actor, each.actor_id or 0),
        state_text=state_text,
        counts=counts,
    )


async def _upload(visit: Visit) -> web.StreamResponse:
    rights.check_scope(visit.actor, "contacts:write")
    if visit.request.content_type != FORM:
        return await _choose_again(visit)
    uploads, values = visit.services.uploads, dict[str, str]()
    try:
        async with uploads.arriving() as folder:
            received = await receive(visit.request, folder, uploads.limit)
            values = {name: texts[-1] for name, texts in received.fields.items()}
            _check_form(visit, values)
            if not received.file.stat().st_size:
                said = _("Choose a file") if received.name == UNNAMED else _("The file is empty")
                return await _begin_page(visit, values, {"file": said})
            upload = Upload(
                name=received.name,
                personal=values.get("visibility") == "personal",
                existing=_policy(values),
                caller=_caller(visit),
            )
            import_id = await import_steps.begin(uploads, visit.actor, received.file, upload)
    except InvalidRequestError:
        return await _begin_page(visit, values, {"file": _("Choose a file")})
    except InvalidInputError as error:
        return await _begin_page(visit, values, {"file": sentence(str(error))})
    except web.HTTPRequestEntityTooLarge:
        limit = uploads.limit // 1024 // 1024
        return await _begin_page(visit, values, {"file": _("The file is longer than {limit} MB").format(limit=limit)})
    return go(visit, f"{IMPORT}/{import_id}")


async def _choose_again(visit: Visit) -> web.StreamResponse:
    """Show what was chosen when a session ended; browsers don't give a file back."""
    form = await visit.form()
    if RESUMED not in form:
        raise web.HTTPUnsupportedMediaType
    return await _begin_page(visit, form, {"file": _("Choose the file again")})


async def _show_one(visit: Visit) -> web.StreamResponse:
    return await _page_of(visit, {})


async def _lead_to_one(visit: Visit) -> web.StreamResponse:
    """Lead somebody who signed in after another one's form was lost to the import."""
    return go(visit, f"{IMPORT}/{_id(visit)}")


async def _page_of(visit: Visit, errors: Mapping[str, str], chosen: CheckAgain | None = None) -> web.StreamResponse:
    """Show an import; `chosen`: how it is to be checked, where that could not be done, or not yet."""
    rights.check_scope(visit.actor, "contacts:write")
    step = await import_steps.show(visit.services.uploads, visit.actor, _id(visit), _caller(visit))
    listed, upload, preview = step.found.listed, step.upload, step.preview
    importing = step.found.rows_done is not None and listed.state != "checking"
    opened = listed.state in _OPEN and upload is not None and preview is not None and not importing
    return show(
        visit,
        "import_one.html",
        _status(errors),
        part="import_state.html",
        step=step,
        meanings=_meanings(step),
        listed=listed,
        report={**listed.counts, **step.found.report},
        counts=counts(listed),
        problem=problem_of(step),
        errors=errors,
        rows_errors=row_errors(step),
        opened=opened,
        busy=listed.state in _BUSY or step.found.rows_done is not None,
        state_text=state_text,
        preview=preview if opened else None,
        taken=_taken(step, chosen),
        sheet=chosen.sheet if chosen else preview.sheet if preview else "",
        values=_values(chosen or upload) if upload else {},
        may_undo=listed.undoable,
    )


async def _check(visit: Visit) -> web.StreamResponse:
    rights.check_scope(visit.actor, "contacts:write")
    form = await visit.form()
    asked = _asked(form)
    if RESUMED in form:
        return await _page_of(visit, {}, asked)
    try:
        await import_steps.check_again(visit.services.uploads, visit.actor, _id(visit), _caller(visit), asked)
    except InvalidInputError as error:
        return await _page_of(visit, {error.field: sentence(str(error))}, asked)
    except ConflictError as error:
        return await _page_of(visit, {"": sentence(str(error))}, asked)
    return go(visit, f"{IMPORT}/{_id(visit)}")


def _asked(form: Mapping[str, str]) -> CheckAgain:
    columns = {
        int(name.removeprefix("column-")): value[:100]
        for name, value in form.items()
        if name.startswith("column-") and name[7:].isdecimal() and len(name) < 12  # noqa: PLR2004 - a few digits
    }
    return CheckAgain(
        personal=form.get("visibility") == "personal",
        existing=_policy(form),
        sheet=form.get("sheet", "")[:300],
        lenient=form.get("lenient") == "1",
        columns=columns,
    )


def _taken(step: Step, chosen: CheckAgain | None) -> dict[int, str]:
    """Return what each column becomes, as it was chosen or as the file was checked."""
    columns = chosen.columns if chosen else {}
    return {place: columns.get(place, meaning) for place, meaning in step.taken.items()}


async def _commit(visit: Visit) -> web.StreamResponse:
    return await _done(visit, "commit")


async def _undo(visit: Visit) -> web.StreamResponse:
    return await _done(visit, "undo")


async def _done(visit: Visit, what: str) -> web.StreamResponse:
    """Commit or undo; what can't be done now is said on the import's page."""
    rights.check_scope(visit.actor, "contacts:write")
    await visit.form()
    uploads, patience = visit.services.uploads, import_steps.patience_of(visit.services.uploads)
    try:
        if what == "commit":
            await uploads.commit(visit.actor, _id(visit), _caller(visit), patience=patience)
        else:
            await uploads.undo(visit.actor, _id(visit), patience=patience)
    except (ConflictError, InvalidInputError) as error:
        return await _page_of(visit, {"": sentence(str(error))})
    return go(visit, f"{IMPORT}/{_id(visit)}")


async def _discard(visit: Visit) -> web.StreamResponse:
    rights.check_scope(visit.actor, "contacts:write")
    await visit.form()
    try:
        await import_steps.discard(visit.services.uploads, visit.actor, _id(visit), _caller(visit))
    except ConflictError as error:
        return await _page_of(visit, {"": sentence(str(error))})
    return go(visit, IMPORT)


async def _template(visit: Visit) -> web.StreamResponse:
    pieces = visit.services.uploads.template(visit.actor)
    return await Download(XLSX, "contacts.xlsx", pieces).send(visit.request)


async def _errors_file(visit: Visit) -> web.StreamResponse:
    file = await visit.services.uploads.errors_file(visit.actor, _id(visit), _caller(visit))
    return await Download(XLSX, f"import-{_id(visit)}-errors.xlsx", pieces_of(file)).send(visit.request)


def _status(errors: Mapping[str, str]) -> HTTPStatus:
    return HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK


def _id(visit: Visit) -> int:
    return int(visit.request.match_info["id"])


def _caller(visit: Visit) -> str:
    """Return what the API calls this person too: who uploads a file here may commit it there."""
    return f"user {visit.user.id}"


def _check_form(visit: Visit, values: Mapping[str, str]) -> None:
    """Raise RefusedError for a form of somebody else, InvalidInputError for contacts that nobody would own."""
    if values.get(USER_FIELD, str(visit.user.id)) != str(visit.user.id):
        raise RefusedError("other-user", _("somebody else has signed in meanwhile; choose the file again"))
    if values.get("visibility") == "personal" and not visit.actor.is_employee:
        raise InvalidInputError("visibility", _("only employees have personal contacts"))


def _policy(form: Mapping[str, str]) -> Policy:
    return next((each for each in _POLICIES if each == form.get("existing")), "skip")


def _mine(visit: Visit, listed: imports.Import) -> bool:
    return rights.owns_upload(visit.actor, listed.actor_id or 0, personal=listed.visibility == "personal")


def _values(chosen: CheckAgain | Upload) -> dict[str, Any]:
    return {
        "visibility": "personal" if chosen.personal else "shared",
        "existing": chosen.existing,
        "lenient": chosen.lenient,
    }


def _meanings(step: Step) -> list[tuple[str, str]]:
    """Return what a column can mean, in the words of the pages."""
    words = {"name": _("Full name"), "number": _("Phone number"), "email": _("E-mail"), "tags": _("Tags")}
    return [(column, words.get(column, text)) for column, text in step.meanings]


PAGES = (
    Page("GET", IMPORT, person(_start)),
    Page("POST", IMPORT, person(_upload), resumes=True),
    Page("GET", f"{IMPORT}/template.xlsx", person(_template)),
    Page("GET", _ONE, person(_show_one)),
    Page("GET", f"{_ONE}/check", person(_lead_to_one)),
    Page("POST", f"{_ONE}/check", person(_check), resumes=True),
    Page("POST", f"{_ONE}/commit", person(_commit)),
    Page("POST", f"{_ONE}/undo", person(_undo)),
    Page("POST", f"{_ONE}/discard", person(_discard)),
    Page("GET", f"{_ONE}/errors.xlsx", person(_errors_file)),
)
