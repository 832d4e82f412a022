"""`pbxd calls fill` and `pbxd calls rebuild`: the history completed from the PBX's own log (CEL)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pbxd.calls.record import instant
from pbxd.cli.calls.filters import period
from pbxd.cli.calls.formats import fact_name, fact_text
from pbxd.cli.groups import command
from pbxd.cli.options import flag, json_option, takes, yes_option
from pbxd.cli.output import print_json, print_line, print_table
from pbxd.cli.progress import progress
from pbxd.cli.session import Session
from pbxd.exchange.call_columns import outcome_name
from pbxd.history.backfill import Difference
from pbxd.i18n import N_, _, local_time
from pbxd.services.calls import gaps


@dataclass(frozen=True, slots=True)
class Fill:
    """The options of `calls fill`."""

    again: bool


@command("fill", about=N_("Fill gaps from the PBX's own log (CEL). The daemon does this by itself."))
@flag("--again", about=N_("Also gaps that were filled before."))
@json_option
@takes(Fill)
def fill(session: Session, asked: Fill) -> None:
    """Fill the gaps that aren't filled."""
    with progress(_("gaps")) as report:
        kept = session.ask(gaps.fill, session.settings, again=asked.again, progress=report)
    if session.as_json:
        print_json({"total": len(kept), "items": [each.to_json() for each in kept]})
        return
    open_gaps = sum(each.filled is None for each in kept)
    calls = sum(each.filled_calls or 0 for each in kept)
    print_line(_("calls found or completed in all gaps: {calls}").format(calls=calls))
    if open_gaps:
        print_line(_("gaps that wait for calls in progress: {gaps}").format(gaps=open_gaps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """The options of `calls rebuild`."""

    since: str
    until: str
    dry_run: bool

    @property
    def period(self) -> gaps.Compare:
        """The period to compare."""
        return gaps.Compare(since=self.since, until=self.until)


@command("rebuild", about=N_("Compare a period of the history with the PBX's own log (CEL), and correct it."))
@period
@flag("--dry-run", about=N_("Only show the differences."))
@yes_option
@json_option
@takes(Rebuild)
def rebuild(session: Session, asked: Rebuild) -> None:
    """Show in what the log differs, and let the history say the same."""
    with progress(_("log")) as report:
        found = session.ask(gaps.compare, session.settings, asked.period, progress=report)
    if not session.as_json:
        _print(found)
    agreed = bool(found) and not asked.dry_run and _agreed(session, len(found))
    changed = None
    if agreed:
        with progress(_("history")) as report:
            changed = session.ask(gaps.rebuild, session.settings, found, progress=report)
    if session.as_json:
        print_json({"total": len(found), "changed": changed is not None, "items": [_json(each) for each in found]})
    elif changed is not None:
        print_line(_("calls changed: {count}").format(count=changed))
        if changed < len(found):
            print_line(_("calls changed meanwhile and left as they are: {count}").format(count=len(found) - changed))


def _agreed(session: Session, count: int) -> bool:
    """Ask a person; a program that wants JSON has to say --yes. Raises RefusedError, click.Abort."""
    if not session.as_json:
        session.confirm(_("Change {count} calls in the history?").format(count=count))
    return session.agreed or not session.as_json


def _print(found: Sequence[Difference]) -> None:
    heads = [_("Started"), _("Id"), _("What"), _("In the history"), _("In the log")]
    print_table(heads, _lines(found), _("total: {total}").format(total=len(found)))


def _lines(found: Sequence[Difference]) -> Iterator[list[str]]:
    for each in found:
        began = local_time(each.logged.started)
        if each.known is None:
            sides = [fact_text("caller", side.number) for side in (each.logged.caller, each.logged.callee)]
            parties = f"{' → '.join(sides)}, {outcome_name(each.logged.outcome)}"
            yield [began, each.logged.id, _("call"), _("missing"), parties]
        for name, in_history, in_log in each.facts:
            facts = [fact_text(name, value) for value in (in_history, in_log)]
            yield [began, each.logged.id, fact_name(name), *facts]


def _json(found: Difference) -> dict[str, Any]:
    differing = {name: {"history": in_history, "log": in_log} for name, in_history, in_log in found.facts}
    started = instant(found.logged.started)
    return {"id": found.logged.id, "started": started, "missing": found.known is None, "differences": differing}
