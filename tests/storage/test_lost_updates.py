"""Nobody's change is lost to another's that read before it and writes after it: processes and tasks at once."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.calls.record import CallRecord, Party
from pbxd.errors import ConflictError
from pbxd.numbers import NumberRules
from pbxd.services import contacts as contact_book
from pbxd.services.contact_edits import EditContact
from pbxd.services.files.imports import ImportContacts, ImportReport, import_contacts
from pbxd.services.workspace import Workspace
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, News, tell
from pbxd.storage.imports.imports import Imports
from pbxd.storage.privacy import Privacy
from pbxd.storage.tables import contacts as contact_rows
from tests.actors import ADMINISTRATOR, acting

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
HIS, HERS = "+79160000001", "+79160000002"
PROCESSES, EACH = 4, 9  # numbers each

# Runs `pbxd` again and again in one process, as so many shells would: nothing is kept between two commands.
COMMANDS = """
import sys
from click.testing import CliRunner
from pbxd import cli

configuration, who, each, *command = sys.argv[1:]
for place in range(int(each)):
    number = f"+7917{int(who):03}{place:04}"
    done = CliRunner().invoke(cli.pbxd, ["--config", configuration, *command, number])
    print(done.exit_code, number, done.output.replace("\\n", " "), flush=True)
"""


async def acknowledged(url: str, folder: Path, *command: str) -> set[str]:
    """Run a command that adds a number in several processes at once; return the numbers that were said to be added."""
    configuration = folder / "pbxd.toml"
    configuration.write_text(f'[asterisk]\nsecret = "x"\n[database]\nurl = "{url}"\n', "utf-8")
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", COMMANDS, str(configuration), str(who), str(EACH), *command, stdout=PIPE
        )
        for who in range(PROCESSES)
    ]
    output = [(await each.communicate())[0].decode() for each in started]
    lines = [line.split(" ", 2) for text in output for line in text.splitlines()]
    assert [line for line in lines if line[0] != "0"] == []
    assert len(lines) == PROCESSES * EACH
    return {line[1] for line in lines}


async def test_numbers_of_a_company_added_at_once_are_all_there(database: Database, url: str, tmp_path: Path) -> None:
    said = await acknowledged(url, tmp_path, "companies", "add", "--name", "Ромашка", "--number")
    total, (company,) = await Companies(database).list()
    assert total == 1
    assert set(company.numbers) == said


@pytest.mark.parametrize("group", ["companies", "contacts"])
async def test_cards_edited_at_once_have_every_number_and_no_edit_is_refused(
    database: Database, url: str, tmp_path: Path, group: str
) -> None:
    contact = await Contacts(database).add(
        ContactDraft("Белова", numbers=(ContactNumber(HIS),), company="Ромашка"), actor=ADMINISTRATOR
    )
    (company,) = (await Companies(database).list())[1]
    wanted = company.id if group == "companies" else contact.id
    said = await acknowledged(url, tmp_path, group, "edit", str(wanted), "--add-number")
    if group == "companies":
        assert set((await Companies(database).get(wanted)).numbers) == said
    else:
        card = await Contacts(database).get(wanted, actor=ADMINISTRATOR)
        assert {each.number for each in card.numbers} == {HIS, *said}
        assert card.version == 1 + len(said)


async def test_labels_tags_and_favourites_of_many_tasks(database: Database, url: str) -> None:
    contacts = Contacts(database)
    numbers = [f"+7916000{place:04}" for place in range(12)]
    contact = await contacts.add(
        ContactDraft("Белова", numbers=tuple(ContactNumber(number) for number in numbers)), actor=ADMINISTRATOR
    )

    async def mark(into: Database, number: str) -> None:
        labels = ((number, f"м{number[-2:]}"),)
        asked = EditContact(contact_id=contact.id, labels=labels, added={"tags": (f"т{number[-2:]}",)})
        await contact_book.edit(Workspace(into, RULES), ADMINISTRATOR, asked)
        await Contacts(into).set_favourite(contact.id, actor=acting(number[-3:]), favourite=True)

    async with await Database.open(url, create=False) as other:
        databases = [database, other]
        await asyncio.gather(*(mark(databases[place % 2], number) for place, number in enumerate(numbers)))
    card = await contacts.get(contact.id, actor=ADMINISTRATOR)
    assert {each.label for each in card.numbers} == {f"м{number[-2:]}" for number in numbers}
    assert set(card.tags) == {f"т{number[-2:]}" for number in numbers}
    assert all([await contacts.favourites(actor=acting(number[-3:])) == {contact.id} for number in numbers])


async def test_a_file_imported_twice_at_once_is_in_the_book_once(database: Database, url: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("\n".join(["ФИО;Телефон", *(f"Клиент {place};{89160000000 + place}" for place in range(300))]))

    async def imported(into: Database) -> ImportReport:
        return await import_contacts(Workspace(into, RULES), ADMINISTRATOR, ImportContacts(file=file))

    async with await Database.open(url, create=False) as other:
        reports = await asyncio.gather(imported(database), imported(other))
    assert sorted(report.created for report in reports) == [0, 300]
    assert (await Contacts(database).list(limit=1, actor=ADMINISTRATOR))[0] == 300
    imports = Imports(database)
    assert await imports.clean(abandoned_seconds=-1) == 0
    async with database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(contact_rows))).scalar_one() == 300


def call(number: str, outcome: str = "answered") -> CallRecord:
    at = datetime(2026, 3, 1, 9, tzinfo=UTC)
    parties = {"caller": Party(number), "callee": Party(HERS)}
    return CallRecord("0001", "pbx", "1.1", at, ended=at, outcome=outcome, **parties)  # type: ignore[arg-type]


class Between(Privacy):
    """Does something once, between reading rows of a table and masking them."""

    def __init__(self, database: Database, table: str, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        super().__init__(database, RULES)
        self._table, self._work = table, work

    async def _write(self, rows: Any, mask: Any) -> int:  # noqa: ANN401 - handed through
        if self._table == "calls":
            await self._work()
        return await super()._write(rows, mask)

    async def _retell(self, rows: Any, mask: Any) -> int:  # noqa: ANN401 - handed through
        if self._table == "feed":
            await self._work()
        return await super()._retell(rows, mask)


async def test_masking_a_call_keeps_what_was_written_meanwhile(database: Database) -> None:
    calls = Calls(database)
    await calls.upsert([call(HIS)])
    privacy = Between(database, "calls", lambda: calls.upsert([replace(call(HIS), recordings=["in.wav"])]))
    await privacy.erase(await privacy.by_number(HIS), by="root")
    kept = await calls.record("0001")
    assert (kept.recordings, kept.caller.number) == (["in.wav"], "+7**********")


@pytest.mark.parametrize("table", ["calls", "feed"])
async def test_two_clients_erased_at_once_are_both_nowhere(database: Database, table: str) -> None:
    await Calls(database).upsert([call(HIS)])
    async with database.writing() as connection:
        await tell(connection, [News("call.ringing", "0001", {"from": HIS, "to": HERS})])
    plain = Privacy(database, RULES)
    theirs = await plain.by_number(HERS)
    privacy = Between(database, table, lambda: plain.erase(theirs, by="root"))
    await privacy.erase(await plain.by_number(HIS), by="root")
    kept = await Calls(database).record("0001")
    assert (kept.caller.number, kept.callee.number) == ("+7**********",) * 2
    told = repr([row.data for row in await Feed(database).read(0)])
    assert HIS[2:] not in told
    assert HERS[2:] not in told


async def test_a_card_that_became_somebody_elses_is_not_erased(database: Database) -> None:
    contacts, privacy = Contacts(database), Privacy(database, RULES)
    card = await contacts.add(ContactDraft("Фронкин", numbers=(ContactNumber(HIS),)), actor=ADMINISTRATOR)
    client = await privacy.by_number(HIS)
    await contacts.edit(card.id, {"numbers": (ContactNumber(HIS), ContactNumber(HERS))}, actor=ADMINISTRATOR)
    with pytest.raises(ConflictError):
        await privacy.erase(client, by="root")
    await privacy.erase(await privacy.by_number(HIS), by="root")
    assert [each.number for each in (await contacts.get(card.id, actor=ADMINISTRATOR)).numbers] == [HERS]


async def test_a_past_call_is_amended_only_as_it_was_read(database: Database) -> None:
    """An administrator thinks for minutes before he lets `calls rebuild` write."""
    calls, privacy = Calls(database), Privacy(database, RULES)
    await calls.upsert([call(HIS, "missed")])
    known = await calls.record("0001")
    better = replace(known.copy(), outcome="answered")
    await privacy.erase(await privacy.by_number(HIS), by="root")
    assert list(await calls.amend({"0001": (known, better)}, "call.filled")) == []
    assert (await calls.record("0001")).caller.number == "+7**********"
    now = await calls.record("0001")
    assert list(await calls.amend({"0001": (now, replace(now.copy(), outcome="busy"))}, "call.filled")) == ["0001"]
    assert (await calls.record("0001")).outcome == "busy"
    assert [row.kind for row in await Feed(database).read(0)][-1] == "call.filled"


async def test_an_import_waits_for_one_that_is_written_and_not_for_a_dead_one(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("ФИО;Телефон\nАнна;89160000001", "utf-8")
    imports = Imports(database)
    await imports.begin("b.csv", actor=ADMINISTRATOR, visibility="shared")  # and nobody works at it
    workspace = Workspace(database, RULES)
    waiting = asyncio.create_task(import_contacts(workspace, ADMINISTRATOR, ImportContacts(file=file)))
    assert not (await asyncio.wait([waiting], timeout=1))[0]
    added = await import_contacts(
        workspace, ADMINISTRATOR, ImportContacts(file=file, existing="add")
    )  # what is known is nothing to it
    monkeypatch.setattr("pbxd.storage.imports.imports.ABANDONED_SECONDS", 0.0)
    await asyncio.wait_for(waiting, 60)
    assert (added.created, waiting.result().skipped) == (1, 1)
