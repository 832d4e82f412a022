"""The PBX itself: its version and what that can do, its clock, and the times and events it sends."""

from __future__ import annotations

import re
import time

from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.ami.injection import END
from pbxd.asterisk.queues import moves_at_once
from pbxd.checkup import remedies
from pbxd.checkup.result import Finding, Remedy, failed, ok, skipped, warning
from pbxd.checkup.test_call import Observed
from pbxd.i18n import _

TESTED = 22
SUPPORTED = 20
SKEW_SECONDS = 1.0
_VERSION = re.compile(r"(\d+)\.(\d+)")


async def version(ami: AmiClient) -> list[Finding]:
    """Judge Asterisk's version, and whether it can move a caller who already waits."""
    text = (await ami.action("CoreSettings")).get("AsteriskVersion", "")
    found = _VERSION.search(text)
    if found is None:
        message = _("the version {version} can't be read; pbxd supports {supported} and newer, tested with {tested}")
        shown = message.format(version=text or "?", supported=SUPPORTED, tested=TESTED)
        return [warning("version", shown), skipped("immediate", _("not checked: the version is not known"))]
    return [_supported(text, int(found[1])), _immediate(text)]


def _supported(text: str, major: int) -> Finding:
    if major < SUPPORTED:
        message = _("Asterisk {version} is older than what pbxd supports ({supported} and newer, tested with {tested})")
        shown = message.format(version=text, supported=SUPPORTED, tested=TESTED)
        return warning("version", shown, Remedy(_("on the PBX"), (_("update Asterisk to a supported release"),)))
    return ok("version", _("Asterisk {version} (tested with {tested})").format(version=text, tested=TESTED))


def _immediate(text: str) -> Finding:
    check = "immediate"
    if moves_at_once(text):
        return ok(check, _("VIPs who already wait can be moved to the head of a queue"))
    message = _("Asterisk {version} can't move callers who already wait: VIPs get their place only on entering a queue")
    remedy = Remedy(_("on the PBX"), (_("update Asterisk to 18.20, 20.5, 21 or newer"),))
    return warning(check, message.format(version=text), remedy)


async def clock(ami: AmiClient) -> Finding:
    """Compare the PBX's clock with ours; half of the round trip is subtracted."""
    check = "clock"
    before = time.time()
    stamp = (await ami.action("Ping")).get("Timestamp", "")
    after = time.time()
    try:
        skew = float(stamp) - (before + after) / 2
    except ValueError:
        return warning(check, _("the PBX does not send its time"))
    if abs(skew) <= SKEW_SECONDS + (after - before) / 2:
        return ok(check, _("the clocks of the PBX and of this machine agree"))
    message = _("the PBX's clock differs by {seconds:+.1f} s from this machine's; the history has the PBX's times")
    commands = remedies.shell("timedatectl set-ntp true", "timedatectl timesync-status")
    return warning(check, message.format(seconds=skew), commands)


def times(seen: Observed) -> Finding:
    """Judge whether events have their time."""
    check = "times"
    if seen.timed is None:
        return skipped(check, _("not checked: no event came"))
    if seen.timed:
        return ok(check, _("events have the PBX's time"))
    message = _("events come without a time: calls can't be recorded exactly")
    return failed(check, message, remedies.manager(remedies.GENERAL, "timestampevents = yes"))


def ends(seen: Observed) -> Finding:
    """Judge whether a caller could give their own call's events another call's ids."""
    check = "channelvars"
    if not seen.channels:
        return skipped(check, _("not checked: no event came"))
    if seen.ends:
        return ok(check, _("no caller can make their call's events look like another call's"))
    message = _("a caller who dials a text with line breaks can make their call's events look like another call's")
    return warning(check, message, remedies.manager(remedies.GENERAL, f"channelvars = {END}"))


def channel_events(seen: Observed) -> Finding:
    """Judge whether CEL arrives over AMI."""
    check = "cel"
    if not seen.channels:
        return skipped(check, _("not checked: no event came"))
    if seen.cel:
        return ok(check, _("CEL arrives: menus and voicemail are recognised"))
    message = _("no channel events (CEL) come: voicemail counts as missed, menus as waiting")
    lines = ("[general]", "enable = yes", "apps = dial,queue,voicemail,park,parkedcall,confbridge", _EVENTS)
    where = _("the whole of /etc/asterisk/cel.conf")  # a second section of the same name would be ignored there too
    # The first starts the engine, the second its events over AMI; neither does both.
    reload = remedies.shell('asterisk -rx "module reload cel"', 'asterisk -rx "module reload cel_manager.so"')
    return warning(check, message, Remedy(where, (*lines, "[manager]", "enabled = yes")), reload)


# As in config/cel.conf; a test compares them.
_EVENTS = (
    "events = CHAN_START,CHAN_END,HANGUP,ANSWER,APP_START,APP_END,BRIDGE_ENTER,BRIDGE_EXIT,PARK_START,PARK_END,"
    "BLINDTRANSFER,ATTENDEDTRANSFER,LINKEDID_END,PICKUP,FORWARD,LOCAL_OPTIMIZE"
)
