"""`pbxd companies`: companies, whose own numbers name a call when no contact does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from pbxd.book import Company
from pbxd.cli.command import N_, Group, Session, json_option, option, pass_session, run
from pbxd.cli.numbering import company_number
from pbxd.cli.output import print_card, print_json, print_table
from pbxd.i18n import _
from pbxd.numbers import NumberRules, display, rules_from
from pbxd.storage.companies import Companies


@click.group("companies", cls=Group, help=N_("Companies and their own numbers."))
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
            book = Companies(database)
            company = await book.get_or_create(name)
            return await book.set_numbers(company.id, [*company.numbers, *added])

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
        print_json({"total": total, "items": [_json(company) for company in found]})
        return
    rows = ([str(company.id), company.name, ", ".join(map(display, company.numbers))] for company in found)
    print_table([_("Id"), _("Company"), _("Numbers")], rows, _("total: {total}").format(total=total))


@companies.command("show", help=N_("Show a company."))
@click.argument("company_id", type=int, metavar="ID")
@json_option
@pass_session
def show(session: Session, company_id: int, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show a company."""

    async def work() -> Company:
        async with await session.database() as database:
            return await Companies(database).get(company_id)

    _show(run(work()), as_json=as_json)


@companies.command("edit", help=N_("Change a company's numbers."))
@click.argument("company_id", type=int, metavar="ID")
@option("--add-number", "added", multiple=True, help=N_("Add a number; may be repeated."))
@option("--remove-number", "removed", multiple=True, help=N_("Remove a number; may be repeated."))
@json_option
@pass_session
def edit(session: Session, company_id: int, added: Sequence[str], removed: Sequence[str], as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Change a company's numbers."""
    rules = rules_from(session.settings)

    async def work() -> Company:
        async with await session.database() as database:
            book = Companies(database)
            company = await book.get(company_id)
            return await book.set_numbers(company_id, _changed(company.numbers, added, removed, rules))

    _show(run(work()), as_json=as_json)


def _changed(numbers: Sequence[str], added: Sequence[str], removed: Sequence[str], rules: NumberRules) -> list[str]:
    gone = {company_number(number, rules) for number in removed}
    return [*(number for number in numbers if number not in gone), *(company_number(each, rules) for each in added)]


def _show(company: Company, *, as_json: bool) -> None:
    if as_json:
        print_json(_json(company))
        return
    numbers = ", ".join(map(display, company.numbers))
    print_card([(_("Id"), str(company.id)), (_("Company"), company.name), (_("Numbers"), numbers)])


def _json(company: Company) -> dict[str, Any]:
    return {"id": company.id, "name": company.name, "numbers": list(company.numbers)}
