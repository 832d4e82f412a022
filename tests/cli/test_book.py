"""`pbxd companies`, `employees`, `lookup`: the rest of the book."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Pbxd

Add = Callable[..., dict[str, Any]]


def test_companies(pbxd: Pbxd) -> None:
    added = pbxd.json("companies", "add", "--name", "Ромашка", "--number", "8 495 123-45-67")
    assert added == {
        "id": 1, "name": "Ромашка", "numbers": ["+74951234567"], "address": "", "site": "", "emails": [], "version": 2
    }  # fmt: skip
    more = pbxd.json("companies", "add", "--name", "РОМАШКА", "--number", "+74951234568")
    assert (more["id"], len(more["numbers"])) == (1, 2)
    edited = pbxd.json("companies", "edit", "1", "--remove-number", "84951234567", "--add-number", "84951234569")
    assert edited["numbers"] == ["+74951234568", "+74951234569"]
    assert pbxd.json("companies", "show", "1") == edited
    assert pbxd.json("companies", "list", "--search", "ромаш") == {"total": 1, "items": [edited]}
    assert "Ромашка" in pbxd("companies", "list").stdout
    assert "no company 7" in pbxd.refusal("companies", "show", "7")
    assert "no extension" in pbxd.refusal("companies", "add", "--name", "Б", "--number", "84951234567 доб. 1")


def test_a_company_s_card_with_its_people(pbxd: Pbxd, contact: Add) -> None:
    """S3.4"""
    contact("--company", "Ромашка")
    contact("--company", "Ромашка", "--personal", "--owner", "101", name="Мама")
    card = ("--address", "Казань, Баумана 1", "--site", "romashka.example", "--add-email", "info@romashka.example")
    edited = pbxd.json("companies", "edit", "1", "--name", "ООО «Ромашка»", *card)
    assert (edited["address"], edited["site"], edited["emails"]) == (card[1], card[3], [card[5]])
    assert pbxd.json("contacts", "show", "1")["company"] == "ООО «Ромашка»"
    assert pbxd.json("companies", "show", "1")["contacts"]["total"] == 1
    assert pbxd.json("companies", "show", "1", "--as", "101")["contacts"]["total"] == 2
    shown = pbxd("companies", "show", "1").stdout
    assert "1: Фронкин Игорь" in shown
    assert "Казань, Баумана 1" in shown
    assert pbxd.json("companies", "edit", "1", "--remove-email", "INFO@romashka.example")["emails"] == []
    assert "changed meanwhile" in pbxd.refusal("companies", "edit", "1", "--version", "1", "--address", "")


def test_employees_from_a_file(pbxd: Pbxd) -> None:
    file = pbxd.folder / "people.csv"
    file.write_bytes(
        "Внутренний номер;ФИО;Мобильный;Этаж\n101;Иванова Анна;89161234567;2\n102;Пётр;нет;3\n".encode("cp1251")
    )
    assert pbxd.json("employees", "import", str(file)) == {
        "created": 1,
        "updated": 0,
        "same": 0,
        "bad": 1,
        "errors": [{"row": 3, "field": "mobile", "message": "not a phone number: нет"}],
        "ignored_columns": ["Этаж"],
    }
    again = pbxd("employees", "import", str(file)).stdout
    assert "unchanged: 1" in again
    assert "row 3: not a phone number: нет" in again
    assert pbxd.json("employees", "show", "101")["mobile"] == "+79161234567"
    assert pbxd.json("employees", "list")["total"] == 1
    assert "Иванова Анна" in pbxd("employees", "list").stdout
    assert "no employee 999" in pbxd.refusal("employees", "show", "999")


def test_employees_are_found_and_show_their_departments_and_clients(pbxd: Pbxd, contact: Add) -> None:
    """S1.1, S1.2, S1.3, S1.8"""
    file = pbxd.folder / "people.csv"
    file.write_text(
        'extension,name,did,department\n101,Иванова Алёна,84951234567,"Продажи; Опт"\n102,Пётр Белов,,Склад\n'
    )
    pbxd("employees", "import", str(file))
    contact("--manager", "101", "--company", "Ромашка")
    contact("--manager", "101", "--personal", "--owner", "102", name="Мама")

    def found(*options: str) -> list[str]:
        return [person["extension"] for person in pbxd.json("employees", "list", *options)["items"]]

    for text in ("алена", "ivanova", "Aлена", "ИВАНОВА АЛ", "101", "8 495 123", "+7 (495)", "4567", "опт"):
        assert found("--search", text) == ["101"], text
    assert found("--search", "нет такого") == []
    assert found("--department", "склад") == ["102"]
    assert found("--left") == []
    shown = pbxd.json("employees", "show", "101")
    assert (shown["did"], shown["departments"]) == ("+74951234567", ["Продажи", "Опт"])
    assert shown["clients"] == {"total": 1, "items": [{"id": 1, "name": "Фронкин Игорь", "company": "Ромашка"}]}
    assert pbxd.json("employees", "show", "101", "--as", "102")["clients"]["total"] == 2
    card = pbxd("employees", "show", "101").stdout
    assert "Продажи, Опт" in card
    assert "Фронкин Игорь, Ромашка" in card


def test_an_employees_file_without_a_good_row_fails(pbxd: Pbxd) -> None:
    file = pbxd.folder / "people.csv"
    file.write_text("extension,mobile\n101,x\n")
    assert "no row could be imported" in pbxd("employees", "import", str(file), status=1).stderr
    assert "can't be read" in pbxd.refusal("employees", "import", str(pbxd.folder / "nowhere.csv"))
    assert "can't be read" in pbxd.refusal("employees", "import", str(pbxd.folder))


def test_adding_names_who_has_the_extension_without_a_name(pbxd: Pbxd) -> None:
    nameless = pbxd.json("employees", "add", "101", "--name", "Agent 101")
    assert pbxd.json("employees", "add", "101", "--name", "Иван Петров")["id"] == nameless["id"]
    assert "belongs to Иван Петров" in pbxd.refusal("employees", "add", "101", "--name", "Мария Сидорова")


def test_an_extension_passes_and_the_decision_is_corrected(pbxd: Pbxd, contact: Add) -> None:
    ivan = pbxd.json("employees", "add", "101", "--name", "Иван Петров", "--mobile", "8 916 123-45-67")
    assert (ivan["extension"], ivan["mobile"]) == ("101", "+79161234567")
    assert "belongs to Иван Петров" in pbxd.refusal("employees", "add", "101", "--name", "Иван Сидоров")
    assert "no employee 102" in pbxd.refusal("employees", "edit", "102", "--name", "Анна")
    contact("--manager", "101")
    contact("--personal", "--owner", "101", name="Мама")
    said = pbxd("employees", "edit", "101", "--name", "Мария Сидорова").stdout
    assert "101 passed from Иван Петров to Мария Сидорова; if that is one person: pbxd employees same 101" in said
    assert [card["name"] for card in pbxd.json("contacts", "list", "--as", "101")["items"]] == ["Фронкин Игорь"]
    card = pbxd.json("contacts", "show", "1")
    assert (card["manager"], card["manager_id"], card["manager_name"]) == (None, ivan["id"], "Иван Петров")
    people = pbxd.json("employees", "list")["items"]
    assert [(each["extension"], each["name"]) for each in people] == [("101", "Мария Сидорова"), (None, "Иван Петров")]
    assert pbxd.json("employees", "same", "101", "--yes") | {"at": ""} == {
        "extension": "101", "at": "", "before": "Иван Петров", "after": "Мария Сидорова", "another": False,
    }  # fmt: skip
    assert pbxd.json("contacts", "list", "--as", "101")["total"] == 2
    assert pbxd.json("contacts", "show", "1")["manager"] == "101"
    assert "nobody had this extension" in pbxd.refusal("employees", "same", "101", "--yes")
    file = pbxd.folder / "people.csv"
    file.write_text("extension,name\n101,Мария Белова\n")
    [passed] = pbxd.json("employees", "import", str(file))["passed"]
    assert (passed["before"], passed["after"], passed["another"]) == ("Мария Сидорова", "Мария Белова", False)
    assert "passed from" in pbxd("employees", "replaced", "101", "--name", "Олег").stdout
    assert pbxd.json("contacts", "list", "--as", "101")["total"] == 1


def test_a_row_about_the_employee_before_is_told_of(pbxd: Pbxd) -> None:
    file = pbxd.folder / "people.csv"
    for name in ("Иван Петров", "Иван Сидоров"):
        pbxd("employees", "add" if name == "Иван Петров" else "edit", "101", "--name", name)
    pbxd("employees", "replaced", "101")
    file.write_text("extension,name,mobile\n101,Иван Петров,89161234567\n")
    told = pbxd("employees", "import", str(file)).stdout
    assert "101: row left out, Иван Петров had the extension before" in told
    assert "pbxd employees same 101" in told
    assert pbxd.json("employees", "import", str(file))["stale"] == [{"extension": "101", "name": "Иван Петров"}]
    shown = pbxd.json("employees", "show", "101")
    assert (shown["name"], shown["mobile"]) == ("Иван Сидоров", "")
    assert pbxd.json("employees", "edit", "101", "--name", "Иван Петров")["name"] == "Иван Петров"


def test_joining_two_people_is_asked_and_one_of_several_is_named(
    pbxd: Pbxd, contact: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    ivan = pbxd.json("employees", "add", "101", "--name", "Иван Петров")["id"]
    contact("--personal", "--owner", "101", name="Мама")
    pbxd("employees", "edit", "101", "--name", "Мария Сидорова")
    contact("--personal", "--owner", "101", name="Папа")
    contact("--personal", "--owner", "101", name="Дядя")
    asked: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr("pbxd.cli.session.Session.confirm", lambda _session, question: asked.append(question))
        pbxd("employees", "same", "101", "--yes")
    assert "make Иван Петров and Мария Сидорова one person?" in asked[0]
    assert "(1 and 2)" in asked[0]
    pbxd("employees", "replaced", "101", "--name", "Олег Белов")
    pbxd("employees", "edit", "101", "--name", "Анна Чернова")
    people = {each["name"]: each["id"] for each in pbxd.json("employees", "list")["items"]}
    oleg, anna = people["Олег Белов"], people["Анна Чернова"]
    for options in ((), (str(anna),), ("99",)):
        said = pbxd.refusal("employees", "same", "101", "--yes", *options)
        assert f"{ivan}: Мария Сидорова, {oleg}: Олег Белов; say which" in said
        assert "pbxd employees same 101 ID" in said
    assert pbxd.json("employees", "same", "101", "--yes", str(ivan))["before"] == "Мария Сидорова"
    assert pbxd.json("contacts", "list", "--as", "101")["total"] == 3
    assert {each["id"]: each["extension"] for each in pbxd.json("employees", "list")["items"]} == {
        ivan: "101", oleg: None,
    }  # fmt: skip
    table = pbxd("employees", "list").stdout.splitlines()
    assert table[0].split()[:2] == ["Id", "Extension"]
    assert any(line.split()[:2] == [str(oleg), "Олег"] for line in table)


def test_who_lost_the_extension_is_still_named(pbxd: Pbxd, contact: Add) -> None:
    """Cards, the table of cards and tokens name them."""
    ivan = pbxd.json("employees", "add", "101", "--name", "Иван Петров")["id"]
    contact("--manager", "101", "--as", "101")
    pbxd("tokens", "create", "crm", "--scope", "lookup", "--as", "101")
    assert "101 Иван Петров" in pbxd("contacts", "show", "1").stdout
    pbxd("employees", "edit", "101", "--name", "Мария Сидорова")
    lines = [line.split(maxsplit=1) for line in pbxd("contacts", "show", "1").stdout.splitlines()]
    assert ["Manager", "Иван Петров"] in lines
    assert pbxd("contacts", "show", "1").stdout.count("Иван Петров") == 2, "the creator too"
    assert "Иван Петров" in pbxd("contacts", "list").stdout
    assert "Иван Петров (no extension)" in pbxd("tokens", "list").stdout
    (token,) = pbxd.json("tokens", "list")["items"]
    assert (token["employee"], token["employee_id"], token["employee_name"]) == (None, ivan, "Иван Петров")


def test_lookup_has_the_contract_s_shape(pbxd: Pbxd, contact: Add) -> None:
    contact("--company", "Ромашка", "--vip", "--manager", "101")
    assert pbxd.json("lookup", "8 777 785 99 54") == {
        "status": "found",
        "number": "+77777859954",
        "name": "Фронкин Игорь",
        "company": "Ромашка",
        "contact": 1,
        "vip": True,
        "manager": "101",
    }


def test_lookup_names_the_manager(pbxd: Pbxd, contact: Add) -> None:
    contact("--manager", "101")  # known by extension only
    assert re.search(r"(?m)^Manager +101$", pbxd("lookup", "+77777859954").stdout)
    pbxd("employees", "add", "101", "--name", "Иван Петров")
    assert re.search(r"(?m)^Manager +101 Иван Петров$", pbxd("lookup", "+77777859954").stdout)


def test_lookup_statuses(pbxd: Pbxd, contact: Add) -> None:
    """B3, B9."""
    contact("--company", "Ромашка", number="89160000001")
    contact("--company", "Ромашка", name="Белова", number="89160000001")
    contact("--personal", "--owner", "101", name="Мама", number="89160000002")
    pbxd("companies", "add", "--name", "Лютик", "--number", "84951234567")
    file = pbxd.folder / "people.csv"
    file.write_text("extension,name\n101,Анна\n")
    pbxd("employees", "import", str(file))
    for number, options, status, name in (
        ("89160000001", [], "shared", "Ромашка (2)"), ("89160000002", [], "unknown", ""),
        ("89160000002", ["--for", "102"], "unknown", ""), ("89160000002", ["--for", "101"], "found", "Мама"),
        ("84951234567", [], "company", "Лютик"), ("101", [], "employee", "Анна"), ("anonymous", [], "withheld", ""),
        ("вася", [], "unreadable", ""), ("\x1b[2J", [], "unreadable", ""), ("9" * 10_000, [], "unreadable", ""),
    ):  # fmt: skip
        match = pbxd.json("lookup", number, *options)
        assert (match["status"], match["name"]) == (status, name), number


def test_lookup_explains_itself(pbxd: Pbxd, contact: Add) -> None:
    """B3: which rule, which contact, which others."""
    contact("--company", "Ромашка", number="89160000001")
    contact("--company", "Лютик", name="Белова", number="89160000001")
    explained = pbxd.json("lookup", "89160000001", "--explain")
    assert explained["rule"]
    assert [rival["name"] for rival in explained["rivals"]] == ["Белова"]
    shown = pbxd("lookup", "89160000001", "--explain").stdout
    assert explained["rule"] in shown
    assert "also: contact 2: Белова, Лютик" in shown


@pytest.mark.parametrize("name", ["crm", "Сайт"])
def test_tokens(pbxd: Pbxd, name: str) -> None:
    made = pbxd.json("tokens", "create", name, "--scope", "lookup")
    assert made["token"].startswith("pbxd_")
    assert (made["id"], made["name"]) == (1, name)
    [listed] = pbxd.json("tokens", "list")["items"]
    assert made["token"] not in json.dumps(listed)
    assert made["token"].endswith(listed["last_four"])
    assert listed["revoked"] is None
    pbxd("tokens", "revoke", "1", "--yes")
    assert pbxd.json("tokens", "list")["items"][0]["revoked"]
    assert name in pbxd("tokens", "list").stdout
    assert "no token 9" in pbxd.refusal("tokens", "revoke", "9")
    assert pbxd("tokens", "create", "x", "--scope", "lookup").stdout.startswith("pbxd_")


def test_a_token_belongs_to_somebody(pbxd: Pbxd) -> None:
    whose = {"a": ("101", False), "b": (None, True), "c": (None, False)}
    for name, (extension, as_any) in whose.items():
        made = pbxd.json(
            "tokens",
            "create",
            name,
            "--scope",
            "lookup",
            *(["--as", extension] if extension else ["--as-any"] * as_any),
        )
        assert (made["employee"], made["as_any"]) == (extension, as_any)
    listed = pbxd.json("tokens", "list")["items"]
    assert {each["name"]: (each["employee"], each["as_any"]) for each in listed} == whose
    shown = pbxd("tokens", "list").stdout
    assert "101" in shown
    assert "any employee" in shown
    pbxd("tokens", "create", "d", "--scope", "lookup", "--as", "101", "--as-any", status=2)
    pbxd("tokens", "create", "d", "--scope", "lookup", "--as", "Анна", status=2)
    assert len(pbxd.json("tokens", "list")["items"]) == 3


def test_db(bare: Pbxd) -> None:
    assert "no database" in bare.refusal("db", "check")
    assert bare.json("db", "upgrade")["before"] is None
    assert bare.json("db", "upgrade")["before"] == bare.json("db", "check")["schema"]
    assert bare.json("db", "check")["problems"] == []
    copy = bare.folder / "copy.db"
    bare("db", "backup", str(copy))
    assert copy.stat().st_size > 0
    assert "exists already" in bare.refusal("db", "backup", str(copy))
    (bare.folder / "book.db").write_bytes(b"no database at all" * 1000)
    assert "book.db" in bare.refusal("db", "check")


def test_companies_are_paged_by_a_cursor(pbxd: Pbxd) -> None:
    for place in range(5):
        pbxd("companies", "add", "--name", f"Фирма {place}", "--number", f"+7495123456{place}")
    first = pbxd.json("companies", "list", "--limit", "2")
    assert ([each["name"] for each in first["items"]], first["total"]) == (["Фирма 0", "Фирма 1"], 5)
    rest = pbxd.json("companies", "list", "--after", first["after"])
    assert [each["name"] for each in rest["items"]] == ["Фирма 2", "Фирма 3", "Фирма 4"]
    assert pbxd.json("companies", "list")["total"] == 5
    assert "next page: --after" in pbxd("companies", "list", "--limit", "2").stdout


def test_doubles_are_listed_and_companies_merged_and_deleted(pbxd: Pbxd, contact: Add) -> None:
    contact("--company", "ООО «Ромашка»")
    other = pbxd.json("companies", "add", "--name", "Лютик", "--number", "+74951234567")
    assert pbxd.json("companies", "add", "--name", 'АО "РОМАШКА"')["id"] == 1
    assert pbxd.json("companies", "list", "--doubles") == {
        "total": 0, "items": [], "total_is_exact": True, "after": ""
    }  # fmt: skip
    merged = pbxd.json("companies", "merge", str(other["id"]), "1", "--yes")
    assert (merged["name"], merged["merged"], merged["contacts_moved"]) == ("Лютик", [1], 1)
    assert pbxd.json("companies", "show", str(other["id"]))["contacts"]["total"] == 1
    assert "--leave-contacts" in pbxd.refusal("companies", "delete", str(other["id"]), "--yes")
    gone = pbxd.json("companies", "delete", str(other["id"]), "--leave-contacts", "--yes")
    assert gone == {"deleted": other["id"], "contacts_left": 1}


def test_the_manager_is_named_beside_the_extension(pbxd: Pbxd, contact: Add) -> None:
    pbxd("employees", "add", "101", "--name", "Иванова Анна")
    made = contact("--manager", "101")
    assert "101 Иванова Анна" in pbxd("contacts", "show", str(made["id"])).stdout
    assert "101 Иванова Анна" in pbxd("contacts", "list").stdout
