"""`pbxd calls`: the history, and captures made into one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import click

from pbxd.calls.record import PARTS, Direction, Outcome
from pbxd.cli.command import LIMIT, N_, OFFSET, Group, Session, argument, json_option, option, pass_session, run
from pbxd.cli.filling import fill, rebuild
from pbxd.cli.gaps import gaps, gaps_beside, told_among, told_gap
from pbxd.cli.output import length, local_time, print_card, print_json, print_table
from pbxd.cli.story import people, sentence
from pbxd.directory.excerpt import calls_of, excerpt, name_calls, nameless_numbers
from pbxd.directory.matching import Match
from pbxd.i18n import _
from pbxd.numbers import NumberRules, display, parse, rules_from
from pbxd.storage.calls import CallFilter, Calls
from pbxd.storage.database import Database

Call = dict[str, Any]


@click.group("calls", cls=Group, help=N_("The history of calls."))
def calls() -> None:
    """Group the commands."""


calls.add_command(gaps)
calls.add_command(fill)
calls.add_command(rebuild)


@calls.command("list", help=N_("List calls, newest first."))
@option("--limit", type=LIMIT, default=50, show_default=True, help=N_("At most so many."))
@option("--offset", type=OFFSET, default=0, help=N_("Leave out so many first."))
@option("--direction", type=click.Choice(get_args(Direction)), help=N_("Only calls of this direction."))
@option("--outcome", type=click.Choice(get_args(Outcome)), help=N_("Only calls that ended so."))
@option("--agent", default="", metavar="EXT", help=N_("In which this employee took part."))
@option("--client", default="", help=N_("With this number, or contact (id or whole name)."))
@json_option
@pass_session
def list_(session: Session, /, client: str, limit: int, offset: int, as_json: bool, **wanted: Any) -> None:  # noqa: FBT001, ANN401 - click passes options so
    """List calls."""
    rules = rules_from(session.settings)

    async def work() -> tuple[int, list[Call], list[dict[str, Any]]]:
        async with await session.database() as database:
            chosen = await calls_of(database, client, rules) if client else CallFilter()
            chosen = replace(chosen, **wanted)
            total, found = await Calls(database).list(chosen, limit=limit, offset=offset)
            await _name(database, found, rules)
            return total, found, await gaps_beside(database, found, chosen, offset=offset, total=total)

    total, found, unheard = run(work())
    if as_json:
        print_json({"total": total, "items": found, "gaps": unheard})
        return
    heads = [
        _("Started"),
        _("Direction"),
        _("Caller"),
        _("Callee"),
        _("Queue"),
        _("Outcome"),
        _("Wait"),
        _("Talk"),
        _("Id"),
    ]
    rows = (_cells(call) if call else _gap_cells(gap or {}) for call, gap in told_among(found, unheard))
    print_table(heads, rows, _("total: {total}").format(total=total))


@calls.command("show", help=N_("Show a call with its story."))
@argument("call_id", metavar="ID")
@json_option
@pass_session
def show(session: Session, call_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show a call."""
    rules = rules_from(session.settings)

    async def work() -> Call:
        async with await session.database() as database:
            call = await Calls(database).get(call_id)
            await _name(database, [call], rules)
            return call

    call = run(work())
    if as_json:
        print_json(call)
        return
    print_card(_lines(call))
    names = people(call)
    print_table([_("At"), _("What happened")], ([_at(step["at"]), sentence(step, names)] for step in call["story"]))


@calls.command("replay", help=N_("Make records from a raw AMI stream; no database is needed. One JSON object a line."))
@click.argument("capture", type=click.Path(path_type=Path))
@json_option
@pass_session
def replay(session: Session, capture: Path, as_json: bool) -> None:  # noqa: ARG001, FBT001 - JSON is the only form there is
    """Replay a capture."""
    from pbxd.recording import replay as records_of  # noqa: PLC0415 - the tracker and all it needs, for this alone

    for record in records_of(capture, session.settings):
        print_json(record.to_json())


async def _name(database: Database, found: list[Call], rules: NumberRules) -> None:
    book = await excerpt(database, nameless_numbers(found))

    def lookup(number: str) -> Match:
        return book.lookup(parse(number, rules))

    name_calls(found, lookup)


def _gap_cells(gap: dict[str, Any]) -> list[str]:
    return [_at(gap["from"]), _("not heard"), told_gap(gap), "", "", "", "", "", ""]


def _cells(call: Call) -> list[str]:
    return [
        _at(call["started"]),
        _direction(call["direction"]),
        _party(call["caller"]),
        _party(call["callee"]),
        call["queue"] or "",
        _outcome(call["outcome"]),
        length(call["wait_seconds"] + call["ring_seconds"]),
        length(call["talk_seconds"]),
        call["id"],
    ]


def _lines(call: Call) -> Iterable[tuple[str, str]]:
    yield _("Id"), call["id"]
    yield _("Direction"), _direction(call["direction"])
    yield _("Origin"), call["origin"]
    yield _("Caller"), _party(call["caller"])
    yield _("Callee"), _party(call["callee"])
    yield _("Queues"), ", ".join(call["queues"])
    yield _("Started"), _at(call["started"])
    yield _("Answered"), _at(call["answered"])
    yield _("Ended"), _at(call["ended"])
    yield _("Answered by"), ", ".join(call["answered_by"])
    for agent in call["agents"]:
        times = _("rang {ring}, talked {talk}").format(
            ring=length(agent["ring_seconds"]), talk=length(agent["talk_seconds"])
        )
        yield _("Employee {extension}").format(extension=agent["extension"]), times
    for recording in call["recordings"]:
        yield _("Recording"), recording
    yield _("Outcome"), _outcome(call["outcome"])
    yield _("Cause"), str(call["cause"] or "")
    names = {
        "menu": _("Menu"),
        "wait": _("Wait"),
        "ring": _("Ring"),
        "talk": _("Talk"),
        "hold": _("Hold"),
        "voicemail": _("Voicemail"),
    }
    for part in PARTS:
        if call[f"{part}_seconds"]:
            yield names[part], length(call[f"{part}_seconds"])
    for gap in call["gaps"]:
        yield _("Not heard"), f"{_at(gap['from'])} – {_at(gap['to'])}"


def _party(party: dict[str, Any]) -> str:
    number = party["number"] or ""
    shown = party["extension"] or (display(number) if number.startswith("+") else number)
    if not party["name"]:
        return shown
    company = party["company"]
    name = f"{party['name']}, {company}" if company and company not in party["name"] else party["name"]
    return f"{name} {shown}".rstrip()


def _direction(direction: str) -> str:
    return {"incoming": _("incoming"), "outgoing": _("outgoing"), "internal": _("internal")}[direction]


def _outcome(outcome: str | None) -> str:
    if outcome is None:
        return _("in progress")
    return {
        "answered": _("answered"),
        "voicemail": _("voicemail"),
        "abandoned": _("abandoned"),
        "missed": _("missed"),
        "busy": _("busy"),
        "no-answer": _("no answer"),
        "rejected": _("rejected"),
        "failed": _("failed"),
        "cancelled": _("cancelled"),
    }[outcome]


def _at(instant: str | None) -> str:
    return local_time(datetime.fromisoformat(instant)) if instant else ""
