"""Long work says how far it is, in parts of a known whole; a person sees that as percent."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import xlsxwriter

from pbxd.actor import Actor
from pbxd.book.fields import BUILT_IN
from pbxd.calls.record import CallRecord, Party
from pbxd.services import contacts, employees, privacy
from pbxd.services.files.exports import ExportCalls, ExportContacts, export_calls, export_contacts
from pbxd.services.files.imports import ImportContacts, import_contacts, undo
from pbxd.services.workspace import Workspace
from pbxd.storage import privacy as privacy_rows
from pbxd.storage.book import contacts as contact_rows
from pbxd.storage.book import exports
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine import integrity, schema
from pbxd.storage.search import rebuild
from tests.actors import ADMINISTRATOR

COUNT = 1300
WIDE = "-" * 4000  # makes files longer than what is read at once


class Shares:
    """Keeps what is reported, as shares of the whole."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def __call__(self, done: int, total: int) -> None:
        self.seen.append(done * 100 // total / 100)  # as a person sees it

    def check(self, *, least: int) -> None:
        """Check that the shares grow, say something before the end, and come to the end."""
        assert all(later - earlier >= -0.011 for earlier, later in pairwise(self.seen))  # the whole is estimated
        assert len(self.seen) >= least
        assert 0 < self.seen[0] < 0.9
        assert self.seen[-1] == pytest.approx(1, abs=0.02)


def rows(company: str = "") -> list[list[str]]:
    return [[f"Клиент {place}", f"+7916{place:07}", company, WIDE] for place in range(COUNT)]


def written(folder: Path, kind: str, company: str = "") -> Path:
    """Write a file of contacts; the kinds are those that are read in different ways."""
    file, table = folder / f"a{company}.{kind}", [["ФИО", "Телефон", "Должность", "Этаж"], *rows(company)]
    match kind:
        case "csv":
            with file.open("w", encoding="cp1251", newline="") as stream:
                csv.writer(stream, delimiter=";").writerows(table)
        case "vcf":
            lines = (
                f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nX-A:{wide}\r\nTEL:{number}\r\n"
                for name, number, _firm, wide in rows()
            )
            file.write_text("END:VCARD\r\n".join(lines) + "END:VCARD\r\n", "utf-8", newline="")
        case "xls":  # HTML under its name
            body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in table)
            file.write_text(f"<html><table>{body}</table></html>", "utf-8")
        case _:
            with xlsxwriter.Workbook(str(file)) as book:
                empty, sheet = book.add_worksheet("Пусто"), book.add_worksheet("Контакты")
                empty.write_string(5000, 0, "x")
                for place, row in enumerate(table):
                    sheet.write_row(place, 0, row)
    return file


@pytest.mark.parametrize("kind", ["csv", "vcf", "xlsx", "xls"])
async def test_an_import_knows_its_share_of_the_file(workspace: Workspace, tmp_path: Path, kind: str) -> None:
    shares = Shares()
    done = await import_contacts(
        workspace, ADMINISTRATOR, ImportContacts(file=written(tmp_path, kind)), progress=shares
    )
    assert done.created == COUNT
    shares.check(least=2)  # a thousand rows at a time, or fewer long ones


async def test_an_update_is_at_its_end_when_the_contacts_are_changed(workspace: Workspace, tmp_path: Path) -> None:
    await import_contacts(workspace, ADMINISTRATOR, ImportContacts(file=written(tmp_path, "csv")))
    read, shares, undone = Shares(), Shares(), Shares()
    asked = ImportContacts(file=written(tmp_path, "csv", "директор"), existing="update", dry_run=True)
    await import_contacts(workspace, ADMINISTRATOR, asked, progress=read)
    read.check(least=5)
    asked = ImportContacts(file=asked.file, existing="update")
    done = await import_contacts(workspace, ADMINISTRATOR, asked, progress=shares)
    assert done.updated == COUNT
    shares.check(least=8)
    assert done.import_id is not None
    await undo(workspace, ADMINISTRATOR, done.import_id, progress=undone)
    undone.check(least=2)


async def test_exports_and_the_search_know_their_share(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await import_contacts(workspace, ADMINISTRATOR, ImportContacts(file=written(tmp_path, "csv")))
    first, exported, calls, search = datetime(2026, 5, 1, tzinfo=UTC), Shares(), Shares(), Shares()
    monkeypatch.setattr(exports, "_PART", 500)
    await export_contacts(workspace, ADMINISTRATOR, ExportContacts(file=tmp_path / "b.csv"), progress=exported)
    exported.seen[-1] = min(exported.seen[-1], 1)  # whole parts are counted
    exported.check(least=3)
    caller = Party("+79160000001")
    await Calls(workspace.database).upsert(
        [
            CallRecord(f"{place:05}", "pbx", f"1.{place}", first + timedelta(minutes=place), caller=caller)
            for place in range(2500)
        ]
    )
    await export_calls(workspace, ADMINISTRATOR, ExportCalls(file=tmp_path / "c.csv"), progress=calls)
    calls.check(least=3)
    monkeypatch.setattr(rebuild, "_CHUNK", 200)
    async with workspace.database.writing() as connection:
        await connection.run_sync(rebuild.rebuild, BUILT_IN, search)
    search.check(least=3)


async def test_what_erases_and_hands_out_data_knows_its_share(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = Actor.agent("101", "test")
    await employees.add(workspace, ADMINISTRATOR, employees.SaveEmployee(extension="101", name="Иван"))
    await import_contacts(workspace, owner, ImportContacts(file=written(tmp_path, "csv"), personal=True))
    caller = Party("+79161234567")
    first = datetime(2026, 5, 1, tzinfo=UTC)
    await Calls(workspace.database).upsert(
        [CallRecord(f"{place:05}", "pbx", f"1.{place}", first, ended=first, caller=caller) for place in range(100)]
    )
    monkeypatch.setattr(privacy_rows, "_WINDOW", 20)
    monkeypatch.setattr(contact_rows, "_ERASED", 500)
    whom = privacy.EraseClient(client="+79161234567", uploads=tmp_path / "uploads", by="me")
    for work in (
        partial(privacy.export, workspace, ADMINISTRATOR, "+79161234567"),
        partial(privacy.erase, workspace, ADMINISTRATOR, whom),
        partial(contacts.erase_personal, workspace, ADMINISTRATOR, contacts.ErasePersonal(owner="101", by="me")),
    ):
        shares = Shares()
        await work(progress=shares)
        shares.check(least=2)


async def test_a_check_of_the_database_knows_its_share(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await import_contacts(workspace, ADMINISTRATOR, ImportContacts(file=written(tmp_path, "csv")))
    monkeypatch.setattr(integrity, "_STEPS", 10_000)
    shares = Shares()
    health = await schema.check(workspace.database.address, shares)
    assert health.problems == ()
    if workspace.database.address.startswith("sqlite"):
        assert shares.seen[-1] > 0.8, "the whole is estimated"
        shares.seen[-1] = 1
        shares.check(least=5)
