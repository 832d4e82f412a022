"""`pbxd audit`: who did what, from where, and what was refused."""

from __future__ import annotations

from typing import get_args

import click

from pbxd.cli.groups import group
from pbxd.cli.options import LIMIT, json_option, option, takes
from pbxd.cli.output import print_json, print_table
from pbxd.cli.session import Session
from pbxd.i18n import N_, _, local_time
from pbxd.services.access import audit as log
from pbxd.storage.access.audit import AuditRow, Result


@group("audit")
def audit() -> None:
    """Group the commands."""


@audit.command("list", help=N_("List who did what and what was refused, newest first."))
@option("--from", "since", default="", metavar="DATE", about=N_("From this day or time on."))
@option("--to", "until", default="", metavar="DATE", about=N_("Until the end of this day, or before this time."))
@option("--source", default="", about=N_("Only from this source, or one that begins with these words: “token 3”."))
@option("--action", default="", about=N_("Only this command, or operation of the API."))
@option("--result", type=click.Choice(get_args(Result)), about=N_("Only what was done, or what was refused."))
@option("--limit", type=LIMIT, default=50, show_default=True, about=N_("Show at most this many."))
@json_option
@takes(log.FindDeeds)
def list_(session: Session, asked: log.FindDeeds) -> None:
    """List rows of the log."""
    rows = session.ask(log.find, asked)
    if session.as_json:
        print_json({"items": [row.to_json() for row in rows]})
        return
    heads = [_("At"), _("Who"), _("From where"), _("What"), _("Subject"), _("Result")]
    print_table(heads, map(_cells, rows))


def _cells(row: AuditRow) -> list[str]:
    deed = row.deed
    who = ", ".join(filter(None, [" ".join(filter(None, [deed.extension, row.employee_name])), deed.source]))
    done = _("carried out") if deed.result == "done" else _("refused: {reason}").format(reason=deed.reason)
    return [local_time(row.at), who, deed.address, deed.action, deed.subject, done]
