"""`pbxd calls gaps`, and the gaps among the calls of a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pbxd.cli.groups import command
from pbxd.cli.options import LIMIT, OFFSET, json_option, option, takes
from pbxd.cli.output import print_json, print_table
from pbxd.cli.session import Session
from pbxd.exchange.call_columns import time_text
from pbxd.i18n import N_, _
from pbxd.services import gaps as history

Row = dict[str, Any]


@command("gaps", about=N_("List the times for which calls may be missing, newest first."))
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


def calls_and_gaps(found: Sequence[Row], gaps: Sequence[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield calls and gaps, newest first by when they began: (call, None) or (None, gap)."""
    rest = list(gaps)
    for call in found:
        while rest and rest[0]["from"] > call["started"]:
            yield None, rest.pop(0)
        yield call, None
    for gap in rest:
        yield None, gap


def gap_text(gap: Row) -> str:
    """Describe a gap: until when, why, and what was filled."""
    parts = [_("until {time}").format(time=time_text(gap["to"])), _why(gap["why"])]
    if gap["calls"] is not None:
        parts.append(_("calls missing: {count}").format(count=gap["calls"]))
    if gap["filled"]:
        parts.append(_filled(gap))
    return ", ".join(parts)


def _cells(gap: Row) -> list[str]:
    missing = "" if gap["calls"] is None else str(gap["calls"])
    return [time_text(gap["from"]), time_text(gap["to"]), _why(gap["why"]), missing, _filled(gap), str(gap["id"])]


def _filled(gap: Row) -> str:
    if not gap["filled"]:
        return ""
    return _("filled from {source}: {count}").format(source=gap["filled_from"].upper(), count=gap["filled_calls"])


def _why(why: str) -> str:
    return {
        "link": _("no connection to the PBX"),
        "restart": _("the PBX was down"),
        "pbxd": _("pbxd was not running"),
        "overflow": _("pbxd could not keep up with the PBX's events"),
        "storage": _("the database was unavailable for too long"),
    }[why]
