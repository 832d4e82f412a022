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
        ("Local/101@from-queue-00000001;2", "local", "Local/101@from-queue-00000001;2"),
        ("AsyncGoto/PJSIP/101-00000001", "local", "AsyncGoto/PJSIP/101-00000001"),
        ("", "local", ""),
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


@pytest.mark.parametrize(
    ("channel", "dial_string", "kind", "number"),
    [
        ("PJSIP/78123-00000001", "89161112233@78123", "trunk", "89161112233"),
        ("PJSIP/78123-00000001", "78123/sip:89161112233@10.0.0.1", "extension", "89161112233"),
        ("PJSIP/101-00000001", "101/sip:84951234567@10.0.0.2", "extension", "84951234567"),
        ("PJSIP/101-00000001", "102@101", "extension", "102"),
        ("PJSIP/74951234567-00000001", "74951234567/sip:89161112233@10.0.0.1", "trunk", "89161112233"),
        ("IAX2/74951230000-123", "74951230000/89161112233", "trunk", "89161112233"),
        ("IAX2/10.0.0.1:4569-123", "74951230000:secret@10.0.0.1/89161112233@out", "trunk", "89161112233"),
        ("DAHDI/3-1", "3/89161112233", "trunk", "89161112233"),
        ("PJSIP/trunk-00000001", "PJSIP/1234#89161112233@trunk", "trunk", "1234#89161112233"),
        ("PJSIP/101-00000001", "101", "extension", ""),
        ("PJSIP/101-00000001", "101/sip:101@10.0.0.2:5060", "extension", ""),
        ("PJSIP/101-00000001", "101/sip:7001@10.0.0.2:5060;ob", "extension", "7001"),
        ("Local/101@from-queue-00000001;1", "Local/101@from-queue/n", "local", "101"),
    ],
)
def test_what_is_dialled_through_an_endpoint_tells_a_line_from_a_phone(
    channel: str, dial_string: str, kind: str, number: str
) -> None:
    endpoints = Endpoints(r"^\d{2,5}$")
    found, dialled = endpoints.of_dialled(channel, dial_string)
    assert (found.kind, dialled) == (kind, number)


def test_a_line_stays_one_for_its_own_calls_and_as_a_device() -> None:
    endpoints = Endpoints(r"^\d{2,5}$")
    assert endpoints.of("PJSIP/78123-00000001").kind == "extension"
    endpoints.of_dialled("PJSIP/78123-00000002", "89161112233@78123")
    assert endpoints.of("PJSIP/78123-00000003").kind == "trunk"
    assert endpoints.of_device("PJSIP/78123").kind == "trunk"
    assert endpoints.of_device("PJSIP/101").kind == "extension"


def test_a_phone_is_none_the_less_one_for_what_its_contact_or_a_colleague_looks_like() -> None:
    endpoints = Endpoints(r"^\d{2,5}$")
    for dial_string in ("101/sip:84951234567@10.0.0.2:5060", "PJSIP/101/sip:84951234567@10.0.0.2", "102@101"):
        endpoints.of_dialled("PJSIP/101-00000001", dial_string)
    assert endpoints.of("PJSIP/101-00000002") == ev.Endpoint("extension", "101")


def test_channel_patterns_cover_devices_too() -> None:
    endpoints = Endpoints(r"^\d{2,5}$", [r"^PJSIP/(1\d\d)-"])
    assert endpoints.of_device("PJSIP/101") == ev.Endpoint("extension", "101")
    assert endpoints.of_device("PJSIP/201").kind == "trunk"
