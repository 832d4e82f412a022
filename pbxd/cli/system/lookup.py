"""`pbxd lookup`: what the PBX would be told about a number, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pbxd.cli.calls.formats import print_last_calls
from pbxd.cli.groups import command
from pbxd.cli.options import acting_option, argument, flag, json_option, takes
from pbxd.cli.output import mark, print_card, print_json, print_line
from pbxd.cli.session import Session
from pbxd.i18n import N_, _
from pbxd.lookup.answers import match_json
from pbxd.lookup.matching import Match, Rival, phone_text
from pbxd.services.lookups import LookUp, look_up, rule_text, status_text


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `lookup`."""

    number: str
    explain: bool
    calls: bool


@command("lookup", about=N_("Show who has a number, as the PBX would get it. The daemon need not run."))
@argument("number")
@flag("--explain", about=N_("Also show how the number was read, and which other cards have it."))
@flag("--calls", about=N_("Also show the last five calls with it."))
@acting_option("--for", about=N_("Use this employee's personal contacts too."))
@json_option
@takes(Options)
def lookup(session: Session, asked: Options) -> None:
    """Look a number up in the database."""
    found = session.ask(look_up, LookUp(number=asked.number, last_calls=asked.calls))
    match = found.match
    if session.as_json:
        last_calls = {"last_calls": found.last_calls} if asked.calls else {}
        print_json(match_json(match, explain=asked.explain) | last_calls)
        return
    print_card(_lines(match, found.manager_name))
    if asked.explain:
        read = f"{rule_text(match.rule)} ({match.rule})"
        print_card([(_("On the phone"), phone_text(match)), (_("Read by the rule"), read)])
        for rival in match.rivals:
            print_line(_("also: {card}").format(card=_rival(rival)))
    print_last_calls(found.last_calls)


def _lines(match: Match, manager_name: str) -> Iterable[tuple[str, str]]:
    yield _("Status"), status_text(match.status)
    yield _("Number"), match.number or ""
    yield _("Name"), match.name
    yield _("Company"), match.company
    yield _("Contact"), str(match.contact or "")
    yield _("Employee"), match.employee
    yield _("VIP"), mark(match.vip)
    yield _("Manager"), f"{match.manager} {manager_name}".strip()


def _rival(rival: Rival) -> str:
    kinds = {"contact": _("contact"), "company": _("company"), "employee": _("employee")}
    company = f", {rival.company}" if rival.company and rival.company != rival.name else ""
    return f"{kinds[rival.kind]} {rival.key}: {rival.name}{company}"
