"""Who is behind the name of a channel or a device, and whom a dial string calls. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pbxd.calls import events as ev

# Channel technologies Asterisk uses inside itself; none of them is a party.
_PLUMBING = frozenset({
    "Local", "Announcer", "AsyncGoto", "AudioSocket", "Bridge", "CBAnn", "CBRec", "ConfBridgeRecorder", "Message",
    "Multicast", "MulticastRTP", "Parking", "Recorder", "Snoop", "Surrogate", "Transfered", "UnicastRTP", "WebSocket",
})  # fmt: skip
_NUMBER_IN_DIAL_STRING = re.compile(r"(?<![\w.])\+?[0-9*#]{2,}(?![\w.])")


class Endpoints:
    """Tells employees, trunks and plumbing apart by the channel's name."""

    def __init__(self, pattern: str, channels: Sequence[str] = ()) -> None:
        """`pattern` matches an extension as endpoint name; `channels`, if any, match the whole name instead."""
        self._pattern = re.compile(pattern)
        self._channels = [re.compile(channel) for channel in channels]

    def of(self, name: str) -> ev.Endpoint:
        """Return who is behind a channel called `name`, such as `PJSIP/101-0000001a`."""
        technology, _slash, rest = name.partition("/")
        if technology in _PLUMBING or not rest:
            return ev.Endpoint("plumbing", name)
        for channel in self._channels:
            if match := channel.search(name):
                return ev.Endpoint("extension", match.group(1) if match.groups() else match.group(0))
        return self._named(rest.rpartition("-")[0] or rest)

    def is_inside(self, name: str) -> bool:
        """Tell whether a channel called `name` is surely one of our own extensions'."""
        return self.of(name).kind == "extension"

    def of_device(self, device: str) -> ev.Endpoint:
        """Return who is behind a device such as `PJSIP/101`, or a queue's member such as `Local/101@from-queue/n`."""
        return self._named(device.partition("/")[2].partition("@")[0])

    def _named(self, endpoint: str) -> ev.Endpoint:
        if not self._channels and self._pattern.fullmatch(endpoint):
            return ev.Endpoint("extension", endpoint)
        return ev.Endpoint("trunk", endpoint)


def number_in(dial_string: str) -> str:
    """Return the number in a dial string such as `84951234567@trunk` or `trunk/84951234567`, else an empty text."""
    found = _NUMBER_IN_DIAL_STRING.search(dial_string)
    return found.group(0) if found else ""
