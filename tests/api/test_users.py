"""Users over HTTP."""

from __future__ import annotations

import aiohttp
import pytest

from pbxd.storage.access.tokens import Tokens
from tests.actors import acting_token
from tests.http.conftest import House


@pytest.fixture
async def admin(pbxd: House) -> aiohttp.ClientSession:
    _id, plain = await Tokens(pbxd.database).create("crm", acting_token("crm", scopes=frozenset({"admin"})))
    pbxd.public.headers["Authorization"] = f"Bearer {plain}"
    return pbxd.public


async def test_a_user_s_life(admin: aiohttp.ClientSession, pbxd: House) -> None:
    async with admin.post("/api/v1/users", json={"who": "boss@example.org", "role": "administrator"}) as answer:
        assert (answer.status, answer.headers["Location"]) == (201, "/api/v1/users/1")
        made = await answer.json()
    base, _slash, plain = made["link"].rpartition("/")
    assert base == f"http://127.0.0.1:{pbxd.server.port}/invitation"
    assert (made["user"]["login"], made["user"]["role"], made["user"]["has_password"]) == (
        "boss@example.org", "administrator", False,
    )  # fmt: skip
    await pbxd.services.sessions.accept(plain, "корова 7 лошадь", "192.0.2.1")
    async with admin.get("/api/v1/users") as answer:
        found = await answer.json()
    assert (found["total"], found["items"][0]["sessions"], found["items"][0]["has_password"]) == (1, 1, True)
    async with admin.post("/api/v1/users", json={"who": "boss@example.org"}) as answer:
        assert answer.status == 409
    async with admin.put("/api/v1/users/1/role", json={"role": "supervisor"}) as answer:
        assert ((await answer.json())["role"], (await answer.json())["sessions"]) == ("supervisor", 0)
    async with admin.post("/api/v1/users/1/reset") as answer:
        assert (await answer.json())["link"].startswith(base)
    async with admin.delete("/api/v1/users/1/sessions") as answer:
        assert answer.status == 204
    async with admin.post("/api/v1/users/1/block") as answer:
        assert (await answer.json())["blocked"] is True
    async with admin.post("/api/v1/users/1/reset") as answer:
        assert answer.status == 409
    async with admin.get("/api/v1/users/1") as answer:
        assert (await answer.json())["invited_until"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/v1/users", {"who": ""}, 422),
        ("POST", "/api/v1/users", {"who": "101", "role": "king"}, 422),
        ("POST", "/api/v1/users", {"who": "Никто Никакой"}, 422),
        ("POST", "/api/v1/users", {}, 422),
        ("GET", "/api/v1/users/1", None, 404),
        ("GET", "/api/v1/users/x", None, 404),
        ("PUT", "/api/v1/users/1/role", {"role": "agent"}, 404),
        ("POST", "/api/v1/users/1/block", None, 404),
        ("POST", "/api/v1/users/1/reset", None, 404),
        ("DELETE", "/api/v1/users/1/sessions", None, 404),
        ("DELETE", "/api/v1/users/9999999999999999999/sessions", None, 404),
    ],
)
async def test_mistakes(admin: aiohttp.ClientSession, method: str, path: str, body: object, status: int) -> None:
    async with admin.request(method, path, json=body) as answer:
        assert answer.status == status


async def test_on_the_socket_links_begin_as_the_configuration_says(pbxd: House) -> None:
    async with pbxd.local.post("/api/v1/users", json={"who": "101"}) as answer:
        assert (await answer.json())["link"].startswith("http://127.0.0.1:0/invitation/")
