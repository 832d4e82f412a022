"""`pbxd lookup`: what the PBX would be told about a number, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from pbxd.actor import Actor
from pbxd.cli.calls.formats import print_last_calls
from pbxd.cli.command import ACTOR, N_, Command, Session, argument, flag, json_option, option, pass_session, run
from pbxd.cli.output import mark, print_card, print_json, print_line
from pbxd.i18n import _
from pbxd.lookup.answers import match_json
from pbxd.lookup.matching import Match, Rival, phone_text
from pbxd.numbers import parse, rules_from
from pbxd.services.call_history import CallHistory
from pbxd.services.caller_naming import name_from_database


@click.command("lookup", cls=Command, help=N_("Say whose number it is, as the PBX would be told."))
@argument("number")
@flag("--explain", help=N_("Also how the number was read, and which other cards have it."))
@flag("--calls", help=N_("Also the last five calls with it."))
@option("--for", "actor", type=ACTOR, default="", metavar="EXT", help=N_("Use this employee's personal contacts too."))
@json_option
@pass_session
def lookup(session: Session, /, number: str, actor: Actor, as_json: bool, **flags: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Look a number up in the database; the daemon need not run."""
    rules = rules_from(session.settings)
    parsed = parse(number, rules)
    explain = flags["explain"]

    async def work() -> tuple[Match, list[dict[str, Any]]]:
        async with await session.database() as database:
            caller = await name_from_database(database, rules, number, actor, inside=True)
            asked = flags["calls"] and parsed.kind == "e164"
            return caller.match, await CallHistory(database, rules).last(parsed.value, actor) if asked else []

    match, last = run(work())
    if as_json:
        print_json(match_json(match, explain=explain) | ({"last_calls": last} if flags["calls"] else {}))
        return
    print_card(_lines(match))
    if explain:
        print_card([(_("On the phone"), phone_text(match)), (_("Read by the rule"), match.rule)])
        for rival in match.rivals:
            print_line(_("also: {card}").format(card=_rival(rival)))
    print_last_calls(last)


def _lines(match: Match) -> Iterable[tuple[str, str]]:
    yield _("Status"), match.status
    yield _("Number"), match.number or ""
    yield _("Name"), match.name
    yield _("Company"), match.company
    yield _("Contact"), str(match.contact or "")
    yield _("Employee"), match.employee
    yield _("VIP"), mark(match.vip)
    yield _("Manager"), match.manager


def _rival(rival: Rival) -> str:
    kinds = {"contact": _("contact"), "company": _("company"), "employee": _("employee")}
    company = f", {rival.company}" if rival.company and rival.company != rival.name else ""
    return f"{kinds[rival.kind]} {rival.key}: {rival.name}{company}"
