"""AMI over TLS against the real Asterisk: an own authority, a pinned certificate, and strangers, who get no secret."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.asterisk.amilistener import Listener, running, until
from tests.lab import Lab
from tests.lab.certificates import Certificate, authority, signed
from tests.lab.ports import HOST, free_ports
from tests.lab.processes import until as lab_until
from tests.lab.reconfiguring import changed, until_listening

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Secured:
    """An Asterisk that offers TLS."""

    lab: Lab
    port: int
    authority: Certificate
    certificate: Certificate
    stranger: Certificate  # another authority

    def keys(self, **keys: str) -> dict[str, object]:
        user = self.lab.asterisk.user
        return {"username": user.name, "secret": user.secret, "connect_timeout_seconds": 5.0, "tls": "on", **keys}


@pytest.fixture
async def secured(lab: Lab, tmp_path: Path) -> AsyncIterator[Secured]:
    own, stranger = authority(tmp_path, "own"), authority(tmp_path, "stranger")
    certificate = signed(tmp_path, "pbx", f"DNS:pbx.test,IP:{HOST}", own)
    (port,) = free_ports(1)
    lines = f"tlsenable = yes\ntlsbindaddr = {HOST}:{port}\ntlscertfile = {certificate.both}\n"

    def offer(text: str) -> str:
        return re.sub(r"(?m)^\[general\]\n", f"[general]\n{lines}", text)

    async with changed(lab, "manager.conf", offer, "manager reload"):
        await until_listening(port)
        yield Secured(lab, port, own, certificate, stranger)


@pytest.mark.parametrize("name", ["", "pbx.test"])
async def test_the_own_authority_and_the_right_name_are_trusted(secured: Secured, name: str) -> None:
    keys = secured.keys(tls_ca_file=str(secured.authority.certificate), tls_server_name=name)
    async with running(secured.port, Listener(), **keys) as client:
        await until(lambda: client.connected)
        assert (await client.action("Ping"))["Ping"] == "Pong"


async def test_a_pinned_certificate_needs_neither_authority_nor_name(secured: Secured) -> None:
    keys = secured.keys(tls_fingerprint=secured.certificate.fingerprint, tls_server_name="other.test")
    async with running(secured.port, Listener(), **keys) as client:
        await until(lambda: client.connected)


@pytest.mark.parametrize("wrong", ["authority", "system", "name", "fingerprint"])
async def test_a_stranger_is_refused_with_a_reason_and_gets_no_secret(secured: Secured, wrong: str) -> None:
    own = str(secured.authority.certificate)
    keys, why = {
        "authority": ({"tls_ca_file": str(secured.stranger.certificate)}, "unable to get local issuer certificate"),
        "system": ({}, "unable to get local issuer certificate"),
        "name": ({"tls_ca_file": own, "tls_server_name": "other.test"}, "Hostname mismatch"),
        "fingerprint": ({"tls_fingerprint": secured.stranger.fingerprint}, "is not the pinned one: its SHA-256"),
    }[wrong]
    with capture_logs() as logs:
        async with running(secured.port, listener := Listener(), **secured.keys(**keys)) as client:
            await until(lambda: logs)
            assert not client.connected
    assert (logs[0]["event"], logs[0]["log_level"]) == ("ami_tls_refused", "warning")
    assert why in logs[0]["why"]
    # Refused before the login: Asterisk answered nothing, neither accepted nor rejected anybody.
    assert listener.packets == []


async def test_a_port_without_tls_is_never_spoken_to_in_plain(secured: Secured) -> None:
    keys = secured.keys(tls_ca_file=str(secured.authority.certificate))
    with capture_logs() as logs:
        async with running(secured.lab.asterisk.ami_port, listener := Listener(), **keys):
            await until(lambda: logs)
    assert logs[0]["event"] == "ami_tls_refused"
    assert "no TLS on this port" in logs[0]["why"]
    assert listener.packets == []


async def test_the_daemon_speaks_tls_and_says_why_it_does_not_trust(secured: Secured) -> None:
    link = {"tls": "on", "port": secured.port, "tls_ca_file": str(secured.authority.certificate)}
    daemon = await secured.lab.pbxd({"asterisk": link})

    async def connected() -> bool:
        return bool((await daemon.api("/readyz"))[1]["pbx"] == "connected")

    await lab_until(connected, "the link over TLS")
    daemon.config["asterisk"]["tls_ca_file"] = str(secured.stranger.certificate)
    daemon.write()
    await daemon.stop()
    await daemon.start()
    await lab_until(lambda: "ami_tls_refused" in daemon.log_text(), "the refusal in the log")
    assert (await daemon.api("/readyz"))[1]["pbx"] == "away"


async def test_an_unusable_authority_is_a_configuration_error(lab: Lab) -> None:
    daemon = lab.prepare({"asterisk": {"tls": "on", "tls_ca_file": "nowhere.crt"}})
    result = await daemon.run("run")
    assert result.status == 2
    assert "asterisk.tls_ca_file" in result.err
    assert "nowhere.crt can't be used: No such file" in result.err
