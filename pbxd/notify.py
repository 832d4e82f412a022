"""Report the state of the service to systemd: the sd_notify(3) datagram, without a library."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

VARIABLE = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE = "WATCHDOG_USEC"
WATCHDOG_PID_VARIABLE = "WATCHDOG_PID"
EXTENDED_SECONDS = 60.0  # each report extends the time for the start by this
_EXTEND_SECONDS = 10.0


def sd_notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send `state` (such as `READY=1`, `STOPPING=1`, `WATCHDOG=1`) to the service manager.

    Return whether it was sent: False without a manager, or if it does not listen; a daemon that was started by hand
    must not fail because of that. `@name` is a socket in Linux's abstract
    namespace; the only other form is an absolute path.
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
    """Return after how many seconds without `WATCHDOG=1` the service manager considers this process dead.

    None if it does not watch, or watches another process (sd_watchdog_enabled(3)).
    """
    watched = environment.get(WATCHDOG_PID_VARIABLE)
    if watched and watched != str(pid if pid is not None else os.getpid()):
        return None
    text = environment.get(WATCHDOG_VARIABLE, "")
    return int(text) / 1e6 if text.isascii() and text.isdigit() and int(text) else None


@asynccontextmanager
async def starting(seconds: float = _EXTEND_SECONDS) -> AsyncIterator[None]:
    """Ask the service manager for more time to start every `seconds`, until the block ends.

    This extends TimeoutStartSec only: once the service is ready, the watchdog takes over.
    """

    async def extend() -> None:
        while sd_notify(f"EXTEND_TIMEOUT_USEC={EXTENDED_SECONDS * 1e6:.0f}"):  # noqa: ASYNC110 - systemd wants it again
            await asyncio.sleep(seconds)

    extending = asyncio.create_task(extend(), name="extend-start")
    try:
        yield
    finally:
        extending.cancel()
