"""Where webhooks may lead: public addresses, and networks that the configuration allows (SSRF guard)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from yarl import URL

from pbxd.errors import InvalidInputError
from pbxd.i18n import _

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_LONGEST: Final = 2000  # characters
_RESOLVE_SECONDS: Final = 5.0
# IPv6 addresses that carry an IPv4 address, and where in it: whoever routes them reaches that one.
_CARRIERS: Final = (
    (ipaddress.ip_network("::/96"), 12),  # IPv4-compatible
    (ipaddress.ip_network("::ffff:0:0/96"), 12),  # IPv4-mapped
    (ipaddress.ip_network("::ffff:0:0:0/96"), 12),  # IPv4-translated (SIIT)
    (ipaddress.ip_network("64:ff9b::/96"), 12),  # NAT64
    (ipaddress.ip_network("64:ff9b:1::/48"), 12),  # local NAT64
    (ipaddress.ip_network("2002::/16"), 2),  # 6to4
)
# What Python 3.11 takes for public, and is not.
_NOT_PUBLIC: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10")))


class ForbiddenAddressError(OSError):
    """The address is not public, and no network of `webhooks.allowed_networks` has it."""


def may_lead_to(text: str, allowed: Sequence[Network]) -> bool:
    """Tell whether a webhook may lead to an IP address. One that can't be read is no."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    reached = _carried(address) or address
    if any(each.version == network.version and each in network for network in allowed for each in (address, reached)):
        return True
    if any(reached.version == network.version and reached in network for network in _NOT_PUBLIC):
        return False
    return reached.is_global and not reached.is_multicast


def _carried(address: Address) -> Address | None:
    """Return the IPv4 address that an IPv6 address carries. Of Teredo nothing is ever let through: its own is."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.teredo is not None:
        return ipaddress.IPv4Address(0)  # no webhook's receiver has one, and it hides two addresses
    for network, at in _CARRIERS:
        if address in network:
            return ipaddress.IPv4Address(address.packed[at : at + 4])
    return None


def checked_url(text: str) -> URL:
    """Return a webhook's URL. Raises InvalidInputError unless it is http or https, without a user or a fragment."""
    try:
        url = URL(text)
        port = url.port  # may be out of range
    except ValueError as error:
        raise InvalidInputError("url", _("this is no URL")) from error
    plain = len(text) <= _LONGEST and text.isprintable() and " " not in text
    if not plain or url.scheme not in {"http", "https"} or not url.host or not port:
        raise InvalidInputError("url", _("expected http://… or https://…"))
    if url.user is not None or url.password is not None:
        raise InvalidInputError("url", _("a user or a password may not stand in an address"))
    return url


async def check_leads_outside(url: URL, allowed: Sequence[Network], resolve: Resolve | None = None) -> None:
    """Raise InvalidInputError if a URL leads to an address that is not allowed. An unresolvable name is accepted.

    The addresses are checked again at each connect: a name can resolve to others later.
    """
    host = url.host or ""
    for found in await (resolve or addresses_of)(host, url.port or 0):
        if not may_lead_to(found, allowed):
            message = _(
                "the host {host} leads to {address}, which is not public; webhooks.allowed_networks can permit it"
            )
            raise InvalidInputError("url", message.format(host=host, address=found))


async def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses that a host's name resolves to, none if that can't be found out."""
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return []
    return [str(entry[4][0]) for entry in found]
