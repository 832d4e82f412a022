"""`pbxd calls export`: the history as a table for spreadsheets."""

from __future__ import annotations

from pbxd.cli.calls.filters import filters
from pbxd.cli.groups import command
from pbxd.cli.options import FILE, argument, json_option, takes
from pbxd.cli.progress import progress
from pbxd.cli.session import Session
from pbxd.i18n import _
from pbxd.services.files import exports


@command("export")
@argument("file", type=FILE, metavar="OUT.xlsx|OUT.csv")
@filters
@json_option
@takes(exports.ExportCalls)
def export(session: Session, asked: exports.ExportCalls) -> None:
    """Export calls."""
    with progress(_("export")) as report:
        count = session.ask(exports.export_calls, asked, progress=report)
    line = _("calls: {count}, written to {file}").format(count=count, file=asked.file)
    session.report({"calls": count, "file": str(asked.file)}, line)
