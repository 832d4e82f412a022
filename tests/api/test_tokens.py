"""Tokens over HTTP."""

from __future__ import annotations

import aiohttp
import pytest

from tests.http.conftest import House

TOKENS = "/api/v1/tokens"


async def test_a_tokens_life(pbxd: House) -> None:
    asked = {"name": "CRM", "scopes": ["lookup", "calls:read"], "employee": "101", "expires_days": 30}
    async with pbxd.local.post(TOKENS, json=asked) as answer:
        assert (answer.status, answer.headers["Location"]) == (201, f"{TOKENS}/1")
        made = await answer.json()
    assert (made["name"], made["scopes"], made["employee"], made["as_any"]) == (
        "CRM", ["calls:read", "lookup"], "101", False,
    )  # fmt: skip
    assert made["expires"]
    headers = {"Authorization": f"Bearer {made['token']}"}
    async with pbxd.public.get("/api/v1/me", headers=headers) as answer:
        assert (await answer.json())["employee"]["extension"] == "101"
    for path in (TOKENS, f"{TOKENS}/1"):
        async with pbxd.local.get(path) as answer:
            text = await answer.text()
        assert made["token"] not in text
        assert made["token"][-4:] in text
    for _again in range(2):
        async with pbxd.local.delete(f"{TOKENS}/1") as answer:
            assert answer.status == 204
    async with pbxd.local.get(TOKENS) as answer:
        found = await answer.json()
    assert (found["total"], bool(found["items"][0]["revoked"])) == (1, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x", "scopes": []}, 422),
        ({"name": "x", "scopes": ["all"]}, 422),
        ({"name": "", "scopes": ["lookup"]}, 422),
        ({"scopes": ["lookup"]}, 422),
        ({"name": "x", "scopes": ["lookup"], "employee": "101", "as_any": True}, 422),
        ({"name": "x", "scopes": ["lookup"], "employee": "не номер"}, 422),
        ({"name": "x", "scopes": ["lookup"], "expires_days": 0}, 422),
        ({"name": "x", "scopes": ["lookup"], "token": "mine"}, 422),
    ],
)
async def test_what_is_no_token(pbxd: House, body: object, status: int) -> None:
    async with pbxd.local.post(TOKENS, json=body) as answer:
        assert answer.status == status
    async with pbxd.local.get(TOKENS) as answer:
        assert (await answer.json())["total"] == 0


async def test_unknown_ones(pbxd: House) -> None:
    async def status(method: str, path: str) -> int:
        answer: aiohttp.ClientResponse
        async with pbxd.local.request(method, f"{TOKENS}/{path}") as answer:
            return answer.status

    for path in ("7", "x", "0", "9999999999999999999"):
        assert await status("GET", path) == await status("DELETE", path) == 404
