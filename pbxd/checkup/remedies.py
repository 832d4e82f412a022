"""The lines that fix an installation and that several checks share. None of them has a secret."""

from __future__ import annotations

import ipaddress

from pbxd.checkup.result import Remedy
from pbxd.i18n import _
from pbxd.settings import AsteriskSettings, Settings
from pbxd.storage.engine import presence

GENERAL = "[general](+)"  # adds to the section; Asterisk ignores a second [general] silently
# The section of config/manager.conf; a test compares them.
_RIGHTS = (
    "writetimeout = 10000",
    "read = call,agent,user,system",
    "write = call,originate,reporting",
    "eventfilter = !^Event: (VarSet|Newexten|RTCPSent|RTCPReceived|MusicOnHoldStart|MusicOnHoldStop|TestEvent)",
    "eventfilter = !^Event: (DeviceStateChange|ExtensionStatus|QueueMemberStatus|NewConnectedLine|DialState)",
    "eventfilter = !^Event: (BridgeCreate|BridgeDestroy|ContactStatus|PeerStatus|PresenceStateChange|PresenceStatus)",
    "eventfilter = !^Event: CEL[^:]*: [^:]*: [^:]*: (CHAN_|ANSWER|HANGUP|BRIDGE_|LOCAL_OPTIMIZE)",
    (
        "eventfilter = !^Event: CEL.*CallerIDrdnis: [^[:cntrl:]]*"
        "[[:cntrl:]]+([^[:cntrl:]C]|C[^a]|Ca[^l]|Cal[^l]|Call[^e]|Calle[^r]|Caller[^I])"
    ),
    (
        "eventfilter = !^Event: CEL.*CallerIDrdnis: [^[:cntrl:]]*"
        "[[:cntrl:]]+CallerI([^D]|D[^d]|Dd[^n]|Ddn[^i]|Ddni[^d]|Ddnid[^:])"
    ),
    "eventfilter = !^Event: CEL.*CallerIDdnid:.*CallerIDdnid:",
    "eventfilter = !^Event: UserEvent.*UserEvent: ([^P]|P[^b]|Pb[^x]|Pbx[^d])",
)


def shell(*lines: str) -> Remedy:
    """Give commands for a shell, as root."""
    return Remedy(_("as root"), lines)


def manager(*lines: str) -> Remedy:
    """Give lines for manager.conf."""
    return Remedy(_('at the end of /etc/asterisk/manager.conf, then: asterisk -rx "manager reload"'), lines)


def manager_user(link: AsteriskSettings) -> Remedy:
    """Give the whole section of pbxd's AMI user, with exactly the rights it needs."""
    network = "127.0.0.1/255.255.255.255"
    if not is_local(link.host):
        network = _("ADDRESS-OF-THIS-MACHINE") + "/255.255.255.255"
    where = _('in /etc/asterisk/manager.conf, replacing a section of that name, then: asterisk -rx "manager reload"')
    lines = (
        f"[{link.username}]",
        "secret = " + _("THE-SECRET-OF-PBXD"),
        "deny = 0.0.0.0/0.0.0.0",
        "deny = ::/0",
        f"permit = {network}",
        *_RIGHTS,
    )
    return Remedy(where, lines)


def extensions(*lines: str) -> Remedy:
    """Give lines for the dialplan."""
    return Remedy(_('in /etc/asterisk/extensions.conf, then: asterisk -rx "dialplan reload"'), lines)


def lost(settings: Settings) -> Remedy:
    """Show where the database was.

    No command creates an empty one: an administrator who pastes doctor's lines would lose the old one.
    """
    where = _("find the file or a backup and put it back; pbxd then continues by itself")
    return Remedy(where, (f"ls -l {presence.file_of(settings.database_url)}*",))


def service_log() -> Remedy:
    """Point to the daemon's own log."""
    return shell("journalctl -u pbxd -n 50")


def is_local(host: str) -> bool:
    """Whether this address is on the same machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
