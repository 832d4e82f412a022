"""`pbxd calls export`: the history as a table for spreadsheets."""

from __future__ import annotations

from pathlib import Path

import click

from pbxd.cli.calls.filters import filters
from pbxd.cli.groups import Command
from pbxd.cli.options import FILE, argument, json_option, takes
from pbxd.cli.session import Session
from pbxd.i18n import N_, _
from pbxd.services import exports
from pbxd.services.call_filters import FindCalls


def _request(*, file: Path, **wanted: object) -> tuple[Path, FindCalls]:
    return file, FindCalls(**wanted)  # type: ignore[arg-type]  # the options' types are those of its fields


@click.command(
    "export",
    cls=Command,
    help=N_("Export calls to a .xlsx or .csv file, newest first, with local times and lengths in seconds."),
)
@argument("file", type=FILE, metavar="OUT.xlsx|OUT.csv")
@filters
@json_option
@takes(_request)
def export(session: Session, asked: tuple[Path, FindCalls]) -> None:
    """Export calls."""
    file, wanted = asked
    count = session.ask(exports.export_calls, wanted, file)
    session.report(
        {"calls": count, "file": str(file)}, _("calls: {count}, written to {file}").format(count=count, file=file)
    )
