"""`pbxd audit`: who did what, from where, and what was refused."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import click

from pbxd.cli.groups import group
from pbxd.cli.listing import Listing, page_length, print_all, print_newest
from pbxd.cli.options import ID, LIMIT, json_option, option, takes
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
@option(
    "--source",
    default="",
    about=N_("Only from this source, as --json has it, or one that begins with these words: 'token 3'."),
)
@option("--action", default="", about=N_("Only this command, or operation of the API."))
@option("--result", type=click.Choice(get_args(Result)), about=N_("Only what was done, or what was refused."))
@option("--before", type=ID, metavar="ID", about=N_("Continue after this row, the last one of the previous page."))
@option("--limit", type=LIMIT, about=N_("Show at most this many."))
@json_option
@takes(log.FindDeeds)
def list_(session: Session, asked: log.FindDeeds) -> None:
    """List rows of the log; without a limit a page on a terminal, otherwise all of them."""
    heads = [_("Id"), _("At"), _("Who"), _("From where"), _("What"), _("Subject"), _("Result")]
    listing = Listing(heads, _cells, AuditRow.to_json)
    limit = page_length(session, asked.limit)
    if limit is None:
        print_all(session, log.every, asked, listing)
        return
    rows = session.ask(log.find, replace(asked, limit=limit + 1))  # one more: are there more
    print_newest(session, rows, limit, listing, lambda row: row.id)


def _cells(row: AuditRow) -> list[str]:
    deed = row.deed
    person = " ".join(filter(None, [deed.extension, row.employee_name]))
    who = ", ".join(filter(None, [person, _source(deed.source)]))
    done = _("carried out") if deed.result == "done" else _("refused: {reason}").format(reason=deed.reason)
    return [str(row.id), local_time(row.at), who, deed.address, deed.action, deed.subject, done]


def _source(source: str) -> str:
    """Return a source, such as `cli` or `token 3 crm`, in words."""
    kind, _blank, name = source.partition(" ")
    texts = {
        "cli": _("command line"),
        "socket": _("socket"),
        "dialplan": _("dialplan"),
        "token": _("token {name}"),
        "user": _("user {name}"),
    }
    return texts[kind].format(name=name) if kind in texts else source
