"""The manager interface (AMI): does it answer, can pbxd log in, and with exactly the needed rights."""

from __future__ import annotations

import asyncio
import re

from pbxd.asterisk.ami.client import AmiClient, Packet
from pbxd.asterisk.ami.tls import REFUSED
from pbxd.checkup import asterisk_conf, event_filters, remedies
from pbxd.checkup.result import Finding, Remedy, failed, ok, skipped, warning
from pbxd.checkup.test_call import Observed
from pbxd.errors import PbxdError, RefusedError
from pbxd.i18n import _
from pbxd.settings import AsteriskSettings, Settings

# With these rights anybody who has the secret could run programs on the PBX or rewrite its configuration.
DANGEROUS = ("system", "command", "config")
NEEDED = {
    "call": "Atxfer",
    "originate": "Originate",
    "reporting": "CoreShowChannels",
}  # right -> an action it opens
_PRIVILEGES = re.compile(r"\(Priv: ([a-z,]+)\)\s*$")


def unreachable(link: AsteriskSettings, error: PbxdError) -> list[Finding]:
    """Say why there is no session: nobody answers, the certificate is not trusted, or the login fails."""
    address = f"{link.host}:{link.port}"
    if isinstance(error, RefusedError) and error.reason != REFUSED:
        message = _("{address}: the user {user} is refused: {why}")
        refused = failed(
            "login", message.format(address=address, user=link.username, why=error), remedies.manager_user(link)
        )
        return [ok("ami", _("Asterisk answers on {address}").format(address=address)), refused]
    if isinstance(error, RefusedError):
        certificate = f"openssl s_client -connect {address} </dev/null | openssl x509 -noout -fingerprint -sha256"
        where = _("compare with the certificate on the PBX (tlscertfile in manager.conf)")
        return [failed("ami", f"{address}: {error}", Remedy(where, (certificate,)))]
    general = (remedies.GENERAL, "enabled = yes", f"port = {link.port}", "bindaddr = " + _bind(link))
    return [failed("ami", f"{address}: {error}", remedies.manager(*general))]


def reachable(link: AsteriskSettings) -> list[Finding]:
    """Say that the login works, and how safe the connection is."""
    address = f"{link.host}:{link.port}"
    how = _("Asterisk answers on {address} over TLS") if link.tls == "on" else _("Asterisk answers on {address}")
    user = _("the user {user} can log in").format(user=link.username)
    return [ok("ami", how.format(address=address)), ok("login", user)]


async def rights(ami: AmiClient, link: AsteriskSettings, seen: Observed) -> Finding:
    """Compare the user's rights with the needed ones, by the actions they open and by the events that came."""
    check = "rights"
    held = rights_held(await ami.action("ListCommands"))
    block = remedies.manager_user(link)
    dangerous = [right for right in DANGEROUS if right in held]
    if dangerous:
        message = _("the user {user} has the right {rights}: with the secret anybody can take over the PBX")
        return failed(check, message.format(user=link.username, rights=_as_write(dangerous)), block)
    missing = [f"write = {right}" for right in NEEDED if right not in held] + _missing_read_rights(seen)
    if missing:
        message = _("the user {user} lacks {rights}")
        return failed(check, message.format(user=link.username, rights=", ".join(missing)), block)
    more = sorted(held - NEEDED.keys())
    if more:
        message = _("the user {user} may do more than pbxd needs: {rights}")
        return warning(check, message.format(user=link.username, rights=_as_write(more)), block)
    return ok(
        check, _("the rights are exactly those needed (read = agent can be checked only while somebody is in a queue)")
    )


def rights_held(commands: Packet) -> set[str]:
    """Return the `write` rights that ListCommands shows.

    It lists the actions this user may ask for, each with all rights any one of which opens it. So an action with a
    single right (besides `all`) proves that one.
    """
    proved = set()
    for text in commands.values():
        found = _PRIVILEGES.search(text)
        classes = set(found[1].split(",")) - {"all"} if found else set()
        if len(classes) == 1:
            proved |= classes
    return proved | ({"reporting"} if NEEDED["reporting"] in commands else set())


async def filters(ami: AmiClient, settings: Settings, seen: Observed) -> Finding:
    """Judge the eventfilters, by the events of the test call, and by manager.conf for those that it can't make."""
    check = "filters"
    block = remedies.manager_user(settings.asterisk)
    if seen.reported and seen.filtered:
        message = _("an eventfilter without ^ also hides events that have its text in a caller's name")
        return failed(check, message, block)
    try:
        section = await _own_section(ami, settings)
        hidden = seen.hidden or event_filters.hidden(section)
        forgeable = event_filters.forgeable(section)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or str(error)
        message = _("manager.conf can't be read here ({why}): eventfilters may hide queues, transfers and parking")
        return warning(check, message.format(why=why), Remedy(_("on the PBX"), ("grep eventfilter manager.conf",)))
    if hidden:
        message = _("an eventfilter hides events that the history needs: {events}")
        return failed(check, message.format(events=", ".join(hidden)), block)
    return _let_through(seen, block, forgeable=forgeable)


def _let_through(seen: Observed, block: Remedy, *, forgeable: bool) -> Finding:
    """Judge the eventfilters by what they should hide and don't."""
    check = "filters"
    if seen.more:
        message = _("AMI sends events that pbxd does not need: {events}").format(events=", ".join(sorted(seen.more)))
        return warning(check, message, block)
    if forgeable:
        message = _("a caller can forge events with a Diversion header: the newer eventfilters are missing")
        return warning(check, message, block)
    if not seen.reported:
        return skipped(check, _("not checked: the test call sent no report"))
    return ok(check, _("the eventfilters hide no event that pbxd needs"))


async def _own_section(ami: AmiClient, settings: Settings) -> list[tuple[str, str]]:
    """Return the lines of manager.conf for our user. Raises OSError."""
    if not remedies.is_local(settings.asterisk.host):
        raise OSError(0, _("the PBX runs on another machine"))
    folder = await asterisk_conf.folder(ami)
    sections = await asyncio.to_thread(asterisk_conf.entries, folder, "manager.conf")
    return sections.get(settings.asterisk.username, [])


def _missing_read_rights(seen: Observed) -> list[str]:
    """Return the `read` rights whose events should have come and did not."""
    missing = [] if seen.booted else ["read = system"]
    if not seen.refused and not seen.channels:
        missing.append("read = call")
    if seen.ended and not seen.unmade and not seen.reported:
        missing.append("read = user")
    return missing


def _as_write(names: list[str]) -> str:
    return ", ".join(f"write = {name}" for name in names)


def _bind(link: AsteriskSettings) -> str:
    return "127.0.0.1" if remedies.is_local(link.host) else "0.0.0.0"  # noqa: S104 - advice for a PBX elsewhere
