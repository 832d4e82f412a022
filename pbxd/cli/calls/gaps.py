"""`pbxd calls gaps`."""

from __future__ import annotations

from pbxd.cli.groups import command
from pbxd.cli.options import LIMIT, OFFSET, json_option, option, takes
from pbxd.cli.output import print_json, print_table
from pbxd.cli.session import Session
from pbxd.exchange.call_columns import time_text
from pbxd.i18n import N_, _
from pbxd.services.calls import gaps as history
from pbxd.services.calls.gap_texts import Row, filled_text, why_text


@command("gaps")
@option("--limit", type=LIMIT, default=1000, show_default=True, about=N_("Show at most this many."))
@option("--offset", type=OFFSET, default=0, about=N_("Skip this many."))
@json_option
@takes(history.FindGaps)
def gaps(session: Session, asked: history.FindGaps) -> None:
    """List gaps."""
    found = session.ask(history.find, asked)
    rows = [gap.to_json() for gap in found.gaps]
    if session.as_json:
        print_json({"total": found.total, "items": rows})
        return
    heads = [_("From"), _("To"), _("Why"), _("Calls missing"), _("Filled"), _("Id")]
    last = asked.offset + len(rows)
    following = _("next page: --offset {last}").format(last=last) if rows and last < found.total else ""
    print_table(heads, map(_cells, rows), _("total: {total}").format(total=found.total), following)


def _cells(gap: Row) -> list[str]:
    missing = "" if gap["calls"] is None else str(gap["calls"])
    return [
        time_text(gap["from"]),
        time_text(gap["to"]),
        why_text(gap["why"]),
        missing,
        filled_text(gap),
        str(gap["id"]),
    ]
