"""What doctor finds of tokens, and of a database that is gone."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from pbxd.checkup.database import database as database_check
from pbxd.settings import Settings
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import tokens
from tests.actors import acting_token


def settings_in(folder: Path) -> Settings:
    return Settings.model_validate({"database": {"url": "sqlite+aiosqlite:///book.db"}}).model_copy(
        update={"folder": folder}
    )


async def test_tokens_that_act_for_anybody_since_the_upgrade_are_pointed_out(tmp_path: Path) -> None:
    """C4; one that was made so on purpose is nobody's mistake."""
    settings = settings_in(tmp_path)
    async with await Database.open(settings.database_url, create=True) as database:
        for name in ("my crm", "site"):
            await Tokens(database).create(name, acting_token(name, acts_for_any=True))
        assert (await database_check(settings, None)).status == "ok"
        async with database.writing() as connection:
            await connection.execute(update(tokens).where(tokens.c.name == "my crm").values(inherited=True))
        found = await database_check(settings, None)
        assert found.status == "warning"
        assert found.message.endswith(": my crm")
        [remedy] = found.remedies
        scopes = "--scope lookup --scope calls:read --scope calls:make --scope queues:read"
        renewed = f"pbxd tokens create 'my crm' {scopes} --as EXT   # --as-any"
        assert remedy.lines == (renewed, "pbxd tokens revoke 1")
        await Tokens(database).revoke(1)
    assert (await database_check(settings, None)).status == "ok"


async def test_a_lost_database_s_remedy_makes_no_empty_one(tmp_path: Path) -> None:
    """C6: who pastes what doctor prints must not begin afresh."""
    settings = settings_in(tmp_path)
    async with await Database.open(settings.database_url, create=True):
        pass
    (tmp_path / "book.db").unlink()
    found = await database_check(settings, None)
    assert found.status == "failed"
    assert "was here and is gone" in found.message
    assert [remedy.lines for remedy in found.remedies] == [(f"ls -l {tmp_path}/book.db*",)]
