"""The time of an AMI stream: from its events, from answers to Ping, or from the arrival of its packets. Pure."""

from __future__ import annotations

from typing import Literal

from pbxd.asterisk.ami.field_limits import is_timestamp
from pbxd.errors import ProtocolError, TimelessError
from pbxd.i18n import _

_FAR_SECONDS = 86_400.0  # an event that is so early or late is refused
_SILENCE_SECONDS = 366 * 86_400.0  # the longest silence of a stream without arrival times
_AGREEING = 20  # so many events in a row show that the PBX's clock was set


class StreamClock:
    """The time of the last packet. `source` says whose time the events have so far."""

    def __init__(self) -> None:
        self.source: Literal["pbx", "arrival"] = "pbx"
        self.now: float | None = None
        self._ahead: float | None = None  # the PBX's clock minus ours, by its last answer or event
        self._stamped = False  # events have had times
        self._refused: float | None = None  # the last refused time, until the next accepted one
        self._agreeing = 0

    def take_event(self, at: float, arrival: float | None) -> None:
        """Take an event's time.

        Raises ProtocolError if it is a day or more from the PBX's clock. That is known from the last answer to a Ping,
        whose ActionID nobody else knows, and from the last event.
        """
        self._check(at, arrival)
        self._stamped = True
        self._set(at, arrival)

    def take_answer(self, at: float, arrival: float | None) -> None:
        """Take the time of an answer to a Ping; with its arrival it shows how far the PBX's clock is from ours."""
        if arrival is None:
            self._check(at, arrival)
        self._set(at, arrival)

    def take_arrival(self, arrival: float | None) -> None:
        """Take the arrival of an event without a time. Raises ProtocolError without one, TimelessError if none had."""
        if arrival is None and self._stamped:
            raise ProtocolError("an event without the time that others have")
        if arrival is None:
            raise TimelessError(
                _("the stream has no times: set timestampevents=yes in manager.conf, or keep arrival times beside it")
            )
        self.source = "arrival"
        self.now = arrival

    def _check(self, at: float, arrival: float | None) -> None:
        """Refuse a time that is far from the stream's own.

        A stream without arrival times may have been silent for long; then many times in a row that agree are accepted.
        """
        expected, longest = self.now, _SILENCE_SECONDS
        if arrival is not None:
            expected, longest = arrival + (self._ahead or 0.0), _FAR_SECONDS
        if expected is not None and not -_FAR_SECONDS <= at - expected <= longest:
            agrees = self._refused is not None and abs(at - self._refused) <= _FAR_SECONDS
            self._refused, self._agreeing = at, self._agreeing + 1 if agrees else 1
            if arrival is not None or self._agreeing < _AGREEING:
                raise ProtocolError(f"a time far from the stream's own: {at:.0f}")

    def _set(self, at: float, arrival: float | None) -> None:
        self.now, self._refused = at, None
        if arrival is not None:
            self._ahead = at - arrival


def seconds(stamp: str) -> float:
    """Read epoch seconds (`Timestamp`). Raises ProtocolError: line breaks in a number can put any text there."""
    if not is_timestamp(stamp):
        raise ProtocolError(f"not a timestamp: {stamp[:40]!r}")
    return float(stamp)
