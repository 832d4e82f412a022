"""TLS by pbxd itself."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from http.cookies import Morsel
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
import uvloop

from pbxd.errors import ConfigurationError
from pbxd.http.server import HttpServer
from pbxd.http.session_cookies import SECURE_NAME
from pbxd.http.tls import TlsServer, context_of
from pbxd.settings import HttpSettings, Settings
from tests.api.test_sessions import PASSWORD, let_in
from tests.http.conftest import House, serving
from tests.lab.certificates import authority, signed

FILES: dict[str, Any] = {"tls_certificate_file": "tls.crt", "tls_key_file": "tls.key"}


def install(folder: Path, name: str) -> ssl.SSLContext:
    """Make a certificate of a new authority; return what trusts only that."""
    own = authority(folder / "ca", name)
    made = signed(folder / "ca", f"{name}-server", "IP:127.0.0.1", own)
    (folder / "tls.crt").write_text(made.certificate.read_text())
    (folder / "tls.key").write_text(made.key.read_text())
    return ssl.create_default_context(cafile=str(own.certificate))


def encrypt(key: Path) -> None:
    made = ["openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:x", "-out", f"{key}2"]
    subprocess.run(made, check=True)
    Path(f"{key}2").replace(key)


@pytest.fixture
def trusting(pbxd: House) -> ssl.SSLContext:
    return install(pbxd.settings.folder, "first")


@pytest.fixture
async def server(pbxd: House, trusting: ssl.SSLContext) -> AsyncIterator[HttpServer]:
    del trusting
    async with serving(pbxd, max_connections=8, header_timeout_seconds=60, **FILES) as found:
        yield found


async def status(server: HttpServer, trusting: ssl.SSLContext, path: str = "/healthz") -> int:
    connector = aiohttp.TCPConnector(ssl=trusting, force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"https://127.0.0.1:{server.port}{path}") as answer,
    ):
        return answer.status


async def closed(reader: asyncio.StreamReader) -> bool:
    """Wait until the other side has closed."""
    try:
        return not await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        return True


async def test_the_api_over_tls_and_its_cookie(pbxd: House, server: HttpServer, trusting: ssl.SSLContext) -> None:
    await let_in(pbxd, "101")
    base = f"https://127.0.0.1:{server.port}"
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(ssl=trusting)
    async with aiohttp.ClientSession(base, connector=connector, cookie_jar=jar) as session:
        body = {"login": "101", "password": PASSWORD}
        async with session.post("/api/v1/session", json=body, headers={"Origin": base}) as answer:
            assert answer.status == 201
            cookie: Morsel[str] = answer.cookies[SECURE_NAME]
        assert (cookie["secure"], cookie["httponly"], cookie["path"], cookie["domain"]) == (True, True, "/", "")
        async with session.get("/api/v1/me") as answer:
            assert answer.status == 200
        for other in (base.replace("https", "http"), f"https://127.0.0.1:{server.port + 1}"):
            async with session.delete("/api/v1/session", headers={"Origin": other}) as answer:
                assert answer.status == 403


async def test_a_certificate_is_read_again(pbxd: House, server: HttpServer, trusting: ssl.SSLContext) -> None:
    assert await status(server, trusting) == 200
    other = install(pbxd.settings.folder, "second")
    assert await status(server, trusting) == 200, "not read yet"
    server.reload_certificate()
    assert await status(server, other) == 200
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await status(server, trusting)


@pytest.mark.parametrize("what", ["gone", "no PEM", "another's key", "a password"])
async def test_a_bad_certificate_changes_nothing(
    pbxd: House, server: HttpServer, trusting: ssl.SSLContext, what: str
) -> None:
    folder = pbxd.settings.folder
    match what:
        case "gone":
            (folder / "tls.key").unlink()
        case "no PEM":
            (folder / "tls.crt").write_text("nothing")
        case "another's key":
            (folder / "tls.key").write_text(authority(folder / "other", "other").key.read_text())
        case _:
            encrypt(folder / "tls.key")
    with pytest.raises(ConfigurationError, match=r"http\.tls_certificate_file, http\.tls_key_file"):
        server.reload_certificate()
    assert await status(server, trusting) == 200
    changed = pbxd.settings.model_copy(update={"http": HttpSettings.model_validate(FILES)})
    with pytest.raises(ConfigurationError):
        HttpServer(changed, pbxd.services, lambda _app: None)


async def test_who_speaks_no_tls_is_cut_and_the_others_are_served(server: HttpServer, trusting: ssl.SSLContext) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200" not in await asyncio.wait_for(reader.read(), 30)
    writer.close()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", server.port, ssl=old)
    assert await status(server, trusting) == 200


async def test_silent_clients_take_nobodys_place(server: HttpServer, trusting: ssl.SSLContext) -> None:
    """Those who never begin the handshake are cut when there are too many, the longest waiting first."""
    silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
    assert await status(server, trusting) == 200
    assert all([await closed(reader) for reader, _writer in silent[:12]])
    for _reader, writer in silent:
        writer.close()


async def test_a_handshake_that_takes_too_long_is_cut(pbxd: House, trusting: ssl.SSLContext) -> None:
    del trusting
    async with serving(pbxd, header_timeout_seconds=0.1, **FILES) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await closed(reader)
        writer.close()


async def test_a_stop_ends_handshakes(pbxd: House, trusting: ssl.SSLContext) -> None:
    del trusting
    async with serving(pbxd, header_timeout_seconds=600, **FILES) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.sleep(0)
    assert await closed(reader)
    writer.close()


async def test_what_comes_at_once_after_the_handshake_is_read(server: HttpServer, trusting: ssl.SSLContext) -> None:
    """Without waiting for the server's side of the handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), 30)).startswith(b"HTTP/1.1 200 ")
    writer.close()


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data.upper())


async def echo(settings: HttpSettings, folder: Path, trusting: ssl.SSLContext) -> tuple[bytes, bool]:
    """Serve TLS; return what a client hears, and whether one that only waits is cut."""
    context = context_of(settings, folder)
    assert context is not None
    server = await TlsServer(context, 60, 1).listen(_Echo, "127.0.0.1", 0, 100)
    port = server.sockets[0].getsockname()[1]
    silent, waiting = await asyncio.open_connection("127.0.0.1", port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    writer.write(b"abc\n")
    heard = await asyncio.wait_for(reader.readline(), 30)
    cut = await closed(silent)
    writer.close()
    waiting.close()
    server.close()
    return heard, cut


async def test_under_the_loop_that_the_daemon_has(pbxd: House, trusting: ssl.SSLContext) -> None:
    settings = HttpSettings.model_validate(FILES)
    found = await asyncio.to_thread(lambda: uvloop.run(echo(settings, pbxd.settings.folder, trusting)))
    assert found == (b"ABC\n", True)


def test_certificate_and_key_need_each_other() -> None:
    for name in FILES:
        with pytest.raises(ValueError, match="need each other"):
            Settings.model_validate({"http": {name: "x"}})
    assert HttpSettings.model_validate(FILES).own_url == "https://127.0.0.1:8573"


@pytest.mark.parametrize(
    "url",
    [
        "example.org",
        "ftp://example.org",
        "https://",
        "https://a/b",
        "https://a?b",
        "https://u@a",
        "https://a:x",
        "https://a#b",
    ],
)
def test_a_public_url_is_an_origin(url: str) -> None:
    with pytest.raises(ValueError, match="without a path"):
        HttpSettings(public_url=url)
    assert HttpSettings(public_url="https://PBX.example.org/").public_url == "https://pbx.example.org"


@pytest.mark.parametrize("network", ["proxy", "10.0.0.1/8", "", "10.0.0.0/33"])
def test_trusted_proxies_are_addresses(network: str) -> None:
    with pytest.raises(ValueError, match="no address and no network"):
        HttpSettings(trusted_proxies=[network])
