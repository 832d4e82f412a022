"""The watchdog's look-up: it asks our own FastAGI port as Asterisk does.

The kernel accepts connections for a process whose event loop hangs, and a heartbeat from a thread or a timer would not
show whether calls are served. So systemd is told that pbxd lives only when a caller would have been answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import structlog

from pbxd.asterisk.agi.server import FastAgiServer
from pbxd.errors import UnavailableError
from pbxd.i18n import _

_NUMBER = "70000000000"  # in nobody's book: the country has no such code
_REQUEST = (
    "agi_network: yes\nagi_network_script: lookup\nagi_request: probe\nagi_channel: pbxd/probe\n"
    f"agi_callerid: {_NUMBER}\nagi_calleridname: unknown\nagi_callingpres: 0\n\n"
)
_ANSWER = b"SET VARIABLE "
_READ_BYTES = 4096
_FEEDS = 4  # per time-out of the service manager: three may be late

_log = structlog.get_logger(__name__)


async def keep_fed(server: FastAgiServer, seconds: float, feed: Callable[[], object]) -> None:
    """Call `feed` about four times in `seconds`, each time after an answered look-up, for ever.

    A look-up that isn't answered in a quarter of the time feeds nothing. The next one follows at once, so that a short
    stall causes no restart.
    """
    await server.ready.wait()
    pause = seconds / _FEEDS
    well = True
    while True:
        began = time.monotonic()
        try:
            async with asyncio.timeout(pause):
                await look_up(server)
        except (TimeoutError, UnavailableError) as error:
            if well:
                _log.warning("watchdog_lookup_failed", why=str(error) or "timeout", limit=pause)
            well = False
        else:
            feed()
            if not well:
                _log.info("watchdog_lookup_resumed")
            well = True
        await asyncio.sleep(max(0.0, began + pause - time.monotonic()))


async def look_up(server: FastAgiServer) -> None:
    """Ask our own server over the loopback; return after its complete answer.

    Raises UnavailableError if it doesn't listen, or closes without an answer.
    """
    loop = asyncio.get_running_loop()
    try:
        with _registered(server) as sock:
            await loop.sock_connect(sock, server.address)
            await loop.sock_sendall(sock, _REQUEST.encode())
            answered = await _answered(sock)
    except OSError as error:
        raise UnavailableError(_("pbxd's own FastAGI port doesn't answer: {why}").format(why=error)) from error
    if not answered:
        raise UnavailableError(_("pbxd's own FastAGI port closed without an answer"))


@contextlib.contextmanager
def _registered(server: FastAgiServer) -> Iterator[socket.socket]:
    """Open a socket that the server knows as ours: neither the connection limit nor a crowd keeps it out."""
    host, _port = server.address
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((host, 0))
        own = sock.getsockname()[:2]
        server.own.add(own)
        try:
            yield sock
        finally:
            server.own.discard(own)


async def _answered(sock: socket.socket) -> bool:
    """Acknowledge the commands until the server closes; return whether there was one."""
    loop = asyncio.get_running_loop()
    received = b""
    answered = False
    while data := await loop.sock_recv(sock, _READ_BYTES):
        *lines, received = (received + data).split(b"\n")
        for line in lines:
            answered = answered or line.startswith(_ANSWER)
            await loop.sock_sendall(sock, b"200 result=1\n")
    return answered
