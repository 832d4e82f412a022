"""`pbxd audit`, and which commands it lists."""

from __future__ import annotations

import getpass

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


def test_no_name_and_no_number_of_a_client_is_in_it(pbxd: Pbxd) -> None:
    pbxd("contacts", "add", "--name", "Тайный", "--number", "89161234567", "--comment", "секрет")
    pbxd("privacy", "erase", "89161234567", "--yes")
    said = pbxd("audit", "list", "--json").stdout
    assert [row["action"] for row in pbxd.json("audit", "list")["items"]] == ["privacy erase", "contacts add"]
    assert not any(word in said for word in ("Тайный", "9161234567", "секрет"))
