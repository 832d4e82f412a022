"""A request that made something and whose answer was lost is answered from what it made, and makes nothing more."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from sqlalchemy import update

from pbxd.api import RESOURCES
from pbxd.errors import UnavailableError
from pbxd.storage.access.request_keys import ABANDONED
from pbxd.storage.tables import request_keys
from tests.api.crm import COMPANIES, CONTACTS, IGOR, crm
from tests.http.conftest import House

pytestmark = pytest.mark.both_databases

KEY = {"Idempotency-Key": "a"}
FIRM: dict[str, Any] = {"name": "Ромашка", "numbers": ["8 495 123-45-67"]}


class Fault:
    """Breaks a request off after its second commit: after that of what it makes, before its answer is kept."""

    def __init__(self, pbxd: House, error: BaseException) -> None:
        self._error = error
        self._left = 2
        pbxd.database.on_commit.append(self)

    def __call__(self) -> None:
        self._left -= 1
        if not self._left:
            raise self._error


async def abandoned(pbxd: House) -> None:
    async with pbxd.database.writing() as connection:
        await connection.execute(update(request_keys).values(at=datetime.now(UTC) - ABANDONED * 2))


@pytest.mark.parametrize(("path", "body"), [(CONTACTS, IGOR), (COMPANIES, FIRM)], ids=["contact", "company"])
@pytest.mark.parametrize("error", [asyncio.CancelledError(), UnavailableError("away")], ids=["broken off", "failed"])
async def test_a_lost_answer_is_made_again_and_nothing_else(
    pbxd: House, path: str, body: dict[str, Any], error: BaseException
) -> None:
    async with crm(pbxd, "101") as client:
        Fault(pbxd, error)
        if isinstance(error, UnavailableError):
            await client.add(body, path, 503, headers=KEY)
        else:
            with pytest.raises(aiohttp.ClientError):
                await client.add(body, path, headers=KEY)
            await abandoned(pbxd)
        again, headers = await client.ask("POST", path, 201, json=body, headers=KEY)
        assert (headers["Location"], headers["ETag"]) == (f"{path}/{again['id']}", f'"{again["version"]}"')
        assert again["name"] == body["name"]
        assert await client.add(body, path, headers=KEY) == again
        assert (await client.get(path))["total"] == 1
        await client.add({**body, "name": "Другой"}, path, 422, headers=KEY)


async def test_what_is_gone_meanwhile_is_not_made_again(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        Fault(pbxd, UnavailableError("away"))
        await client.add(status=503, headers=KEY)
        (made,) = (await client.get(CONTACTS))["items"]
        await client.ask("DELETE", f"{CONTACTS}/{made['id']}", 204)
        refused = await client.add(status=409, headers=KEY)
        assert str(made["id"]) in refused["detail"]
        assert (await client.get(CONTACTS))["total"] == 0


def test_every_operation_with_a_key_can_show_what_it_made() -> None:
    repeatable = [each for resource in RESOURCES for each in resource.operations if each.repeatable]
    assert repeatable
    assert [each.name for each in repeatable if each.manners.show is None] == []
