"""Where webhooks may lead."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

import pytest

from pbxd.errors import InvalidInputError
from pbxd.services.webhooks.addresses import Network, check_leads_outside, checked_url, may_lead_to

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.1", "10.0.0.1", "172.16.5.5", "192.168.1.7", "100.64.0.1", "169.254.169.254",
    "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:c0a8:101::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "localhost", "", "1", "0x7f.1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not may_lead_to(address, [])


@pytest.mark.parametrize("address", ["8.8.8.8", "77.88.8.8", "2a02:6b8::feed:ff", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public_is_accepted(address: str) -> None:
    assert may_lead_to(address, [])


def test_an_allowed_network_permits_its_own_addresses_alone() -> None:
    allowed: list[Network] = [ip_network("192.168.1.0/24"), ip_network("fd00::/64")]
    for address in ("192.168.1.7", "::ffff:192.168.1.7", "fd00::5"):
        assert may_lead_to(address, allowed), address
    for address in ("192.168.2.7", "127.0.0.1", "fd00:0:0:1::5", "169.254.169.254"):
        assert not may_lead_to(address, allowed), address


@pytest.mark.parametrize(
    "url",
    [
        "", "crm.example", "ftp://crm.example/", "file:///etc/passwd", "http://", "http:///x", "javascript:alert(1)",
        "https://user@crm.example/",
        "https://user:secret@crm.example/", "https://crm.example:0/", "https://crm.example:99999/",
        "https://crm.example/\r\nX-Injected: 1", "https://crm.example/a b", "gopher://crm.example/",
        "https://crm.example/" + "a" * 2000, "//crm.example/",
    ],
)  # fmt: skip
def test_what_is_no_url_for_a_webhook_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked_url(url)
    assert refused.value.field == "url"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://127.0.0.1/", ["127.0.0.1"]),
        ("http://[::1]/", ["::1"]),
        ("http://2130706433/", ["127.0.0.1"]),
        ("http://crm.example/", ["8.8.8.8", "10.0.0.1"]),
        ("http://crm.example/", ["::ffff:10.0.0.1"]),
    ],
)
async def test_one_forbidden_address_is_enough(url: str, found: list[str]) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return found

    with pytest.raises(InvalidInputError, match="not public"):
        await check_leads_outside(checked_url(url), [], resolve)


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/", "http://localhost/", "http://[::1]/", "http://127.1/"])
async def test_the_system_s_own_resolver_is_asked(url: str) -> None:
    with pytest.raises(InvalidInputError, match="not public"):
        await check_leads_outside(checked_url(url), [])


async def test_a_name_that_does_not_resolve_is_accepted() -> None:
    await check_leads_outside(checked_url("https://no-such-name.invalid/"), [])
