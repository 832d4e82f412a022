"""Send an event to a webhook: signed as Standard Webhooks says, to allowed addresses only."""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook as Signature

from pbxd import __version__
from pbxd.services.webhooks.addresses import ForbiddenAddressError, Network, may_lead_to
from pbxd.storage.access.webhooks import Webhook

SECONDS = 10.0  # for the whole exchange
ANSWER_BYTES = 64 * 1024  # that are read of an answer
_HEAD_BYTES = 8190
_CONNECTIONS = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """How sending went: the answer's status, or None and why there was none."""

    status: int | None
    error: str
    milliseconds: int
    retry_after: float = 0.0  # seconds that the receiver asks for

    @property
    def delivered(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)


class _GuardedResolver(AbstractResolver):
    """Resolves names; refuses one if any of its addresses is not allowed."""

    def __init__(self, inner: AbstractResolver, allowed: Callable[[], Sequence[Network]]) -> None:
        self._inner = inner
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises ForbiddenAddressError."""
        found = await self._inner.resolve(host, port, family)
        for each in found:
            _check(each["host"], self._allowed())
        return found

    async def close(self) -> None:
        """Close the resolver."""
        await self._inner.close()


class Sender:
    """An HTTP client for webhooks. It follows no redirect, uses no proxy, and keeps no cookie."""

    def __init__(
        self, allowed: Callable[[], Sequence[Network]], resolver: Callable[[], AbstractResolver] | None = None
    ) -> None:
        """Prepare; `allowed` are the networks besides public addresses. `resolver` makes the one for names."""
        self._allowed = allowed
        self._resolver = resolver or aiohttp.ThreadedResolver
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=_GuardedResolver(self._resolver(), self._allowed),
            socket_factory=self._socket,
            use_dns_cache=False,  # so that the addresses of each connection were checked for it
            limit=_CONNECTIONS,
        )
        self._client = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=SECONDS),
            auto_decompress=False,  # nobody reads the answer
            max_line_size=_HEAD_BYTES,
            max_field_size=_HEAD_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        """Make the socket of a connection, to an allowed address only: hosts that are addresses are not resolved."""
        family, kind, protocol, _name, place = address
        _check(str(place[0]), self._allowed())
        return socket.socket(family, kind, protocol)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """POST a body; returns within SECONDS, whatever happens."""
        if self._client is None:
            raise RuntimeError("not open")
        began = time.monotonic()
        status, error, retry_after = None, "", 0.0
        try:
            async with self._client.post(url, data=body, headers=dict(headers), allow_redirects=False) as answer:
                status, retry_after = answer.status, _retry_after(answer.headers.get("Retry-After", ""))
                await _read_some(answer)
        except ForbiddenAddressError as refused:
            error = str(refused)
        except TimeoutError:
            error = "" if status else "timeout"
        except Exception as failed:  # noqa: BLE001 - whatever a receiver does costs its own event one attempt
            error = "" if status else _why(failed)
        return Outcome(status, error, round((time.monotonic() - began) * 1000), retry_after)


def _check(address: str, allowed: Sequence[Network]) -> None:
    if not may_lead_to(address, allowed):
        raise ForbiddenAddressError(f"{address} is not public, nor in webhooks.allowed_networks")


async def _read_some(answer: aiohttp.ClientResponse) -> None:
    """Read a short answer, so that its connection can be used again; close that of a long one."""
    read = 0
    async for chunk in answer.content.iter_any():
        read += len(chunk)
        if read > ANSWER_BYTES:
            answer.close()
            return


def _why(error: Exception) -> str:
    """Say why there was no answer, without the URL."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ForbiddenAddressError):
            return str(cause)
        cause = getattr(cause, "os_error", None) or cause.__cause__
    return type(error).__name__


def _retry_after(text: str) -> float:
    """Return the seconds that Retry-After names, as a number or as a date; 0 for anything else."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    return 0.0


def signed_headers(webhook: Webhook, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of a message; during a rotation both secrets sign."""
    text = body.decode()
    signatures = [Signature(secret).sign(message_id, now, text) for secret in webhook.secrets_at(now)]
    return {
        "Content-Type": "application/json",
        "User-Agent": f"pbxd/{__version__}",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def as_curl(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return the command that sends the same message."""
    given = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items())
    return f"curl -i -X POST {given} --data-binary {shlex.quote(body.decode())} {shlex.quote(url)}"
