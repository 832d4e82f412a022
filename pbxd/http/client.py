"""Who a request comes from, and under which address they reach pbxd: also behind a proxy that is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

from aiohttp import web

from pbxd.settings import HttpSettings

HTTP_SETTINGS = web.AppKey("http_settings", HttpSettings)
_MOST_HOPS = 16


@dataclass(frozen=True, slots=True)
class Client:
    """The other end of a request, beyond trusted proxies."""

    address: str  # empty: a unix socket
    secure: bool  # it speaks TLS
    host: str  # and the port, that it names

    @property
    def origin(self) -> str:
        """The origin (RFC 6454) that pages of this address have."""
        return normal_origin(f"{'https' if self.secure else 'http'}://{self.host}")


_CLIENT = web.RequestKey("client", Client)
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def client_of(request: web.Request) -> Client:
    """Return whom a request comes from. `X-Forwarded-…` headers count from the configuration's trusted proxies only."""
    if _CLIENT not in request:
        request[_CLIENT] = _client(request, request.app[HTTP_SETTINGS].trusted_proxies)
    return request[_CLIENT]


def public_url(request: web.Request) -> str:
    """Return how links begin: as the configuration says, else as the request names this server."""
    settings, client = request.app[HTTP_SETTINGS], client_of(request)
    return settings.public_url or (client.origin if client.address else settings.own_url)


def normal_origin(origin: str) -> str:
    """Return an origin as it is compared: lower case, without the port that its scheme has anyway."""
    origin = origin.lower().rstrip("/")
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition(":")[0], " "))


def _client(request: web.Request, trusted: list[str]) -> Client:
    address = request.remote or ""
    secure, host = request.secure, request.host
    if not _is_in(address, trusted):
        return Client(address, secure, host)
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for hop in reversed(hops[-_MOST_HOPS:]):  # the last proxy wrote the last one; before it, anybody may have
        if not _is_address(hop.strip()):
            break
        address = hop.strip()
        if not _is_in(address, trusted):
            break
    if scheme := _last(request, "X-Forwarded-Proto"):
        secure = scheme.lower() == "https"
    return Client(address, secure, _last(request, "X-Forwarded-Host") or host)


def _last(request: web.Request, header: str) -> str:
    """Return what the nearest proxy wrote."""
    return ",".join(request.headers.getall(header, [])).rpartition(",")[2].strip()


def _is_in(address: str, networks: list[str]) -> bool:
    if not networks or not _is_address(address):
        return False
    known = ip_address(address)
    known = getattr(known, "ipv4_mapped", None) or known
    return any(known in ip_network(network) for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
