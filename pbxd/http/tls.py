"""TLS by pbxd itself: the certificate, and connections until their handshake is done.

asyncio shows a connection to nobody before its handshake is done: with its `create_server` any number of clients could
open connections and never speak. Here they are accepted one by one and take places from the first packet on.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from pbxd.errors import ConfigurationError
from pbxd.i18n import _
from pbxd.logs import Notes
from pbxd.settings import HttpSettings

Protocols = Callable[[], asyncio.Protocol]
_OUT_OF_PLACES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE_SECONDS = 1.0  # after an accept that failed for want of them, as asyncio does
_notes = Notes(structlog.stdlib.get_logger(__name__))


def context_of(settings: HttpSettings, folder: Path) -> ssl.SSLContext | None:
    """Return what the configuration's certificate and key make; None without them. Raises ConfigurationError."""
    if not settings.has_tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load(context, settings, folder)
    return context


def load(context: ssl.SSLContext, settings: HttpSettings, folder: Path) -> None:
    """Read certificate and key again: further connections get them. Raises ConfigurationError and changes nothing."""
    names = folder / settings.tls_certificate_file, folder / settings.tls_key_file
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*names, password=_refuse_password)
        context.load_cert_chain(*names, password=_refuse_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        message = _("http.tls_certificate_file, http.tls_key_file: can't be used: {why}")
        raise ConfigurationError(message.format(why=why)) from error


def _refuse_password() -> str:
    raise ValueError(_("the key has a password"))


class TlsServer:
    """Listens, shakes hands, and hands connections over to protocols. Like `asyncio.Server` as far as it is used."""

    def __init__(self, context: ssl.SSLContext, handshake_seconds: float, most_handshakes: int) -> None:
        self._context = context
        self._seconds = handshake_seconds
        self._most = most_handshakes
        self._handshakes: dict[asyncio.Task[None], None] = {}  # that aren't done, the longest waiting first
        self._accepting: list[asyncio.Task[None]] = []
        self.sockets: list[socket.socket] = []

    async def listen(self, made: Protocols, host: str, port: int, backlog: int) -> TlsServer:
        """Begin; `made` makes the protocol of a connection whose handshake is done. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _type, _protocol, _name, address in dict.fromkeys(found):
            listener = socket.create_server(address[:2], family=family, backlog=backlog)
            listener.settimeout(0)
            self.sockets.append(listener)
            self._accepting.append(loop.create_task(self._accept(listener, made)))
        return self

    def close(self) -> None:
        """Accept no more connections, and end those whose handshake isn't done."""
        for task in (*self._accepting, *self._handshakes):
            task.cancel()
        for listener in self.sockets:
            listener.close()
        self.sockets = []

    async def _accept(self, listener: socket.socket, made: Protocols) -> None:
        loop = asyncio.get_running_loop()
        while listener.fileno() >= 0:
            try:
                client, _address = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in _OUT_OF_PLACES:
                    _notes.write("http_accept_failed", why=error.strerror)
                    await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if len(self._handshakes) >= self._most:
                longest = next(iter(self._handshakes))
                self._handshakes.pop(longest)
                longest.cancel()
            task = loop.create_task(self._shake_hands(client, made))
            self._handshakes[task] = None
            task.add_done_callback(lambda done: self._handshakes.pop(done, None))

    async def _shake_hands(self, client: socket.socket, made: Protocols) -> None:
        with suppress(OSError):  # not TLS, too slow, gone, no common version
            client.settimeout(0)
            await asyncio.get_running_loop().connect_accepted_socket(
                made, client, ssl=self._context, ssl_handshake_timeout=self._seconds
            )
