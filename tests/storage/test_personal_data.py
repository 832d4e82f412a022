"""Each table is known to `privacy export`, `privacy erase` and `db backup`; a new one fails until it is declared."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert, select

from pbxd.actor import Actor
from pbxd.book.contacts import Contact, ContactDraft, ContactNumber
from pbxd.book.fields import BUILT_IN, Field
from pbxd.calls.record import Party
from pbxd.i18n import Texts
from pbxd.storage.access.request_keys import Answered, RequestKey, RequestKeys
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine import schema
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import News, tell
from pbxd.storage.imports.imports import Imports
from pbxd.storage.personal_data import PERSONAL_DATA, Clients
from pbxd.storage.privacy import Privacy
from pbxd.storage.tables import contact_external, metadata
from tests.storage.test_privacy import HIS, RULES, call

ADMINISTRATOR, OWNER = Actor.administrator("test"), Actor.agent("101", "test")
SECRETS = ("9160000001", "Фронкин", "fronkin", "перезвонить", "гольф", "сорок два")
HOBBY = Field("shoe_size", "text", Texts("Shoe size", "Размер обуви"))
CLIENTS = [(name, held) for name, held in PERSONAL_DATA.items() if isinstance(held, Clients)]


@pytest.fixture
async def known(url: str) -> AsyncIterator[tuple[Database, Contact]]:
    """A client in every table that may hold one: a shared card, a personal one, and one that was deleted."""
    async with await Database.open(url, create=False, fields=BUILT_IN.extended(HOBBY)) as database:
        book = Contacts(database)
        draft = ContactDraft(
            "Фронкин Игорь",
            "ИП Фронкин",
            numbers=(ContactNumber(HIS),),
            emails=("fronkin@example.org",),
            tags=("гольф",),
            extra={"shoe_size": "сорок два"},
        )
        shared = await book.add(draft, actor=ADMINISTRATOR)
        own = await book.add(replace(draft, visibility="personal", owner="101"), actor=OWNER)
        deleted = await book.add(replace(draft, company=""), actor=ADMINISTRATOR)
        await book.edit(shared.id, {"comment": "перезвонить"}, actor=ADMINISTRATOR)
        writing = await Imports(database).begin("a.csv", actor=OWNER, visibility="shared")
        await writing.add([], {each.id: {"comment": "перезвонить днём"} for each in (shared, own, deleted)})
        await writing.finish({})
        await book.delete(deleted.id, actor=ADMINISTRATOR)
        await Calls(database).upsert(
            [replace(call(1, HIS), caller=Party(HIS, "Фронкин Игорь", "ИП Фронкин", shared.id))]
        )
        asked = RequestKey("token 1", "add_contact", "k", "digest")
        await RequestKeys(database).claim(asked)
        await RequestKeys(database).keep(asked, Answered(201, {}, f'{{"name": "Фронкин Игорь", "number": "{HIS}"}}'))
        async with database.writing() as connection:
            await connection.execute(insert(contact_external), {"contact_id": shared.id, "system": "crm", "key": "7"})
            await tell(connection, [News("call.ringing", "0001", {"caller": {"number": HIS, "name": "Фронкин Игорь"}})])
        yield database, await book.get(shared.id, actor=ADMINISTRATOR)


async def text_of(database: Database, table: Table) -> str:
    async with database.reading() as connection:
        return "\n".join([repr(row) for row in await connection.execute(select(table))])


def test_every_table_says_what_it_holds_about_people() -> None:
    assert set(PERSONAL_DATA) == {table.name for table in metadata.sorted_tables}


async def test_a_client_is_erased_from_every_table(known: tuple[Database, Contact]) -> None:
    database, card = known
    for name, _held in CLIENTS:
        before = await text_of(database, metadata.tables[name])
        assert any(secret in before for secret in (*SECRETS, str(card.id))), f"{name}: give it a row of the client"
    await Privacy(database, RULES).erase(await Privacy(database, RULES).by_card(card), by="root")
    for table in metadata.sorted_tables:
        after = await text_of(database, table)
        assert [secret for secret in SECRETS if secret in after] == [], table.name


async def test_a_client_gets_what_every_table_holds(known: tuple[Database, Contact]) -> None:
    database, card = known
    found: dict[str, Any] = await Privacy(database, RULES).export(await Privacy(database, RULES).by_card(card))
    for name, held in CLIENTS:
        assert held.exported.startswith("no: ") or found[held.exported], name
    assert found["contacts"][0]["shoe_size"] == "сорок два"
    assert [change["fields"]["comment"] for change in found["changes"]] == [
        ["", "перезвонить"],
        ["перезвонить", "перезвонить днём"],
    ]
    assert [held["until"] for held in found["numbers_held"]] == [None, found["numbers_held"][1]["until"]]
    assert found["numbers_held"][1]["until"] is not None, "of the card that was deleted, not of the personal one"


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_backup_has_every_row_of_every_table(known: tuple[Database, Contact], url: str, tmp_path: Path) -> None:
    del known
    await schema.backup(url, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "pbxd.db")) as one, closing(sqlite3.connect(tmp_path / "copy.db")) as other:
        tables = {name for (name,) in one.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables >= set(metadata.tables)
        for name in sorted(metadata.tables):
            rows = [sorted(map(repr, each.execute(f"SELECT * FROM {name}"))) for each in (one, other)]  # noqa: S608 - our own names
            assert rows[0] == rows[1], name
