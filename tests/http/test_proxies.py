"""The shipped examples for nginx and Caddy, run by Debian's own: live events and the client's address come through."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest

from tests.api.examples import CALLS
from tests.api.test_audit import bearer, logged
from tests.api.test_events import call_news, reading, token, told
from tests.api.test_sessions import PASSWORD, let_in
from tests.http.conftest import House, serving, until
from tests.lab import certificates
from tests.lab.ports import free_ports
from tests.lab.processes import Child, LabError
from tests.lab.processes import until as listening

ROOT = Path(__file__).parents[2]
PROGRAMS = {"nginx": ROOT / ".lab/proxies/usr/sbin/nginx", "caddy": ROOT / ".lab/proxies/usr/bin/caddy"}
FROM = "127.0.0.2"  # a client that is not the proxy, which is trusted
FRAME = """\
daemon off; master_process off; pid {0}/nginx.pid; error_log stderr;
events {{}}
http {{
    client_body_temp_path {0}; proxy_temp_path {0}; fastcgi_temp_path {0}; uwsgi_temp_path {0}; scgi_temp_path {0};
    include {0}/site.conf;
}}
"""


@dataclass
class Proxy:
    plain: int  # port
    secure: int
    folder: Path
    tls: ssl.SSLContext

    @asynccontextmanager
    async def client(self, **headers: str) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(ssl=self.tls, local_addr=(FROM, 0))
        base = f"https://127.0.0.1:{self.secure}"
        async with aiohttp.ClientSession(base, connector=connector, headers=headers) as session:
            yield session


def adapted(shipped: str, changes: dict[str, str]) -> str:
    """Replace what an administrator would, and the ports."""
    for pattern, text in changes.items():
        shipped, found = re.subn(pattern, text, shipped)
        assert found, pattern
    return shipped


def nginx(proxy: Proxy, backend: int, made: certificates.Certificate) -> list[str]:
    changes = {
        "127.0.0.1:8573": f"127.0.0.1:{backend}",
        r"listen \[::\].*": "",
        "listen 80;": f"listen 127.0.0.1:{proxy.plain};",
        "listen 443": f"listen 127.0.0.1:{proxy.secure}",
        "/etc/ssl/pbxd/fullchain.pem": str(made.certificate),
        "/etc/ssl/pbxd/key.pem": str(made.key),
        "/var/log/nginx": str(proxy.folder),
    }
    (proxy.folder / "site.conf").write_text(adapted((ROOT / "config/nginx.conf").read_text("utf-8"), changes))
    (proxy.folder / "nginx.conf").write_text(FRAME.format(proxy.folder))
    return ["-p", str(proxy.folder), "-c", str(proxy.folder / "nginx.conf")]


def caddy(proxy: Proxy, backend: int, made: certificates.Certificate) -> list[str]:
    changes = {
        "127.0.0.1:8573": f"127.0.0.1:{backend}",
        r"(?m)^http://pbxd.example.org": f"http://127.0.0.1:{proxy.plain}",
        r"(?m)^https://pbxd.example.org \{": f"https://127.0.0.1:{proxy.secure} {{\ntls {made.certificate} {made.key}",
        r"\A": "{\nadmin off\nauto_https disable_redirects\nstorage file_system " + str(proxy.folder) + "\n}\n",
    }
    (proxy.folder / "Caddyfile").write_text(adapted((ROOT / "config/Caddyfile").read_text("utf-8"), changes))
    return ["run", "--adapter", "caddyfile", "--config", str(proxy.folder / "Caddyfile")]


async def accepts(port: int, child: Child) -> bool:
    """Tell whether the program listens. Raises LabError once it has ended."""
    if child.returncode is not None:
        raise LabError(child.tail())
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.fixture(params=PROGRAMS)
async def proxy(request: pytest.FixtureRequest, pbxd: House, tmp_path: Path) -> AsyncIterator[Proxy]:
    """The proxy with pbxd behind it, which trusts it."""
    folder = tmp_path / "proxy"
    made = certificates.signed(folder, "proxy", "IP:127.0.0.1", certificates.authority(folder, "ca"))
    tls = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    plain, secure = free_ports(2)
    found = Proxy(plain, secure, folder, tls)
    program = PROGRAMS[request.param]
    assert program.exists(), "make setup fetches it"
    async with serving(pbxd, trusted_proxies=["127.0.0.1"]) as server:
        arguments = {"nginx": nginx, "caddy": caddy}[request.param](found, server.port, made)
        environment = {"HOME": str(folder), "PATH": "/usr/bin"}
        child = await Child.start([str(program), *arguments], log=folder / "log", env=environment)
        try:
            await listening(lambda: accepts(found.secure, child), "the proxy", timeout=20)
            yield found
        finally:
            await child.stop()


async def test_live_events_come_through_one_by_one(pbxd: House, proxy: Proxy) -> None:
    async with proxy.client(**await token(pbxd)) as client, reading(client) as reader:
        assert (await reader.frame()).comment == "connected"
        for number in range(1, 4):
            await told(pbxd, call_news(number))
            assert (await reader.event()).id == number, "each before the next one is written"


async def test_the_states_of_a_call_come_through_one_by_one(pbxd: House, proxy: Proxy) -> None:
    async with proxy.client(**await bearer(pbxd, "crm", "calls:make")) as client:
        async with client.post(CALLS, json={"target": "89161234567"}) as answer:
            call = (await answer.json())["id"]
        async with client.get(f"{CALLS}/{call}/states") as answer, asyncio.timeout(30):
            assert json.loads(await answer.content.readline())["state"] == "ringing-agent"
            async with client.post(f"{CALLS}/{call}/hangup") as ended:
                assert ended.status == 202


async def test_a_reader_that_leaves_the_proxy_leaves_pbxd(pbxd: House, proxy: Proxy) -> None:
    async with proxy.client(**await token(pbxd)) as client, reading(client) as reader:
        await reader.frame()
        assert pbxd.live_feed.streams == 1
    await told(pbxd, call_news(1))
    await until(lambda: pbxd.live_feed.streams == 0)


async def test_the_clients_address_is_known_whatever_it_says(pbxd: House, proxy: Proxy) -> None:
    headers = {"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "Authorization": "Bearer wrong"}
    async with proxy.client(**headers) as client, client.get("/api/v1/me") as answer:
        assert answer.status == 401
    [row] = await logged(pbxd)
    assert row["address"] == FROM


async def test_a_browser_signs_in_as_over_tls(pbxd: House, proxy: Proxy) -> None:
    await let_in(pbxd, "boss@example.org", "administrator")
    origin = {"Origin": f"https://127.0.0.1:{proxy.secure}"}
    body = {"login": "boss@example.org", "password": PASSWORD}
    async with proxy.client() as client:
        async with client.post("/api/v1/session", json=body, headers=origin) as answer:
            assert answer.status == 201, await answer.text()
            cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-pbxd=")
        assert "Secure" in cookie
        foreign = {"Origin": f"https://127.0.0.1:{proxy.plain}", "Cookie": cookie.partition(";")[0]}
        async with client.delete("/api/v1/session", headers=foreign) as answer:
            assert (answer.status, (await answer.json())["reason"]) == (403, "cross-site"), (
                "another port is another origin"
            )


async def test_without_tls_a_program_is_refused_and_a_person_led_on(pbxd: House, proxy: Proxy) -> None:
    headers = await bearer(pbxd, "crm", "lookup")
    async with aiohttp.ClientSession(f"http://127.0.0.1:{proxy.plain}") as client:
        async with client.get("/api/v1/lookup?number=1", headers=headers, allow_redirects=False) as answer:
            assert answer.status == 403
        async with client.get("/sign-in?next=x", allow_redirects=False) as answer:
            assert (answer.status // 100, answer.headers["Location"]) == (3, "https://pbxd.example.org/sign-in")


async def test_what_is_for_the_machines_inside_stays_there(pbxd: House, proxy: Proxy) -> None:
    async with proxy.client(**await bearer(pbxd, "prometheus", "metrics")) as client:
        for path in ("/metrics", "/healthz", "/readyz"):
            async with client.get(path) as answer:
                assert answer.status == 404


async def test_no_log_has_numbers_or_secrets(pbxd: House, proxy: Proxy) -> None:
    async with proxy.client(**await bearer(pbxd, "crm", "lookup")) as client:
        for path in ("/api/v1/lookup?number=89161234567", "/invitation/secret"):
            async with client.get(path) as answer:
                await answer.read()
    logs = [file.read_text() for file in proxy.folder.glob("*log")]
    assert logs
    assert not [text for text in logs if "89161234567" in text or "/invitation/" in text]


async def test_a_file_of_three_megabytes_reaches_pbxd_which_judges_it(pbxd: House, proxy: Proxy) -> None:
    form = aiohttp.FormData()
    form.add_field("file", BytesIO(bytes(3_000_000)), filename="clients.xlsx")
    async with (
        proxy.client(**await bearer(pbxd, "crm", "contacts:write")) as client,
        client.post("/api/v1/imports", data=form) as answer,
    ):
        told = await answer.json()
        assert (answer.status, answer.content_type) == (413, "application/problem+json"), "the limit is pbxd's, of 1 MB"
        assert told["type"] == "urn:pbxd:request-entity-too-large"
