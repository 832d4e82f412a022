"""`pbxd calls`: the history, and captures made into one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pbxd.cli.calls import formats
from pbxd.cli.calls.filters import filters
from pbxd.cli.groups import Later, group
from pbxd.cli.options import FILE, LIMIT, OFFSET, actor_option, argument, json_option, option, takes
from pbxd.cli.output import print_card, print_json, print_table
from pbxd.cli.session import Session, pass_session
from pbxd.exchange.call_columns import time_text
from pbxd.i18n import N_, _
from pbxd.services import call_history
from pbxd.services.call_filters import FindCalls
from pbxd.services.calls.call_story import people, sentence
from pbxd.services.calls.gap_texts import calls_and_gaps, gap_text

Call = dict[str, Any]


@group("calls")
def calls() -> None:
    """Group the commands."""


calls.later.update(
    live=Later("calls.live", "live", N_("Show the calls under way.")),
    gaps=Later("calls.gaps", "gaps", N_("List the times for which calls may be missing, newest first.")),
    export=Later(
        "calls.export",
        "export",
        N_("Export calls to a .xlsx or .csv file, newest first, with local times and lengths in seconds."),
    ),
    fill=Later("calls.backfill", "fill", N_("Fill gaps from the PBX's own log (CEL).")),
    rebuild=Later("calls.backfill", "rebuild", N_("Compare a period with the PBX's own log (CEL), and correct it.")),
)


@calls.command("list", help=N_("List calls, newest first."))
@option("--limit", type=LIMIT, default=50, show_default=True, about=N_("Show at most this many."))
@option("--offset", type=OFFSET, default=0, about=N_("Skip this many."))
@option("--before", default="", metavar="ID", about=N_("Continue after this call, the last one of the previous page."))
@filters
@json_option
@takes(FindCalls)
def list_(session: Session, asked: FindCalls) -> None:
    """List calls."""
    page = session.ask(call_history.find, asked)
    if session.as_json:
        print_json(page.to_json())
        return
    total = _("total: {total}") if page.total_is_exact else _("total: more than {total}")
    among = calls_and_gaps(page.items, page.gaps)
    rows = (formats.cells(call) if call else _gap_cells(gap or {}) for call, gap in among)
    more = _("{shown} of {total} gaps are shown; all of them: pbxd calls gaps")
    gaps_line = more.format(shown=len(page.gaps), total=page.gaps_total) if page.gaps_total > len(page.gaps) else ""
    rest = page.items and (page.total > asked.offset + len(page.items)) and not asked.before
    following = _("next page: --before {id}").format(id=page.items[-1]["id"]) if rest else ""
    print_table(formats.heads(), rows, total.format(total=page.total), following, gaps_line)


@calls.command("show", help=N_("Show a call and what happened in it."))
@argument("call_id", metavar="ID")
@actor_option
@json_option
@pass_session
def show(session: Session, call_id: str) -> None:
    """Show a call."""
    call = session.ask(call_history.show, call_id)
    if session.as_json:
        print_json(call)
        return
    print_card(formats.lines(call))
    names = people(call)
    steps = ([time_text(step["at"]), sentence(step, names)] for step in call["story"])
    print_table([_("At"), _("What happened")], steps, whole=True)


@calls.command(
    "replay", help=N_("Make call records from a captured AMI stream, one JSON object a line, without a database.")
)
@argument("capture", type=FILE)
@json_option
@pass_session
def replay(session: Session, capture: Path) -> None:
    """Replay a capture; JSON is the only form there is."""
    from pbxd.history.replay import replay as records_of  # noqa: PLC0415 - the tracker and all it needs, for this alone

    for record in records_of(capture, session.settings):
        print_json(record.to_json())


def _gap_cells(gap: Call) -> list[str]:
    return [time_text(gap["from"]), _("gap"), gap_text(gap), "", "", "", "", "", ""]
