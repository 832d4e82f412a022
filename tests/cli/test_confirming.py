"""What can't be undone: every such command asks first; without a terminal most do nothing unless --yes is given."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pbxd.storage.tables.columns import metadata
from tests.cli.conftest import CONFIGURATION, Pbxd
from tests.cli.test_calls import CAPTURES
from tests.cli.test_program import every_command
from tests.cli.test_terminal import on_terminal

ASKING = (
    "calls rebuild --from 2026-11-01 --to 2026-12-01", "companies delete 2", "companies merge 1 2",
    "contacts delete 1", "contacts erase --owner 101", "employees same 101", "privacy erase 89160000001",
)  # fmt: skip
# They end access or take something back: a script may do that at once.
ASKING_AT_A_TERMINAL = ("contacts import-undo 1", "tokens revoke 1", "users reset 102", "webhooks delete 1")


@pytest.fixture(scope="module")
def furnished(empty_book: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a book in which each of these commands has something to do."""
    folder = tmp_path_factory.mktemp("furnished")
    shutil.copy(empty_book, folder / "book.db")
    log = CAPTURES / "incoming_answered" / "cel.csv"
    (folder / "pbxd.toml").write_text(f'{CONFIGURATION}\n[backfill]\ncel = "{log}"\n')
    (folder / "book.csv").write_text("ФИО;Телефоны\nВера;+79160000003\n", "utf-8")
    pbxd = Pbxd(folder)
    pbxd("employees", "add", "101", "--name", "Иван Петров")
    pbxd("employees", "replaced", "101", "--name", "Мария Сидорова")
    pbxd("companies", "add", "--name", "Ромашка")
    pbxd("companies", "add", "--name", "Лютик")
    pbxd("contacts", "add", "--name", "Анна", "--number", "89160000001")
    pbxd("contacts", "add", "--name", "Борис", "--number", "89160000002", "--personal", "--owner", "101")
    pbxd("contacts", "import", str(folder / "book.csv"))
    pbxd("tokens", "create", "crm", "--scope", "lookup")
    pbxd("users", "invite", "102")
    pbxd("webhooks", "add", "https://crm.invalid/hook", "--event", "gap")
    return folder


@pytest.fixture
def book(bare: Pbxd, furnished: Path) -> Pbxd:
    """The command line on a copy of that folder."""
    for name in ("book.db", "pbxd.toml"):
        shutil.copy(furnished / name, bare.folder / name)
    return bare


@pytest.mark.parametrize("command", ASKING)
def test_nothing_is_done_without_a_terminal_and_without_yes(book: Pbxd, command: str) -> None:
    before = dump(book)
    said = book(*command.split(), status=1)
    assert "--yes" in said.stderr
    assert dump(book) == before
    book(*command.split(), "--yes")
    assert dump(book) != before


@pytest.mark.parametrize("command", ASKING_AT_A_TERMINAL)
def test_a_terminal_is_asked_and_a_script_is_not(book: Pbxd, command: str) -> None:
    before = dump(book)
    assert "?" in on_terminal(book, *command.split(), typed="n\n")
    assert dump(book) == before
    book(*command.split())
    assert dump(book) != before


def test_these_are_all_the_commands_that_ask() -> None:
    asking = {
        " ".join(path) for path, command in every_command() if any("--yes" in each.opts for each in command.params)
    }
    assert asking == {" ".join(command.split()[:2]) for command in (*ASKING, *ASKING_AT_A_TERMINAL)}


def dump(pbxd: Pbxd) -> dict[str, list[tuple[object, ...]]]:
    """Return what stands in the book, but for the log of who did what, which has refusals too."""
    with closing(sqlite3.connect(pbxd.folder / "book.db")) as book:
        tables = [name for name in metadata.tables if name != "audit"]
        return {name: book.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}  # noqa: S608 - our own names
