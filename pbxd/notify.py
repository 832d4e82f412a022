"""Telling systemd how the service is: the sd_notify(3) datagram, without a library."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

VARIABLE = "NOTIFY_SOCKET"


def sd_notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send `state` (such as `READY=1`, `STOPPING=1`, `WATCHDOG=1`) to the service manager.

    Returns whether it was sent: False without a manager, or when it doesn't listen; a daemon started by hand must not
    fail for that. `@name` is Linux's abstract namespace, anything else but an absolute path is nobody's socket.
    """
    address = environment.get(VARIABLE, "")
    if not address.startswith(("/", "@")) or len(address) == 1:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sender:
        try:
            sender.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)
        except OSError:
            return False
    return True
