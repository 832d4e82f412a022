"""This machine: the configuration, the secret, how numbers are read, the running daemon and its ports."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
from pathlib import Path
from typing import Any, Literal

import aiohttp

from pbxd.checkup import remedies
from pbxd.checkup.permissions import Account, may
from pbxd.checkup.result import Finding, Remedy, failed, ok, skipped, warning
from pbxd.errors import ConfigurationError
from pbxd.i18n import _
from pbxd.numbers import parse, rules_from
from pbxd.settings import DEFAULT_PATH, SERVICE_USER, RecordingSettings, Settings, asterisk_secret
from pbxd.storage.pbx_log.readers import without_password

Life = Literal["serves", "absent", "unknown"]
_LOCAL = ("2345678", "234567", "23456")
# Towns with local numbers of seven digits: with a longer code none of these can be read.
_SEVEN_DIGITS = {"RU": ("495", "499", "812")}
_USUAL_RECORDINGS = RecordingSettings().pbx_folder
_PATIENCE = aiohttp.ClientTimeout(total=3.0)  # seconds; a healthy daemon answers within milliseconds


def configuration(settings: Settings) -> Finding:
    """Check the configuration that was read, and whether the AMI secret is there and kept secret."""
    check = "configuration"
    source = settings.source or _("no configuration file, built-in defaults")
    try:
        asterisk_secret(settings)
    except ConfigurationError as error:
        return failed(check, str(error), _secret_remedy(settings))
    urls = (settings.database.url, settings.backfill.cel, settings.backfill.cdr)
    holds = settings.asterisk.secret or any(url != without_password(url) for url in urls)
    if holds and _readable_by_others(Path(settings.source)):
        message = _("{file}: everybody on this machine can read the secret in it")
        return warning(check, message.format(file=source), remedies.shell(f"chmod o= {source}"))
    if settings.asterisk.tls == "off" and not remedies.is_local(settings.asterisk.host):
        message = _("{file}: the AMI secret and all calls go over the network in plain text")
        lines = ("[asterisk]", 'tls = "on"', 'tls_ca_file = "pbx.crt"')
        return warning(check, message.format(file=source), Remedy(source, lines))
    return ok(check, source)


def unreadable(error: ConfigurationError) -> Finding:
    """Report a configuration that can't be used at all."""
    message = _("every key is explained in config/pbxd.toml of the distribution")
    return failed("configuration", str(error), Remedy(message, ("pbxd --config FILE doctor",)))


async def daemon(settings: Settings) -> tuple[Finding, Life]:
    """Ask the running daemon for its state; also return whether it answers at all."""
    check = "daemon"
    where = settings.socket_path
    try:
        state = await _readiness(where)
    except PermissionError:
        message = _("no permission to use {socket}: only the service's user and group have it")
        return warning(check, message.format(socket=where), remedies.shell("pbxd doctor")), "unknown"
    except TimeoutError:
        message = _("pbxd hangs: it accepts connections on {socket} but does not answer").format(socket=where)
        return failed(check, message, remedies.shell("systemctl restart pbxd")), "unknown"
    except (OSError, aiohttp.ClientError, ValueError):
        message = _("pbxd doesn't answer on {socket}; is it running?").format(socket=where)
        return failed(check, message, remedies.shell("systemctl enable --now pbxd", "systemctl status pbxd")), "absent"
    return _judge_daemon(check, state), "serves"


async def ports(settings: Settings, life: Life) -> Finding:
    """Check whether the service can listen on its addresses, unless a running pbxd does."""
    check = "ports"
    if life == "serves":
        return ok(check, _("pbxd listens on its addresses"))
    if life == "unknown":
        return skipped(check, _("not checked: it is not known whether pbxd runs"))
    for key, address in (("agi.listen", settings.agi.listen), ("http.listen", settings.http.listen)):
        host, _colon, port = address.rpartition(":")
        try:
            server = await asyncio.start_server(_nobody, host.strip("[]"), int(port), start_serving=False)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                message = _("another program listens on {listens} ({key})").format(listens=address, key=key)
                return failed(check, message, remedies.shell(f"ss -ltnp 'sport = :{port}'"))
            message = _("pbxd can't listen on {listens} ({key}): {why}")
            shown = message.format(listens=address, key=key, why=error.strerror or error)
            return failed(check, shown, remedies.shell("ip -brief address"))
        server.close()
        await server.wait_closed()
    return ok(check, _("the addresses pbxd listens on are free"))


async def recordings(settings: Settings, service: Account | None) -> Finding:
    """Check whether the service can read the folder of recordings, if it has one."""
    check = "recordings"
    if not settings.recordings.folder:
        return ok(check, _("nobody can hear recordings through pbxd (recordings.folder is empty)"))
    folder = settings.folder / settings.recordings.folder
    if await may(service, "-r", folder) and await may(service, "-x", folder):
        return ok(check, _("the folder of recordings can be read: {folder}").format(folder=folder))
    try:
        group = folder.group()
    except (OSError, KeyError):
        message = _("there is no folder of recordings {folder}").format(folder=folder)
        return failed(check, message, Remedy(settings.source, ("[recordings]", f'folder = "{_USUAL_RECORDINGS}"')))
    message = _("the folder of recordings can't be read: {folder}").format(folder=folder)
    user = service.name if service else SERVICE_USER
    return failed(check, message, remedies.shell(f"usermod -aG {group} {user}", "systemctl restart pbxd"))


def _nobody(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def numbers(settings: Settings) -> Finding:
    """Judge the area code by reading local numbers with it."""
    check = "numbers"
    area = settings.numbers.area_code
    try:
        rules = rules_from(settings)
    except ConfigurationError as error:
        return failed(check, str(error))
    if not area:
        return ok(check, _("local numbers without an area code can't be read (numbers.area_code is empty)"))
    read = {local: parse(local, rules) for local in _LOCAL}
    by_area = {local: number.value for local, number in read.items() if number.rule == "area-code"}
    codes = _SEVEN_DIGITS.get(settings.numbers.region, ())
    city = next((code for code in codes if area.startswith((code, f"7{code}", f"8{code}"))), "")
    if by_area and (not city or _LOCAL[0] in by_area):
        local, number = next(iter(by_area.items()))
        return ok(check, _("a local number, {local}, is read as {number}").format(local=local, number=number))
    message = _("with the area code {area} local numbers can't be read")
    fitting = city or _("YOUR-AREA-CODE")
    return failed(check, message.format(area=area), Remedy(settings.source, ("[numbers]", f'area_code = "{fitting}"')))


def _judge_daemon(check: str, state: dict[str, Any]) -> Finding:
    if state.get("database") == "lost":
        message = _("the database's file is gone while pbxd runs: look-ups come from memory, calls wait; put it back")
        return failed(check, message, remedies.service_log())
    if not state.get("ready"):
        return failed(check, _("pbxd runs, but does not answer look-ups yet"), remedies.service_log())
    if state.get("pbx") != "connected":
        return failed(check, _("pbxd answers look-ups, but has no link to the PBX"), remedies.service_log())
    if state.get("database") != "answers":
        return failed(
            check, _("pbxd answers look-ups from memory, but its database is unavailable"), remedies.service_log()
        )
    faults = state.get("faults")
    if faults and isinstance(faults, dict):
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(faults.items()))
        return warning(
            check,
            _("pbxd runs, but some events or calls failed: {faults}").format(faults=kinds),
            remedies.service_log(),
        )
    return ok(check, _("pbxd answers look-ups and is connected to the PBX and its database"))


async def _readiness(socket: Path) -> dict[str, Any]:
    connector = aiohttp.UnixConnector(path=str(socket))
    async with aiohttp.ClientSession("http://pbxd", connector=connector, timeout=_PATIENCE) as session:
        try:
            async with session.get("/readyz") as answer:
                state = json.loads(await answer.read())
        except aiohttp.ClientConnectorError as error:
            raise error.os_error from error
    if not isinstance(state, dict):
        raise TypeError
    return state


def _secret_remedy(settings: Settings) -> Remedy:
    """Never print a line that could empty a good secret: a group member can't read it either."""
    file = settings.asterisk.secret_file
    path = settings.folder / file if file else DEFAULT_PATH.parent / "asterisk-secret"
    if os.geteuid() != 0 and not os.access(path, os.R_OK):
        return remedies.shell("pbxd doctor")
    lines = [f"test -e {path} || install -m 0600 /dev/null {path}", f"editor {path}"]
    if not file:
        message = _('and secret_file = "asterisk-secret" under [asterisk] in {file}')
        lines.append("# " + message.format(file=DEFAULT_PATH))
    return remedies.shell(*lines)


def _readable_by_others(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
