"""The two listeners: TCP for other applications (tokens), the unix socket for administrators on this machine."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from aiohttp import web

from pbxd.errors import ConfigurationError, ConflictError, UnavailableError
from pbxd.http.client import HTTP_SETTINGS
from pbxd.http.connection_limits import ConnectionLimits
from pbxd.http.context import LOCAL, SERVICES, Services
from pbxd.http.cross_site import allow_widgets
from pbxd.http.handling import Handling
from pbxd.http.protocol_errors import HttpConnection, answer_http_errors
from pbxd.http.requests import BODY_LIMIT
from pbxd.http.streams import prepare_streams
from pbxd.http.tls import TlsServer, context_of, load
from pbxd.i18n import _
from pbxd.settings import HttpSettings, Settings

BACKLOG = 256  # connections the kernel holds for us while the loop is busy
IDLE_SECONDS = 75.0  # how long a connection may lie unused
STOP_SECONDS = 2.0  # how long requests under way may take to end when the daemon stops
SOCKET_UMASK = 0o117  # makes the socket 0660: the service's user and group
Mount = Callable[[web.Application], None]
_log = structlog.get_logger(__name__)


class HttpServer:
    """The HTTP API on both its listeners."""

    def __init__(self, settings: Settings, services: Services, mount: Mount) -> None:
        """Prepare both listeners; `mount` adds everything that is served to an application.

        Raises ConfigurationError for a certificate or key that can't be used.
        """
        self._settings = settings
        self._tls = context_of(settings.http, settings.folder)
        self._public = _Listener(services, settings, mount, trusted=False)
        self._local = _Listener(services, settings, mount, trusted=True)
        self._identity: tuple[int, int] | None = None  # of our socket file: device and inode

    @property
    def port(self) -> int:
        """The TCP port in use, also when the configuration says 0. Only after `start`."""
        return self._public.port

    async def start(self) -> None:
        """Open both listeners.

        Raises ConflictError when another daemon answers on the socket, UnavailableError when an address is taken or not
        this machine's, ConfigurationError when there is no such address or the runtime folder can't hold the socket.
        """
        loop = asyncio.get_running_loop()
        host, _colon, port = self._settings.http.listen.rpartition(":")
        address = host.strip("[]"), int(port)
        try:
            if self._tls is None:
                await self._public.open(lambda made: loop.create_server(made, *address, backlog=BACKLOG))
            else:
                http = self._settings.http
                tls = TlsServer(self._tls, http.header_timeout_seconds, http.max_connections)
                await self._public.open(lambda made: tls.listen(made, *address, BACKLOG))
        except OSError as error:
            unknown = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
            kind = ConfigurationError if unknown else UnavailableError
            raise kind(
                _("http.listen: {address}: {why}").format(address=self._settings.http.listen, why=_reason(error))
            ) from error
        listener = _bind(self._settings.socket_path)
        status = self._settings.socket_path.stat()
        self._identity = (status.st_dev, status.st_ino)
        await self._local.open(lambda made: loop.create_server(made, sock=listener, backlog=BACKLOG))
        _log.info("http_listening", port=self.port, socket=str(self._settings.socket_path))

    def reload_certificate(self) -> None:
        """Read certificate and key again; raises ConfigurationError and keeps the ones before."""
        if self._tls is not None:
            load(self._tls, self._settings.http, self._settings.folder)

    async def serve(self) -> None:
        """Serve until cancelled (start first if necessary), then stop."""
        try:
            if self._identity is None:
                await self.start()
            await asyncio.get_running_loop().create_future()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Let requests under way end, close both listeners, and remove the socket's file if it is still ours."""
        async with asyncio.TaskGroup() as group:
            for listener in (self._public, self._local):
                group.create_task(listener.close())
        try:
            status = self._settings.socket_path.stat()
        except OSError:
            return
        if (status.st_dev, status.st_ino) == self._identity:
            self._settings.socket_path.unlink(missing_ok=True)


def application(
    services: Services, settings: HttpSettings, limits: ConnectionLimits, mount: Mount, *, trusted: bool
) -> web.Application:
    """Build the application; `trusted`: everybody who connects is an administrator, no token is needed."""
    handling = Handling(services, limits, trusted)
    app = web.Application(middlewares=[handling.middleware()], client_max_size=BODY_LIMIT)
    app[SERVICES], app[HTTP_SETTINGS], app[LOCAL] = services, settings, trusted
    prepare_streams(app)
    if not trusted:
        allow_widgets(app)
    mount(app)
    return app


class _Listener:
    """One listener: its application and the limits of its connections."""

    def __init__(self, services: Services, settings: Settings, mount: Mount, *, trusted: bool) -> None:
        self._limits = ConnectionLimits(settings.http)
        self._runner = web.AppRunner(
            application(services, settings.http, self._limits, mount, trusted=trusted), shutdown_timeout=STOP_SECONDS
        )
        self._language = services.language
        self._server: asyncio.Server | TlsServer | None = None

    async def open(
        self, listen: Callable[[Callable[[], asyncio.Protocol]], Awaitable[asyncio.Server | TlsServer]]
    ) -> None:
        """Start to listen; `listen` makes a server from a factory of protocols."""
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise RuntimeError("an AppRunner that is set up has a server")
        server.request_handler = answer_http_errors(server.request_handler)
        self._server = await listen(lambda: self._limits.limited(self._protocol(server)))

    def _protocol(self, server: web.Server) -> HttpConnection:
        return HttpConnection(server, language=self._language, keepalive_timeout=IDLE_SECONDS)

    @property
    def port(self) -> int:
        """The TCP port in use. Only while open."""
        if self._server is None:
            raise RuntimeError("not open")
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Accept no more connections, let requests under way end for STOP_SECONDS, then close the rest."""
        if self._server:
            self._server.close()
            self._server = None
        await self._runner.cleanup()


def _bind(path: Path) -> socket.socket:
    """Bind the socket's file, with its mode from the start; replace a stale file that nobody answers on."""
    if _answers(path):
        raise ConflictError(_("another pbxd answers on {socket}").format(socket=path))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(SOCKET_UMASK)
    try:
        if path.is_socket():
            path.unlink()
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            _("service.runtime_folder: {socket}: {why}").format(socket=path, why=_reason(error))
        ) from error
    finally:
        os.umask(before)
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except TimeoutError:
            return True  # it listens, slowly
        except OSError as error:
            return error.errno == errno.EAGAIN  # a full backlog: it listens
    return True


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):  # its numbers aren't errno's
        return str(error.strerror)
    return os.strerror(error.errno) if error.errno else str(error)
