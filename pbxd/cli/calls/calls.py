"""`pbxd calls`: the history, and captures made into one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pbxd.actor import Actor
from pbxd.cli.calls import formats
from pbxd.cli.calls.backfill import fill, rebuild
from pbxd.cli.calls.export import export
from pbxd.cli.calls.filters import filters
from pbxd.cli.calls.gaps import gaps, told_among, told_gap
from pbxd.cli.calls.story import people, sentence
from pbxd.cli.command import (
    LIMIT,
    N_,
    OFFSET,
    Group,
    Session,
    actor_option,
    argument,
    json_option,
    option,
    pass_session,
    run,
)
from pbxd.cli.output import print_card, print_json, print_table
from pbxd.i18n import _
from pbxd.numbers import rules_from
from pbxd.services.call_filters import CallsAsked
from pbxd.services.call_history import CallHistory, CallPage

Call = dict[str, Any]


@click.group("calls", cls=Group, help=N_("The history of calls."))
def calls() -> None:
    """Group the commands."""


calls.add_command(gaps)
calls.add_command(fill)
calls.add_command(rebuild)
calls.add_command(export)


@calls.command("list", help=N_("List calls, newest first."))
@option("--limit", type=LIMIT, default=50, show_default=True, help=N_("At most so many."))
@option("--offset", type=OFFSET, default=0, help=N_("Leave out so many first."))
@option("--before", default="", metavar="ID", help=N_("Those after this one, the last of the page before."))
@filters
@json_option
@pass_session
def list_(session: Session, /, limit: int, offset: int, before: str, as_json: bool, **asked: Any) -> None:  # noqa: FBT001, ANN401 - click passes options so
    """List calls."""
    rules = rules_from(session.settings)
    wanted = CallsAsked(**asked)

    async def work() -> CallPage:
        async with await session.database() as database:
            return await CallHistory(database, rules).page(wanted, limit=limit, offset=offset, before=before)

    page = run(work())
    if as_json:
        print_json(page.to_json())
        return
    said = _("total: {total}") if page.total_is_exact else _("total: more than {total}")
    among = told_among(page.items, page.gaps)
    rows = (formats.cells(call) if call else _gap_cells(gap or {}) for call, gap in among)
    print_table(formats.heads(), rows, said.format(total=page.total))
    if page.gaps_total > len(page.gaps):
        told = _("{shown} of {total} gaps are shown; all of them: pbxd calls gaps")
        click.echo(told.format(shown=len(page.gaps), total=page.gaps_total))


@calls.command("show", help=N_("Show a call with its story."))
@argument("call_id", metavar="ID")
@actor_option
@json_option
@pass_session
def show(session: Session, call_id: str, actor: Actor, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show a call."""
    rules = rules_from(session.settings)

    async def work() -> Call:
        async with await session.database() as database:
            return await CallHistory(database, rules).call(call_id, actor)

    call = run(work())
    if as_json:
        print_json(call)
        return
    print_card(formats.lines(call))
    names = people(call)
    steps = ([formats.at(step["at"]), sentence(step, names)] for step in call["story"])
    print_table([_("At"), _("What happened")], steps)


@calls.command("replay", help=N_("Make records from a raw AMI stream; no database is needed. One JSON object a line."))
@click.argument("capture", type=click.Path(path_type=Path))
@json_option
@pass_session
def replay(session: Session, capture: Path, as_json: bool) -> None:  # noqa: ARG001, FBT001 - JSON is the only form there is
    """Replay a capture."""
    from pbxd.history.replay import replay as records_of  # noqa: PLC0415 - the tracker and all it needs, for this alone

    for record in records_of(capture, session.settings):
        print_json(record.to_json())


def _gap_cells(gap: Call) -> list[str]:
    return [formats.at(gap["from"]), _("not heard"), told_gap(gap), "", "", "", "", "", ""]
