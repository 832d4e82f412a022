"""`pbxd calls fill` and `pbxd calls rebuild`: what the PBX's own log (CEL) tells, taken into the history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from pbxd.calls.record import instant
from pbxd.cli.command import N_, Session, json_option, option, pass_session, run
from pbxd.cli.output import local_time, print_json, print_line, print_table
from pbxd.i18n import _
from pbxd.storage.calls.gaps import StoredGap

if TYPE_CHECKING:
    from pbxd.history.backfill import Difference


@click.command("fill", help=N_("Fill gaps from the PBX's own log (CEL); the daemon does it by itself."))
@option("--again", is_flag=True, help=N_("Also gaps that were filled before."))
@json_option
@pass_session
def fill(session: Session, again: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Fill the gaps that aren't filled."""
    from pbxd.history.backfill import Backfill  # noqa: PLC0415 - the tracker and all it needs, for this alone

    async def work() -> list[StoredGap]:
        async with await session.database() as database:
            return await Backfill(session.settings, database).fill_all(again=again)

    kept = run(work())
    if as_json:
        print_json({"total": len(kept), "items": [each.to_json() for each in kept]})
        return
    open_gaps = sum(each.filled is None for each in kept)
    calls = sum(each.filled_calls or 0 for each in kept)
    print_line(_("calls found or completed in all gaps: {calls}").format(calls=calls))
    if open_gaps:
        print_line(_("gaps that wait for calls under way: {gaps}").format(gaps=open_gaps))


@click.command("rebuild", help=N_("Compare a period of the history with the PBX's own log (CEL), and mend it."))
@option("--from", "since", required=True, metavar="DATE", help=N_("Calls that began from then on: ISO 8601."))
@option("--to", required=True, metavar="DATE", help=N_("Calls that began before then."))
@option("--dry-run", is_flag=True, help=N_("Show the differences only."))
@option("--yes", is_flag=True, help=N_("Don't ask."))
@json_option
@pass_session
def rebuild(session: Session, /, since: str, to: str, **flags: bool) -> None:
    """Show in what the log differs, and let the history say the same."""
    from pbxd.history.backfill import Backfill  # noqa: PLC0415 - as above

    period = _moment("--from", since), _moment("--to", to)

    async def work() -> tuple[list[Difference], int | None]:
        async with await session.database() as database:
            backfill = Backfill(session.settings, database)
            found = await backfill.compare(*period)
            if not flags["as_json"]:
                _show(found)
            agreed = bool(found) and not flags["dry_run"] and (flags["yes"] or _asked(len(found), **flags))
            return found, await backfill.rebuild(found) if agreed else None

    found, changed = run(work())
    if flags["as_json"]:
        print_json({"total": len(found), "changed": changed is not None, "items": [_json(each) for each in found]})
    elif changed is not None:
        print_line(_("calls changed: {count}").format(count=changed))
        if changed < len(found):
            print_line(_("changed meanwhile, left as they are: {count}").format(count=len(found) - changed))


def _asked(count: int, *, as_json: bool, **_flags: bool) -> bool:
    """Ask a person; a program that wants JSON has to say --yes."""
    return not as_json and click.confirm(_("Change {count} calls in the history?").format(count=count))


def _moment(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(_("{text}: not a date").format(text=text), param_hint=name) from error
    return moment.astimezone(UTC)  # one without a zone is local time


def _show(found: list[Difference]) -> None:
    heads = [_("Started"), _("Id"), _("What"), _("In the history"), _("In the log")]
    print_table(heads, _lines(found), _("total: {total}").format(total=len(found)))


def _lines(found: list[Difference]) -> Iterator[list[str]]:
    for each in found:
        began = local_time(each.logged.started)
        if each.known is None:
            told = f"{each.logged.caller.number or ''} → {each.logged.callee.number or ''}, {each.logged.outcome}"
            yield [began, each.logged.id, _("call"), _("missing"), told]
        for name, said, read in each.facts:
            yield [began, each.logged.id, name, said or "", read or ""]


def _json(found: Difference) -> dict[str, Any]:
    differing = {name: {"history": said, "log": read} for name, said, read in found.facts}
    started = instant(found.logged.started)
    return {"id": found.logged.id, "started": started, "missing": found.known is None, "differences": differing}
