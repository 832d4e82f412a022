"""Who asks for rights: a user of each role beside an employee who owns things, over one server."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp

from pbxd.actor import Actor
from pbxd.book.employees import Employee
from pbxd.calls.record import Agent, CallRecord, Party
from pbxd.http.operations import Operation
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.roles import Role, Sights
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from tests.api.test_sessions import let_in
from tests.http.conftest import House, serving
from tests.services.test_sights import NOW

OWNER = "101"
USERS: dict[Role, str] = {"agent": "102", "supervisor": "103", "administrator": "104"}
REFUSED = {"insufficient-scope", "not-supervisor", "not-administrator"}
NUMBER = "+79160000009"
Headers = Mapping[str, str]


class Client:
    """Sends requests that need no more than to be let in: nothing has their ids, and their bodies are empty."""

    def __init__(self, session: aiohttp.ClientSession, pbxd: House) -> None:
        self.session, self.pbxd = session, pbxd
        self.cookies: dict[str, Headers] = {}
        self.sights = Sights()  # what agents see

    async def refusal(self, operation: Operation, headers: Headers) -> str:
        """Return why an operation refuses somebody at the door; empty: it lets them in."""
        path = re.sub(r"\{\w+\}", "999999", operation.address.replace("{format}", "xlsx"))
        status, told = await self.ask(operation.method, path, headers, {} if has_body(operation) else None)
        assert status != 401
        assert status < 500, (operation.name, told)
        reason = str(told.get("reason", ""))
        if reason == "insufficient-scope":
            assert told["scope"] == operation.scope
        return reason if reason in REFUSED else ""

    async def ask(
        self, method: str, path: str, headers: Headers, body: object = None, **query: str
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and, of a problem or an object, the JSON. A stream is left at once."""
        async with self.session.request(method, path, headers=headers, json=body, params=query) as answer:
            if "json" not in answer.content_type or "ndjson" in answer.content_type:
                return answer.status, {}
            return answer.status, await answer.json() if answer.status != 204 else {}

    async def token(self, actor: Actor) -> Headers:
        _id, plain = await Tokens(self.pbxd.database).create("x", actor)
        return {"Authorization": f"Bearer {plain}"}

    async def signed_in(self, who: str, role: Role = "agent") -> Headers:
        if who not in self.cookies:
            self.cookies[who] = {"Cookie": f"{PLAIN_NAME}={await let_in(self.pbxd, who, role)}"}
        return self.cookies[who]

    async def user(self, role: Role) -> Headers:
        """Return the headers of the user of a role."""
        return await self.signed_in(USERS[role], role)


def has_body(operation: Operation) -> bool:
    return any(model.place == "pointer" for model in operation.inputs.values())


async def call_of(client: Client, extension: str, number: str = NUMBER) -> str:
    """Write down a call that an employee answered; return its address."""
    record = CallRecord(
        id=f"01J00000000000000000000{extension}", pbx="pbx", linkedid=extension, started=NOW, ended=NOW,
        outcome="answered", caller=Party(number), agents=[Agent(extension)], answered_by=[extension],
    )  # fmt: skip
    await Calls(client.pbxd.database).upsert([record])
    return f"/api/v1/calls/{record.id}"


@asynccontextmanager
async def asking(pbxd: House) -> AsyncIterator[Client]:
    """Serve a house whose agents see what `Client.sights` says; its users are signed in."""
    people = [Employee(each, f"Сотрудник {each}") for each in (OWNER, *USERS.values())]
    await Employees(pbxd.database).upsert(people, source="list")
    await pbxd.directory._refresh()
    limited = replace(pbxd, services=replace(pbxd.services, sights=lambda: made.sights))
    async with (
        serving(limited) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}", cookie_jar=aiohttp.DummyCookieJar()) as one,
    ):
        made = Client(one, pbxd)
        for role, who in USERS.items():
            await made.signed_in(who, role)
        await made.signed_in(OWNER)
        yield made
