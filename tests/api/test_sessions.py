"""Signing in over HTTP: the cookie, who one is, guessing, other sites' pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import Morsel

import aiohttp
import pytest
from multidict import CIMultiDict

from pbxd.book.employees import Employee
from pbxd.http.session_cookies import PLAIN_NAME, SECURE_NAME
from pbxd.services.access import users
from pbxd.services.access.sign_in_throttle import PAIR
from pbxd.services.access.users import InviteUser
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from tests.actors import ADMINISTRATOR, acting_token
from tests.http.conftest import House, serving
from tests.http.contract import checked_session

pytestmark = pytest.mark.both_databases

PASSWORD = "корова 7 лошадь"


async def invite(pbxd: House, who: str, role: str = "agent") -> users.Invited:
    return await users.invite(pbxd.services.workspace, ADMINISTRATOR, InviteUser(who=who, role=role))


async def let_in(pbxd: House, who: str, role: str = "agent") -> str:
    """Make a user with PASSWORD; return a session."""
    made = await invite(pbxd, who, role)
    return (await pbxd.services.sessions.accept(made.plain, PASSWORD, "192.0.2.99")).plain


@asynccontextmanager
async def browser(base: str, *, jar: bool = True, **headers: str) -> AsyncIterator[aiohttp.ClientSession]:
    cookies = aiohttp.CookieJar(unsafe=True) if jar else aiohttp.DummyCookieJar()
    async with checked_session(base, headers=headers, cookie_jar=cookies) as session:
        yield session


@pytest.fixture
async def url(pbxd: House) -> str:
    await Employees(pbxd.database).upsert(
        [Employee("101", "Иванова Анна", email="anna@example.org"), Employee("102", "Петров Пётр")], source="list"
    )
    await pbxd.directory.load()
    return str(pbxd.public._base_url)


def cookie_of(answer: aiohttp.ClientResponse) -> Morsel[str]:
    ((_name, morsel),) = answer.cookies.items()
    return morsel


async def test_sign_in_me_and_sign_out(pbxd: House, url: str) -> None:
    await let_in(pbxd, "101", "supervisor")
    async with browser(url) as session:
        async with session.get("/api/v1/me") as answer:
            assert answer.status == 401
        async with session.post("/api/v1/session", json={"login": "101", "password": PASSWORD}) as answer:
            assert answer.status == 201
            signed_in = await answer.json()
            morsel = cookie_of(answer)
        assert (morsel.key, morsel["httponly"], morsel["samesite"], morsel["path"]) == (PLAIN_NAME, True, "Lax", "/")
        assert (morsel["secure"], morsel["domain"], morsel["max-age"]) == ("", "", str(30 * 86400))
        assert PASSWORD not in str(signed_in)
        async with session.get("/api/v1/me") as answer:
            me = await answer.json()
        assert me == signed_in | {"user": me["user"]}
        assert (me["role"], me["employee"]["extension"], me["employee"]["name"]) == (
            "supervisor", "101", "Иванова Анна",
        )  # fmt: skip
        assert me["user"]["login"] == "101"
        async with session.get("/api/v1/queues") as answer:
            assert answer.status == 200
        async with session.get("/api/v1/users") as answer:
            assert (answer.status, (await answer.json())["reason"]) == (403, "not-administrator")
        async with session.delete("/api/v1/session") as answer:
            assert (answer.status, cookie_of(answer)["max-age"]) == (204, "0")
        async with session.get("/api/v1/me") as answer:
            assert answer.status == 401


@pytest.mark.usefixtures("url")
async def test_nothing_tells_who_is_a_user(pbxd: House) -> None:
    await let_in(pbxd, "101")
    await invite(pbxd, "102")
    blocked = await invite(pbxd, "103")
    await users.block(pbxd.services.workspace, ADMINISTRATOR, blocked.user.id)
    said = set()
    for login in ("101", "102", "103", "104", "nobody@example.org", "' OR 1=1 --", "\0", "я" * 254):
        async with pbxd.public.post("/api/v1/session", json={"login": login, "password": "wrong"}) as answer:
            assert "Set-Cookie" not in answer.headers
            said.add((answer.status, await answer.text(), answer.headers["WWW-Authenticate"]))
    assert len(said) == 1
    ((status, text, _header),) = said
    assert (status, '"reason":"wrong-login"' in text) == (401, True)


@pytest.mark.usefixtures("url")
async def test_guessing_is_answered_with_a_time_to_wait(pbxd: House) -> None:
    await let_in(pbxd, "101")
    await let_in(pbxd, "102")
    for _guess in range(PAIR.free):
        async with pbxd.public.post("/api/v1/session", json={"login": "101", "password": "wrong"}) as answer:
            assert answer.status == 401
    for password in ("wrong", PASSWORD):
        async with pbxd.public.post("/api/v1/session", json={"login": "101", "password": password}) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
            assert (await answer.json())["reason"] == "too-many"
    async with pbxd.public.post("/api/v1/session", json={"login": "102", "password": PASSWORD}) as answer:
        assert answer.status == 201, "a colleague behind the same address"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"login": "101"}, 422),
        ({"login": "101", "password": 1}, 422),
        ({"login": "101", "password": "x", "remember": True}, 422),
        ({"login": "x" * 255, "password": "x"}, 422),
        ({"login": "101", "password": "x" * 1001}, 422),
        ([], 422),
    ],
)
async def test_bad_input(pbxd: House, body: object, status: int) -> None:
    async with pbxd.public.post("/api/v1/session", json=body) as answer:
        assert answer.status == status


async def test_a_form_of_another_page_is_no_json(pbxd: House) -> None:
    async with pbxd.public.post("/api/v1/session", data={"login": "101", "password": "x"}) as answer:
        assert answer.status == 415


async def test_a_session_can_not_be_chosen_by_somebody_else(pbxd: House, url: str) -> None:
    """Session fixation: whatever the browser brings, a sign-in makes a new session, and the one brought ends."""
    mine = await let_in(pbxd, "101")
    await let_in(pbxd, "102")
    for planted in (mine, "planted", "", "x" * 4000):
        async with browser(url, jar=False, Cookie=f"{PLAIN_NAME}={planted}") as session:
            async with session.post("/api/v1/session", json={"login": "102", "password": PASSWORD}) as answer:
                assert answer.status == 201
                begun = cookie_of(answer).value
            assert begun not in {planted, ""}
            async with session.get("/api/v1/me") as answer:
                assert answer.status == 401, "what was planted opens nothing"


async def test_a_bearer_token_beats_a_cookie(pbxd: House, url: str) -> None:
    cookie = f"{PLAIN_NAME}={await let_in(pbxd, '101', 'administrator')}"
    _id, plain = await Tokens(pbxd.database).create("crm", acting_token("crm", scopes=frozenset({"lookup"})))
    async with browser(url, jar=False, Cookie=cookie) as session:
        async with session.get("/api/v1/users") as answer:
            assert answer.status == 200
        async with session.get("/api/v1/users", headers={"Authorization": f"Bearer {plain}"}) as answer:
            assert (answer.status, (await answer.json())["scope"]) == (403, "admin")
        async with session.get("/api/v1/users", headers={"Authorization": "Bearer wrong"}) as answer:
            assert answer.status == 401
        async with session.get("/api/v1/users", headers={"Authorization": "Basic cHJveHk6eA=="}) as answer:
            assert answer.status == 200, "a proxy's password is no token"
        async with session.delete("/api/v1/me/sessions", headers={"Authorization": f"Bearer {plain}"}) as answer:
            assert answer.status == 404
        async with session.delete("/api/v1/session", headers={"Authorization": f"Bearer {plain}"}) as answer:
            assert (answer.status, "Set-Cookie" in answer.headers) == (204, False)
        async with session.get("/api/v1/me") as answer:
            assert answer.status == 200


@pytest.mark.usefixtures("url")
async def test_me_of_tokens(pbxd: House) -> None:
    tokens = Tokens(pbxd.database)
    made = {
        "shared": acting_token("shared", scopes=frozenset({"lookup"})),
        "any": acting_token("any", acts_for_any=True),
        "own": acting_token("own", "101"),
    }
    found = {}
    for name, actor in made.items():
        _id, plain = await tokens.create(name, actor)
        async with pbxd.public.get("/api/v1/me", headers={"Authorization": f"Bearer {plain}"}) as answer:
            assert answer.status == 200
            found[name] = await answer.json()
    assert found["shared"] == {
        "role": "agent", "scopes": ["lookup"], "employee": None, "as_any": False, "user": None,
    }  # fmt: skip
    assert found["any"]["as_any"]
    assert (found["own"]["employee"]["extension"], found["own"]["employee"]["name"]) == ("101", "Иванова Анна")
    async with pbxd.local.get("/api/v1/me") as answer:
        assert (await answer.json())["role"] == "administrator"


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},  # another port, or a subdomain
    {"Sec-Fetch-Site": "same-site", "Origin": "OWN"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "OTHER PORT"},
    {"Origin": "OTHER SCHEME"},
    {"Origin": "OWN.evil.example"},
    {"Origin": ""},
]
OURS = [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "OWN"}]


def headers_of(pattern: dict[str, str], url: str) -> dict[str, str]:
    port = int(url.rstrip("/").rpartition(":")[2])
    replaced = {
        "OWN": url.rstrip("/"), "OTHER PORT": f"http://127.0.0.1:{port + 1}",
        "OTHER SCHEME": url.rstrip("/").replace("http", "https"), "OWN.evil.example": url.rstrip("/") + ".evil.example",
    }  # fmt: skip
    return {name: replaced.get(value, value) for name, value in pattern.items()}


@pytest.mark.parametrize("pattern", FOREIGN, ids=str)
async def test_a_page_of_another_origin_changes_nothing(pbxd: House, url: str, pattern: dict[str, str]) -> None:
    cookie = f"{PLAIN_NAME}={await let_in(pbxd, '101', 'administrator')}"
    async with browser(url, jar=False, Cookie=cookie) as session:
        headers = headers_of(pattern, url)
        for method, path, body in (
            ("DELETE", "/api/v1/session", None),
            ("POST", "/api/v1/users", {"who": "103"}),
            ("POST", "/api/v1/session", {"login": "101", "password": PASSWORD}),
        ):
            async with session.request(method, path, json=body, headers=headers) as answer:
                assert (answer.status, (await answer.json())["reason"]) == (403, "cross-site")
        async with session.get("/api/v1/me", headers=headers) as answer:
            assert answer.status == 200
    async with pbxd.public.get("/api/v1/me", headers=headers_of(pattern, url)) as answer:
        assert answer.status == 401
    assert len(await users.find(pbxd.services.workspace, ADMINISTRATOR)) == 1


@pytest.mark.parametrize("pattern", OURS, ids=str)
async def test_our_own_page_changes_what_it_wants(pbxd: House, url: str, pattern: dict[str, str]) -> None:
    cookie = f"{PLAIN_NAME}={await let_in(pbxd, '101')}"
    async with browser(url, jar=False, Cookie=cookie, **headers_of(pattern, url)) as session:
        async with session.post("/api/v1/session", json={"login": "101", "password": PASSWORD}) as answer:
            assert answer.status == 201
        async with session.delete("/api/v1/session") as answer:
            assert answer.status == 401, "that session has ended"


@pytest.mark.usefixtures("url")
async def test_a_token_needs_no_origin(pbxd: House) -> None:
    _id, plain = await Tokens(pbxd.database).create("crm", acting_token("crm", scopes=frozenset({"admin"})))
    headers = {"Authorization": f"Bearer {plain}", "Origin": "https://crm.example", "Sec-Fetch-Site": "cross-site"}
    async with pbxd.public.post("/api/v1/users", json={"who": "101"}, headers=headers) as answer:
        assert answer.status == 201


@pytest.mark.usefixtures("url")
async def test_behind_a_proxy_with_tls(pbxd: House) -> None:
    """Only a trusted proxy says who the client is and that it speaks TLS; then the cookie is `__Host-`."""
    await let_in(pbxd, "101")
    forwarded = {
        "X-Forwarded-For": "203.0.113.9, 192.0.2.44", "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "pbx.example.org",
    }  # fmt: skip
    body = {"login": "101", "password": PASSWORD}
    async with pbxd.public.post("/api/v1/session", json=body, headers=forwarded) as answer:
        assert cookie_of(answer).key == PLAIN_NAME, "not trusted"
    async with (
        serving(pbxd, trusted_proxies=["127.0.0.0/8"], public_url="https://other.example.org") as server,
        browser(f"http://127.0.0.1:{server.port}", jar=False) as session,
    ):
        async with session.post("/api/v1/session", json=body, headers=forwarded) as answer:
            morsel = cookie_of(answer)
        assert (morsel.key, morsel["secure"], morsel["domain"], morsel["path"]) == (SECURE_NAME, True, "", "/")
        cookie = {"Cookie": f"{SECURE_NAME}={morsel.value}"}
        async with session.get("/api/v1/me", headers=cookie | forwarded) as answer:
            assert answer.status == 200
        async with session.get("/api/v1/me", headers=cookie) as answer:
            assert answer.status == 401, "over plain HTTP another name is read"
        for origin, status in (
            ("https://pbx.example.org", 201),
            ("https://PBX.example.org:443", 201),
            ("https://other.example.org", 201),
            ("http://pbx.example.org", 403),
            ("https://pbx.example.org:8443", 403),
        ):
            headers = forwarded | {"Origin": origin}
            async with session.post("/api/v1/session", json=body, headers=headers) as answer:
                assert answer.status == status, origin
    (user,) = await users.find(pbxd.services.workspace, ADMINISTRATOR)
    assert user.sessions > 2


@pytest.mark.usefixtures("url")
async def test_who_guesses_behind_a_trusted_proxy_is_told_apart(pbxd: House) -> None:
    await let_in(pbxd, "101")
    async with (
        serving(pbxd, trusted_proxies=["127.0.0.1", "10.0.0.0/8"]) as server,
        browser(f"http://127.0.0.1:{server.port}", jar=False) as session,
    ):

        async def status(hops: str, password: str) -> int:
            headers = CIMultiDict({"X-Forwarded-For": hops})
            body = {"login": "101", "password": password}
            async with session.post("/api/v1/session", json=body, headers=headers) as answer:
                return answer.status

        bad = [await status(f"198.51.100.{number}, 203.0.113.9, 10.1.1.1", "wrong") for number in range(6)]
        assert bad == [401] * 5 + [429], "what the client wrote before doesn't count"
        assert await status("203.0.113.10", PASSWORD) == 201
        assert await status("nonsense", PASSWORD) == 201


async def test_sessions_end_for_http_at_once(pbxd: House, url: str) -> None:
    cookie = {"Cookie": f"{PLAIN_NAME}={await let_in(pbxd, '101')}"}
    other = {"Cookie": f"{PLAIN_NAME}={await let_in(pbxd, '102')}"}
    async with browser(url, jar=False) as session:
        async with session.get("/api/v1/me", headers=cookie) as answer:
            assert answer.status == 200
        await Employees(pbxd.database).retire(["101"])
        async with session.get("/api/v1/me", headers=cookie) as answer:
            assert answer.status == 401
        async with session.delete("/api/v1/me/sessions", headers=other) as answer:
            assert answer.status == 204
        async with session.get("/api/v1/me", headers=other) as answer:
            assert answer.status == 401


@pytest.mark.sqlite_house
async def test_without_the_database_a_session_can_not_be_told(pbxd: House, url: str) -> None:
    cookie = {"Cookie": f"{PLAIN_NAME}={await let_in(pbxd, '101')}"}
    (pbxd.settings.folder / "book.db").rename(pbxd.settings.folder / "away.db")
    async with browser(url, jar=False) as session, session.get("/api/v1/me", headers=cookie) as answer:
        assert (answer.status, "Retry-After" in answer.headers) == (503, True)
