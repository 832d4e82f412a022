"""The schema's state: which revision a database has, bringing it up to date, checking it, backing it up.

Alembic and its revisions are in `migrations/`, inside the package, and run from here: no alembic.ini, no shell.
A new database is made from `tables` at once; a test compares it with what the revisions make. Alembic would take 0.3 s
and 8 MB, which the daemon would keep.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book.fields import BUILT_IN, Fields
from pbxd.errors import ConfigurationError, RefusedError, SchemaError, StorageError
from pbxd.i18n import _
from pbxd.storage.engine import integrity
from pbxd.storage.engine.backups import Progress, Report, Work, copy, save
from pbxd.storage.engine.connections import BEGIN, connect, parsed, place, sqlite_file, translated
from pbxd.storage.engine.presence import UPGRADE_COMMAND, refuse_lost, remember
from pbxd.storage.engine.progress import Report as Counted
from pbxd.storage.engine.progress import silent
from pbxd.storage.engine.state_folder import made_for_service, make_empty
from pbxd.storage.search import fulltext
from pbxd.storage.search.rebuild import rebuild
from pbxd.storage.tables import metadata

MIGRATIONS = Path(__file__).parents[1] / "migrations"
# Oldest first; listed here so that opening a database does not load alembic (0.3 s).
REVISIONS = tuple(f"{number:04}" for number in range(1, 29))
HEAD = REVISIONS[-1]
# The last revision that changed what contacts are found by; an upgrade from before it makes that anew.
SEARCH_CHANGED = "0017"
_REPORT_SECONDS = 2.0  # between two reports of one revision
WRITER_LOCK = 0x70627864  # "pbxd": the PostgreSQL advisory lock that writers take one after another


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did: the revisions before (None: nothing was there) and after, and its backup, if any."""

    before: str | None
    after: str
    backup: Path | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What a check found; without problems the database is sound."""

    place: str
    revision: str | None
    expected: str
    problems: tuple[str, ...] = ()


async def upgrade(
    url: str, report: Report | None = None, *, replace_lost: bool = True, fields: Fields = BUILT_IN
) -> Upgrade:
    """Create the database's tables or bring them up to this version, if they are not.

    An older SQLite database is copied to a file beside it first. The upgrade is done wholly or not at all. `report` is
    called with the progress, from any thread. Without `replace_lost`, a new database is made only where none was.
    `fields` are those that contacts are searched by.
    Raises ConfigurationError (unusable URL, missing folder), LostError, UnavailableError, also if the disk is too full.
    """
    target = parsed(url)
    file = sqlite_file(target)
    if file is not None:
        if not replace_lost:
            refuse_lost(target)
        await asyncio.to_thread(_create_file, file)
    before = await revision(target)
    if before is None and not replace_lost:
        refuse_lost(target, empty=True)
    if before == HEAD:
        remember(url)
        return Upgrade(before, HEAD)
    refuse_newer(target, before)
    saved = None
    if file is not None and before is not None:
        saved = await Work(report).run(partial(save, file, before))
    steps = _Steps(before, report, fields)
    reporting = asyncio.create_task(steps.keep_reporting())
    try:
        await _migrate(target, steps)
    finally:
        reporting.cancel()
    remember(url)
    return Upgrade(before, HEAD, saved)


class _Steps:
    """The steps of an upgrade, one after another: revisions, then perhaps the search; reports which one is running."""

    def __init__(self, before: str | None, report: Report | None, fields: Fields) -> None:
        self.fields = fields
        revisions = REVISIONS[REVISIONS.index(before) + 1 :] if before in REVISIONS else ()
        self.change_search = SEARCH_CHANGED in revisions
        self._wanted = (*revisions, "search") if self.change_search else revisions
        self._made = 0
        self._part = 0.0  # of the step that is running, 0 to 1
        self._report = report

    def applied(self, **_about: object) -> None:
        """Count a revision that alembic applied."""
        self._made += 1
        self._part = 0.0
        self.report()

    def searched(self, done: int, total: int) -> None:
        """Note how many cards the last step, the search, has done; `keep_reporting` reports it."""
        self._part = done / total

    def report(self) -> None:
        """Report which step is running."""
        if self._report and self._made < len(self._wanted):
            share = (self._made + self._part) / len(self._wanted)
            self._report(Progress("revision", share, self._wanted[self._made]))

    async def keep_reporting(self) -> None:
        """Report again and again: one revision of a big database takes minutes."""
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            self.report()


async def check(url: str, progress: Counted = silent) -> Health:
    """Check the database: its integrity, references and revision. Never creates one.

    `progress` gets the share of a SQLite file that is checked; it is called in another thread.
    Raises UnavailableError if it is absent or can't be read at all.
    """
    target = parsed(url)
    refuse_absent(target)
    found = await revision(target)
    problems = await integrity.sqlite_problems(target, progress) if sqlite_file(target) else []
    if found != HEAD:
        problems.append(
            _("the schema is at {found}, this version needs {expected}; run: {command}").format(
                found=found or "-", expected=HEAD, command=UPGRADE_COMMAND
            )
        )
    return Health(place(target), found, HEAD, tuple(problems))


async def backup(url: str, target: Path, report: Report | None = None) -> None:
    """Copy a SQLite database, in use or not, as of one moment, to a new file. `report` gets the progress.

    Raises RefusedError for PostgreSQL, ConflictError if the file exists, UnavailableError if copying fails.
    """
    source = parsed(url)
    file = sqlite_file(source)
    if file is None:
        raise RefusedError("postgresql", _("PostgreSQL is backed up with its own tool: pg_dump --format=custom"))
    refuse_absent(source)
    await Work(report).run(partial(copy, file, target))


async def revision(url: URL) -> str | None:
    """Return the database's revision, None if it has no tables of ours."""
    engine = connect(url)
    try:
        with translated(place(url)):
            async with engine.connect() as connection:
                return await connection.run_sync(_recorded_revision)
    finally:
        await engine.dispose()


def refuse_absent(url: URL) -> None:
    """Raise SchemaError, with the command that creates the database, if its file is absent.

    Raises UnavailableError if we have no right to look for it.
    """
    file = sqlite_file(url)
    try:
        refuse_lost(url)
        absent = file is not None and not file.exists()
    except PermissionError as error:
        message = _("no right to use the database {place}: members of the group pbxd may (usermod -aG pbxd NAME)")
        raise StorageError(message.format(place=place(url))) from error
    if absent:
        raise SchemaError(
            _("there is no database {place} yet; create it with: {command}").format(
                place=place(url), command=UPGRADE_COMMAND
            )
        )


def refuse_outdated(url: URL, found: str | None) -> None:
    """Raise SchemaError unless the revision is the one that this version needs."""
    if found is None:
        refuse_lost(url, empty=True)
        raise SchemaError(
            _("the database {place} has no tables yet; create them with: {command}").format(
                place=place(url), command=UPGRADE_COMMAND
            )
        )
    refuse_newer(url, found)
    if found != HEAD:
        raise SchemaError(
            _("the database {place} was made by an older pbxd; bring it up to date with: {command}").format(
                place=place(url), command=UPGRADE_COMMAND
            )
        )


def refuse_newer(url: URL, found: str | None) -> None:
    """Raise SchemaError if a newer pbxd made the database: an older one could lose data of it."""
    if found is not None and found not in REVISIONS:
        raise SchemaError(
            _("the database {place} was made by a newer pbxd (schema {found}); install that or a later version").format(
                place=place(url), found=found
            )
        )


def _recorded_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


async def _migrate(url: URL, steps: _Steps) -> None:
    # Foreign keys are off: where a table is rebuilt, SQLite would empty the tables that refer to the dropped one.
    engine = connect(url, foreign_keys=False)
    try:
        with translated(place(url)):
            if sqlite_file(url):
                async with engine.execution_options(**{BEGIN: ""}).connect() as connection:
                    await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            async with engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"}).begin() as connection:
                await _migrate_in(connection, steps)
    finally:
        await engine.dispose()


async def _migrate_in(connection: AsyncConnection, steps: _Steps) -> None:
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
    await connection.run_sync(_make_or_change, steps)
    if sqlite:
        broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).fetchall()
        if broken:
            raise SchemaError(_("the upgrade left {count} broken references; undone").format(count=len(broken)))


def _make_or_change(connection: Connection, steps: _Steps) -> None:
    if _recorded_revision(connection) is not None:
        _run_alembic(connection, steps)
        return
    metadata.create_all(connection, checkfirst=False)  # a table that has one of our names is not reused
    key = Column("version_num", String(32), primary_key=True)  # as alembic makes it
    mark = Table("alembic_version", MetaData(naming_convention={"pk": "alembic_version_pkc"}), key)
    mark.create(connection)
    connection.execute(insert(mark).values(version_num=HEAD))


def _run_alembic(connection: Connection, steps: _Steps) -> None:
    from alembic import command  # noqa: PLC0415 - 0.3 s, only needed to change what is there
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["applied"] = steps.applied
    steps.report()
    command.upgrade(config, "head")
    if steps.change_search or not fulltext.is_there(connection):
        rebuild(connection, steps.fields, steps.searched)
    else:
        fulltext.restore_triggers(connection)


def _create_file(file: Path) -> None:
    """Make sure that the file exists, for its owner and group only: it holds people's data."""
    with translated(str(file)):
        if not file.parent.is_dir() and not made_for_service(file.parent):
            raise ConfigurationError(
                _("database.url: the folder {folder} doesn't exist").format(folder=file.absolute().parent)
            )
        make_empty(file)
