"""Kept answers of requests with an idempotency key, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from pbxd.errors import ConflictError, InvalidInputError
from pbxd.storage.access.request_keys import ABANDONED, KEPT, Answered, RequestKey, RequestKeys
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import request_keys

ASKED = RequestKey("token 1", "add_contact", "k", "digest")
ANSWER = Answered(201, {"Location": "/x", "ETag": '"1"'}, '{"name": "Анна"}')


async def age(database: Database, by: timedelta) -> None:
    async with database.writing() as connection:
        await connection.execute(update(request_keys).values(at=datetime.now(UTC) - by))


async def test_the_first_answer_is_kept_for_seven_days(database: Database) -> None:
    keys = RequestKeys(database)
    assert await keys.claim(ASKED) is None
    with pytest.raises(ConflictError):
        await keys.claim(ASKED)
    await keys.keep(ASKED, ANSWER)
    await age(database, KEPT - timedelta(minutes=1))
    assert await keys.claim(ASKED) == ANSWER
    with pytest.raises(InvalidInputError):
        await keys.claim(replace(ASKED, digest="other"))
    await age(database, KEPT)
    assert await keys.claim(replace(ASKED, digest="other")) is None, "a new request"


@pytest.mark.parametrize("other", [{"caller": "token 2"}, {"operation": "add_company"}, {"key": "k2"}])
async def test_keys_of_others_are_others(database: Database, other: dict[str, str]) -> None:
    keys = RequestKeys(database)
    await keys.claim(ASKED)
    assert await keys.claim(replace(ASKED, **other)) is None


async def test_a_request_that_was_released_or_whose_process_died_may_be_made_again(database: Database) -> None:
    keys = RequestKeys(database)
    await keys.claim(ASKED)
    await keys.release(ASKED)
    assert await keys.claim(replace(ASKED, digest="other")) is None
    with pytest.raises(InvalidInputError):
        await keys.claim(ASKED)
    await keys.release(ASKED)
    await keys.claim(ASKED)
    await age(database, ABANDONED)
    assert await keys.claim(ASKED) is None
