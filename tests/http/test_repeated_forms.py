"""Forms that are carried out once, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from pbxd.errors import NotFoundError
from pbxd.http import repeated_forms
from pbxd.http.repeated_forms import KEY_FIELD, Making, StillSavingError, carried_out_once
from pbxd.storage.engine.database import Database

FORM = {KEY_FIELD: "k", "name": "Ким"}


async def test_clicks_that_wait_write_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed, done, made, commits = asyncio.Event(), asyncio.Event(), list[int](), list[int]()

    async def make() -> int:
        claimed.set()
        await done.wait()
        made.append(7)
        return 7

    async def show(_made: int) -> None:
        return None

    def click() -> asyncio.Task[int]:
        return asyncio.create_task(carried_out_once(database, 1, "/x", FORM, Making(make, show)))

    database.on_commit.append(lambda: commits.append(1))
    first = click()
    await claimed.wait()
    monkeypatch.setattr(repeated_forms, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(repeated_forms, "_LOOKS", 5)
    for late in await asyncio.gather(click(), click(), return_exceptions=True):
        assert isinstance(late, StillSavingError)
    monkeypatch.setattr(repeated_forms, "_LOOKS", 10_000)
    waiting = [click(), click()]
    done.set()
    assert await asyncio.gather(first, *waiting) == [7, 7, 7]
    assert made == [7]
    assert len(commits) == 2, "the claim and what was made"


async def test_of_several_that_find_it_gone_one_makes_it_anew(database: Database) -> None:
    made = list[int]()

    async def make() -> int:
        made.append(len(made) + 1)
        return made[-1]

    async def show(number: int) -> None:
        if number == 1:
            raise NotFoundError("gone")

    def click() -> asyncio.Task[int]:
        return asyncio.create_task(carried_out_once(database, 1, "/x", FORM, Making(make, show)))

    assert await click() == 1
    assert await asyncio.gather(*(click() for _each in range(4))) == [2] * 4
    assert made == [1, 2]
