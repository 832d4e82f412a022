"""The audio of one call: 20 ms packets of G.711 µ-law both ways (RFC 3551) and digits (RFC 4733).

Each stream sends its own four-byte mark over and over instead of a tone. Asterisk bridges µ-law to µ-law untouched, so
the mark that arrives tells exactly whose voice is heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import struct
import time
from collections.abc import Callable

from tests.lab.ports import port_of, reserve_udp

PACKET_SECONDS = 0.02
SAMPLES = 160
DIGITS = "0123456789*#ABCD"
DIGIT_STEPS = 5  # packets of 20 ms while the key is held
DIGIT_ENDS = 3  # the end is sent three times, as RFC 4733 wants
DIGIT_PAUSE = 4
_marks = itertools.count(secrets.randbelow(1 << 20))


def next_mark() -> bytes:
    """Four bytes in 0x20..0x5f: no two streams of a lab share them and none is µ-law silence."""
    number = next(_marks)
    return bytes(0x20 + ((number >> shift) & 0x3F) for shift in (18, 12, 6, 0))


class Media:
    """An RTP end on its own port. Nothing is sent before `send_to`, nothing after `close`."""

    def __init__(self) -> None:
        self._socket = reserve_udp()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._readable)
        self._timer: asyncio.TimerHandle | None = None
        self._target: tuple[str, int] | None = None
        self._events_as = 101
        self._sequence = secrets.randbelow(1 << 15)
        self._timestamp = secrets.randbelow(1 << 30)
        self._source = secrets.randbits(32)
        self._next_at = 0.0
        self._packets: list[tuple[int, bytes]] = []  # digits on their way out: (timestamp advance, payload)
        self._last_digit_at = -1
        self.mark = next_mark()
        self.port = port_of(self._socket)
        self.digits = ""  # heard so far
        self.received = 0  # audio packets
        self.heard: dict[bytes, float] = {}  # mark -> epoch when heard last
        self.sending = True
        self.on_digit: Callable[[], None] = lambda: None

    def _readable(self) -> None:
        for _ in range(50):  # a burst must not keep the loop from everything else
            try:
                data = self._socket.recv(2048)
            except (BlockingIOError, ConnectionError):
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        if len(data) < 12:
            return
        kind, timestamp, payload = data[1] & 0x7F, struct.unpack_from("!I", data, 4)[0], data[12:]
        if kind == 0:
            self.received += 1
            if payload[:4] == payload[4:8]:
                self.heard[payload[:4]] = time.time()
        elif kind == self._events_as and len(payload) >= 4 and payload[1] & 0x80 and timestamp != self._last_digit_at:
            self._last_digit_at = timestamp
            if payload[0] < len(DIGITS):
                self.digits += DIGITS[payload[0]]
                self.on_digit()

    def send_to(self, host: str, port: int, events_as: int) -> None:
        """Send to this address from now on; `events_as` is the payload type agreed for digits."""
        self._target = (host, port)
        if events_as >= 0:
            self._events_as = events_as
        if self._timer is None and self._socket.fileno() >= 0:
            self._next_at = self._loop.time()
            self._tick()

    def press(self, digits: str) -> None:
        """Queue digits to be sent as a person keys them."""
        for digit in digits:
            event = DIGITS.index(digit)
            for step in range(1, DIGIT_STEPS + 1):
                self._packets.append((0, struct.pack("!BBH", event, 10, step * SAMPLES)))
            for _ in range(DIGIT_ENDS):
                self._packets.append((0, struct.pack("!BBH", event, 0x80 | 10, DIGIT_STEPS * SAMPLES)))
            self._packets.append(((DIGIT_STEPS + DIGIT_ENDS) * SAMPLES, b""))
            self._packets += [(SAMPLES, b"")] * DIGIT_PAUSE

    @property
    def pressing(self) -> bool:
        return bool(self._packets)

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _tick(self) -> None:
        if self._socket.fileno() < 0:
            return
        if self._packets:
            advance, payload = self._packets.pop(0)
            self._send(self._events_as, payload) if payload else self._send(0, self.mark * (SAMPLES // 4))
            self._timestamp += advance
        else:
            if self.sending:
                self._send(0, self.mark * (SAMPLES // 4))
            self._timestamp += SAMPLES
        self._next_at = max(self._next_at + PACKET_SECONDS, self._loop.time())
        self._timer = self._loop.call_at(self._next_at, self._tick)

    def _send(self, kind: int, payload: bytes) -> None:
        if self._target is None:
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        head = struct.pack("!BBHII", 0x80, kind, self._sequence, self._timestamp & 0xFFFFFFFF, self._source)
        with contextlib.suppress(BlockingIOError, ConnectionError):  # the far end has just closed its port
            self._socket.sendto(head + payload, self._target)
