"""A program that uses the API with a token, for tests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, get_args

import aiohttp

from pbxd.scopes import Scope
from pbxd.storage.access.tokens import Tokens
from tests.actors import acting_token
from tests.http.conftest import House
from tests.http.contract import checked_session

ALL = frozenset(get_args(Scope)) - {"admin"}
CONTACTS, COMPANIES = "/api/v1/contacts", "/api/v1/companies"
IGOR: dict[str, Any] = {"name": "Фронкин Игорь", "numbers": ["8 916 000-00-01"]}


@dataclass
class Crm:
    """A client of the API, with its token."""

    session: aiohttp.ClientSession

    async def ask(
        self,
        method: str,
        path: str,
        status: int = 200,
        **more: Any,  # noqa: ANN401 - what a request takes
    ) -> tuple[Any, Mapping[str, str]]:
        """Return the answer's body and headers; fail if the status is another one."""
        async with self.session.request(method, path, **more) as answer:
            body = await answer.text()
            assert answer.status == status, body
            return json.loads(body) if "json" in answer.content_type else body, answer.headers.copy()

    async def get(self, path: str, status: int = 200, /, **query: Any) -> Any:  # noqa: ANN401 - JSON
        """Return a body."""
        return (await self.ask("GET", path, status, params={name.rstrip("_"): each for name, each in query.items()}))[0]

    async def add(self, body: Mapping[str, Any] = IGOR, path: str = CONTACTS, status: int = 201, **more: Any) -> Any:  # noqa: ANN401 - JSON
        """Add a contact, or something else; return it."""
        return (await self.ask("POST", path, status, json=body, **more))[0]

    async def change(self, path: str, body: Mapping[str, Any], status: int = 200, match: str = "*") -> Any:  # noqa: ANN401 - JSON
        """Change something; return it."""
        return (await self.ask("PATCH", path, status, json=body, headers={"If-Match": match}))[0]


@asynccontextmanager
async def crm(
    pbxd: House, extension: str = "", *, acts_for_any: bool = False, scopes: frozenset[Scope] = ALL
) -> AsyncIterator[Crm]:
    """Make a token, and a client with it."""
    actor = acting_token("crm", extension, acts_for_any=acts_for_any, scopes=scopes)
    _id, plain = await Tokens(pbxd.database).create("crm", actor)
    base = f"http://127.0.0.1:{pbxd.server.port}"
    async with checked_session(base, headers={"Authorization": f"Bearer {plain}"}) as session:
        yield Crm(session)


def pointers(problem: Mapping[str, Any]) -> list[str]:
    """Return where the errors of a body are."""
    return [each["pointer"] for each in problem["errors"]]
