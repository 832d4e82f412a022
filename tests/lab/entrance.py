"""Links of the demo that open the pages signed in.

The demo takes the invitations itself, as people do. A link leads to a page of the demo, which signs in with the
password, as people do too, and hands the session to the browser: cookies are a host's, whatever the port.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from tests.lab.people import Person
from tests.lab.processes import LabError

PASSWORD = "корова 7 лошадь"


class Entrance:
    """A page for each of those who were invited."""

    def __init__(self, pbxd: str) -> None:
        self._pbxd = pbxd
        self._people: dict[str, Person] = {}
        self.url = ""

    async def take(self, person: Person, invitation: str) -> str:
        """Set a person's password by an invitation; return the link that opens the pages as this person."""
        form = {"password": PASSWORD, "again": PASSWORD}
        async with (
            aiohttp.ClientSession() as session,
            session.post(invitation, data=form, allow_redirects=False) as answer,
        ):
            if answer.headers.get("Location") != "/clients":
                raise LabError(f"the invitation of {person.name} was refused: {answer.status}")
        secret = secrets.token_urlsafe(12)
        self._people[secret] = person
        return f"{self.url}/{secret}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Entrance]:
        """Answer on a port of its own, on the same host as pbxd."""
        app = web.Application()
        app.router.add_get("/{secret}", self._let_in)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()

    async def _let_in(self, request: web.Request) -> web.Response:
        person = self._people.get(request.match_info["secret"])
        if person is None:
            raise web.HTTPNotFound
        form = {"login": person.extension, "password": PASSWORD}
        async with (
            aiohttp.ClientSession(self._pbxd) as session,
            session.post("/sign-in", data=form, allow_redirects=False) as answer,
        ):
            opened = web.Response(status=303, headers={"Location": f"{self._pbxd}/clients"})
            for cookie in answer.headers.getall("Set-Cookie", []):
                opened.headers.add("Set-Cookie", cookie)
            return opened
