"""Scripts of other sites' pages: those of allowed origins use the API with a token, others read nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from pydantic import ValidationError

from pbxd import api, web
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.settings import HttpSettings
from tests.api.examples import CALLS, problem
from tests.api.test_audit import bearer, logged
from tests.api.test_sessions import let_in
from tests.http.conftest import House, serving

CRM, OTHER = "https://crm.example.org", "http://crm.lan:8080"
FOREIGN = [
    "https://evil.example.org", "null", "http://crm.example.org", "https://crm.example.org:444", "https://crm.example.org.",
    "https://crm.example.org.evil.org", "https://evilcrm.example.org", "HTTPS://CRM.EXAMPLE.ORG", "https://crm.example.org/",
    "*", "", "http://crm.lan", "https://crm.example.org https://evil.example.org",
]  # fmt: skip
LOOK_UP = "/api/v1/lookup?number=84951234567"
EVENTS = "/api/v1/events"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
async def client(pbxd: House) -> AsyncIterator[aiohttp.ClientSession]:
    """The server with two origins allowed, one of them written with the port that its scheme has anyway."""
    async with (
        serving(pbxd, cors_origins=[CRM + ":443", OTHER + "/"]) as server,
        aiohttp.ClientSession(
            f"http://127.0.0.1:{server.port}", cookie_jar=aiohttp.DummyCookieJar(), headers={"Origin": CRM}
        ) as session,
    ):
        yield session


def said(answer: aiohttp.ClientResponse) -> Mapping[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("Access-Control-")}


@pytest.mark.parametrize("origin", [CRM, OTHER])
async def test_a_widget_asks_first_and_then_uses_the_api_with_a_token(
    pbxd: House, client: aiohttp.ClientSession, origin: str
) -> None:
    async with client.options(CALLS, headers={"Origin": origin, **ASKS}) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
        told = said(answer)
    assert told["Access-Control-Allow-Origin"] == origin
    assert told["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert {"Authorization", "Content-Type", "If-Match"} <= set(told["Access-Control-Allow-Headers"].split(", "))
    headers = {"Origin": origin} | await bearer(pbxd, "crm", "calls:make")
    async with client.post(CALLS, json={"target": "89161234567"}, headers=headers) as answer:
        assert answer.status == 202
        assert said(answer)["Access-Control-Allow-Origin"] == origin
        assert "Location" in said(answer)["Access-Control-Expose-Headers"]
        assert answer.headers["Vary"] == "Origin"
    assert await logged(pbxd, result="refused") == [], "a preflight is no refusal"


async def test_a_widget_reads_refusals_and_streams_too(pbxd: House, client: aiohttp.ClientSession) -> None:
    headers = await bearer(pbxd, "crm", "events", "calls:read")
    async with client.get(LOOK_UP) as answer:
        await problem(answer, 401)
        assert said(answer)["Access-Control-Allow-Origin"] == CRM
    async with client.get(LOOK_UP, headers=headers) as answer:
        await problem(answer, 403)
        assert said(answer)["Access-Control-Allow-Origin"] == CRM
    async with client.get(EVENTS, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        assert said(answer)["Access-Control-Allow-Origin"] == CRM


@pytest.mark.parametrize("origin", FOREIGN)
async def test_no_other_origin_may_read(pbxd: House, client: aiohttp.ClientSession, origin: str) -> None:
    headers = {"Origin": origin} | await bearer(pbxd, "crm", "lookup")
    async with client.get(LOOK_UP, headers=headers) as answer:
        assert answer.status == 200, "a token is a token; the browser keeps the answer from the page"
        assert said(answer) == {}
        assert answer.headers["Vary"] == "Origin"
    async with client.options(CALLS, headers={"Origin": origin, **ASKS}) as answer:
        await problem(answer, 401)
        assert said(answer) == {}


async def test_two_origins_are_none(pbxd: House, client: aiohttp.ClientSession) -> None:
    headers = [("Origin", CRM), ("Origin", "https://evil.example.org"), *(await bearer(pbxd, "crm", "lookup")).items()]
    async with aiohttp.ClientSession(client._base_url) as bare, bare.get(LOOK_UP, headers=headers) as answer:
        assert said(answer) == {}


async def test_a_cookie_does_not_count_for_a_widget(pbxd: House, client: aiohttp.ClientSession) -> None:
    """As a browser would send it for a widget on another port of the same host."""
    cookie = {"Cookie": f"{PLAIN_NAME}={await let_in(pbxd, '101')}"}
    async with client.get("/api/v1/me", headers=cookie) as answer:
        await problem(answer, 401)
        assert "Access-Control-Allow-Credentials" not in answer.headers
    for site in ("same-site", "same-origin"):  # a browser that lies helps nobody
        async with client.post(CALLS, json={"target": "1"}, headers=cookie | {"Sec-Fetch-Site": site}) as answer:
            await problem(answer, 401)
    async with client.post("/api/v1/session", json={"login": "101", "password": "x"}) as answer:
        assert (await problem(answer, 403))["reason"] == "cross-site"
        assert "Set-Cookie" not in answer.headers
    own = str(client._base_url).rstrip("/")
    async with client.get("/api/v1/me", headers=cookie | {"Origin": own}) as answer:
        assert answer.status == 200, "pbxd's own pages"
        assert said(answer) == {}


async def test_the_own_origin_may_be_allowed_and_keeps_its_cookies(pbxd: House) -> None:
    cookie = {"Cookie": f"{PLAIN_NAME}={await let_in(pbxd, '101')}", "Origin": "https://pbxd.example.org"}
    origin = "https://pbxd.example.org"
    async with (
        serving(pbxd, cors_origins=[origin], public_url=origin) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client,
        client.get("/api/v1/me", headers=cookie) as answer,
    ):
        assert answer.status == 200


async def test_a_page_of_the_internet_may_ask_for_the_lan(client: aiohttp.ClientSession) -> None:
    asks = ASKS | {"Access-Control-Request-Private-Network": "true"}
    async with client.options(CALLS, headers=asks) as answer:
        assert said(answer)["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize("path", ["/sign-in", "/metrics", "/healthz", "/api/v1/nothing", "/"])
async def test_only_the_api_is_for_widgets(pbxd: House, path: str) -> None:
    def mount(app: aiohttp.web.Application) -> None:
        api.mount(app)
        web.mount(app)

    async with (
        serving(pbxd, mount, cors_origins=[CRM]) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}", headers={"Origin": CRM}) as client,
    ):
        async with client.options(path, headers=ASKS) as answer:
            assert answer.status in {401, 404, 405}
            assert "Access-Control-Allow-Methods" not in said(answer)
        async with client.get(path, allow_redirects=False) as answer:
            assert bool(said(answer)) == path.startswith("/api/")


async def test_without_the_setting_nothing_is_said(pbxd: House) -> None:
    headers = {"Origin": CRM} | await bearer(pbxd, "crm", "lookup")
    async with pbxd.public.get(LOOK_UP, headers=headers) as answer:
        assert said(answer) == {}
        assert "Vary" not in answer.headers
    async with pbxd.public.options(CALLS, headers={"Origin": CRM, **ASKS}) as answer:
        await problem(answer, 401)


@pytest.mark.parametrize("origin", ["*", "null", "", "crm.example.org", "https://crm.example.org/widget", "ftp://x"])
def test_an_origin_must_be_exact(origin: str) -> None:
    with pytest.raises(ValidationError):
        HttpSettings(cors_origins=[origin])
