"""Imports as an administrator does them, from the first try to the undo, with the command line."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.cli.conftest import Pbxd
from tests.cli.test_exchange import book

ANNA = "Анна;89161234567"


def table(folder: Path, *lines: str, name: str = "clients.csv") -> str:
    """Write a table of text."""
    file = folder / name
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return str(file)


def test_lenient_takes_a_contact_without_what_can_t_be_read_and_names_each_field(pbxd: Pbxd, tmp_path: Path) -> None:
    file = table(
        tmp_path,
        "ФИО;Телефоны;Почта;VIP;Дата рождения;Менеджер;Этаж",
        f"{ANNA};anna@example.org, @;может быть;31.02.1980;Неизвестный Н.;3",
        "Борис;не номер;;;;;",
    )
    strict = pbxd.json("contacts", "import", file, "--dry-run")
    assert (strict["created"], [bad["row"] for bad in strict["errors"]]) == (0, [2, 3])
    tried = pbxd.json("contacts", "import", file, "--dry-run", "--lenient")
    done = pbxd.json("contacts", "import", file, "--lenient")
    assert tried["left_out"] == done["left_out"]
    assert {(each["row"], each["field"]) for each in done["left_out"]} == {
        (2, "manager"), (2, "vip"), (2, "birth_date"), (2, "email"),
    }  # fmt: skip
    assert done["left_out_count"] == 4
    assert (done["created"], [bad["row"] for bad in done["errors"]]) == (1, [3])  # nobody can be called, nor written to
    (anna,) = book(pbxd)
    assert (anna["name"], anna["vip"], anna["birth_date"], anna["manager"]) == ("Анна", False, None, "")
    assert anna["emails"] == ["anna@example.org"]
    said = pbxd("contacts", "import", file, "--lenient", "--existing", "add").stdout
    for words in (
        "Менеджер: there is no employee",
        "VIP: neither yes nor no",
        "31.02.1980",
        "columns not used: Этаж",
    ):
        assert words in said
    assert said.count("row 2, left out: ") == 4


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_corrected_workbook_of_errors_completes_an_import(
    pbxd: Pbxd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """Headings of another program, dates whose order the other rows show, and a mapped column stay what they were."""
    monkeypatch.setenv("LANG", f"{language}_XX.UTF-8")
    file = table(
        tmp_path,
        "Кто;Куда;Д.р.;Почта",
        "Анна;89161234567;3/4/1980;a@example.org",
        "Борис;не номер;3/4/1981;",
        "Вера;89161234569;12/25/1982;@",
        "Глеб;89161234570;12/26/1982;",
    )
    maps = [part for each in ("Кто=name", "Куда=number", "Д.р.=birth_date") for part in ("--map", each)]
    errors = tmp_path / "errors.xlsx"
    done = pbxd.json("contacts", "import", file, *maps, "--errors", str(errors))
    assert (done["created"], done["bad"], done["errors_file"]) == (2, 2, str(errors))
    workbook = openpyxl.load_workbook(errors)
    sheet = workbook["Контакты"]
    assert [cell.value for cell in sheet["C"]][1:] == ["04.03.1981", "25.12.1982"]
    sheet["B2"], sheet["D3"] = "8 916 123-45-68", "v@example.org"
    workbook.save(errors)
    again = pbxd.json("contacts", "import", str(errors))
    assert (again["created"], again["errors"], again["ignored_columns"]) == (2, [], [])
    assert [(each["name"], each["birth_date"]) for each in book(pbxd)] == [
        ("Анна", "1980-03-04"), ("Борис", "1981-03-04"), ("Вера", "1982-12-25"), ("Глеб", "1982-12-26"),
    ]  # fmt: skip
    assert pbxd.json("contacts", "import", file, *maps)["skipped"] == 2  # what was bad is still bad in the old file


def test_map_joins_several_columns_of_one_field(pbxd: Pbxd, tmp_path: Path) -> None:
    file = table(
        tmp_path,
        "Кто;И ещё;Звонить;Или;Писать;Роль;Где;Город;Улица;Рынок;Сорт;Лишнее",
        "Анна;Белова;89161234567;84951234567;a@example.org;директор;склад;Казань;Ленина 5;опт;юг;x",
    )
    maps = {
        "Кто": "имя", "И ещё": "фамилия", "Звонить": "number", "Или": "Телефоны", "Писать": "email", "Роль": "position",
        "Где": "Должность", "Город": "comment", "Улица": "comment", "Рынок": "tags", "Сорт": "Метки",
        "Лишнее": "ignore",
    }  # fmt: skip
    options = [part for head, field in maps.items() for part in ("--map", f"{head}={field}")]
    done = pbxd.json("contacts", "import", file, *options)
    assert (done["created"], done["errors"], done["left_out"]) == (1, [], [])
    (anna,) = book(pbxd)
    assert (anna["name"], anna["position"], anna["comment"]) == ("Белова Анна", "директор, склад", "Казань\nЛенина 5")
    assert [each["number"] for each in anna["numbers"]] == ["+79161234567", "+74951234567"]
    assert anna["tags"] == ["опт", "юг"]


@pytest.mark.parametrize(
    ("patronymic", "extension", "label", "ignore"),
    [("patronymic", "extension", "label", "ignore"), ("отчество", "добавочный", "подпись", "пропустить")],
)
def test_map_takes_parts_of_names_and_of_numbers_in_both_languages(
    pbxd: Pbxd, tmp_path: Path, patronymic: str, extension: str, label: str, ignore: str
) -> None:
    file = table(tmp_path, "A;B;C;D;E;F;Email", "Анна;Львовна;Белова;офис;84951234567;12;a@example.org")
    maps = {
        "A": "first_name", "B": patronymic, "C": "surname", "D": label, "E": "number", "F": extension, "Email": ignore,
    }  # fmt: skip
    options = [part for head, field in maps.items() for part in ("--map", f"{head}={field}")]
    done = pbxd.json("contacts", "import", file, *options)
    assert (done["created"], done["errors"], done["left_out"]) == (1, [], [])
    (anna,) = book(pbxd)
    (number,) = anna["numbers"]
    assert anna["name"] == "Белова Анна Львовна"
    assert (number["label"], number["number"], number["extension"]) == ("офис", "+74951234567", "12")
    assert anna["emails"] == []


def test_a_report_lists_every_row_and_a_person_hears_of_the_rest(pbxd: Pbxd, tmp_path: Path) -> None:
    rows = [f"Клиент {place};8916000{place:04}" for place in range(25)]
    file = table(tmp_path, "ФИО;Телефон", *rows)
    pbxd("contacts", "import", file)
    said = pbxd("contacts", "import", file, "--dry-run").stdout
    assert said.count("already known, skipped: ") == 20
    assert "and 5 more such rows; list them all with --report FILE.csv" in said
    changed = table(
        tmp_path,
        "ФИО;Телефон;Должность",
        f"{rows[0]};директор",
        f"{rows[1]};",
        "Новый;89990000000;",
        "Новый;89990000000;a",
    )
    for report in (tmp_path / "dry.csv", tmp_path / "report.csv"):
        dry = ["--dry-run"] if report.stem == "dry" else []
        pbxd("contacts", "import", changed, "--existing", "update", "--report", str(report), *dry)
        with report.open(encoding="utf-8-sig", newline="") as stream:
            head, *listed = csv.reader(stream, delimiter=";")
        assert head == ["Row", "What", "Contact", "Name", "Same as row", "Fields"]
        assert [row[:2] for row in listed] == [["2", "updated"], ["5", "merged"]]
        assert (listed[0][2:], listed[1][3:]) == (
            ["1", "Клиент 0", "", "Position"],
            ["Новый", "4", "Position"],
        )
    assert "exists already" in pbxd.refusal("contacts", "import", changed, "--report", str(tmp_path / "report.csv"))


def test_bad_rows_beyond_those_shown_are_counted_with_where_to_see_them(pbxd: Pbxd, tmp_path: Path) -> None:
    file = table(tmp_path, "ФИО;Телефон", *(f"Клиент {place};x" for place in range(23)))
    said = pbxd("contacts", "import", file, "--dry-run").stdout
    assert said.count("not a phone number") == 20
    assert "and 3 more bad rows" in said
    assert "--errors FILE.xlsx" in said


def test_imports_are_listed_and_undone_in_any_order(pbxd: Pbxd, tmp_path: Path) -> None:
    head = "ФИО;Телефон;Должность"
    first = table(tmp_path, head, f"{ANNA};", "Борис;89161234568;", name="first.csv")
    second = table(tmp_path, head, f"{ANNA};директор", "Вера;89161234569;", name="second.csv")
    third = table(tmp_path, head, f"{ANNA};менеджер", name="third.csv")
    for file in (first, second, third):
        pbxd("contacts", "import", file, "--existing", "update")

    def listed(*options: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pbxd.json("contacts", "imports", *options)["items"]
        return found

    assert [(each["id"], each["file"], each["undoable"], each["undo_first"]) for each in listed()] == [
        (3, "third.csv", True, None), (2, "second.csv", False, 3), (1, "first.csv", False, 3),
    ]  # fmt: skip
    shown = pbxd("contacts", "imports", "--limit", "2").stdout
    assert "second.csv" in shown
    assert "first.csv" not in shown
    assert "there are earlier imports: --limit 20" in shown
    assert "undo 3 first" in shown
    assert pbxd.json("contacts", "imports", "--limit", "2")["more"] is True
    assert pbxd.json("contacts", "imports", "--limit", "3")["more"] is False
    assert "undo 3 first" in pbxd.refusal("contacts", "import-undo", "2", "--yes")
    before = book(pbxd)
    assert [each["position"] for each in before] == ["менеджер", "", ""]
    pbxd("contacts", "import-undo", "3", "--yes")
    assert book(pbxd)[0]["position"] == "директор"
    pbxd("contacts", "edit", "3", "--position", "бухгалтер")  # Вера, of the second file
    said = pbxd("contacts", "import-undo", "2", "--yes").stdout.splitlines()
    assert said == ["deleted: 0, changed back: 1, kept because edited since: 1", "kept: 3 Вера"]
    assert [(each["name"], each["position"]) for each in book(pbxd)] == [
        ("Анна", ""), ("Борис", ""), ("Вера", "бухгалтер"),
    ]  # fmt: skip
    assert "undone" in pbxd.refusal("contacts", "import-undo", "2", "--yes")
    assert pbxd.json("contacts", "import-undo", "1", "--yes")["deleted"] == 2
    assert [each["state"] for each in listed()] == ["undone"] * 3


OUTLOOK = (
    "First Name,Last Name,Company,Job Title,Business Phone,Mobile Phone,Anniversary,Birthday,Notes,E-mail Address\n"
    "Ann,Smith,Acme,,,+44 7911 123456,0/0/00,3/4/1980,,\nBob,Brown,Acme,,,+44 7911 123457,0/0/00,{other},,\n"
)


@pytest.mark.parametrize(
    ("other", "birthdays"),
    [
        ("25/12/1981", ["1980-04-03", "1981-12-25"]),  # a British Windows
        ("12/25/1981", ["1980-03-04", "1981-12-25"]),
        ("4/4/1981", [None, "1981-04-04"]),  # the other row shows nothing
        ("", [None, None]),
        ("5/6/1981", [None, None]),
    ],
)
def test_outlook_writes_dates_as_its_windows_does(
    pbxd: Pbxd, tmp_path: Path, other: str, birthdays: list[str | None]
) -> None:
    """3/4/1980 is read where another date shows the order; otherwise the row goes back, or goes in without the date."""
    file = table(tmp_path, OUTLOOK.format(other=other).rstrip("\n"))
    strict = pbxd.json("contacts", "import", file, "--dry-run")
    unclear = [bad for bad in strict["errors"] if "two ways" in bad["message"]]
    assert len(unclear) == len(strict["errors"]) == sum(day is None for day in birthdays) - (other == "")
    assert all(bad["message"].startswith("Birthday: ") for bad in unclear)
    done = pbxd.json("contacts", "import", file, "--lenient")
    assert (done["created"], done["left_out_count"]) == (2, len(unclear))
    assert [each["birth_date"] for each in book(pbxd)] == birthdays


def test_a_card_that_lists_the_first_clients_says_what_lists_all(pbxd: Pbxd, tmp_path: Path) -> None:
    pbxd("employees", "add", "101", "--name", "Иванова Анна")
    rows = [f"Клиент {place};8916000{place:04};Белый клык;101" for place in range(60)]
    pbxd("contacts", "import", table(tmp_path, "ФИО;Телефон;Компания;Менеджер", *rows))
    shown = pbxd("employees", "show", "101").stdout
    assert "and 40 more: pbxd contacts list --manager 101" in shown
    shown = pbxd("companies", "show", "1").stdout
    assert "pbxd contacts list --company 'Белый клык'" in shown
    assert pbxd.json("contacts", "list", "--company", "Белый клык")["total"] == 60
