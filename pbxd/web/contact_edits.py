"""`/clients/new`, `/clients/ID/edit`, `/clients/ID/delete`: adding, changing and deleting a client's card."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Final

from aiohttp import web

from pbxd import rights
from pbxd.book.contacts import Contact
from pbxd.book.employees import Employee
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from pbxd.http.repeated_forms import Making, StillSavingError
from pbxd.i18n import _
from pbxd.numbers import display
from pbxd.services import contacts as book
from pbxd.services import employees
from pbxd.services.contacts import AddContact, Duplicate, EditContact
from pbxd.web.contact_fields import FIELDS, emails_of, employee_text, errors_of, numbers_of, typed
from pbxd.web.contact_form import Form
from pbxd.web.frame import RESUMED, Visit, go, person, show
from pbxd.web.pages import Page, sentence

CLIENTS: Final = "/clients"
ONE: Final = CLIENTS + r"/{id:\d{1,18}}"
_TRIES: Final = 3  # an edit that met another one, with no field in common, is written again
_LONGEST: Final = 200  # characters of what an address fills in
_LONGEST_ID: Final = 18  # digits


def id_of(visit: Visit) -> int:
    """Return which contact an address names."""
    return int(visit.request.match_info["id"])


async def _new(visit: Visit) -> web.StreamResponse:
    given = {"number-0": "number", "name": "name", "company": "company"}
    values = {name: visit.query[asked][:_LONGEST] for name, asked in given.items() if asked in visit.query}
    if number := values.get("number-0"):
        values["number-0"] = display(number)  # as it stands everywhere else
    return await _shown(visit, Form.empty(values, visit.workspace.rules, await _people(visit)))


async def _add_contact(visit: Visit) -> web.StreamResponse:
    form = Form.sent(dict(await visit.form()), visit.workspace.rules, await _people(visit))
    if again := form.rearranged():
        return await _shown(visit, again)
    try:
        asked = AddContact(values=typed(form.values, form.people, FIELDS))

        async def add() -> int:
            return (await book.add(visit.workspace, visit.actor, asked, known_people=True)).contact.id

        made = await visit.made_once(form.values, Making(add, partial(book.get, visit.workspace, visit.actor)))
    except StillSavingError as error:
        return await _shown(visit, form.waiting(sentence(str(error))))
    except (InvalidInputError, RefusedError) as error:
        return await _shown(visit, form.refused(_errors(error, form)))
    return go(visit, f"{CLIENTS}/{made}")


async def _edit(visit: Visit) -> web.StreamResponse:
    contact = await book.get(visit.workspace, visit.actor, id_of(visit))
    return await _shown(visit, Form.of(contact, visit.workspace.rules, await _people(visit, contact)))


async def _change_contact(visit: Visit) -> web.StreamResponse:
    form = Form.sent(dict(await visit.form()), visit.workspace.rules, await _people(visit))
    for _try in range(_TRIES):
        with suppress(ConflictError):
            return await _saved(visit, form)
    raise web.HTTPConflict


async def _saved(visit: Visit, form: Form) -> web.StreamResponse:
    """Write the fields that were changed. Raises ConflictError if somebody else was quicker."""
    try:
        contact = await book.get(visit.workspace, visit.actor, id_of(visit))
    except NotFoundError:
        return await _shown(visit, form.gone())
    form = Form.sent(form.values, form.rules, await _people(visit, contact), contact)
    if again := form.rearranged():
        return await _shown(visit, again)
    form = form.met()
    if form.clashes:
        return await _shown(visit, form)
    try:
        await _write(visit, form, contact)
    except (InvalidInputError, RefusedError) as error:
        return await _shown(visit, form.upon_card().refused(_errors(error, form)))
    except NotFoundError:
        return await _shown(visit, form.gone())
    return go(visit, f"{CLIENTS}/{contact.id}")


async def _write(visit: Visit, form: Form, contact: Contact) -> None:
    values = typed(form.values, form.people, [name for name in FIELDS if name in form.changed])
    asked = EditContact(contact_id=contact.id, version=contact.version, values=values)
    await book.edit(visit.workspace, visit.actor, asked, known_people=True)


def _errors(error: InvalidInputError | RefusedError, form: Form) -> dict[str, str]:
    if isinstance(error, RefusedError):
        return {"visibility": sentence(str(error))}
    return errors_of(error, form.values)


async def _shown(visit: Visit, form: Form) -> web.StreamResponse:
    people = sorted(form.people.values(), key=lambda each: (each.name or each.extension).casefold())
    return show(
        visit,
        "contact_form.html",
        form.status,
        part="contact_form_part.html",
        form=form,
        values=form.values,
        errors=form.errors,
        contact=form.contact,
        managers=[("", ""), *((str(each.id), employee_text(each)) for each in people)],
        doubles=await _doubles(visit, form),
        only_shared=_only_shared(visit, form.contact),
        kept=_kept(visit, form.contact),
    )


async def _people(visit: Visit, contact: Contact | None = None) -> dict[int, Employee]:
    """Return who can be a manager: those who work here, and the one whom the card names."""
    found = await employees.find(visit.workspace, visit.actor, employees.FindEmployees())
    people = {each.id: each for each in found if each.active}
    if contact and contact.manager_id:  # also one who left, or is in no list
        now = Employee(contact.manager, contact.manager_name, id=contact.manager_id)
        people.setdefault(contact.manager_id, now)
    return people


def _only_shared(visit: Visit, contact: Contact | None) -> str:
    """Say why this contact can't be personal; empty: it can."""
    if not visit.actor.is_employee:
        return _("Only an employee with an extension has personal contacts.")
    if contact is not None and contact.visibility == "shared":
        try:
            rights.check_take_away(visit.actor, contact.created_by_id)
        except RefusedError as error:
            return sentence(str(error))
    return ""


def _kept(visit: Visit, contact: Contact | None) -> str:
    """Say why this contact can't be deleted; empty: it can."""
    if contact is None:
        return ""
    try:
        rights.check_delete(visit.actor, contact.owner_id, contact.created_by_id)
    except RefusedError as error:
        return sentence(str(error))
    return ""


async def _doubles(visit: Visit, form: Form) -> dict[str, Duplicate]:
    """Return who else has the numbers and e-mails, by the input."""
    found = {}
    for row, number, *_rest in numbers_of(form.values):
        if each := await _others(visit, number, "", form.contact.id if form.contact else 0):
            found[f"number-{row}"] = each
    for row, email in emails_of(form.values):
        if each := await _others(visit, "", email, form.contact.id if form.contact else 0):
            found[f"email-{row}"] = each
    return found


async def _others(visit: Visit, number: str, email: str, own: int) -> Duplicate | None:
    with suppress(InvalidInputError):
        found = await book.duplicates(visit.workspace, visit.actor, number, email, own=own)
        return next(iter(found), None)
    return None


async def _double(visit: Visit) -> web.StreamResponse:
    """Answer with the warning beside one number or e-mail; with nothing if nobody else has it."""
    own = visit.query.get("except", "")[:_LONGEST_ID]
    number, email = visit.query.get("number", "")[:_LONGEST], visit.query.get("email", "")[:_LONGEST]
    double = await _others(visit, number, email, int(own) if own.isdecimal() else 0)
    return show(visit, "contact_double.html", part="contact_double.html", double=double)


async def _ask_delete(visit: Visit) -> web.StreamResponse:
    contact = await book.get(visit.workspace, visit.actor, id_of(visit))
    why_not = _kept(visit, contact)
    return show(visit, "contact_delete.html", part="contact_delete_part.html", contact=contact, why_not=why_not)


async def _delete_contact(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    if RESUMED in form:
        return await _ask_delete(visit)
    await book.delete(visit.workspace, visit.actor, id_of(visit))
    return go(visit, CLIENTS)


PAGES = (
    Page("GET", f"{CLIENTS}/new", person(_new)),
    Page("POST", f"{CLIENTS}/new", person(_add_contact), resumes=True),
    Page("GET", f"{CLIENTS}/duplicates", person(_double)),
    Page("GET", f"{ONE}/edit", person(_edit)),
    Page("POST", f"{ONE}/edit", person(_change_contact), resumes=True),
    Page("GET", f"{ONE}/delete", person(_ask_delete)),
    Page("POST", f"{ONE}/delete", person(_delete_contact), resumes=True),
)
