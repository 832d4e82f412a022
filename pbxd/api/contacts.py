"""Contacts: the clients' cards."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from pbxd.api.calls import CallsAnswer, calls_page
from pbxd.api.contact_models import (
    ContactAnswer,
    ContactBody,
    ContactPatch,
    DuplicateAnswer,
    SavedContactAnswer,
    contact_answer,
    saved_answer,
    values_of,
)
from pbxd.api.lists import ListAnswer, NumberPath, PageQuery, WholeListAnswer, link_to_next, whole
from pbxd.book.external_ids import read_external
from pbxd.calls.record import instant
from pbxd.http.answers import Answer, Reply, TextAnswer
from pbxd.http.context import Context
from pbxd.http.downloads import CSV, KINDS, VCF, XLSX, Download
from pbxd.http.operations import Manners, Resource
from pbxd.http.preconditions import etag
from pbxd.http.repetitions import RepeatableHeaders
from pbxd.http.requests import ActingQuery, PathParameters, Words
from pbxd.services import call_history
from pbxd.services import contacts as book
from pbxd.services.call_filters import FindCalls
from pbxd.services.calls.card_text import main_lines
from pbxd.services.contact_edits import AddContact, EditContact
from pbxd.services.contacts import Change, ContactPage, Duplicate
from pbxd.services.dates import read_instant
from pbxd.services.files import exports
from pbxd.services.files.exports import ExportContacts

CONTACTS = "/api/v1/contacts"
ONE = CONTACTS + r"/{id:\d+}"
Moment = Annotated[str, Field(max_length=40, examples=["2026-11-29T09:00:00Z"])]
External = Annotated[str, Field(max_length=300, examples=["bitrix24:123"])]
Sort = Literal[
    "name", "-name", "company", "-company", "position", "-position", "number", "-number", "manager", "-manager",
    "vip", "-vip", "changed", "-changed", "id", "-id",
]  # fmt: skip

resource = Resource("contacts", "The clients' cards.")


class ContactPath(NumberPath):
    """Which contact."""


class ContactFilters(ActingQuery):
    """Which contacts are wanted. A contact must match all that is given."""

    search: Words | None = None
    """Words of the card, or part of a number."""
    number: Words | None = None
    """In any notation."""
    company: Words | None = None
    """Its whole name."""
    manager: Words | None = None
    """Extension or full name."""
    tag: Words | None = None
    vip: bool | None = None
    favourites: bool = False
    """Only favourites of the employee who acts."""
    changed_after: Moment | None = None
    """Only contacts added or changed after that moment (RFC 3339)."""
    external: External | None = None
    """Only what a program calls so: `system:key`."""

    @property
    def filters(self) -> dict[str, Any]:
        """What the service takes."""
        return {
            "search": self.search or "",
            "number": self.number or "",
            "company": self.company or "",
            "manager": self.manager or "",
            "tag": self.tag or "",
            "vip": self.vip,
            "favourites": self.favourites,
            "changed_after": moment("changed_after", self.changed_after),
            "external": read_external(self.external) if self.external else None,
        }


class ContactsQuery(PageQuery, ContactFilters):
    """Which contacts to list, and in which order."""

    sort: Sort | None = None
    """By this column, from the end with `-`; otherwise the best hits of a search first, or by name."""

    @property
    def wanted(self) -> book.FindContacts:
        """What the service takes."""
        return book.FindContacts(**self.filters, **order_of(self.sort), limit=self.limit, after=self.after)


class ContactsAnswer(ListAnswer):
    """A page of contacts."""

    items: tuple[ContactAnswer, ...]


class ExportPath(PathParameters):
    """In which form."""

    format: Literal["xlsx", "csv", "vcf"]


class DuplicatesQuery(ActingQuery):
    """A number, an e-mail, or both."""

    number: Words | None = None
    """In any notation; whatever its extension."""
    email: Words | None = None


class DuplicatesAnswer(WholeListAnswer):
    """Which contacts have them."""

    items: tuple[DuplicateAnswer, ...]


class ExternalPath(PathParameters):
    """What a program calls something."""

    system: Annotated[str, Field(examples=["bitrix24"])]
    key: Annotated[str, Field(examples=["123"])]


class ChangeAnswer(Answer):
    """One edit of a contact."""

    version: int
    """The one that it made."""
    at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    actor: str
    """The extension at that time; empty: no employee."""
    actor_id: int | None
    actor_name: str
    fields: dict[str, tuple[Any, Any]]
    """By field: before and after."""


class ChangesAnswer(WholeListAnswer):
    """The history of a contact, the oldest change first."""

    items: tuple[ChangeAnswer, ...]


class CardAnswer(TextAnswer):
    """A vCard 3.0 with every field."""

    content_type: ClassVar[str] = "text/vcard"


class MainDataAnswer(TextAnswer):
    """Name, numbers, company, position and e-mails, a line each."""


class ContactCallsQuery(PageQuery):
    """Which page of a contact's calls."""


def moment(field: str, text: str | None) -> datetime | None:
    """Read a moment; a `+` that came unescaped is a blank. Raises InvalidInputError."""
    return read_instant(field, text.replace(" ", "+") if "T" in text else text) if text else None


def order_of(sort: str | None) -> dict[str, Any]:
    """Return the order as the service takes it."""
    return {"sort": sort.removeprefix("-"), "descending": sort.startswith("-")} if sort else {}


async def contacts_page(context: Context, found: ContactPage) -> Reply[ContactsAnswer]:
    """Answer with a page of contacts."""
    workspace = context.services.workspace
    external = await book.external_of(workspace, found.items)
    items = [contact_answer(each, workspace.fields, dict(external.get(each.id, {}))) for each in found.items]
    page = {
        "items": items,
        "total": found.total,
        "total_is_exact": not found.more,
        "next": found.after or None,
        "seq": found.seq,
    }
    return Reply(ContactsAnswer.model_validate(page), headers=link_to_next(context.request, found.after))


@resource.operation("GET", CONTACTS, scope="contacts:read")
async def list_contacts(context: Context, query: ContactsQuery) -> Reply[ContactsAnswer]:
    """List contacts: the best hits of a search first, otherwise by name.

    To keep in step: list everything once, then ask for `changed_after` from time to time; what was deleted is told by
    the events from `seq` on.
    """
    return await contacts_page(context, await book.find(context.services.workspace, context.actor, query.wanted))


async def _check_new(context: Context, body: ContactBody, *_path: object) -> None:
    values = {"name": "", **values_of(body)}
    await book.check(context.services.workspace, AddContact(values=values, external=body.external or {}))


async def _check_changes(context: Context, body: ContactPatch, path: ContactPath) -> None:
    asked = EditContact(contact_id=path.id, values=values_of(body), external=body.external or {})
    await book.check(context.services.workspace, asked)


async def _made(context: Context, contact_id: int) -> Reply[SavedContactAnswer]:
    return _added(context, await book.saved(context.services.workspace, context.actor, contact_id))


@resource.operation(
    "POST", CONTACTS, scope="contacts:write", status=HTTPStatus.CREATED, manners=Manners(check=_check_new, show=_made)
)
async def add_contact(
    context: Context, query: ActingQuery, headers: RepeatableHeaders, body: ContactBody
) -> Reply[SavedContactAnswer]:
    """Add a contact.

    `duplicates` names other contacts with its numbers and e-mails; they are no error. A personal contact without
    `owner` belongs to the employee who acts.
    """
    del query, headers
    workspace = context.services.workspace
    asked = AddContact(values=values_of(body), external=body.external or {})
    return _added(context, await book.add(workspace, context.actor, asked, known_people=True))


def _added(context: Context, saved: book.SavedContact) -> Reply[SavedContactAnswer]:
    headers = {"Location": f"{CONTACTS}/{saved.contact.id}", **etag(saved.contact.version)}
    return Reply(saved_answer(saved, context.services.workspace.fields), HTTPStatus.CREATED, headers)


def _changed(context: Context, saved: book.SavedContact, status: HTTPStatus | None = None) -> Reply[SavedContactAnswer]:
    answer = saved_answer(saved, context.services.workspace.fields)
    return Reply(answer, status, etag(saved.contact.version))


@resource.operation("GET", CONTACTS + "/duplicates", scope="contacts:read")
async def find_duplicates(context: Context, query: DuplicatesQuery) -> DuplicatesAnswer:
    """Show which contacts have a number or an e-mail. Ask before adding a contact."""
    number, email = query.number or "", query.email or ""
    return await whole(
        context,
        DuplicatesAnswer,
        lambda workspace, actor: book.duplicates(workspace, actor, number, email),
        Duplicate.to_json,
    )


@resource.operation("GET", CONTACTS + "/export.{format:xlsx|csv|vcf}", scope="contacts:read")
async def export_contacts(
    context: Context, path: ExportPath, query: ContactFilters
) -> Download[XLSX] | Download[CSV] | Download[VCF]:
    """Download contacts as a workbook, a table or vCards; an import takes each back.

    It takes the filters of the list. `manager` is an extension here.
    """
    asked = ExportContacts(**query.filters, file=Path())
    pieces = context.services.uploads.exported("export-contacts", context.actor, asked, path.format)
    return Download(KINDS[path.format], f"contacts.{path.format}", pieces)


async def _version_by_external(context: Context, path: ExternalPath) -> int:
    called = read_external(f"{path.system}:{path.key}")
    known = await book.find_external(context.services.workspace, context.actor, called)
    return known.version if known else 0


@resource.operation(
    "PUT",
    CONTACTS + "/by-external/{system}/{key}",
    scope="contacts:write",
    status=(HTTPStatus.OK, HTTPStatus.CREATED),
    manners=Manners(_version_by_external, "honoured", _check_new),
)
async def save_contact_by_external(
    context: Context, path: ExternalPath, query: ActingQuery, body: ContactBody
) -> Reply[SavedContactAnswer]:
    """Add the contact that a program calls so, or change it: what the body doesn't name stays."""
    del query
    called = read_external(f"{path.system}:{path.key}")
    asked = AddContact(values=values_of(body), external=body.external or {})
    saved, added = await book.save_external(
        context.services.workspace, context.actor, called, asked, version=context.pinned
    )
    return _added(context, saved) if added else _changed(context, saved)


@resource.operation("GET", ONE, scope="contacts:read")
async def show_contact(context: Context, path: ContactPath, query: ActingQuery) -> Reply[ContactAnswer]:
    """Show a contact."""
    del query
    workspace = context.services.workspace
    contact = await book.get(workspace, context.actor, path.id)
    external = await book.external_of(workspace, [contact])
    form = contact_answer(contact, workspace.fields, dict(external.get(contact.id, {})))
    return Reply(ContactAnswer.model_validate(form), headers=etag(contact.version))


async def _version(context: Context, path: ContactPath) -> int:
    return (await book.get(context.services.workspace, context.actor, path.id)).version


@resource.operation("PATCH", ONE, scope="contacts:write", manners=Manners(_version, "needed", _check_changes))
async def change_contact(
    context: Context, path: ContactPath, query: ActingQuery, body: ContactPatch
) -> Reply[SavedContactAnswer]:
    """Change a contact: what the body doesn't name stays. If nothing changes, neither does the version."""
    del query
    asked = EditContact(
        contact_id=path.id, version=context.pinned, values=values_of(body), external=body.external or {}
    )
    return _changed(context, await book.edit(context.services.workspace, context.actor, asked, known_people=True))


@resource.operation(
    "DELETE", ONE, scope="contacts:write", status=HTTPStatus.NO_CONTENT, manners=Manners(_version, "honoured")
)
async def delete_contact(context: Context, path: ContactPath, query: ActingQuery) -> None:
    """Delete a contact for good. Only its creator or an administrator may delete a shared one."""
    del query
    await book.delete(context.services.workspace, context.actor, path.id, version=context.pinned)


@resource.operation("GET", ONE + "/calls", scope="calls:read")
async def list_calls_of_contact(context: Context, path: ContactPath, query: ContactCallsQuery) -> Reply[CallsAnswer]:
    """List the calls with a contact, newest first: those of its numbers, while they were its."""
    asked = FindCalls(contact=path.id, limit=query.limit, after=query.after)
    return await calls_page(context, await call_history.find(context.services.workspace, context.actor, asked))


@resource.operation("GET", ONE + "/changes", scope="contacts:read")
async def list_changes_of_contact(context: Context, path: ContactPath, query: ActingQuery) -> ChangesAnswer:
    """Show who changed what in a contact, and when."""
    del query
    return await whole(
        context, ChangesAnswer, lambda workspace, actor: book.history(workspace, actor, path.id), _change
    )


def _change(made: Change) -> dict[str, object]:
    names = ("version", "actor", "actor_id", "actor_name", "fields")
    return {name: getattr(made, name) for name in names} | {"at": instant(made.at)}


@resource.operation("PUT", ONE + "/favourite", scope="contacts:write", status=HTTPStatus.NO_CONTENT)
async def add_favourite(context: Context, path: ContactPath, query: ActingQuery) -> None:
    """Put a contact among the favourites of the employee who acts."""
    del query
    await book.set_favourite(context.services.workspace, context.actor, path.id, favourite=True)


@resource.operation("DELETE", ONE + "/favourite", scope="contacts:write", status=HTTPStatus.NO_CONTENT)
async def remove_favourite(context: Context, path: ContactPath, query: ActingQuery) -> None:
    """Take a contact from the favourites of the employee who acts."""
    del query
    await book.set_favourite(context.services.workspace, context.actor, path.id, favourite=False)


@resource.operation("GET", ONE + "/vcard", scope="contacts:read")
async def show_vcard(context: Context, path: ContactPath, query: ActingQuery) -> CardAnswer:
    """Show a contact as a vCard."""
    del query
    return CardAnswer(text=await exports.vcard(context.services.workspace, context.actor, path.id))


@resource.operation("GET", ONE + "/text", scope="contacts:read")
async def show_main_data(context: Context, path: ContactPath, query: ActingQuery) -> MainDataAnswer:
    """Show a contact's main data as text, to send to somebody."""
    del query
    contact = await book.get(context.services.workspace, context.actor, path.id)
    return MainDataAnswer(text="".join(f"{line}\n" for line in main_lines(contact)))
