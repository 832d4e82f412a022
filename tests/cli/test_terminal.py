"""What only a person at a terminal gets: a page, colours, a question, progress."""

from __future__ import annotations

import fcntl
import os
import pty
import sqlite3
import struct
import subprocess
import termios
from contextlib import closing, suppress

import pytest

from pbxd.cli import progress
from pbxd.cli.tables import columns
from tests.cli.conftest import Pbxd
from tests.cli.test_program import PROGRAM

ROWS, WIDTH = 24, 80


def on_terminal(pbxd: Pbxd, *arguments: str, typed: str = "", **environment: str) -> str:
    """Return what a terminal of 80 columns shows of a command, at which somebody types a line."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, WIDTH, 0, 0))
    usual = {"PATH": "/usr/bin:/bin", "LC_ALL": "ru_RU.UTF-8", "PYTHONUTF8": "1", "TERM": "xterm", "PAGER": "cat"}
    command = [PROGRAM, "--config", str(pbxd.folder / "pbxd.toml"), *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=usual | environment) as running:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        with suppress(OSError):  # the other end is closed
            while part := os.read(ours, 65536):
                shown += part
        running.wait(60)
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


@pytest.fixture
def full(pbxd: Pbxd) -> Pbxd:
    rows = "\n".join(
        f"Константинопольский Константин {place:02};+7 916 000-00-{place:02};ООО «Ромашка и сыновья, поставки»"
        for place in range(60)
    )
    (pbxd.folder / "book.csv").write_text(f"ФИО;Телефоны;Компания\n{rows}\n", "utf-8")
    pbxd("contacts", "import", str(pbxd.folder / "book.csv"))
    return pbxd


def test_a_person_gets_a_page_that_fits_and_where_it_goes_on(full: Pbxd) -> None:
    shown = on_terminal(full, "contacts", "list", NO_COLOR="1")
    lines = shown.splitlines()
    numbers = [line for line in lines if "+7 916 000-00-" in line]
    assert len(numbers) == 50
    assert all(columns(line) <= WIDTH for line in lines if "--after" not in line)
    assert all("…" in line for line in numbers)
    assert "всего: 60" in shown
    assert "--after" in lines[-1]
    assert (
        len([line for line in on_terminal(full, "contacts", "list", "--limit", "60").splitlines() if "+7 916" in line])
        == 60
    )


def test_the_other_lists_give_a_page_too(full: Pbxd) -> None:
    people = "\n".join(f"1{place:03};Сотрудник {place:03}" for place in range(130))
    (full.folder / "people.csv").write_text(f"Внутренний номер;ФИО\n{people}\n", "utf-8")
    full("employees", "import", str(full.folder / "people.csv"))
    with closing(sqlite3.connect(full.folder / "book.db")) as book, book:
        book.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO audit"
            " (at, source, employee_id, extension, address, action, subject, result, reason)"
            " SELECT '2026-11-01 10:00:00.000000', 'cli', 0, '', '', 'db check', '', 'done', '' FROM n"
        )
    lines = on_terminal(full, "employees", "list", NO_COLOR="1").splitlines()
    assert len([line for line in lines if "Сотрудник" in line]) == 50
    assert "--after" in lines[-1]
    whole = full("employees", "list", "--json").stdout.splitlines()
    assert len([line for line in whole if "Сотрудник" in line]) == 130  # an item a line: the first is there at once
    page = full.json("employees", "list", "--limit", "50")
    assert (len(page["items"]), page["total"]) == (50, 130)
    rest = full.json("employees", "list", "--limit", "80", "--after", page["after"])
    assert ([each["extension"] for each in rest["items"]], rest["after"]) == (
        [f"1{place:03}" for place in range(50, 130)],
        None,
    )
    lines = on_terminal(full, "audit", "list", NO_COLOR="1").splitlines()
    assert len([line for line in lines if "db check" in line]) == 50
    assert "--before" in lines[-1]


def test_what_is_longer_than_the_screen_is_shown_by_the_user_s_pager(full: Pbxd) -> None:
    shown = on_terminal(full, "contacts", "list", PAGER="sed s/^/paged:/", NO_COLOR="1").splitlines()
    assert len(shown) > ROWS
    assert all(line.startswith("paged:") for line in shown)
    assert "paged:" not in on_terminal(full, "contacts", "list", "--limit", "1", PAGER="sed s/^/paged:/", NO_COLOR="1")


def test_colours_are_for_terminals_without_no_color(full: Pbxd) -> None:
    assert "\x1b[" in on_terminal(full, "contacts", "list", "--limit", "1")
    assert "\x1b[" not in on_terminal(full, "contacts", "list", "--limit", "1", NO_COLOR="1")
    assert "\x1b[" not in on_terminal(full, "contacts", "list", "--limit", "1", TERM="dumb")
    assert "\x1b[" not in full("contacts", "list").stdout


@pytest.mark.parametrize(("typed", "left"), [("д", 59), ("да", 59), ("y", 59), ("н", 60), ("", 60), ("может", 60)])
def test_an_answer_in_either_language_counts(full: Pbxd, typed: str, left: int) -> None:
    shown = on_terminal(full, "contacts", "delete", "1", typed=f"{typed}\n\n")
    assert "[д/Н]" in shown
    assert full.json("contacts", "list")["total"] == left


def test_progress_is_in_percent_and_for_terminals_only(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress("export") as report:
        report(1, 2)
    assert capsys.readouterr().err == ""
    shown = progress._Shown("export")
    shown._next = 0.0  # as if a second had passed
    shown.report(45, 100)
    assert "export: 45 %" in capsys.readouterr().err
