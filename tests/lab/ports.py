"""Free loopback ports, so that labs that run side by side don't meet, nor anybody who takes just any port."""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"
# Below Linux's range for whoever asks for any port (32768 and up) and above Asterisk's and baresip's RTP.
FIRST, LAST = 21000, 32767


def reserve(kind: socket.SocketKind) -> socket.socket:
    """Return a socket bound to a free port; close it right before the program that gets the port starts."""
    bound = socket.socket(socket.AF_INET, kind)
    bound.bind((HOST, 0))
    bound.setblocking(False)
    return bound


def reserve_udp() -> socket.socket:
    return reserve(socket.SOCK_DGRAM)


def port_of(bound: socket.socket) -> int:
    address: tuple[str, int] = bound.getsockname()
    return address[1]


def free_ports(count: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[int]:
    """Return `count` ports that nobody has; no other test process gets them as long as this one lives."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(FIRST, LAST)
        if _claimed(port) and _is_free(port, kind):
            found.append(port)
    return found


def _claimed(port: int) -> bool:
    """Put our mark on a port: the name of an abstract unix socket, which has one owner and vanishes with him."""
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mark.bind(f"\0pbxd-test-port-{port}")
    except OSError:
        mark.close()
        return False
    mark.detach()  # it stays open until this process ends
    return True


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
