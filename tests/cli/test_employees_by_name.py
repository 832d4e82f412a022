"""Wherever a command asks for an employee, it takes the extension or the full name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Pbxd

STAFF = """extension,name
101,Иванова Анна Сергеевна
102,Петров Пётр
103,Иванова Анна Олеговна
104,Котов Борис
sales,Касса Главная
"""
Add = Callable[..., dict[str, Any]]
# Commands whose last word is the employee, and their exit status where it names nobody.
ASKING = (
    (("contacts", "list", "--as"), 2),
    (("contacts", "list", "--manager"), 1),
    (("contacts", "add", "--name", "А", "--number", "89160000001", "--manager"), 1),
    (("contacts", "add", "--name", "А", "--number", "89160000001", "--personal", "--owner"), 1),
    (("contacts", "edit", "1", "--manager"), 1),
    (("contacts", "erase", "--yes", "--owner"), 2),
    (("companies", "show", "1", "--as"), 2),
    (("calls", "list", "--agent"), 1),
    (("calls", "list", "--as"), 2),
    (("lookup", "89160000001", "--for"), 2),
    (("tokens", "create", "crm", "--scope", "lookup", "--as"), 2),
    (("employees", "show"), 1),
    (("employees", "edit"), 2),
    (("employees", "same"), 1),
    (("employees", "replaced"), 1),
    (("call",), 1),
)


@pytest.fixture
def staffed(pbxd: Pbxd) -> Pbxd:
    file = pbxd.folder / "staff.csv"
    file.write_text(STAFF)
    pbxd("employees", "import", str(file))
    pbxd("employees", "edit", "104", "--name", "Зуева Дарья")  # Котов has no extension any more
    return pbxd


def test_a_name_stands_for_the_extension(staffed: Pbxd, contact: Add) -> None:
    made = contact("--manager", "петров пётр")
    assert made["manager"] == "102"
    contact("--personal", "--owner", "Зуева Дарья", "--as", "Дарья Зуева", name="Мама", number="89160000002")
    assert staffed.json("contacts", "list", "--manager", "Петров Петр")["total"] == 1
    assert staffed.json("contacts", "list", "--as", "Зуева Дарья")["total"] == 2
    assert staffed.json("contacts", "list")["total"] == 1
    edited = staffed.json("contacts", "edit", "1", "--manager", "Иванова Анна Олеговна")
    assert edited["manager"] == "103"
    assert staffed.json("contacts", "edit", "1", "--manager", "")["manager"] == ""
    assert staffed.json("lookup", "89160000002", "--for", "Зуева Дарья")["name"] == "Мама"
    assert staffed.json("calls", "list", "--agent", "Петров Пётр", "--as", "Петров Пётр")["items"] == []
    assert staffed.json("tokens", "create", "crm", "--scope", "lookup", "--as", "Петров Пётр")["employee"] == "102"
    assert staffed.json("contacts", "erase", "--owner", "Зуева Дарья", "--yes") == {"erased": 1}


def test_employees_themselves_are_named(staffed: Pbxd) -> None:
    assert staffed.json("employees", "show", "Петров Пётр")["extension"] == "102"
    assert staffed.json("employees", "show", "sales")["name"] == "Касса Главная"
    assert staffed.json("employees", "edit", "Петров Пётр", "--email", "p@example.org")["email"] == "p@example.org"
    same = staffed.json("employees", "same", "Зуева Дарья", "--yes")
    assert (same["extension"], same["another"]) == ("104", False)
    assert staffed.json("employees", "replaced", "Зуева Дарья")["extension"] == "104"


@pytest.mark.parametrize("asking", ASKING, ids=lambda asking: " ".join(asking[0]))
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Иванова Анна", "101 Иванова Анна Сергеевна, 103 Иванова Анна Олеговна"),
        ("Никто Такой", "there is no employee “Никто Такой”"),
        ("nobody", "there is no employee “nobody”"),
        ("Котов Борис", "has no extension any more"),
    ],
)
def test_a_name_that_says_nobody_is_refused(
    staffed: Pbxd, contact: Add, asking: tuple[tuple[str, ...], int], name: str, why: str
) -> None:
    contact()
    words, status = asking
    target = ["89160000001"] if words[0] == "call" else []
    done = staffed(*words, name, *target, status=status)
    assert why in " ".join(done.stderr.split())
    option = words[-1] if words[-1].startswith("--") else "EXT|NAME"
    assert option in done.stderr
    assert staffed.json("contacts", "list")["total"] == 1
    assert staffed.json("tokens", "list")["total"] == 0


def test_an_extension_that_nobody_has_can_still_be_named(pbxd: Pbxd) -> None:
    card = ("contacts", "add", "--name", "А", "--number", "89160000001")
    assert pbxd.json(*card, "--manager", "999")["manager"] == "999"
    assert pbxd.json(*card, "--manager", "agent-7", "--as", "sip_8")["manager"] == "agent-7"


def test_the_error_is_russian_where_people_are(staffed: Pbxd) -> None:
    (staffed.folder / "pbxd.toml").write_text(
        (staffed.folder / "pbxd.toml").read_text() + '[service]\nlanguage = "ru"\n'
    )
    said = staffed.refusal("contacts", "list", "--manager", "Иванова Анна")
    assert "--manager: сотрудников с именем «Иванова Анна» несколько: 101 Иванова Анна Сергеевна" in said
    assert "больше нет внутреннего номера" in staffed.refusal("employees", "show", "Котов Борис")
