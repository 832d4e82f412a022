"""Imports, on both databases: all or nothing, undone as a whole, and cleaned up after those who died."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select

from pbxd.actor import Actor
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from pbxd.lookup.index import Directory
from pbxd.numbers import NumberRules
from pbxd.services.files.imports import ImportContacts, ImportReport, Policy, import_contacts
from pbxd.services.workspace import Workspace
from pbxd.storage import tables
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from pbxd.storage.imports.imports import Imports
from pbxd.storage.imports.known import Sought, known
from pbxd.storage.search.filters import ContactFilter
from tests.actors import ADMINISTRATOR, acting, agent

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))


def draft(place: int, company: str = "") -> ContactDraft:
    number = ContactNumber(f"+{79160000000 + place}", main=True)
    return ContactDraft(f"Клиент {place}", numbers=(number,), company=company)


def csv(folder: Path, *rows: str, head: str = "ФИО;Телефон;Компания;VIP;Комментарий") -> Path:
    file = folder / "a.csv"
    file.write_text("\n".join([head, *rows]), "utf-8")
    return file


async def names(database: Database, actor: str = "") -> list[str]:
    return [contact.name for contact in (await Contacts(database).list(actor=acting(actor)))[1]]


async def companies(database: Database) -> set[str]:
    return {contact.company for contact in (await Contacts(database).list(actor=ADMINISTRATOR))[1]}


async def rows_of(database: Database, table: str) -> int:
    async with database.reading() as connection:
        counted = select(func.count()).select_from(tables.metadata.tables[table])
        return int((await connection.execute(counted)).scalar_one())


async def imported(
    database: Database, file: Path, existing: Policy = "skip", actor: Actor = ADMINISTRATOR, **wish: object
) -> ImportReport:
    wanted = replace(ImportContacts(file=file, existing=existing), **wish)  # type: ignore[arg-type]
    return await import_contacts(Workspace(database, RULES), actor, wanted)


async def test_nothing_shows_before_the_end_then_everything_at_once(database: Database) -> None:
    """B12: no half imports, in lists, searches, cards, companies and the index."""
    imports, contacts = Imports(database), Contacts(database)
    directory = Directory(database, RULES)
    await directory.load()
    writing = await imports.begin("a.xlsx", actor=ADMINISTRATOR, visibility="shared")
    await writing.add([draft(place, "Ромашка") for place in range(30)], {})
    assert await contacts.list(actor=ADMINISTRATOR) == (0, [])
    assert (await contacts.list(ContactFilter(search="клиент 7"), actor=ADMINISTRATOR))[0] == 0
    assert (await Companies(database).list())[0] == 0
    sought = Sought({"+79160000007"}, set(), {"клиент 7"}, set())
    assert (await known(database, sought, ADMINISTRATOR, whole=True)).cards == {}
    with pytest.raises(NotFoundError):
        await contacts.get(1, actor=ADMINISTRATOR)
    await directory.load()
    assert directory.lookup("+79160000007", ADMINISTRATOR).status == "unknown"
    assert await Feed(database).read(0) == []
    await writing.finish({"created": 30})
    assert (await contacts.list(actor=ADMINISTRATOR))[0] == 30
    assert (await Companies(database).list())[0] == 1
    assert [row.kind for row in await Feed(database).read(0)] == ["import.done"]
    await directory._refresh()
    assert directory.lookup("+79160000007", ADMINISTRATOR).company == "Ромашка"
    await imports.undo(writing.id, actor=ADMINISTRATOR)
    await directory._refresh()
    assert directory.lookup("+79160000007", ADMINISTRATOR).status == "unknown"
    assert [await rows_of(database, table) for table in ("contacts", "companies", "number_holdings")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("existing", "counts", "found"),
    [
        ("skip", (2, 0, 0, 2, 0, 1), ["Анна", "Анна Новая", "Борис"]),
        ("update", (2, 2, 0, 0, 0, 1), ["Анна", "Анна Новая", "Борис"]),
        ("add", (4, 0, 0, 0, 0, 1), ["Анна", "Анна", "Анна Новая", "Борис", "Борис"]),
    ],
)
async def test_what_is_there_already_is_met_by_the_importers_rule(
    database: Database, tmp_path: Path, existing: Policy, counts: Sequence[int], found: list[str]
) -> None:
    """S2.13: also the second row of a pair inside one file; a dry run counts the same and changes nothing."""
    number = ContactNumber("+79161234567", "8 916 123-45-67", main=True)
    await Contacts(database).add(
        ContactDraft("Анна", numbers=(number,), position="директор", vip=True), actor=ADMINISTRATOR
    )
    file = csv(
        tmp_path,
        "Анна;8(916)123-45-67;Лютик;;",
        "Анна Новая;8(916)123-45-67;;;",
        "Борис;89161234568;;;x",
        "Борис;89161234568;;да;",
        "Нет;;;;",
    )
    tried = await imported(database, file, existing, dry_run=True)
    assert tuple(tried.counts.values()) == counts
    assert await names(database) == ["Анна"]
    report = await imported(database, file, existing)
    assert report.counts == tried.counts
    assert await names(database) == found
    if existing == "update":
        anna, _new, boris = (await Contacts(database).list(actor=ADMINISTRATOR))[1]
        assert (anna.position, anna.company, anna.vip, anna.version) == ("директор", "Лютик", True, 2)
        assert (boris.vip, boris.comment) == (True, "x")
    assert report.import_id
    await Imports(database).undo(report.import_id, actor=ADMINISTRATOR)
    assert await names(database) == ["Анна"]
    (anna,) = (await Contacts(database).list(actor=ADMINISTRATOR))[1]
    assert (anna.company, anna.position, anna.vip, anna.numbers) == ("", "директор", True, (number,))
    assert (await Companies(database).list())[0] == 0


async def test_an_extension_makes_another_number(database: Database, tmp_path: Path) -> None:
    report = await imported(
        database, csv(tmp_path, "А;84951234567 доб. 1;;;", "Б;84951234567 доб. 2;;;", "В;84951234567;;;")
    )
    assert (report.created, report.skipped) == (3, 0)


async def test_importing_the_same_again_as_an_update_changes_nothing(database: Database, tmp_path: Path) -> None:
    file = csv(tmp_path, "Анна;89161234567;Лютик;да;x")
    await imported(database, file)
    await imported(database, csv(tmp_path, "Анна;+7 916 123 45 67;Лютик;да;x"), "update")
    assert [contact.version for contact in (await Contacts(database).list(actor=ADMINISTRATOR))[1]] == [1]


async def test_an_undo_spares_and_names_what_was_edited_since(database: Database, tmp_path: Path) -> None:
    """B12."""
    contacts, imports = Contacts(database), Imports(database)
    old, older = await contacts.add_many([draft(1), draft(2)], actor=ADMINISTRATOR)
    rows = [f"{'Клиент' if place < 3 else 'Новый'} {place};{89160000000 + place};Лютик;;" for place in range(1, 6)]
    report = await imported(database, csv(tmp_path, *rows), "update")
    new = {contact.name: contact for contact in (await contacts.list(actor=ADMINISTRATOR))[1]}
    await contacts.edit(new["Новый 3"].id, {"vip": True}, actor=ADMINISTRATOR)
    await contacts.edit(old.id, {"vip": True}, actor=ADMINISTRATOR)
    assert report.import_id
    done = await imports.undo(report.import_id, actor=ADMINISTRATOR)
    assert (done.deleted, done.restored, done.spared) == (2, 1, 2)
    assert set(done.names) == {(new["Новый 3"].id, "Новый 3"), (old.id, "Клиент 1")}
    assert sorted(await names(database)) == ["Клиент 1", "Клиент 2", "Новый 3"]
    assert (await contacts.get(older.id, actor=ADMINISTRATOR)).company == ""
    with pytest.raises(ConflictError):
        await imports.undo(report.import_id, actor=ADMINISTRATOR)
    with pytest.raises(NotFoundError):
        await imports.undo(999, actor=ADMINISTRATOR)


async def test_contacts_for_oneself_alone(database: Database, tmp_path: Path) -> None:
    """S2.13, S3.9: the importer picks who sees the contacts, and becomes their manager."""
    file = csv(tmp_path, "Мама;89161234567;Семья;;")
    with pytest.raises(InvalidInputError, match="--as"):
        await imported(database, file, personal=True)
    report = await imported(database, file, personal=True, actor=agent("101"))
    assert [await names(database, actor) for actor in ("", "102", "101")] == [[], [], ["Мама"]]
    (mother,) = (await Contacts(database).list(actor=agent("101")))[1]
    assert (mother.owner, mother.manager, mother.created_by) == ("101", "101", "101")
    again = await imported(database, file)  # an administrator doesn't see hers: that is no duplicate he may know of
    assert (again.created, again.skipped) == (1, 0)
    assert report.import_id
    with pytest.raises(RefusedError):
        await Imports(database).undo(report.import_id, actor=agent("102"))
    assert (await Imports(database).undo(report.import_id, actor=agent("101"))).deleted == 1


@pytest.mark.parametrize("state", ["writing", "applying", "undoing"])
async def test_what_a_dead_process_left_is_dropped_or_finished(database: Database, state: str) -> None:
    imports, contacts = Imports(database), Contacts(database)
    known = await contacts.add(draft(0), actor=ADMINISTRATOR)
    writing = await imports.begin("a.xlsx", actor=ADMINISTRATOR, visibility="shared")
    await writing.add([draft(1), draft(2)], {known.id: {"vip": True}, -1: {"vip": True}})
    if state != "writing":
        await writing.finish({})
        async with database.writing() as connection:
            await connection.execute(tables.imports.update().values(state=state))
            if state == "applying":  # as it is before the first change
                await connection.execute(tables.import_changes.update().values(version=None, before=None))
    finished = state == "applying"
    for cleaned in (False, True):  # nothing or all of it is seen, also before anybody cleans up
        assert await names(database) == (["Клиент 0", "Клиент 1", "Клиент 2"] if finished else ["Клиент 0"])
        assert (await contacts.get(known.id, actor=ADMINISTRATOR)).vip is finished
        directory = Directory(database, RULES)
        await directory.load()
        assert directory.lookup("+79160000000", ADMINISTRATOR).vip is finished
        if not cleaned:
            assert await imports.clean() == 0  # somebody may still be at it
            assert await imports.clean(abandoned_seconds=-1) == 1
            assert await imports.clean(abandoned_seconds=-1) == 0
    with pytest.raises(ConflictError):
        await writing.add([draft(3)], {-1: {"vip": True}})


DYING = """
import asyncio, os, signal, sys, re
from pathlib import Path
from typing import Any
from sqlalchemy import event, func, select
from pbxd.actor import DAEMON
from pbxd.numbers import NumberRules
from pbxd.services.files.imports import ImportContacts, import_contacts
from pbxd.services.workspace import Workspace
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import import_changes

async def main(url, file, rows):
    def progress(done, _total):
        if rows.isdecimal() and done >= int(rows):
            os.kill(os.getpid(), signal.SIGKILL)
    async with await Database.open(url, create=False) as database:
        task = asyncio.create_task(die(database)) if rows == "applying" else None
        wish = ImportContacts(file=Path(file), existing="update")
        workspace = Workspace(database, NumberRules("RU", "", re.compile("x")))
        await import_contacts(workspace, DAEMON, wish, progress=progress)

async def die(database):
    changes = import_changes.c
    while True:
        async with database.reading() as connection:
            counted = select(func.count(changes.version), func.count()).select_from(import_changes)
            written, kept = (await connection.execute(counted)).one()
        if 0 < written < kept:
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_killed_in_the_middle_nothing_is_imported(database: Database, url: str, tmp_path: Path) -> None:
    """Issue 5, done means 3."""
    file = csv(tmp_path, *(f"Клиент {place};{89160000000 + place};;;" for place in range(900)))
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", DYING, url, str(file), "400")
    assert await killed.wait() == -signal.SIGKILL
    assert await rows_of(database, "contacts") >= 200
    assert await names(database) == []
    assert await Imports(database).clean(abandoned_seconds=-1) == 1
    assert await rows_of(database, "contacts") == 0


@pytest.mark.parametrize("moment", ["150", "applying"])
async def test_killed_in_the_middle_an_update_changed_nothing_or_all(
    database: Database, url: str, tmp_path: Path, moment: str
) -> None:
    """Issue 5, done means 3: what is seen is never half of it, and what is written becomes all of it."""
    contacts = Contacts(database)
    await contacts.add_many([draft(place) for place in range(200)], actor=ADMINISTRATOR)
    directory = Directory(database, RULES)
    await directory.load()
    file = csv(tmp_path, *(f"Клиент {place};{89160000000 + place};Новая;;" for place in range(201)))
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", DYING, url, str(file), moment)
    assert await killed.wait() == -signal.SIGKILL
    seen = await companies(database)
    assert seen == ({"Новая"} if moment == "applying" else {""})
    await directory._refresh()
    known = {directory.lookup(f"+{79160000000 + place}", ADMINISTRATOR).company for place in range(200)}
    assert known == seen
    last = (await contacts.list(ContactFilter(number="+79160000199"), actor=ADMINISTRATOR))[1][0]
    if moment == "applying":  # an edit builds on what is seen
        edited = await contacts.edit(last.id, {"vip": True}, version=last.version, actor=ADMINISTRATOR)
        assert (edited.company, edited.vip, edited.version) == ("Новая", True, 3)
    assert await Imports(database).clean(abandoned_seconds=-1) == 1
    assert await companies(database) == seen
    assert (await contacts.get(last.id, actor=ADMINISTRATOR)).vip is (moment == "applying")
    found = await contacts.page(ContactFilter(search="Новая"), actor=ADMINISTRATOR)
    assert found.total == (201 if moment == "applying" else 0)


@pytest.mark.parametrize("backend", ["sqlite"])  # PostgreSQL's planner knows how many there are
async def test_known_numbers_are_found_by_number_however_big_the_book_is(database: Database) -> None:
    """Left to itself SQLite looks at every contact that is seen: of 100,000 for every 200 rows of a file."""
    contact = await Contacts(database).add(draft(1), actor=ADMINISTRATOR)
    asked: list[tuple[str, Any]] = []

    def ask(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        asked.append((statement, parameters))

    event.listen(database._thread_readers, "before_cursor_execute", ask)
    found = await known(database, Sought({"+79160000001"}, set(), {"клиент 1"}, set()), ADMINISTRATOR, whole=False)
    assert found.by_number == {("+79160000001", "", "клиент 1"): [contact.id]}
    (statement, parameters) = next(each for each in asked if "contact_numbers" in each[0])
    async with database.reading() as connection:
        plan = str((await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all())
    assert "ix_contact_numbers_number (number=?)" in plan
    assert "ix_contacts_owner" not in plan
