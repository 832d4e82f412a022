"""All checks, in the order in which an installation is made. A check that can't run any more is reported as skipped."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from pbxd.asterisk.ami.client import AmiClient
from pbxd.checkup import access, dialplan, installation, pbx, people, sign_in, trunks
from pbxd.checkup.database import database
from pbxd.checkup.pbx_log import backfill
from pbxd.checkup.permissions import Account, service_account
from pbxd.checkup.result import Finding, skipped, warning
from pbxd.checkup.test_call import Observed, Witness, make_call
from pbxd.errors import ConfigurationError, InvalidInputError, PbxdError, ProtocolError, RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.settings import Settings, asterisk_secret

CHECKS = (
    "configuration", "numbers", "database", "people", "daemon", "ports", "sign-in", "recordings", "ami", "login",
    "version", "immediate", "clock", "rights", "times", "channelvars", "filters", "cel", "backfill", "functions",
    "dialplan", "hooks", "test-call", "employees", "trunks", "autofill",
)  # fmt: skip


async def examine(
    load: Callable[[], Settings], account: Callable[[Settings], Account | None] = service_account
) -> list[Finding]:
    """Run all checks. Nothing is changed, nobody is rung, and no failed check ends the rest.

    `account` returns the user as whom the service runs, if it is another than this process's: that user's file
    permissions count.
    """
    try:
        settings = load()
    except ConfigurationError as error:
        return _complete([installation.unreadable(error)])
    service = account(settings)
    found = [installation.configuration(settings), installation.numbers(settings)]
    daemon, life = await installation.daemon(settings)
    found += [
        await database(settings, service),
        await people.passed(settings),
        daemon,
        await installation.ports(settings, life),
        await sign_in.protected(settings),
        await installation.recordings(settings, service),
    ]
    found += await _pbx(settings, service, served=life == "serves")
    return _complete(found)


def _complete(found: list[Finding]) -> list[Finding]:
    """Put the findings in order, and add those that were skipped."""
    by_check = {finding.check: finding for finding in found}
    missing = _("not checked, because of a problem above")
    return [by_check.get(check) or skipped(check, missing) for check in CHECKS]


async def _pbx(settings: Settings, service: Account | None, *, served: bool) -> list[Finding]:
    witness = Witness()

    def log() -> Coroutine[Any, Any, Finding]:
        return backfill(settings, witness.seen, service)

    try:
        ami = AmiClient(settings.link, asterisk_secret(settings), witness.feed, on_link=lambda _up: None)
    except (ConfigurationError, InvalidInputError) as error:
        return [] if "secret" in str(error) else [installation.unreadable(ConfigurationError(str(error)))]
    try:
        async with ami.session():
            found = await _session(ami, settings, witness, served=served)
            return [*access.reachable(settings.asterisk), *found, *await _run_check("backfill", log)]
    except (UnavailableError, ProtocolError, RefusedError) as error:
        return access.unreachable(settings.asterisk, error)


async def _session(ami: AmiClient, settings: Settings, witness: Witness, *, served: bool) -> list[Finding]:
    seen = await make_call(ami, witness, settings.agi, served=served)
    found = [pbx.times(seen), pbx.ends(seen), pbx.channel_events(seen)]
    for check, ask in _questions(ami, settings, seen, served=served).items():
        found += await _run_check(check, ask)
    return found


def _questions(
    ami: AmiClient, settings: Settings, seen: Observed, *, served: bool
) -> dict[str, Callable[[], Coroutine[Any, Any, Finding | list[Finding]]]]:
    return {
        "version": lambda: pbx.version(ami),
        "clock": lambda: pbx.clock(ami),
        "rights": lambda: access.rights(ami, settings.asterisk, seen),
        "filters": lambda: access.filters(ami, settings, seen),
        "functions": lambda: dialplan.functions(ami),
        "dialplan": lambda: dialplan.part_and_hooks(ami, settings),
        "test-call": lambda: dialplan.test_call(ami, settings, seen, served=served),
        "employees": lambda: people.employees(ami, settings),
        "trunks": lambda: trunks.identities(ami, settings),
        "autofill": lambda: people.autofill(ami, settings),
    }


async def _run_check(check: str, ask: Callable[[], Coroutine[Any, Any, Finding | list[Finding]]]) -> list[Finding]:
    """Run a check; a refusal by the PBX is a finding too."""
    try:
        finding = await ask()
    except PbxdError as error:
        return [warning(check, _("could not be checked: {why}").format(why=error))]
    return finding if isinstance(finding, list) else [finding]
