"""Who may ask: tokens on TCP, administrators on the unix socket."""

from __future__ import annotations

import asyncio

import pytest

from pbxd.http.token_cache import FRESH_SECONDS
from pbxd.storage.access.tokens import Tokens
from tests.actors import ADMINISTRATOR
from tests.api.examples import CALLS, problem
from tests.http.conftest import House


@pytest.mark.parametrize("path", ["/api/v1/lookup?number=1", CALLS, "/api/v1/queues", "/nowhere"])
async def test_tcp_asks_for_a_token_before_anything_else(pbxd: House, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}, {"Authorization": "Bearer"}):
        async with pbxd.public.get(path, headers=headers) as answer:
            found = await problem(answer, 401)
            assert found["type"] == "urn:pbxd:unauthorized"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/v1/openapi.json"])
async def test_a_wrong_method_at_an_open_address_is_told_without_a_token(pbxd: House, path: str) -> None:
    async with pbxd.public.post(path) as answer:
        await problem(answer, 405)
        assert answer.headers["Allow"] == "GET,HEAD"
    async with pbxd.public.delete(CALLS) as answer:
        await problem(answer, 401)


async def test_a_token_opens_until_it_is_revoked(pbxd: House) -> None:
    token_id, plain = await Tokens(pbxd.database).create("crm", ADMINISTRATOR)
    headers = {"Authorization": f"bearer {plain}"}
    async with pbxd.public.get("/api/v1/lookup?number=112", headers=headers) as answer:
        assert answer.status == 200
    await Tokens(pbxd.database).revoke(token_id)
    async with asyncio.timeout(60):  # FRESH_SECONDS on a machine that isn't busy
        while True:
            await asyncio.sleep(FRESH_SECONDS)
            async with pbxd.public.get("/api/v1/lookup?number=112", headers=headers) as answer:
                if answer.status != 200:
                    await problem(answer, 401)
                    return


async def test_the_socket_needs_no_token_and_is_the_group_s(pbxd: House) -> None:
    assert pbxd.settings.socket_path.stat().st_mode & 0o777 == 0o660
    async with pbxd.local.get("/api/v1/lookup?number=112") as answer:
        assert answer.status == 200
