"""Peers of the FastAGI server for its tests: an Asterisk as it writes, and attackers.

Run as a program it is an attacker with the server's port and the seconds to go on for, so that what is measured does
not share its interpreter with what disturbs it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count, takewhile

HOST = "127.0.0.1"
_MOST_KEPT = 2000  # connections of one attacker: more than the server takes, fewer than a process may have


def header_lines(number: str = "89161234567", script: str = "lookup") -> list[bytes]:
    """Return a request as Asterisk 22 writes it, a write for each line."""
    headers = {
        "agi_network": "yes",
        "agi_network_script": script,
        "agi_request": f"agi://127.0.0.1:4573/{script}",
        "agi_channel": "PJSIP/trunk-00000000",
        "agi_language": "en",
        "agi_type": "PJSIP",
        "agi_uniqueid": "1795303808.1",
        "agi_version": "22.10.1",
        "agi_callerid": number,
        "agi_calleridname": "Иванов",
        "agi_callingpres": "0",
        "agi_callingani2": "0",
        "agi_callington": "0",
        "agi_callingtns": "0",
        "agi_dnid": "unknown",
        "agi_rdnis": "unknown",
        "agi_context": "from-trunk",
        "agi_extension": "s",
        "agi_priority": "4",
        "agi_enhanced": "0.0",
        "agi_accountcode": "",
        "agi_threadid": "140096601663168",
    }
    return [*(f"{name}: {value}\n".encode() for name, value in headers.items()), b"\n"]


def look_up(port: int, number: str = "89161234567", timeout: float = 20.0) -> tuple[float, list[bytes]]:
    """Ask as Asterisk does; return the seconds from the last header byte to the first command, and the commands.

    Raises OSError when the server does not answer.
    """
    commands: list[bytes] = []
    waited = 0.0
    with socket.create_connection((HOST, port), timeout) as peer, peer.makefile("rb") as reader:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for line in header_lines(number):
            peer.sendall(line)
        sent = time.perf_counter()
        while line := reader.readline():
            waited = waited or time.perf_counter() - sent
            commands.append(line)
            peer.sendall(b"200 result=1\n")
    if not commands:
        raise ConnectionError(port)
    return waited, commands


def _until(seconds: float, least: int = 0) -> Iterator[int]:
    """Count until that time is over, and on to `least`."""
    end = time.monotonic() + seconds
    return takewhile(lambda n: n < least or time.monotonic() < end, count())


def nothing(_port: int, seconds: float) -> None:
    """Keep the attacker's core as busy as an attack does and leave the server in peace: the measure of attacks."""
    for _n in _until(seconds):
        pass


def connect_and_close(port: int, seconds: float) -> None:
    """Connections, at least as many as 2,500 a second would be, every other one ended by a reset."""
    for n in _until(seconds, int(2_500 * seconds)):
        with socket.create_connection((HOST, port), 10) as peer:
            if n % 2:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def megabyte(port: int, seconds: float) -> None:
    """A megabyte without a newline behind a promising start, again and again."""
    _burst(port, seconds, b"agi_network: ".ljust(1 << 20, b"x"))


def binary(port: int, seconds: float) -> None:
    """Random bytes, again and again."""
    _burst(port, seconds, os.urandom(4096))


def _burst(port: int, seconds: float, data: bytes) -> None:
    for _n in _until(seconds):
        with socket.create_connection((HOST, port), 10) as peer:
            try:
                peer.sendall(data)
                while peer.recv(4096):
                    pass
            except OSError:
                continue  # the server cut us off, as it should


def slow_loris(port: int, seconds: float) -> None:
    """Keep five hundred connections open, each dripping a byte of its headers a second."""
    _drip(port, seconds, 500)


def slow_loris_crowd(port: int, seconds: float) -> None:
    """Likewise three times as many as the server takes: they push each other out."""
    _drip(port, seconds, 1500)


def _drip(port: int, seconds: float, peers: int) -> None:
    headers = b"".join(header_lines())
    end = time.monotonic() + seconds
    sent: dict[socket.socket, int] = {}
    with selectors.DefaultSelector() as idle:
        while time.monotonic() < end:
            _refill(port, sent, peers)
            for peer, progress in list(sent.items()):
                try:
                    peer.send(headers[progress % 400 : progress % 400 + 1])
                    sent[peer] = progress + 1
                except OSError:
                    peer.close()
                    del sent[peer]
            idle.select(min(1.0, max(0.0, end - time.monotonic())))
    for peer in sent:
        peer.close()


def _refill(port: int, sent: dict[socket.socket, int], peers: int) -> None:
    while len(sent) < peers:
        peer = socket.create_connection((HOST, port), 10)
        peer.setblocking(False)
        sent[peer] = 0


def unacknowledged(port: int, seconds: float) -> None:
    """Ask whole questions, 700 a second, and acknowledge no answer; the connections stay open."""
    _leave_unacknowledged(port, seconds, 700)


def unacknowledged_flood(port: int, seconds: float) -> None:
    """Do the same as fast as one core can."""
    _leave_unacknowledged(port, seconds, 1_000_000)


def _leave_unacknowledged(port: int, seconds: float, per_second: int) -> None:
    request = b"".join(header_lines())
    began = time.monotonic()
    kept: deque[socket.socket] = deque()
    for n in _until(seconds):
        time.sleep(max(0.0, began + n / per_second - time.monotonic()))
        peer = socket.create_connection((HOST, port), 10)
        kept.append(peer)
        with contextlib.suppress(OSError):  # cut off already
            peer.sendall(request)
        if len(kept) > _MOST_KEPT:
            kept.popleft().close()
    for peer in kept:
        peer.close()


_CROWDS = (slow_loris, slow_loris_crowd, unacknowledged, unacknowledged_flood)
ATTACKS: dict[str, Callable[[int, float], None]] = {
    attack.__name__: attack for attack in (nothing, connect_and_close, megabyte, binary, *_CROWDS)
}


def keep_to_a_core(core: int) -> None:
    """Keep this process to one of the cores it may use, counted from 0; a machine with one core has no choice."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


if __name__ == "__main__":
    keep_to_a_core(1)
    ATTACKS[sys.argv[1]](int(sys.argv[2]), float(sys.argv[3]))
