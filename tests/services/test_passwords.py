"""Hashes of passwords: argon2id, one at a time, no more than some waiting."""

from __future__ import annotations

import asyncio
import threading

import pytest
from argon2 import PasswordHasher

from pbxd.errors import UnavailableError
from pbxd.services.access.passwords import MOST_WAITING, Passwords

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Watched(PasswordHasher):
    """Counts how many hash at once; each waits until it may."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.may, self.began = threading.Event(), threading.Event()
        self.now = self.most = self.count = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.now += 1
        self.count += 1
        self.most = max(self.most, self.now)
        self.began.set()
        assert self.may.wait(60)
        self.now -= 1
        return super().hash(password, salt=salt)


async def test_what_was_hashed_is_recognised() -> None:
    passwords = Passwords(QUICK)
    hashed = await passwords.hash("корова 7 лошадь")
    assert hashed.startswith("$argon2id$")
    assert await passwords.verify(hashed, "корова 7 лошадь")
    for wrong, password in ((hashed, "корова 7 лошад"), ("", "x"), ("no hash", "x"), ("", "nobody's password")):
        assert not await passwords.verify(wrong, password)


async def test_the_parameters_are_todays() -> None:
    assert "m=65536,t=3,p=1" in await Passwords().hash("x")
    assert Passwords().is_dated(await Passwords(QUICK).hash("x"))


async def test_one_hash_at_a_time_also_when_a_request_is_given_up() -> None:
    hasher = Watched()
    passwords = Passwords(hasher)
    tasks = [asyncio.create_task(passwords.hash("x")) for _ in range(4)]
    await asyncio.to_thread(hasher.began.wait, 60)
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    hasher.may.set()
    await asyncio.gather(*tasks[1:])
    assert (hasher.most, hasher.count) == (1, 4)


async def test_no_more_than_some_wait() -> None:
    hasher = Watched()
    passwords = Passwords(hasher)
    tasks = [asyncio.create_task(passwords.hash("x")) for _ in range(MOST_WAITING)]
    await asyncio.to_thread(hasher.began.wait, 60)
    with pytest.raises(UnavailableError):
        await passwords.hash("x")
    hasher.may.set()
    await asyncio.gather(*tasks)
    assert await passwords.hash("x")
