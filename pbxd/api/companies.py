"""Companies: one card a name, with numbers of its own."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import Field

from pbxd.api.contact_models import ExternalChanges, ExternalIds
from pbxd.api.contacts import ContactsAnswer, External, ExternalPath, Moment, Sort, contacts_page, moment, order_of
from pbxd.api.lists import ListAnswer, NumberPath, PageQuery, link_to_next
from pbxd.book.companies import Company, company_json
from pbxd.book.external_ids import read_external
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.operations import Manners, Resource
from pbxd.http.preconditions import etag
from pbxd.http.repetitions import RepeatableHeaders
from pbxd.http.requests import ActingQuery, Body, MergePatch, Words
from pbxd.services import companies as book
from pbxd.services import contacts as people

COMPANIES = "/api/v1/companies"
ONE = COMPANIES + r"/{id:\d+}"

resource = Resource("companies", "The companies that clients belong to.")

Numbers = Annotated[
    list[str] | None, Field(description="Its own numbers, in any notation.", examples=[["8 495 123-45-67"]])
]


class CompanyPath(NumberPath):
    """Which company."""


class CompaniesQuery(PageQuery):
    """Which companies to list, and in which order."""

    search: Words | None = None
    """Words of the name, in any spelling."""
    number: Words | None = None
    """One of its own numbers, in any notation."""
    changed_after: Moment | None = None
    """Only companies added or changed after that moment (RFC 3339)."""
    external: External | None = None
    """Only what a program calls so: `system:key`."""
    sort: Literal["name", "-name"] = "name"

    @property
    def wanted(self) -> book.FindCompanies:
        """What the service takes."""
        return book.FindCompanies(
            search=self.search or "",
            number=self.number or "",
            changed_after=moment("changed_after", self.changed_after),
            external=read_external(self.external) if self.external else None,
            limit=self.limit,
            after=self.after,
            descending=self.sort == "-name",
        )


class CompanyAnswer(Answer):
    """A company's card."""

    id: int
    name: str
    numbers: tuple[str, ...]
    """Its own numbers (E.164)."""
    address: str
    site: str
    emails: tuple[str, ...]
    version: int
    """Also the header `ETag`."""
    external: ExternalIds


class CompaniesAnswer(ListAnswer):
    """A page of companies."""

    items: tuple[CompanyAnswer, ...]


class CompanyBody(Body):
    """A new company. There is one company a name, however it is spelled."""

    name: Annotated[str | None, Field(examples=["ООО «Ромашка»"])] = None
    numbers: Numbers = None
    address: Annotated[str | None, Field(examples=["Москва, Тверская, 1"])] = None
    site: Annotated[str | None, Field(examples=["example.org"])] = None
    emails: Annotated[list[str] | None, Field(examples=[["info@example.org"]])] = None
    external: ExternalChanges | None = None


class CompanyPatch(MergePatch):
    """Changes of a company. Lists are replaced whole; null empties a field."""

    name: Annotated[str | None, Field(examples=["ООО «Ромашка»"])] = None
    numbers: Numbers = None
    address: str | None = None
    site: str | None = None
    emails: list[str] | None = None
    external: ExternalChanges | None = None


class CompanyContactsQuery(PageQuery):
    """Which page of a company's contacts, and in which order."""

    sort: Sort | None = None


def _answer(company: Company, external: dict[str, str]) -> CompanyAnswer:
    return CompanyAnswer.model_validate(company_json(company) | {"external": external})


def _changes(body: CompanyBody | CompanyPatch, company_id: int = 0, version: int | None = None) -> book.EditCompany:
    """Return what a body names, as the service takes it."""
    given: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set - {"external"}}
    empty: dict[str, Any] = {"numbers": (), "emails": ()}
    values = {name: empty.get(name, "") if value is None else value for name, value in given.items()}
    return book.EditCompany(company_id=company_id, version=version, external=body.external or {}, **values)


async def _saved(context: Context, company: Company, status: HTTPStatus | None = None) -> Reply[CompanyAnswer]:
    external = await book.external_of(context.services.workspace, [company])
    headers = etag(company.version)
    if status is HTTPStatus.CREATED:
        headers["Location"] = f"{COMPANIES}/{company.id}"
    return Reply(_answer(company, dict(external.get(company.id, {}))), status, headers)


@resource.operation("GET", COMPANIES, scope="contacts:read")
async def list_companies(context: Context, query: CompaniesQuery) -> Reply[CompaniesAnswer]:
    """List companies by name."""
    found = await book.find(context.services.workspace, context.actor, query.wanted)
    external = await book.external_of(context.services.workspace, found.companies)
    page = CompaniesAnswer(
        items=tuple(_answer(each, dict(external.get(each.id, {}))) for each in found.companies),
        total=found.total,
        total_is_exact=not found.more,
        next=found.after or None,
        seq=found.seq,
    )
    return Reply(page, headers=link_to_next(context.request, found.after))


async def _check_new(context: Context, body: CompanyBody, *_path: object) -> None:
    asked = _changes(body)
    book.check(context.services.workspace, asked if asked.name is not None else book.nameless(asked))


async def _check_changes(context: Context, body: CompanyPatch, *_path: object) -> None:
    book.check(context.services.workspace, _changes(body))


async def _made(context: Context, company_id: int) -> Reply[CompanyAnswer]:
    company = await book.get(context.services.workspace, context.actor, company_id)
    return await _saved(context, company, HTTPStatus.CREATED)


@resource.operation(
    "POST",
    COMPANIES,
    scope="contacts:write",
    status=HTTPStatus.CREATED,
    problems={HTTPStatus.CONFLICT: "There is a company of this name already."},
    manners=Manners(check=_check_new, show=_made),
)
async def add_company(
    context: Context, query: ActingQuery, headers: RepeatableHeaders, body: CompanyBody
) -> Reply[CompanyAnswer]:
    """Add a company."""
    del query, headers
    company = await book.create(context.services.workspace, context.actor, _changes(body))
    return await _saved(context, company, HTTPStatus.CREATED)


async def _version_by_external(context: Context, path: ExternalPath) -> int:
    known = await book.find_external(context.services.workspace, read_external(f"{path.system}:{path.key}"))
    return (await book.get(context.services.workspace, context.actor, known)).version if known else 0


@resource.operation(
    "PUT",
    COMPANIES + "/by-external/{system}/{key}",
    scope="contacts:write",
    status=(HTTPStatus.OK, HTTPStatus.CREATED),
    problems={HTTPStatus.CONFLICT: "Another company has this name."},
    manners=Manners(_version_by_external, "honoured", _check_changes),
)
async def save_company_by_external(
    context: Context, path: ExternalPath, query: ActingQuery, body: CompanyBody
) -> Reply[CompanyAnswer]:
    """Add the company that a program calls so, or change it: what the body doesn't name stays."""
    del query
    called = read_external(f"{path.system}:{path.key}")
    asked = _changes(body, version=context.pinned)
    company, added = await book.save_external(context.services.workspace, context.actor, called, asked)
    return await _saved(context, company, HTTPStatus.CREATED if added else None)


@resource.operation("GET", ONE, scope="contacts:read")
async def show_company(context: Context, path: CompanyPath) -> Reply[CompanyAnswer]:
    """Show a company."""
    return await _saved(context, await book.get(context.services.workspace, context.actor, path.id))


async def _version(context: Context, path: CompanyPath) -> int:
    return (await book.get(context.services.workspace, context.actor, path.id)).version


@resource.operation(
    "PATCH",
    ONE,
    scope="contacts:write",
    problems={HTTPStatus.CONFLICT: "Another company has this name."},
    manners=Manners(_version, "needed", _check_changes),
)
async def change_company(
    context: Context, path: CompanyPath, query: ActingQuery, body: CompanyPatch
) -> Reply[CompanyAnswer]:
    """Change a company: what the body doesn't name stays. A new name is that of all its contacts."""
    del query
    asked = _changes(body, path.id, context.pinned)
    return await _saved(context, await book.edit(context.services.workspace, context.actor, asked))


@resource.operation(
    "DELETE",
    ONE,
    scope="contacts:write",
    status=HTTPStatus.NO_CONTENT,
    problems={HTTPStatus.CONFLICT: "The company has contacts."},
    manners=Manners(_version, "honoured"),
)
async def delete_company(context: Context, path: CompanyPath) -> None:
    """Delete a company that has no contacts. Administrators only."""
    await book.delete(context.services.workspace, context.actor, path.id, leave_contacts=False)


@resource.operation("GET", ONE + "/contacts", scope="contacts:read")
async def list_contacts_of_company(
    context: Context, path: CompanyPath, query: CompanyContactsQuery
) -> Reply[ContactsAnswer]:
    """List the contacts of a company."""
    workspace = context.services.workspace
    company = await book.get(workspace, context.actor, path.id)
    wanted = people.FindContacts(company_id=company.id, **order_of(query.sort), limit=query.limit, after=query.after)
    return await contacts_page(context, await people.find(workspace, context.actor, wanted))
