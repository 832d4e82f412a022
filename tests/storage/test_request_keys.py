"""Kept answers of requests with an idempotency key, on both databases."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from pbxd.errors import ConflictError, InvalidInputError
from pbxd.storage.access.request_keys import ABANDONED, KEPT, Answered, Made, RequestKey, RequestKeys
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import request_keys
from tests.actors import ADMINISTRATOR

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


DYING = """
import asyncio, os, signal, sys
from pbxd.book.companies import Company
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.storage.access.request_keys import RequestKey, RequestKeys, under_way
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR

async def main(url: str, what: str) -> None:
    async with await Database.open(url, create=False) as database:
        asked = RequestKey("token 1", "add_contact", "k", "digest")
        assert await RequestKeys(database).claim(asked) is None
        database.on_commit.append(lambda: os.kill(os.getpid(), signal.SIGKILL))
        with under_way(asked):
            if what == "company":
                await Companies(database).create(Company(0, "Ромашка"))
            draft = ContactDraft("Анна", numbers=(ContactNumber("+79160000001"),))
            await Contacts(database).add(draft, actor=ADMINISTRATOR)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("what", ["contact", "company"])
async def test_what_was_made_is_known_though_the_process_was_killed_before_it_answered(
    database: Database, what: str
) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", DYING, database.address, what)
    assert await child.wait() == -signal.SIGKILL
    (made,) = (
        [each.id for each in (await Companies(database).list())[1]]
        if what == "company"
        else [each.id for each in (await Contacts(database).list(actor=ADMINISTRATOR))[1]]
    )
    keys = RequestKeys(database)
    for by in (timedelta(), ABANDONED * 2):
        await age(database, by)
        assert await keys.claim(ASKED) == Made(made)
    await keys.release(ASKED)
    assert await keys.claim(ASKED) == Made(made), "what was made is no reason to make it again"
    await keys.keep(ASKED, ANSWER)
    assert await keys.claim(ASKED) == ANSWER
