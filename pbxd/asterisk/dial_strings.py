"""Asterisk's dial strings in the configuration (`[dialing]`), checked. Pure."""

from __future__ import annotations

import re

from pbxd.errors import ConfigurationError
from pbxd.i18n import _
from pbxd.settings import DialingSettings
from pbxd.telephony import DialTemplates

_DIAL_STRING = re.compile(r"[A-Za-z0-9]+/[A-Za-z0-9+*#_.:@/-]+")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}: [A-Za-z0-9 !#%&'*+./:;<=>?@^_|~-]{1,200}")
_LOCAL = "Local/"
_OWN_CONTEXT = "Local/{extension}@pbxd-agent"  # of dialplan/pbxd.conf, which dials the contacts of PJSIP/{extension}
_AUTO_ANSWER = {
    "": "",
    "alert-info": "Alert-Info: <http://localhost>;info=alert-autoanswer;delay=0",  # Yealink, Grandstream, Cisco
    "call-info": "Call-Info: <sip:localhost>;answer-after=0",  # Snom, Linphone, Panasonic
}


def templates_of(settings: DialingSettings) -> DialTemplates:
    """Return the dial strings of the configuration. Raises ConfigurationError, which names the key."""
    for key, template, field in (
        ("device", settings.device, "{extension}"),
        ("internal", settings.internal, "{number}"),
        ("trunk", settings.trunk, "{number}"),
    ):
        _check_template(key, template, field)
    return DialTemplates(
        agent=settings.device,
        colleague=settings.internal,
        outside=settings.trunk,
        state_device=_state_device(settings),
        auto_answer=_auto_answer(settings),
        colleague_by_dialplan=settings.internal.lower().startswith(_LOCAL.lower()),
        outside_by_dialplan=is_local(settings.trunk),
    )


def is_local(dial_string: str) -> bool:
    """Tell whether a dial string leads through the dialplan, perhaps to several phones."""
    return dial_string.startswith(_LOCAL)


def _state_device(settings: DialingSettings) -> str:
    """Return the template of the device that has a state: a Local channel has none of its own."""
    if settings.state_device:
        _check_template("state_device", settings.state_device, "{extension}")
        return settings.state_device
    if settings.device.startswith(_OWN_CONTEXT):
        return "PJSIP/{extension}"
    return "" if is_local(settings.device) else settings.device


def _auto_answer(settings: DialingSettings) -> str:
    header = _AUTO_ANSWER.get(settings.auto_answer, settings.auto_answer)
    if header and not _HEADER.fullmatch(header):
        message = _("{key}: expected alert-info, call-info, or a header such as Alert-Info: info=alert-autoanswer")
        raise ConfigurationError(message.format(key="dialing.auto_answer"))
    return header


def _check_template(key: str, template: str, field: str) -> None:
    """Accept a dial string with exactly one `field` and nothing Asterisk would read as more than one channel."""
    rest = template.replace(field, "1", 1)
    if template.count(field) != 1 or not _DIAL_STRING.fullmatch(rest):
        message = _("{key}: expected a dial string such as PJSIP/{field}, with {field} once, without options")
        raise ConfigurationError(message.format(key=f"dialing.{key}", field=field))
