"""The manager interface: is it there, does it let us in, and with exactly the rights that are needed."""

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

# What whoever holds the secret could do to the PBX with it: run programs, rewrite its configuration.
DANGEROUS = ("system", "command", "config")
NEEDED = {"call": "Atxfer", "originate": "Originate", "reporting": "CoreShowChannels"}  # right -> action it opens
_PRIVILEGES = re.compile(r"\(Priv: ([a-z,]+)\)\s*$")


def unreachable(link: AsteriskSettings, error: PbxdError) -> list[Finding]:
    """Say why there is no session: nobody there, not to be trusted, or not let in."""
    address = f"{link.host}:{link.port}"
    if isinstance(error, RefusedError) and error.reason != REFUSED:
        message = _("{address}: the user {user} is refused: {why}")
        told = failed(
            "login", message.format(address=address, user=link.username, why=error), remedies.manager_user(link)
        )
        return [ok("ami", _("Asterisk answers on {address}").format(address=address)), told]
    if isinstance(error, RefusedError):
        certificate = f"openssl s_client -connect {address} </dev/null | openssl x509 -noout -fingerprint -sha256"
        where = _("compare with the certificate on the PBX (tlscertfile in manager.conf)")
        return [failed("ami", f"{address}: {error}", Remedy(where, (certificate,)))]
    general = (remedies.GENERAL, "enabled = yes", f"port = {link.port}", "bindaddr = " + _bind(link))
    return [failed("ami", f"{address}: {error}", remedies.manager(*general))]


def let_in(link: AsteriskSettings) -> list[Finding]:
    """Say that there is a session, and how safe it is."""
    address = f"{link.host}:{link.port}"
    how = _("Asterisk answers on {address} over TLS") if link.tls == "on" else _("Asterisk answers on {address}")
    user = _("the user {user} is let in").format(user=link.username)
    return [ok("ami", how.format(address=address)), ok("login", user)]


async def rights(ami: AmiClient, link: AsteriskSettings, seen: Observed) -> Finding:
    """Compare the user's rights with what is needed: by the actions he is offered and by the events that came."""
    check = "rights"
    held = rights_held(await ami.action("ListCommands"))
    block = remedies.manager_user(link)
    dangerous = [right for right in DANGEROUS if right in held]
    if dangerous:
        message = _("the user {user} has the right {rights}: whoever learns the secret takes over the PBX")
        return failed(check, message.format(user=link.username, rights=_as_write(dangerous)), block)
    missing = [f"write = {right}" for right in NEEDED if right not in held] + _unheard(seen)
    if missing:
        message = _("the user {user} lacks {rights}")
        return failed(check, message.format(user=link.username, rights=", ".join(missing)), block)
    more = sorted(held - NEEDED.keys())
    if more:
        message = _("the user {user} may do more than pbxd needs: {rights}")
        return warning(check, message.format(user=link.username, rights=_as_write(more)), block)
    return ok(check, _("what is needed and no more (read = agent shows only when somebody is in a queue)"))


def rights_held(commands: Packet) -> set[str]:
    """Return the `write` rights that ListCommands gives away.

    It lists the actions this user may ask, each with all the rights any one of which opens it; so an action with a
    single right (beside `all`) proves that one.
    """
    proved = set()
    for text in commands.values():
        found = _PRIVILEGES.search(text)
        classes = set(found[1].split(",")) - {"all"} if found else set()
        if len(classes) == 1:
            proved |= classes
    return proved | ({"reporting"} if NEEDED["reporting"] in commands else set())


async def filters(ami: AmiClient, settings: Settings, seen: Observed) -> Finding:
    """Judge the eventfilters: by the events of the test call, and by manager.conf for those it can't make."""
    check = "filters"
    block = remedies.manager_user(settings.asterisk)
    if seen.reported and seen.filtered:
        message = _("an eventfilter without ^ hides every event in which a caller's name looks like another event")
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
        message = _("events come that nobody needs: {events}").format(events=", ".join(sorted(seen.more)))
        return warning(check, message, block)
    if forgeable:
        message = _("a caller can forge events by a Diversion header: the newer eventfilters are missing")
        return warning(check, message, block)
    if not seen.reported:
        return skipped(check, _("couldn't be seen without a report of the test call"))
    return ok(check, _("no event that matters is filtered out"))


async def _own_section(ami: AmiClient, settings: Settings) -> list[tuple[str, str]]:
    """Return what manager.conf says of our user. Raises OSError."""
    if not remedies.is_local(settings.asterisk.host):
        raise OSError(0, _("the PBX is another machine"))
    folder = await asterisk_conf.folder(ami)
    sections = await asyncio.to_thread(asterisk_conf.entries, folder, "manager.conf")
    return sections.get(settings.asterisk.username, [])


def _unheard(seen: Observed) -> list[str]:
    """Return the `read` rights whose events should have come and didn't."""
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
