"""`pbxd audit`, and which commands it lists."""

from __future__ import annotations

import getpass
import sqlite3
from contextlib import closing

from tests.cli.conftest import Pbxd


def test_changes_and_refusals_of_commands_are_listed(pbxd: Pbxd) -> None:
    pbxd("employees", "add", "101", "--name", "Иван Петров")
    pbxd("contacts", "add", "--name", "Игорь", "--number", "89161234567", "--as", "101")
    pbxd("contacts", "edit", "1", "--vip")
    pbxd("contacts", "list")
    pbxd("contacts", "add", "--name", "Анна", "--number", "89161234568")
    pbxd("contacts", "delete", "2", "--as", "101", "--yes", status=1)
    rows = pbxd.json("audit", "list")["items"]
    told = [(row["action"], row["subject"], row["employee"], row["result"]) for row in reversed(rows)]
    assert told == [
        ("employees add", "", None, "done"),
        ("contacts add", "", "101", "done"),
        ("contacts edit", "1", None, "done"),
        ("contacts add", "", None, "done"),
        ("contacts delete", "2", "101", "refused"),
    ]
    assert {row["source"] for row in rows} == {"cli"}
    assert {row["address"] for row in rows} == {getpass.getuser()}
    assert rows[0]["reason"] == "not-creator"
    assert rows[0]["employee_name"] == "Иван Петров"
    assert "refused: not-creator" in pbxd("audit", "list", "--result", "refused").stdout


def test_a_program_gets_all_rows_and_pages_on_request(pbxd: Pbxd) -> None:
    with closing(sqlite3.connect(pbxd.folder / "book.db")) as book, book:
        rows = ((each, f"user {each}") for each in range(1, 131))
        book.executemany(
            "INSERT INTO audit (id, at, source, employee_id, extension, address, action, subject, result, reason)"
            " VALUES (?, '2026-11-01 10:00:00.000000', ?, 0, '', '', 'add_contact', '', 'done', '')",
            rows,
        )
    every = pbxd.json("audit", "list")
    assert [row["id"] for row in every["items"]] == [*range(130, 0, -1)]
    assert every["total"] == 130
    lines = pbxd("audit", "list", "--json").stdout.splitlines()
    assert sum('"add_contact"' in line for line in lines) == 130  # an item a line: the first is there at once
    assert len([line for line in pbxd("audit", "list").stdout.splitlines() if "add_contact" in line]) == 130
    page = pbxd.json("audit", "list", "--limit", "60", "--before", "80")
    assert ([row["id"] for row in page["items"]], page["next"]) == ([*range(79, 19, -1)], 20)
    assert pbxd.json("audit", "list", "--limit", "19", "--before", "20")["next"] is None
    assert "next page: --before 130" in pbxd("audit", "list", "--limit", "1").stdout


def test_no_name_and_no_number_of_a_client_is_in_it(pbxd: Pbxd) -> None:
    pbxd("contacts", "add", "--name", "Тайный", "--number", "89161234567", "--comment", "секрет")
    pbxd("privacy", "erase", "89161234567", "--yes")
    said = pbxd("audit", "list", "--json").stdout
    assert [row["action"] for row in pbxd.json("audit", "list")["items"]] == ["privacy erase", "contacts add"]
    assert not any(word in said for word in ("Тайный", "9161234567", "секрет"))
