"""`pbxd db`: the database's own care."""

from __future__ import annotations

from pathlib import Path

import click

from pbxd.cli.command import N_, Group, Session, json_option, pass_session, run
from pbxd.cli.output import print_json, print_line
from pbxd.errors import UnavailableError
from pbxd.i18n import _
from pbxd.storage.engine import schema
from pbxd.storage.engine.backups import Progress


@click.group("db", cls=Group, help=N_("Create, upgrade, back up and check the database."))
def db() -> None:
    """Group the commands."""


@db.command("upgrade", help=N_("Create the database or bring it up to this version, after a backup."))
@json_option
@pass_session
def upgrade(session: Session, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Create or upgrade."""
    done = run(schema.upgrade(session.settings.database_url, _tell))
    if as_json:
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


@db.command("backup", help=N_("Copy a SQLite database, also one in use, to a new file."))
@click.argument("file", type=click.Path(path_type=Path))
@pass_session
def backup(session: Session, file: Path) -> None:
    """Copy."""
    run(schema.backup(session.settings.database_url, file))
    print_line(_("backup: {file}").format(file=file))


@db.command("check", help=N_("Look for damage and for an outdated schema; exit status 1 when there is any."))
@json_option
@pass_session
def check(session: Session, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Check."""
    health = run(schema.check(session.settings.database_url))
    if as_json:
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


def _tell(progress: Progress) -> None:
    """Tell a person how far an upgrade is; the answer itself stands on standard output."""
    said = {
        "backup": _("backup: {percent} %"),
        "backup-kept": _("a backup of this state is there already: {what}"),
        "revision": _("upgrading to schema {what}: {percent} %"),
    }[progress.stage]
    click.echo(said.format(percent=int(progress.done * 100), what=progress.what), err=True)
