from __future__ import annotations

import pytest

from pbxd.asterisk.endpoints import Endpoints, number_in
from pbxd.calls import events as ev

ENDPOINTS = Endpoints(r"^\d{2,5}$")


@pytest.mark.parametrize(
    ("name", "kind", "endpoint"),
    [
        ("PJSIP/101-00000001", "extension", "101"),
        ("SIP/101-00000001", "extension", "101"),
        ("PJSIP/trunk-00000001", "trunk", "trunk"),
        ("PJSIP/my-office-trunk-00000001", "trunk", "my-office-trunk"),
        ("PJSIP/123456-00000001", "trunk", "123456"),
        ("Local/101@from-queue-00000001;2", "plumbing", "Local/101@from-queue-00000001;2"),
        ("AsyncGoto/PJSIP/101-00000001", "plumbing", "AsyncGoto/PJSIP/101-00000001"),
        ("", "plumbing", ""),
    ],
)
def test_who_is_behind_a_channel(name: str, kind: str, endpoint: str) -> None:
    found = ENDPOINTS.of(name)
    assert (found.kind, found.name) == (kind, endpoint)


def test_channel_patterns_take_the_place_of_the_endpoint_pattern() -> None:
    endpoints = Endpoints(r"^\d{2,5}$", [r"^PJSIP/user-(\d+)-"])
    assert endpoints.of("PJSIP/user-101-00000001") == ev.Endpoint("extension", "101")
    assert endpoints.of("PJSIP/101-00000001").kind == "trunk"


@pytest.mark.parametrize(
    ("dial_string", "number"),
    [
        ("84951234567@trunk", "84951234567"),
        ("trunk/84951234567", "84951234567"),
        ("trunk/sip:84951234567@10.0.0.1:5060", "84951234567"),
        ("101/sip:101@127.0.0.1:5060", "101"),
        ("+74951234567@trunk", "+74951234567"),
        ("trunk", ""),
    ],
)
def test_the_number_in_a_dial_string(dial_string: str, number: str) -> None:
    assert number_in(dial_string) == number
