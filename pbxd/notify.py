"""Telling systemd how the service is: the sd_notify(3) datagram, without a library."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

VARIABLE = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE = "WATCHDOG_USEC"
WATCHDOG_PID_VARIABLE = "WATCHDOG_PID"


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


def watchdog_seconds(environment: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """Return after how long without `WATCHDOG=1` the service manager takes this process for dead.

    None where it doesn't watch, or watches another process (sd_watchdog_enabled(3)).
    """
    watched = environment.get(WATCHDOG_PID_VARIABLE)
    if watched and watched != str(pid if pid is not None else os.getpid()):
        return None
    text = environment.get(WATCHDOG_VARIABLE, "")
    return int(text) / 1e6 if text.isascii() and text.isdigit() and int(text) else None
