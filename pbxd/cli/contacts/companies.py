"""`pbxd companies`: companies' cards; their own numbers name a call when no contact does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import click

from pbxd.actor import Actor
from pbxd.book.companies import Company, CompanyChanges, company_json
from pbxd.book.contacts import Contact
from pbxd.book.texts import folded
from pbxd.cli.command import N_, Group, Session, actor_option, json_option, option, pass_session, run
from pbxd.cli.output import print_card, print_json, print_table
from pbxd.i18n import _
from pbxd.numbers import NumberRules, display, rules_from
from pbxd.services.number_input import company_number
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.search.filters import ContactFilter

PEOPLE_SHOWN = 20


@click.group("companies", cls=Group, help=N_("Companies and what is their own."))
def companies() -> None:
    """Group the commands."""


@companies.command("add", help=N_("Add a company; one that is there gets the further numbers."))
@option("--name", required=True, help=N_("The company's name."))
@option("--number", "numbers", multiple=True, help=N_("A number of the company itself; may be repeated."))
@json_option
@pass_session
def add(session: Session, name: str, numbers: Sequence[str], as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Add a company or numbers to it."""
    rules = rules_from(session.settings)
    added = [company_number(number, rules) for number in numbers]

    async def work() -> Company:
        async with await session.database() as database:
            return await Companies(database).get_or_create(name, added)

    _show(run(work()), as_json=as_json)


@companies.command("list", help=N_("List companies by name."))
@option("--search", default="", help=N_("Words of the name."))
@json_option
@pass_session
def list_(session: Session, search: str, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """List companies."""

    async def work() -> tuple[int, list[Company]]:
        async with await session.database() as database:
            return await Companies(database).list(search)

    total, found = run(work())
    if as_json:
        print_json({"total": total, "items": [company_json(company) for company in found]})
        return
    rows = ([str(company.id), company.name, ", ".join(map(display, company.numbers))] for company in found)
    print_table([_("Id"), _("Company"), _("Numbers")], rows, _("total: {total}").format(total=total))


@companies.command("show", help=N_("Show a company and its people."))
@click.argument("company_id", type=int, metavar="ID")
@actor_option
@json_option
@pass_session
def show(session: Session, company_id: int, actor: Actor, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show a company."""

    async def work() -> tuple[Company, int, list[Contact]]:
        async with await session.database() as database:
            company = await Companies(database).get(company_id)
            wanted = ContactFilter(company=company.name)
            return company, *await Contacts(database).list(wanted, actor=actor, limit=PEOPLE_SHOWN)

    _show(*run(work()), as_json=as_json)


@companies.command("edit", help=N_("Change a company; what isn't named stays. An empty text clears a field."))
@click.argument("company_id", type=int, metavar="ID")
@option("--name", help=N_("The company's name."))
@option("--address", help=N_("Its address."))
@option("--site", help=N_("Its site on the web."))
@option("--add-number", "add_number", multiple=True, help=N_("Add a number; may be repeated."))
@option("--remove-number", "remove_number", multiple=True, help=N_("Remove a number; may be repeated."))
@option("--add-email", "add_email", multiple=True, help=N_("An e-mail address; may be repeated."))
@option("--remove-email", "remove_email", multiple=True, help=N_("Remove an e-mail address; may be repeated."))
@option("--version", type=int, help=N_("Refuse when the company isn't at this version any more."))
@json_option
@pass_session
def edit(session: Session, /, company_id: int, version: int | None, as_json: bool, **given: Any) -> None:  # noqa: FBT001, ANN401 - click passes options so
    """Change a company as it stands at that moment, so that no other edit gets lost."""
    rules = rules_from(session.settings)

    async def work() -> Company:
        async with await session.database() as database:
            return await Companies(database).edit(
                company_id, lambda company: _changes(company, given, rules), version=version
            )

    _show(run(work()), as_json=as_json)


def _changes(company: Company, given: Mapping[str, Any], rules: NumberRules) -> CompanyChanges:
    changed: dict[str, Any] = {key: given[key] for key in ("name", "address", "site") if given[key] is not None}
    added, removed = ([company_number(each, rules) for each in given[f"{way}_number"]] for way in ("add", "remove"))
    changed["numbers"] = tuple(number for number in (*company.numbers, *added) if number not in removed)
    gone = {folded(email) for email in given["remove_email"]}
    kept = (email for email in company.emails if folded(email) not in gone)
    changed["emails"] = (*kept, *given["add_email"])
    return cast("CompanyChanges", changed)


def _show(company: Company, total: int = 0, people: Sequence[Contact] = (), *, as_json: bool) -> None:
    if as_json:
        shown = [{"id": person.id, "name": person.name, "position": person.position} for person in people]
        print_json(company_json(company) | ({"contacts": {"total": total, "items": shown}} if total else {}))
        return
    lines = [(_("Id"), str(company.id)), (_("Company"), company.name), (_("Address"), company.address)]
    lines += [(_("Site"), company.site), (_("Numbers"), ", ".join(map(display, company.numbers)))]
    lines += [(_("E-mail"), ", ".join(company.emails)), (_("Version"), str(company.version))]
    lines += [(_("Contact"), f"{person.id}: {person.name}") for person in people]
    print_card([*lines, (_("Contacts"), str(total or ""))])
