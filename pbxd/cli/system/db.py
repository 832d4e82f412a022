"""`pbxd db`: the database's own care."""

from __future__ import annotations

from pathlib import Path

import click

from pbxd.cli.groups import group
from pbxd.cli.options import FILE, argument, json_option
from pbxd.cli.output import print_json, print_line
from pbxd.cli.progress import progress
from pbxd.cli.session import Session, pass_session, run
from pbxd.errors import UnavailableError
from pbxd.i18n import N_, _
from pbxd.storage.engine import schema
from pbxd.storage.engine.backups import Progress


@group("db")
def db() -> None:
    """Group the commands."""


@db.command("upgrade", help=N_("Create the database, or back it up and upgrade it to this version."))
@json_option
@pass_session
def upgrade(session: Session) -> None:
    """Create or upgrade."""
    done = run(schema.upgrade(session.settings.database_url, _Steps().report, fields=session.fields))
    if session.as_json:
        backup = str(done.backup) if done.backup else None
        print_json({"before": done.before, "after": done.after, "backup": backup})
        return
    if done.backup:
        print_line(_("backup: {file}").format(file=done.backup))
    if done.before == done.after:
        print_line(_("the database is up to date (schema {after})").format(after=done.after))
    elif done.before is None:
        print_line(_("created (schema {after})").format(after=done.after))
    else:
        print_line(_("upgraded from schema {before} to {after}").format(before=done.before, after=done.after))


@db.command("backup", help=N_("Copy a SQLite database to a new file, even while it is in use."))
@argument("file", type=FILE)
@pass_session
def backup(session: Session, file: Path) -> None:
    """Copy."""
    with progress(_("backup")) as report:
        told = lambda state: report(int(state.done * 100), 100)  # noqa: E731
        run(schema.backup(session.settings.database_url, file, told))
    print_line(_("backup: {file}").format(file=file))


@db.command("check", help=N_("Look for damage and for an outdated schema. Exit status 1 if there is any."))
@json_option
@pass_session
def check(session: Session) -> None:
    """Check."""
    with progress(_("check")) as report:
        health = run(schema.check(session.settings.database_url, report))
    if session.as_json:
        print_json(
            {
                "place": health.place,
                "schema": health.revision,
                "expected": health.expected,
                "problems": list(health.problems),
            }
        )
    elif not health.problems:
        print_line(_("{place}: no problems found (schema {schema})").format(place=health.place, schema=health.revision))
    else:
        for problem in health.problems:
            print_line(problem)
    if health.problems:
        count = len(health.problems)
        raise UnavailableError(_("{place}: problems found: {count}").format(place=health.place, count=count))


class _Steps:
    """Prints how far an upgrade is to stderr, each state once; the answer itself goes to stdout."""

    def __init__(self) -> None:
        self._last = ""

    def report(self, progress: Progress) -> None:
        """Print a state."""
        texts = {
            "backup": _("backup: {percent} %"),
            "backup-kept": _("this state is backed up already: {what}"),
            "revision": _("upgrading to schema {what}: {percent} %"),
        }
        form = _("building the search anew: {percent} %") if progress.what == "search" else texts[progress.stage]
        text = form.format(percent=int(progress.done * 100), what=progress.what)
        if text != self._last:
            click.echo(text, err=True)
        self._last = text
