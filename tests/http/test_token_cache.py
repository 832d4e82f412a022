"""Tokens in memory: soon what the database says, and what it said last while it is away (C6)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pbxd.errors import UnavailableError
from pbxd.http import token_cache
from pbxd.http.token_cache import FRESH_SECONDS, LONGEST_SECONDS, SOON_SECONDS, TokenCache
from pbxd.storage.access.tokens import Token, Tokens, digest
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR
from tests.http.conftest import until


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Breakable(Tokens):
    """Tokens whose database can be taken away."""

    _database: Database
    away: bool = False
    hangs: bool = False
    seconds: float = 0.0  # that an answer takes
    asked: int = field(default=0)
    hanging: int = field(default=0)
    given_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def by_digest(self) -> dict[str, Token]:
        self.asked += 1
        if self.away:
            raise UnavailableError("away")
        if self.hangs:
            self.hanging += 1
            try:
                await self.given_up.wait()
            finally:
                self.hanging -= 1
            raise UnavailableError("given up")
        await asyncio.sleep(self.seconds)
        return await super().by_digest()


async def test_what_the_database_says_counts_soon_and_is_asked_for_seldom(tmp_path: Path) -> None:
    clock = Clock()
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path}/pbxd.db", create=True) as database:
        tokens = Breakable(database)
        cache = TokenCache(tokens, clock, moment=60)  # the machine may be busy
        token_id, plain = await tokens.create("crm", ADMINISTRATOR)
        for _count in range(50):
            assert await cache.verify(plain)
        assert tokens.asked == 1
        await tokens.revoke(token_id)
        clock.now += SOON_SECONDS * 1.1
        assert await cache.verify(plain) is None
        assert await cache.verify("pbxd_wrong") is None
        assert await cache.verify((await tokens.create("new", ADMINISTRATOR))[1]), "a new one opens at once"


async def test_among_many_requests_none_waits_for_the_reading(tmp_path: Path) -> None:
    clock = Clock()
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path}/pbxd.db", create=True) as database:
        tokens = Breakable(database)
        cache = TokenCache(tokens, clock, moment=60)
        token_id, plain = await tokens.create("crm", ADMINISTRATOR)
        assert await cache.verify(plain)
        await tokens.revoke(token_id)
        clock.now += FRESH_SECONDS * 1.1
        assert [bool(await cache.verify(plain)) for _count in range(50)] == [True] * 50
        await until(lambda: tokens.asked == 2)
        assert cache._refreshing
        await cache._refreshing
        assert await cache.verify(plain) is None


async def test_after_a_change_the_next_request_is_checked_against_the_database(tmp_path: Path) -> None:
    clock = Clock()
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path}/pbxd.db", create=True) as database:
        tokens = Breakable(database)
        cache = TokenCache(tokens, clock, moment=60)
        token_id, plain = await tokens.create("crm", ADMINISTRATOR)
        assert await cache.verify(plain)
        await tokens.revoke(token_id)
        cache.doubt()
        clock.now += FRESH_SECONDS / 2
        assert await cache.verify(plain) is None


async def test_a_known_token_does_not_wait_for_a_database_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_cache, "_PATIENCE_SECONDS", 600)  # the test says when the database is given up
    clock = Clock()
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path}/pbxd.db", create=True) as database:
        tokens = Breakable(database)
        cache = TokenCache(tokens, clock)
        (_id, known), (_id, unread) = [await tokens.create(name, ADMINISTRATOR) for name in "ab"]
        assert await cache.verify(known)
        del cache._known[digest(unread)]
        tokens.hangs = True
        for _count in range(3):
            clock.now += 2
            asked = tokens.asked
            for _request in range(50):
                assert await cache.verify(known)
            assert tokens.hanging == 1, "the database was given up before the request was answered"
            assert tokens.asked == asked + 1
            tokens.given_up.set()
            await until(lambda: not tokens.hanging)
            tokens.given_up.clear()
        clock.now += 2
        monkeypatch.setattr(token_cache, "_PATIENCE_SECONDS", 0.05)
        with pytest.raises(UnavailableError):
            await cache.verify(unread)
        tokens.hangs = False
        clock.now += 2
        assert await cache.verify(unread)


async def test_a_database_that_answers_late_is_not_away(tmp_path: Path) -> None:
    """On a busy machine a new token was refused after 0.3 s."""
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path}/pbxd.db", create=True) as database:
        tokens = Breakable(database)
        cache = TokenCache(tokens)
        tokens.seconds = 0.6
        assert await cache.verify((await tokens.create("new", ADMINISTRATOR))[1])


async def test_an_expired_token_opens_nothing_and_the_last_use_of_one_is_kept(tmp_path: Path) -> None:
    clock = Clock()
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path}/pbxd.db", create=True) as database:
        tokens = Tokens(database)
        cache = TokenCache(tokens, clock)
        _id, ended = await tokens.create("ended", ADMINISTRATOR, datetime.now(UTC) - timedelta(seconds=1))
        _id, valid = await tokens.create("valid", ADMINISTRATOR, datetime.now(UTC) + timedelta(days=1))
        assert await cache.verify(ended) is None
        assert await cache.verify(valid)
        following = asyncio.create_task(cache.follow())
        used = {token.name: token.used for token in await tokens.list()}
        while not used["valid"]:
            await asyncio.sleep(0.01)
            used = {token.name: token.used for token in await tokens.list()}
        following.cancel()
        assert used["ended"] is None


async def test_while_it_is_away_what_it_said_last_counts_and_not_for_ever(tmp_path: Path) -> None:
    clock = Clock()
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path}/pbxd.db", create=True) as database:
        tokens = Breakable(database)
        cache = TokenCache(tokens, clock)
        known, revoked, later = [await tokens.create(name, ADMINISTRATOR) for name in "abc"]
        await tokens.revoke(revoked[0])
        tokens.away = True
        with pytest.raises(UnavailableError, match="can't be checked"):
            await cache.verify(known[1])  # never read
        tokens.away = False
        clock.now += 2
        assert await cache.verify(known[1])
        tokens.away = True
        clock.now += 2
        asked = tokens.asked
        for _count in range(50):
            assert await cache.verify(known[1])
            assert await cache.verify(revoked[1]) is None
            with pytest.raises(UnavailableError):
                await cache.verify("pbxd_perhaps_new")
        assert tokens.asked == asked + 1, "nobody waits for a database that doesn't answer"
        clock.now += LONGEST_SECONDS
        with pytest.raises(UnavailableError):
            await cache.verify(known[1])
        tokens.away = False
        clock.now += 2
        assert await cache.verify(later[1])
