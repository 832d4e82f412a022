"""What lies on this machine: the configuration, the secret, the database, the running daemon."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import aiohttp

from pbxd.checkup import remedies
from pbxd.checkup.finding import Finding, Remedy, failed, ok, warning
from pbxd.errors import ConfigurationError, PbxdError
from pbxd.i18n import _
from pbxd.settings import DEFAULT_PATH, Settings, asterisk_secret
from pbxd.storage import schema

_PATIENCE = aiohttp.ClientTimeout(total=3.0)  # seconds; a daemon that lives answers within milliseconds


def configuration(settings: Settings) -> Finding:
    """Look at the configuration that was read, and whether the AMI secret is there and kept secret."""
    check = "configuration"
    source = settings.source or _("no configuration file, built-in defaults")
    try:
        asterisk_secret(settings)
    except ConfigurationError as error:
        return failed(check, str(error), _secret_remedy(settings))
    if settings.asterisk.secret and _readable_by_others(Path(settings.source)):
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


async def database(settings: Settings) -> Finding:
    """Look the database over, without ever creating one."""
    check = "database"
    try:
        health = await schema.check(settings.database_url)
    except PbxdError as error:
        return failed(check, str(error), _upgrade(settings))
    if health.problems:
        first, more = health.problems[0], len(health.problems) - 1
        message = f"{health.place}: {first}" + (_(", and {count} more").format(count=more) if more else "")
        remedy = remedies.shell("pbxd db check") if health.revision == health.expected else _upgrade(settings)
        return failed(check, message, remedy)
    return ok(check, _("{place}: sound (schema {schema})").format(place=health.place, schema=health.revision))


async def daemon(settings: Settings) -> tuple[Finding, bool]:
    """Ask the running daemon how it is; also returns whether it answers, whatever it says."""
    check = "daemon"
    where = settings.socket_path
    try:
        told = await _readiness(where)
    except PermissionError:
        message = _("no right to use {socket}: only the service's user and group may")
        return warning(check, message.format(socket=where), remedies.shell("pbxd doctor")), False
    except TimeoutError:
        message = _("pbxd hangs: it accepts on {socket} but doesn't answer").format(socket=where)
        return failed(check, message, remedies.shell("systemctl restart pbxd")), False
    except (OSError, aiohttp.ClientError, ValueError):
        message = _("pbxd doesn't answer on {socket}; is it running?").format(socket=where)
        return failed(check, message, remedies.shell("systemctl enable --now pbxd", "systemctl status pbxd")), False
    return _judged(check, told), True


def _judged(check: str, told: dict[str, Any]) -> Finding:
    if not told.get("ready"):
        return failed(check, _("pbxd runs, but serves no look-ups yet"), remedies.service_log())
    if told.get("pbx") != "connected":
        return failed(check, _("pbxd serves look-ups, but has no link to the PBX"), remedies.service_log())
    if told.get("database") != "answers":
        return failed(check, _("pbxd serves look-ups from memory, but its database is away"), remedies.service_log())
    faults = told.get("faults")
    if faults and isinstance(faults, dict):
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(faults.items()))
        return warning(
            check,
            _("pbxd runs, but could not follow or write everything: {faults}").format(faults=kinds),
            remedies.service_log(),
        )
    return ok(check, _("pbxd serves look-ups, and has the PBX and its database"))


async def _readiness(socket: Path) -> dict[str, Any]:
    connector = aiohttp.UnixConnector(path=str(socket))
    async with aiohttp.ClientSession("http://pbxd", connector=connector, timeout=_PATIENCE) as session:
        try:
            async with session.get("/readyz") as answer:
                told = json.loads(await answer.read())
        except aiohttp.ClientConnectorError as error:
            raise error.os_error from error
    if not isinstance(told, dict):
        raise TypeError
    return told


def _upgrade(settings: Settings) -> Remedy:
    """Let the service make its database: one that root made could not be written by it."""
    if settings.database.upgrade == "auto":
        return remedies.shell("systemctl enable pbxd", "systemctl restart pbxd")
    return remedies.shell("runuser -u pbxd -- pbxd db upgrade")


def _secret_remedy(settings: Settings) -> Remedy:
    file = settings.asterisk.secret_file
    path = settings.folder / file if file else DEFAULT_PATH.parent / "asterisk-secret"
    lines = [f"install -m 0600 /dev/null {path}", f"editor {path}"]
    if not file:
        message = _('and secret_file = "asterisk-secret" under [asterisk] in {file}')
        lines.append("# " + message.format(file=DEFAULT_PATH))
    return remedies.shell(*lines)


def _readable_by_others(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
