"""The database: is it there, is it sound, and can the service's user write to it."""

from __future__ import annotations

import asyncio
import pwd
from pathlib import Path

from pbxd.checkup import remedies, tokens
from pbxd.checkup.permissions import Account, may, sealed
from pbxd.checkup.result import Finding, Remedy, failed, ok
from pbxd.errors import LostError, PbxdError
from pbxd.i18n import _
from pbxd.settings import STATE_FOLDER, Settings
from pbxd.storage.engine import presence, schema
from pbxd.storage.engine.connections import parsed

_CHECK = "database"
_SIDE_FILES = ("", "-wal", "-shm")  # SQLite's own files beside the database


async def database(settings: Settings, account: Account | None) -> Finding:
    """Check the database without creating one. `account`: whose permissions count; None for our own."""
    try:
        file = presence.file_of(settings.database_url)
        if file is not None and (found := await _access(settings, file, account)):
            return found
        health = await schema.check(settings.database_url)
    except LostError as error:
        return failed(_CHECK, str(error), remedies.lost(settings))
    except PbxdError as error:
        return failed(_CHECK, str(error), _upgrade(settings))
    if health.problems:
        first, more = health.problems[0], len(health.problems) - 1
        message = f"{health.place}: {first}" + (_(", and {count} more").format(count=more) if more else "")
        remedy = remedies.shell("pbxd db check") if health.revision == health.expected else _upgrade(settings)
        return failed(_CHECK, message, remedy)
    found = await tokens.inherited(settings)
    return found or ok(
        _CHECK, _("{place}: no problems found (schema {schema})").format(place=health.place, schema=health.revision)
    )


async def _access(settings: Settings, file: Path, account: Account | None) -> Finding | None:
    """Judge a SQLite file and its folder, in which SQLite makes further files. None: all is well."""
    try:
        files = await asyncio.to_thread(_there, file)
    except PermissionError:
        message = _("no permission to read {folder}: only the service's user and group have it")
        return failed(_CHECK, message.format(folder=file.parent), remedies.shell("pbxd doctor"))
    if found := await _folder(settings, file, account, empty=not files):
        return found
    if file not in files:
        presence.refuse_lost(parsed(settings.database_url))
        return _absent(settings, file)
    for each in files:
        if not (await may(account, "-w", each) and await may(account, "-r", each)):
            message = _("{file} belongs to {owner}: the service ({user}) can't write it")
            mended = (f"chown pbxd:pbxd {file}*", f"chmod 0660 {file}*", "systemctl restart pbxd")
            shown = message.format(file=each, owner=_owner(each), user=_name(account))
            return failed(_CHECK, shown, remedies.shell(*mended))
    return None


async def _folder(settings: Settings, file: Path, account: Account | None, *, empty: bool) -> Finding | None:
    folder = file.parent
    if not await asyncio.to_thread(folder.is_dir):
        if folder == STATE_FOLDER:  # systemd creates it
            return _absent(settings, file)
        message = _("the folder {folder} of the database doesn't exist")
        return failed(_CHECK, message.format(folder=folder), *_elsewhere(settings, None))
    if not await sealed(folder) and await may(account, "-w", folder) and await may(account, "-x", folder):
        return None
    message = _("the service ({user}) can't write to the folder {folder}, and SQLite has to")
    own = remedies.shell(f"chown pbxd:pbxd {folder}", f"chmod 0770 {folder}", "systemctl restart pbxd")
    remedy = (own,) if folder == STATE_FOLDER else _elsewhere(settings, None if empty else file)
    return failed(_CHECK, message.format(user=_name(account), folder=folder), *remedy)


def _there(file: Path) -> list[Path]:
    return [each for suffix in _SIDE_FILES if (each := file.with_name(file.name + suffix)).exists()]


def _name(account: Account | None) -> str:
    return account.name if account else _("this user")


def _absent(settings: Settings, file: Path) -> Finding:
    message = _("there is no database {place} yet; the service creates it at its first start")
    return failed(_CHECK, message.format(place=file), _upgrade(settings))


def _elsewhere(settings: Settings, file: Path | None) -> tuple[Remedy, ...]:
    """Say how to move the database to where the service can write."""
    better = STATE_FOLDER / "pbxd.db"
    line = Remedy(settings.source, ("[database]", f'url = "sqlite+aiosqlite:///{better}"'))
    moved = [f"install -o pbxd -g pbxd -m 0660 {file} {better}"] if file else []
    start = remedies.shell(f"install -d -o pbxd -g pbxd -m 0770 {STATE_FOLDER}", *moved, "systemctl restart pbxd")
    return line, start


def _upgrade(settings: Settings) -> Remedy:
    """Let the service create its database: it could not write to one created by root."""
    if settings.database.upgrade == "auto":
        return remedies.shell("systemctl enable pbxd", "systemctl restart pbxd")
    folder = f"install -d -o pbxd -g pbxd -m 0770 {STATE_FOLDER}"
    return remedies.shell(folder, "runuser -u pbxd -- pbxd db upgrade", "systemctl restart pbxd")


def _owner(file: Path) -> str:
    uid = file.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
