"""Free loopback ports, reserved by binding them, so that labs that run side by side don't meet."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


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
    """Return `count` different ports that were free a moment ago."""
    sockets = [reserve(kind) for _ in range(count)]
    ports = [port_of(bound) for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports
