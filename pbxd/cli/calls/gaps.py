"""`pbxd calls gaps`, and the gaps among the calls of a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from pbxd.cli.command import LIMIT, N_, OFFSET, Command, Session, json_option, option, pass_session, run
from pbxd.cli.output import local_time, print_json, print_table
from pbxd.i18n import _
from pbxd.numbers import rules_from
from pbxd.services.call_history import CallHistory

Row = dict[str, Any]


@click.command("gaps", cls=Command, help=N_("List the times of which the history may lack calls, newest first."))
@option("--limit", type=LIMIT, default=1000, show_default=True, help=N_("At most so many."))
@option("--offset", type=OFFSET, default=0, help=N_("Leave out so many first."))
@json_option
@pass_session
def gaps(session: Session, limit: int, offset: int, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """List gaps."""

    async def work() -> tuple[int, list[Row]]:
        async with await session.database() as database:
            return await CallHistory(database, rules_from(session.settings)).gaps(limit=limit, offset=offset)

    total, found = run(work())
    if as_json:
        print_json({"total": total, "items": found})
        return
    heads = [_("From"), _("To"), _("Why"), _("Calls missing"), _("Filled"), _("Id")]
    print_table(heads, map(_cells, found), _("total: {total}").format(total=total))


def told_among(found: Sequence[Row], gaps: Sequence[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield calls and gaps, newest first by when they began: (call, None) or (None, gap)."""
    rest = list(gaps)
    for call in found:
        while rest and rest[0]["from"] > call["started"]:
            yield None, rest.pop(0)
        yield call, None
    for gap in rest:
        yield None, gap


def told_gap(gap: Row) -> str:
    """Say what a gap is: until when, why, and what became of it."""
    parts = [_("until {time}").format(time=_at(gap["to"])), _why(gap["why"])]
    if gap["calls"] is not None:
        parts.append(_("calls missing: {count}").format(count=gap["calls"]))
    if gap["filled"]:
        parts.append(_filled(gap))
    return ", ".join(parts)


def _cells(gap: Row) -> list[str]:
    missing = "" if gap["calls"] is None else str(gap["calls"])
    return [_at(gap["from"]), _at(gap["to"]), _why(gap["why"]), missing, _filled(gap), str(gap["id"])]


def _filled(gap: Row) -> str:
    if not gap["filled"]:
        return ""
    return _("filled from {source}: {count}").format(source=gap["filled_from"].upper(), count=gap["filled_calls"])


def _why(why: str) -> str:
    return {
        "link": _("the PBX could not be heard"),
        "restart": _("the PBX was away"),
        "pbxd": _("pbxd was away"),
        "overflow": _("the PBX told faster than pbxd followed"),
        "storage": _("the database was away too long"),
    }[why]


def _at(instant: str) -> str:
    return local_time(datetime.fromisoformat(instant))
