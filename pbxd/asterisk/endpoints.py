"""Who is behind the name of a channel or a device, and whom a dial string calls. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pbxd.calls import events as ev

# Channel technologies Asterisk uses inside itself; none of them is a party.
_LOCAL_TECHNOLOGIES = frozenset({
    "Local", "Announcer", "AsyncGoto", "AudioSocket", "Bridge", "CBAnn", "CBRec", "ConfBridgeRecorder", "Message",
    "Multicast", "MulticastRTP", "Parking", "Recorder", "Snoop", "Surrogate", "Transfered", "UnicastRTP", "WebSocket",
})  # fmt: skip
_NUMBER = re.compile(r"\+?[0-9*#]{2,}")


class Endpoints:
    """Decides by a channel's name whether it is an employee's, a trunk's or a local one."""

    def __init__(self, pattern: str, channels: Sequence[str] = ()) -> None:
        """`pattern` matches an extension as endpoint name; `channels`, if any, match the whole name instead."""
        self._pattern = re.compile(pattern)
        self._channels = [re.compile(channel) for channel in channels]
        self._lines: set[str] = set()  # what was dialled through, so that it is nobody's phone

    def of(self, name: str) -> ev.Endpoint:
        """Return who is behind a channel called `name`, such as `PJSIP/101-0000001a`."""
        technology, _slash, rest = name.partition("/")
        if technology in _LOCAL_TECHNOLOGIES or not rest:
            return ev.Endpoint("local", name)
        return self._matched(name) or self._named(technology, rest.rpartition("-")[0] or rest)

    def is_inside(self, name: str) -> bool:
        """Tell whether a channel called `name` is surely one of our own extensions'."""
        return self.of(name).kind == "extension"

    def of_device(self, device: str) -> ev.Endpoint:
        """Return who is behind a device such as `PJSIP/101`, or a queue's member such as `Local/101@from-queue/n`."""
        technology, _slash, rest = device.partition("/")
        return self._matched(f"{device}-00000000") or self._named(technology, rest.partition("@")[0])

    def of_dialled(self, channel: str, dial_string: str) -> tuple[ev.Endpoint, str]:
        """Return who is behind a channel that was dialled, and the number dialled through it, if any.

        An endpoint that a number is dialled through is a line, whatever its name looks like, from now on. A SIP URI
        doesn't show that, since the user of a phone's contact may be any number; nor does an extension, which may be
        dialled through a colleague's endpoint. In doubt it is a phone: taken for a line, it would lose its employee.
        """
        technology, _slash, rest = channel.partition("/")
        peer = rest.rpartition("-")[0] or rest
        number = number_in(dial_string.removeprefix(f"{technology}/"), peer)
        shows = "sip:" not in dial_string and not self._pattern.fullmatch(number)
        if number and number != peer and shows and technology not in _LOCAL_TECHNOLOGIES:
            self._lines.add(f"{technology}/{peer}")
        return self.of(channel), number

    def _matched(self, name: str) -> ev.Endpoint | None:
        for channel in self._channels:
            if match := channel.search(name):
                return ev.Endpoint("extension", match.group(1) if match.groups() else match.group(0))
        return None

    def _named(self, technology: str, endpoint: str) -> ev.Endpoint:
        line = technology == "DAHDI" or f"{technology}/{endpoint}" in self._lines
        if not self._channels and not line and self._pattern.fullmatch(endpoint):
            return ev.Endpoint("extension", endpoint)
        return ev.Endpoint("trunk", endpoint)


def number_in(dial_string: str, peer: str = "") -> str:
    """Return the number in a dial string without its technology, else an empty text.

    `84951234567@trunk`, `trunk/84951234567@context`, `trunk/sip:84951234567@host`, `g1/84951234567`; the name of the
    peer may be a number itself, and is not what was dialled.
    """
    head, _slash, tail = dial_string.partition("/")
    for part in (tail, head if "@" in head else ""):
        user = re.split("[@;/]", part.removeprefix("sip:"))[0]
        if _NUMBER.fullmatch(user) and user != peer:
            return user
    return ""


def target_in(data: str, channel: str) -> str:
    """Return the target among an application's arguments (`PJSIP/101&Local/102@x/n,20,tT`) that a channel is of."""
    technology, _slash, rest = channel.partition("/")
    endpoint = rest.rpartition("-")[0]
    for target in data.partition(",")[0].split("&"):
        kind, _slash, who = target.partition("/")
        if kind == technology and endpoint in {who.partition("@")[2], who.partition("/")[0], who.split("/n")[0]}:
            return target
    return ""
