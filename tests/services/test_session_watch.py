"""What open streams ask of their sessions, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from pbxd.services.access.session_watch import FRESH_SECONDS, SessionWatch
from pbxd.storage.access.sessions import Sessions
from pbxd.storage.access.tokens import digest
from pbxd.storage.engine.database import Database
from tests.services.test_users import Clock, Office
from tests.services.test_users import office as office


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_many_streams_ask_one_question(office: Office, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, asked = SessionWatch(Sessions(office.workspace.database), clock), list[int]()
    keys = [digest(await office.let_in(extension)) for extension in ("101", "102", "103")]
    ask = Database.ask

    async def counted(database: Database, question: object, digests: list[str]) -> object:
        asked.append(len(digests))
        return await ask(database, question, digests)  # type: ignore[arg-type]

    for key in keys:
        await watch.find(key)
    monkeypatch.setattr(Database, "ask", counted)
    clock.now += FRESH_SECONDS + 0.1
    found = await asyncio.gather(*map(watch.find, keys))
    assert [one and one.extension for one in found] == ["101", "102", "103"]
    assert asked == [3]


async def test_a_session_that_ended_is_known_a_second_later(office: Office, clock: Clock) -> None:
    watch, plain = SessionWatch(Sessions(office.workspace.database), clock), await office.let_in("101")
    assert await watch.find(digest(plain))
    await office.sessions.sign_out(plain)
    clock.now += FRESH_SECONDS + 0.1
    assert await watch.find(digest(plain)) is None


async def test_an_unknown_session_is_looked_up_at_once(office: Office, clock: Clock) -> None:
    watch = SessionWatch(Sessions(office.workspace.database), clock)
    assert await watch.find(digest("nobody's")) is None
    assert await watch.find(digest(await office.let_in("101")))
