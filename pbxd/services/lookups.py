"""Who has a number: the answer the PBX would get, read from the database without the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pbxd.actor import Actor
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.lookup.matching import Match
from pbxd.numbers import parse
from pbxd.services.call_history import Call, last_calls
from pbxd.services.calls.caller_naming import name_from_database
from pbxd.services.workspace import Workspace
from pbxd.storage.book.employees import Employees


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """A number to look up."""

    number: str  # in any notation
    last_calls: bool = False  # the last calls with it are wanted too


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What was found, with the last calls in their public form."""

    match: Match
    last_calls: Sequence[Call]
    manager_name: str  # of the responsible employee, where known


async def look_up(workspace: Workspace, actor: Actor, asked: LookUp) -> LookedUp:
    """Look a number up; the actor's personal contacts count too."""
    match = (await name_from_database(workspace, actor, asked.number, inside=True)).match
    parsed = parse(asked.number, workspace.rules)
    wanted = asked.last_calls and parsed.kind == "e164"
    calls = await last_calls(workspace, actor, parsed.value) if wanted else []
    return LookedUp(match, calls, await _name_of(workspace, match.manager) if match.manager else "")


async def _name_of(workspace: Workspace, extension: str) -> str:
    try:
        return (await Employees(workspace.database).get(extension)).name
    except NotFoundError:  # known by extension only
        return ""


def rule_text(rule: str) -> str:
    """Return why a number was read so, for people; a rule without a text by its own word."""
    kind, _dash, prefix = rule.partition("-")
    if prefix.isdecimal() and kind == "national":
        return _("it is a number of this country that begins with {prefix}").format(prefix=prefix)
    if prefix.isdecimal() and kind == "international":
        return _("it has a country code behind {prefix}, the prefix of calls abroad").format(prefix=prefix)
    return {
        "too-long": _("the text is too long for a number"),
        "control-characters": _("the text has control characters"),
        "anonymous": _("the text says that the number is withheld"),
        "empty": _("there is no number"),
        "internal": _("it matches the pattern of extensions"),
        "e164": _("it has a country code"),
        "national": _("it is a number of this country"),
        "missing-plus": _("it has a country code without the plus"),
        "area-code": _("it is a local number; the area code was put before it"),
        "not-a-number": _("it is no phone number"),
        "other-country": _("such numbers exist only in another country"),
        "impossible": _("no numbering plan has such a number"),
    }.get(rule, rule)


def status_text(status: str) -> str:
    """Return what a look-up found, for people; a status without a text by its own word."""
    return {
        "found": _("found"),
        "shared": _("several contacts have the number"),
        "company": _("a company's number"),
        "employee": _("an employee's number"),
        "unknown": _("unknown number"),
        "withheld": _("the number is withheld"),
        "unreadable": _("the number can't be read"),
        "error": _("the book can't be read now"),
    }.get(status, status)
