"""Packets that vanish: the kernel drops what comes for chosen sockets of a process, without an answer or a sign.

A socket filter (SO_ATTACH_FILTER, socket(7)) that accepts nothing makes TCP drop every packet for that socket before it
is looked at: SYNs to a listener, data and acknowledgements of a connection. The peer sees what it sees when a host or
the way to it is gone. It needs no firewall and no right but that to trace the process, which a parent has.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_PIDFD_GETFD = 438  # the same number on every architecture
_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # struct sock_filter: BPF_RET | BPF_K, 0 bytes to keep


@contextlib.contextmanager
def dropping(pid: int, port: int) -> Iterator[int]:
    """Drop every packet to the sockets of process `pid` that listen on TCP `port` or are connected from or to it.

    Yields how many those are.
    """
    every = _sockets(pid)
    sockets = [one for one in every if port in _ports(one)]
    program = ctypes.create_string_buffer(_RETURN_NOTHING, len(_RETURN_NOTHING))
    attach = struct.pack("HxxxxxxP", 1, ctypes.addressof(program))  # struct sock_fprog
    try:
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attach)
        yield len(sockets)
    finally:
        for one in sockets:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        for one in every:
            one.close()


def _sockets(pid: int) -> list[socket.socket]:
    """Return the process's sockets, as further descriptors of the very same sockets."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    found: list[socket.socket] = []
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(link.readlink()).startswith("socket:"):
                    descriptor = libc.syscall(_PIDFD_GETFD, process, int(link.name), 0)
                    if descriptor < 0:
                        raise OSError(ctypes.get_errno(), "pidfd_getfd")
                    one = socket.socket(fileno=descriptor)
                    found.append(one)
    finally:
        os.close(process)
    return found


def _ports(one: socket.socket) -> set[int]:
    if one.family != socket.AF_INET or one.type != socket.SOCK_STREAM:
        return set()
    with contextlib.suppress(OSError):
        return {one.getsockname()[1], one.getpeername()[1]}
    return {one.getsockname()[1]}
