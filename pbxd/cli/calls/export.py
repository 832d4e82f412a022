"""`pbxd calls export`: the history as a table for spreadsheets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pbxd.cli.calls import formats
from pbxd.cli.calls.filters import filters
from pbxd.cli.command import N_, Command, Session, json_option, pass_session, run
from pbxd.cli.output import print_json, print_line
from pbxd.exchange import call_tables
from pbxd.i18n import _
from pbxd.numbers import rules_from
from pbxd.services.call_filters import CallsAsked
from pbxd.services.call_history import CallHistory


@click.command(
    "export",
    cls=Command,
    help=N_("Write calls to a .xlsx or .csv file, newest first; local times, lengths in seconds."),
)
@click.argument("file", type=click.Path(path_type=Path), metavar="OUT.xlsx|OUT.csv")
@filters
@json_option
@pass_session
def export(session: Session, /, file: Path, as_json: bool, **asked: Any) -> None:  # noqa: FBT001, ANN401 - click passes options so
    """Export calls."""
    rules = rules_from(session.settings)
    wanted = CallsAsked(**asked)

    async def work() -> int:
        async with await session.database() as database:
            calls = await CallHistory(database, rules).every(wanted)
            rows = ([_cells(call) for call in portion] async for portion in calls)
            return await call_tables.write(file, _heads(), rows)

    count = run(work())
    if as_json:
        print_json({"calls": count, "file": str(file)})
    else:
        print_line(_("calls: {count}, written to {file}").format(count=count, file=file))


def _heads() -> list[str]:
    sides = [
        [_("Caller"), _("Caller's name"), _("Caller's company"), _("Caller's extension")],
        [_("Callee"), _("Callee's name"), _("Callee's company"), _("Callee's extension")],
    ]
    before = [_("Started"), _("Direction")]
    after = [_("Queue"), _("Outcome"), _("Answered by"), _("Wait"), _("Ring"), _("Talk"), _("Hold"), _("Id")]
    return [*before, *sides[0], *sides[1], *after]


def _cells(call: dict[str, Any]) -> list[str | float]:
    sides = [
        call[side][key] or "" for side in ("caller", "callee") for key in ("number", "name", "company", "extension")
    ]
    outcome, by = formats.outcome(call["outcome"]), ", ".join(call["answered_by"])
    lengths = [call[f"{part}_seconds"] for part in ("wait", "ring", "talk", "hold")]
    began = formats.at(call["started"])
    return [
        began,
        formats.direction(call["direction"]),
        *sides,
        call["queue"] or "",
        outcome,
        by,
        *lengths,
        call["id"],
    ]
