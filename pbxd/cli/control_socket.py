"""Talking to the running daemon through its unix socket: the same HTTP API, without a token."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from pbxd.errors import PbxdError, RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.settings import Settings

_TIMEOUT = aiohttp.ClientTimeout(total=60.0, connect=5.0)  # seconds; the daemon itself gives up earlier
_STREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=5.0)  # a call may last for hours


class Api:
    """The daemon's API; every method raises what the daemon answers, or UnavailableError when it is away."""

    def __init__(self, session: aiohttp.ClientSession, socket: Path) -> None:
        self._session = session
        self._socket = socket

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """GET a path below /api/v1."""
        with self._failures():
            async with self._session.get(f"/api/v1{path}", timeout=_TIMEOUT) as answer:
                return await _content(answer)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:  # noqa: ANN401 - JSON
        """POST JSON to a path below /api/v1; with an idempotency key a repetition does nothing again."""
        headers = {} if key is None else {"Idempotency-Key": key}
        with self._failures():
            async with self._session.post(f"/api/v1{path}", json=body, headers=headers, timeout=_TIMEOUT) as answer:
                return await _content(answer)

    async def lines(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """GET a stream of JSON lines below /api/v1; it ends early when the connection breaks in the midst of it."""
        with self._failures():
            async with self._session.get(f"/api/v1{path}", timeout=_STREAM_TIMEOUT) as answer:
                if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
                    await _content(answer)
                with suppress(aiohttp.ClientError, json.JSONDecodeError):  # the last line may be torn
                    async for line in answer.content:
                        if line.strip():  # an empty one says that the connection lives
                            yield json.loads(line)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, PermissionError):
                message = _("no permission to use {socket}: only the service's user and group have it")
            else:
                message = _("pbxd doesn't answer on {socket}; is it running?")
            raise UnavailableError(message.format(socket=self._socket)) from error
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise UnavailableError(_("the connection to pbxd broke: {why}").format(why=error)) from error


@asynccontextmanager
async def daemon(settings: Settings, language: str) -> AsyncIterator[Api]:
    """Open a session with the daemon; its messages come in `language`."""
    connector = aiohttp.UnixConnector(path=str(settings.socket_path))
    headers = {"Accept-Language": language}
    async with aiohttp.ClientSession("http://pbxd", connector=connector, headers=headers) as session:
        yield Api(session, settings.socket_path)


async def _content(answer: aiohttp.ClientResponse) -> Any:  # noqa: ANN401 - JSON
    content = await answer.json(content_type=None)
    if answer.ok:
        return content
    if "reason" in content:
        raise RefusedError(str(content["reason"]), str(content["detail"]))
    raise PbxdError(str(content["detail"]))
