"""Schema 0014: what referred to extensions refers to employees, on both databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from pbxd.book.contacts import ContactDraft
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine import schema
from pbxd.storage.engine.database import Database
from pbxd.storage.imports.imports import Imports
from pbxd.storage.search import fulltext
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.search.paging import PageAsked
from pbxd.storage.search.search_text import MANAGER, mark
from tests.actors import ADMINISTRATOR, agent
from tests.storage.test_schema import execute, file_of, migrate


def contact(key: int, name: str, manager: str, owner: str, creator: str) -> str:
    visibility = "personal" if owner else "shared"
    marks = f"⁰ {mark(MANAGER, manager)}" if manager else "⁰"
    return (
        f"{key}, '{name}', '{name.casefold()}', '{marks}\t {name.casefold()}\n', '', '{manager}', false, '',"
        f" '{visibility}', '{owner}', '{creator}', 2, {AT}, {AT}"
    )


AT = "'2026-01-01 00:00:00.000000'"
ROWS = {
    "employees (extension, name, mobile, did, email, department, active)": ["'101', 'Анна', '', '', '', '', true"],
    "contacts (id, name, folded, search, position, manager, vip, comment, visibility, owner, created_by, version,"
    " created, changed)": [
        contact(5, "Игорь", "101", "", "101"),
        contact(6, "Мама", "101", "102", "102"),
        contact(7, "Олег", "", "", ""),
    ],
    "contact_changes (contact_id, version, at, actor, owner, fields)": [
        f"""5, 2, {AT}, '102', '', '{{"vip": [false, true]}}'""",
        f"""6, 2, {AT}, '102', '102', '{{"vip": [false, true]}}'""",
    ],
    "favourites (extension, contact_id)": ["'103', 5"],
    "imports (id, file, actor, visibility, state, created, beat, counts)": [
        f"1, 'a.csv', '101', 'shared', 'done', {AT}, {AT}, '{{}}'"
    ],
    "import_changes (import_id, contact_id, changes, before, version)": [
        """1, 5, '{"manager": "101"}', '{"name": "Игорь", "manager": "104", "owner": ""}', 2"""
    ],
    "tokens (name, digest, last_four, created, employee)": [f"'crm', 'x', 'abcd', {AT}, '105'"],
}


@pytest.fixture
async def upgraded(empty_url: str) -> str:
    """A database of schema 0013 with something in every table, and with its full-text index, brought up to date."""
    await migrate(empty_url, "0013")
    for table, rows in ROWS.items():
        for values in rows:
            zone = values if "sqlite" in empty_url else values.replace(".000000'", "+00'")
            escaped = zone.replace(":", "\\:") if "{" in zone else zone
            await execute(empty_url, f"INSERT INTO {table} VALUES ({escaped})")  # noqa: S608 - ours
    if "sqlite" in empty_url:
        with closing(sqlite3.connect(file_of(empty_url))) as older, older:
            fulltext.lend_tokens(older)
            for statement in fulltext.SQLITE:
                older.execute(statement.replace("owner_id = 0", "owner = ''").replace("owner_id", "owner"))
            older.execute(
                "INSERT INTO contacts_found(rowid, tokens)"
                " SELECT id, pbxd_tokens(search) FROM contacts WHERE owner = ''"
            )
    else:
        await execute(empty_url, "CREATE EXTENSION IF NOT EXISTS pg_trgm")
        await execute(empty_url, "CREATE INDEX ix_contacts_search ON contacts USING gin (search gin_trgm_ops)")
    await schema.upgrade(empty_url)
    assert (await schema.check(empty_url)).problems == ()
    return empty_url


async def test_everything_that_named_an_extension_names_its_employee(upgraded: str) -> None:
    async with await Database.open(upgraded, create=False) as database:
        book = Contacts(database)
        people = {person.extension: person for person in await Employees(database).everybody()}
        assert {extension: person.listed for extension, person in people.items()} == {
            "101": True, "102": False, "103": False, "104": False, "105": False,
        }  # fmt: skip
        igor = await book.get(5, actor=ADMINISTRATOR)
        assert (igor.manager, igor.manager_name, igor.created_by, igor.owner_id) == ("101", "Анна", "101", 0)
        mother = await book.get(6, actor=agent("102"))
        assert (mother.owner, mother.owner_id, mother.visibility) == ("102", people["102"].id, "personal")
        assert (await book.get(7, actor=ADMINISTRATOR)).manager_id == 0
        assert [contact.id for contact in (await book.list(actor=agent("101")))[1]] == [5, 7]
        [change] = await book.history(5, actor=agent("103"))
        assert (change.actor, change.actor_id) == ("102", people["102"].id)
        assert await book.favourites(actor=agent("103")) == {5}
        [token] = await Tokens(database).list()
        assert (token.actor.extension, token.actor.employee) == ("105", people["105"].id)
        again = await book.add(ContactDraft("Новый"), actor=ADMINISTRATOR)
        assert again.id > 7 or not database.is_sqlite  # PostgreSQL counts apart from ids that are given


async def test_managers_are_found_filtered_and_sorted_by(upgraded: str) -> None:
    async with await Database.open(upgraded, create=False) as database:
        book = Contacts(database)
        for wanted in (ContactFilter(manager="101"), ContactFilter(manager="101", search="игор")):
            assert [each.id for each in (await book.page(wanted, actor=ADMINISTRATOR)).items] == [5], wanted
        asked = [PageAsked(sort="manager", descending=down) for down in (False, True)]
        pages = [await book.page(asked=each, actor=ADMINISTRATOR) for each in asked]
        assert [[each.id for each in page.items] for page in pages] == [[7, 5], [5, 7]]
        await book.edit(5, {"manager": "102"}, actor=ADMINISTRATOR)
        for extension, found in (("101", []), ("102", [5])):
            page = await book.page(ContactFilter(manager=extension), actor=ADMINISTRATOR)
            assert [each.id for each in page.items] == found


async def test_an_import_of_before_is_undone_to_the_managers_of_then(upgraded: str) -> None:
    async with await Database.open(upgraded, create=False) as database:
        assert (await Imports(database).undo(1, actor=agent("101"))).restored == 1
        assert (await Contacts(database).get(5, actor=ADMINISTRATOR)).manager == "104"
