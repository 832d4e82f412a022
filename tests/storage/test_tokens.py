from __future__ import annotations

import pytest
from sqlalchemy import select

from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.storage.access.tokens import PREFIX, Tokens, digest
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import tokens as token_table
from tests.actors import ADMINISTRATOR


async def test_a_token_opens_until_it_is_revoked(database: Database, url: str) -> None:
    tokens = Tokens(database)
    token_id, plain = await tokens.create("CRM «Ромашка»", ADMINISTRATOR)
    async with await Database.open(url, create=False) as other:
        token = (await Tokens(other).by_digest())[digest(plain)]
    assert (token.id, token.name, token.last_four, token.revoked) == (token_id, "CRM «Ромашка»", plain[-4:], None)
    await tokens.revoke(token_id)
    assert (await tokens.by_digest())[digest(plain)].revoked
    ended = (await tokens.list())[0].revoked
    assert ended is not None
    assert ended >= token.created
    await tokens.revoke(token_id)
    assert (await tokens.list())[0].revoked == ended


async def test_nothing_else_opens(database: Database) -> None:
    tokens = Tokens(database)
    _, plain = await tokens.create("a", ADMINISTRATOR)
    for wrong in ("", plain[:-1], plain + "a", plain.upper(), PREFIX, "\0", "\ud800", "' OR 1=1 --", "я" * 10_000):
        assert digest(wrong) not in await tokens.by_digest()


async def test_tokens_are_random_and_kept_nowhere(database: Database) -> None:
    tokens = Tokens(database)
    made = [await tokens.create("a", ADMINISTRATOR) for _ in range(3)]
    plains = {plain for _, plain in made}
    assert len(plains) == 3
    for plain in plains:
        assert plain.startswith(PREFIX)
        assert len(plain) >= len(PREFIX) + 43  # 256 bits in base64
    async with database.reading() as connection:
        kept = str((await connection.execute(select(token_table))).all())
    assert not any(plain in kept for plain in plains)
    assert [token.id for token in await tokens.list()] == [token_id for token_id, _ in made]


async def test_mistakes(database: Database) -> None:
    tokens = Tokens(database)
    for name in ("", "а\0"):
        with pytest.raises(InvalidInputError):
            await tokens.create(name, ADMINISTRATOR)
    for token_id in (0, 7, 2**64):
        with pytest.raises(NotFoundError):
            await tokens.revoke(token_id)
    assert await tokens.list() == []
