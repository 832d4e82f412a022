"""Cursors that are no cursors of the list they come to: refused by name, in every list."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from pbxd import api
from pbxd.api.lists import PageQuery
from pbxd.http.operations import OPERATIONS, Operation
from tests.api.crm import COMPANIES, CONTACTS, IGOR, Crm, crm
from tests.api.examples import CALLS
from tests.http.conftest import House

MADE_UP = (
    "x", "0", "-1", "null", " ", "%", "\0", "ключ", "\U0001f4de", "A" * 500, "A" * 501, "'; DROP TABLE contacts; --",
    "../../etc/passwd",
    base64.urlsafe_b64encode(b'["name", "", 1]').decode(),
    base64.urlsafe_b64encode(b"\xff" * 30).decode(),
)  # fmt: skip
LISTS = {
    CONTACTS: ({"sort": "name"}, {"sort": "-name"}, {"sort": "name", "vip": "true"}),
    COMPANIES: ({}, {"search": "ромашка"}),
}


def lists() -> Iterator[Operation]:
    app = web.Application()
    api.mount(app)
    for operation in {each.name: each for each in app[OPERATIONS].values()}.values():
        if any(issubclass(model, PageQuery) for model in operation.inputs.values()):
            yield operation


async def three_of_each(client: Crm) -> dict[str, Any]:
    for place in range(3):
        await client.add({**IGOR, "name": f"Клиент {place}", "company": f"Ромашка {place}", "vip": True})
    return (await client.get(COMPANIES))["items"][0]  # type: ignore[no-any-return]


async def refused(client: Crm, path: str, query: dict[str, str], after: str) -> None:
    told = await client.get(path, 422, after=after, **query)
    assert [each.get("parameter") for each in told["errors"]] == ["after"], (path, query, after)


async def test_what_is_no_cursor_is_refused_by_every_list(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        company = await three_of_each(client)
        found = [operation.address.replace("/companies/{id}", f"/companies/{company['id']}") for operation in lists()]
        paths = [path for path in found if "{" not in path]
        assert {CONTACTS, COMPANIES, CALLS, f"{COMPANIES}/{company['id']}/contacts"} <= set(paths)
        for path in paths:
            for after in MADE_UP:
                await refused(client, path, {}, after)


async def test_a_cursor_that_was_changed_or_comes_from_elsewhere_is_refused(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        await three_of_each(client)
        cursors = {
            (path, tuple(query.items())): (await client.get(path, limit=1, **query))["next"]
            for path, queries in LISTS.items()
            for query in queries
        }
        assert all(cursors.values())
        for (path, query), mine in cursors.items():
            for each in set(cursors.values()) - {mine}:
                await refused(client, path, dict(query), each)
            for changed in (mine[:-1], mine[1:], mine + mine, mine.swapcase()):
                await refused(client, path, dict(query), changed)
            assert (await client.get(path, after=mine, **dict(query)))["next"] is None
