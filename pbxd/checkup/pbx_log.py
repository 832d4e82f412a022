"""The PBX's log for back-fill: is one configured, and can the service read what the PBX just wrote there."""

from __future__ import annotations

import asyncio
import contextlib
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

from pbxd.checkup import remedies
from pbxd.checkup.permissions import Account, acting_as, may
from pbxd.checkup.result import Finding, Remedy, failed, ok, warning
from pbxd.checkup.test_call import Observed
from pbxd.errors import PbxdError
from pbxd.i18n import _
from pbxd.settings import Settings
from pbxd.storage.pbx_log.columns import PbxLog, Values
from pbxd.storage.pbx_log.readers import configured_log, tail, without_password

_CHECK = "backfill"
_FILE = "/var/log/asterisk/cel-custom/pbxd.csv"  # by config/cel_custom.conf
_OWNERS = 'install -d -m 0750 -o "$(stat -c %U {above})" -g "$(stat -c %G {above})" {folder}'
_LOADS = (
    "install -m 0644 config/cel_custom.conf /etc/asterisk/cel_custom.conf",
    'asterisk -rx "module load cel_custom.so"',
    'asterisk -rx "module reload cel_custom.so"',
)
_LATE_SECONDS = 3.0  # an event may reach the log only after it came over AMI
_ZONES_SECONDS = 600.0  # less than any two time zones differ by, more than a log is ever late


async def backfill(settings: Settings, seen: Observed, account: Account | None) -> Finding:
    """Read the end of the log with the service's permissions, and look for the test call in it."""
    source = settings.backfill.source
    if not source:
        message = _("gaps in the history stay unfilled: [backfill] names no log of the PBX")
        return warning(_CHECK, message, Remedy(settings.source, ("[backfill]", f'cel = "{_FILE}"')), _writing(_FILE))
    log = configured_log(settings)
    named = without_password(source)
    try:
        rows = await _last_rows(settings, log, seen, account)
    except PbxdError as error:
        return failed(_CHECK, str(error), await _reading(log, account))
    at = [float(row[log.order]) for row in rows if row.get(log.order)]
    own = [row for row in rows if seen.test and row.get("uniqueid", "").startswith(seen.test)]
    if not at:
        return _empty(settings, log, seen)
    moment = float(own[-1][log.order]) if own else max(at)
    if (own or settings.backfill.cdr) and (off := _off(moment, seen.at if own else time.time(), late=bool(own))):
        message = _("the times in {source} differ by {hours:+.1f} h from the clock: they are in another time zone")
        line = f'time_zone = "{_local_zone()}"'
        text = message.format(source=named, hours=off / 3600)
        return failed(_CHECK, text, Remedy(settings.source, ("[backfill]", line)))
    if settings.backfill.cel and seen.cel and not own:
        message = _("{source} lacks the test call; its last event is of {time}")
        return failed(_CHECK, message.format(source=named, time=_shown(moment)), _writing(log.source))
    return ok(
        _CHECK, _("gaps are filled from {source}; its last line is of {time}").format(source=named, time=_shown(moment))
    )


async def _last_rows(settings: Settings, log: PbxLog, seen: Observed, account: Account | None) -> list[Values]:
    """Return the end of the log; wait a moment for the test call if need be."""
    end = time.monotonic() + _LATE_SECONDS
    while True:
        with acting_as(account):
            rows = await tail(log)
        there = any(row.get("uniqueid", "").startswith(seen.test) for row in rows)
        if there or not (settings.backfill.cel and seen.cel) or time.monotonic() > end:
            return rows
        await asyncio.sleep(0.2)


def _off(moment: float, wanted: float, *, late: bool) -> float:
    """Return by how much a time is impossible. A time long ago is possible if nothing was written since."""
    off = moment - wanted
    return off if off > _ZONES_SECONDS or (late and off < -_ZONES_SECONDS) else 0.0


def _empty(settings: Settings, log: PbxLog, seen: Observed) -> Finding:
    named = without_password(settings.backfill.source)
    if settings.backfill.cel and seen.cel:
        message = _("{source} has no line that matches the columns in [backfill]")
        return failed(_CHECK, message.format(source=named), _writing(log.source))
    return warning(_CHECK, _("{source} can be read, but has no line yet").format(source=named))


def _writing(source: str) -> Remedy:
    """Say how to make the PBX write the log."""
    if "://" in source:
        return Remedy(_("see docs/freepbx.md"), ('asterisk -rx "cel show status"', 'asterisk -rx "odbc show all"'))
    folder = Path(source).parent
    return remedies.shell(_OWNERS.format(above=folder.parent, folder=folder), *_LOADS)


async def _reading(log: PbxLog, account: Account | None) -> Remedy:
    """Say how to let the service read the log."""
    if "://" in log.source:
        return Remedy(_("see docs/freepbx.md"), ("GRANT SELECT ON asteriskcdrdb.cel TO pbxd@localhost;",))
    file = Path(log.source)
    for path in (*reversed(file.parents), file):
        if not await asyncio.to_thread(path.exists):
            return _writing(log.source)
        is_file = path == file
        if not await may(account, "-r" if is_file else "-x", path):
            return _let_in(path, is_file=is_file)
    return _writing(log.source)


def _let_in(path: Path, *, is_file: bool) -> Remedy:
    status = path.stat()
    if status.st_gid and status.st_mode & (stat.S_IRGRP if is_file else stat.S_IXGRP):
        return remedies.shell(f'usermod -aG "$(stat -c %G {path})" pbxd', "systemctl restart pbxd")
    return remedies.shell(f"chgrp pbxd {path}", f"chmod g+{'r' if is_file else 'rx'} {path}", "systemctl restart pbxd")


def _local_zone() -> str:
    with contextlib.suppress(OSError, ValueError):
        parts = Path("/etc/localtime").resolve(strict=True).parts
        return "/".join(parts[parts.index("zoneinfo") + 1 :])
    return "Europe/Moscow"


def _shown(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M:%S}"
