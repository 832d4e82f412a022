"""`pbxd contacts template, import, import-undo, export`: the way a person goes, and that nothing is lost on it."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.cli.conftest import Pbxd

GONE = {"id", "version", "created_by"}  # a new book numbers anew


def fill(file: Path, *rows: list[Any]) -> None:
    book = openpyxl.load_workbook(file)
    for row in rows:
        book["Контакты"].append(row)
    book.save(file)


def sheet(file: Path, name: str = "Контакты") -> list[list[Any]]:
    return [list(row) for row in openpyxl.load_workbook(file)[name].iter_rows(values_only=True)]


def book(pbxd: Pbxd) -> list[dict[str, Any]]:
    return [{key: each[key] for key in each.keys() - GONE} for each in pbxd.json("contacts", "list")["items"]]


def test_template_dry_run_import_corrected_errors_undo(pbxd: Pbxd, tmp_path: Path) -> None:
    """S2.13, B12: the whole way of the README."""
    template, errors = str(tmp_path / "template.xlsx"), str(tmp_path / "errors.xlsx")
    pbxd("contacts", "template", template)
    pbxd("employees", "add", "101", "--name", "Иванова Анна")
    fill(
        Path(template),
        [
            "Фронкин Игорь",
            "+7 777 785-99-54; 84951234567 доб. 123",
            "i@example.org",
            "Ромашка",
            "директор",
            "анна ИВАНОВА",
            "yes",
        ],
        ["Анна", "не номер"],
        ["", 89161234567],
        ["Борис", 89161234568],
    )
    counts = {"created": 2, "updated": 0, "skipped": 0, "bad": 2}
    tried = pbxd.json("contacts", "import", template, "--dry-run")
    assert (tried["import"], {key: tried[key] for key in counts}, tried["sheet"]) == (None, counts, "Контакты")
    assert [(bad["row"], bad["field"]) for bad in tried["errors"]] == [(3, "number"), (4, "name")]
    assert book(pbxd) == []
    done = pbxd.json("contacts", "import", template, "--errors", errors)
    assert (done["import"], {key: done[key] for key in counts}, done["errors_file"]) == (1, counts, errors)
    boris, fronkin = book(pbxd)
    assert boris["numbers"][0]["number"] == "+79161234568"
    assert [(each["number"], each["extension"], each["main"]) for each in fronkin["numbers"]] == [
        ("+77777859954", "", True), ("+74951234567", "123", False),
    ]  # fmt: skip
    assert (fronkin["vip"], fronkin["manager"], fronkin["emails"]) == (True, "101", ["i@example.org"])
    head, anna, nameless = sheet(Path(errors))
    assert head[:2] + head[-1:] == ["Full name", "Phones", "What to correct"]
    assert (anna[0], anna[-1]) == ("Анна", "Phones: not a phone number: не номер")
    assert (nameless[1], nameless[-1]) == ("89161234567", "Full name: a name is needed")
    corrected = openpyxl.load_workbook(errors)
    corrected["Контакты"]["B2"], corrected["Контакты"]["A3"] = "89161234560", "Вера"
    corrected.save(errors)
    assert pbxd.json("contacts", "import", errors)["created"] == 2
    assert len(book(pbxd)) == 4
    undone = pbxd.json("contacts", "import-undo", "1", "--yes")
    assert pbxd.refusal("contacts", "import-undo", "1", "--yes") == "pbxd: import 1 was undone already\n"
    assert (undone["deleted"], undone["spared"]) == (2, 0)
    assert [each["name"] for each in book(pbxd)] == ["Анна", "Вера"]


def test_the_template_explains_itself_in_the_readers_language(
    pbxd: Pbxd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    file = tmp_path / "т.xlsx"
    pbxd("contacts", "template", str(file))
    heads = "ФИО,Телефоны,E-mail,Компания,Должность,Менеджер,VIP,Комментарий,Теги,Дата рождения"
    assert sheet(file) == [heads.split(",")]
    assert len(sheet(file, "Пояснения")) == 12
    with zipfile.ZipFile(file) as package:
        assert "да,нет" in package.read("xl/worksheets/sheet1.xml").decode()


def test_columns_are_mapped_and_the_rest_is_said_to_be_left_out(pbxd: Pbxd, tmp_path: Path) -> None:
    """S3.9: mapping, `;` between several, the first is the main one, dates ДД.ММ.ГГГГ, the importer is the manager."""
    (tmp_path / "a.csv").write_text(
        'Кто,Куда,Этаж,Метки,Родился\nАнна,"89161234567; 89161234568",3,опт; юг,31.12.1980\nБорис,x,,,\n', "utf-8"
    )
    maps = [part for text in ("Кто=name", "Куда=number", "Родился=birth_date") for part in ("--map", text)]
    errors = str(tmp_path / "errors.xlsx")
    done = pbxd.json("contacts", "import", str(tmp_path / "a.csv"), *maps, "--as", "101", "--errors", errors)
    assert (done["created"], done["bad"], done["ignored_columns"]) == (1, 1, ["Этаж"])
    (anna,) = book(pbxd)
    assert [each["main"] for each in anna["numbers"]] == [True, False]
    assert (anna["tags"], anna["birth_date"], anna["manager"]) == (["опт", "юг"], "1980-12-31", "101")
    assert sheet(Path(errors))[0] == ["Full name", "Phones", "Этаж", "Метки", "Date of birth", "What to correct"]
    assert pbxd.json("contacts", "import", errors)["bad"] == 1  # as it is, without --map


HOSTILE = [
    ["--name", '=HYPERLINK("http://x")', "--number", "+79160000001", "--comment", '+7\n@x;"y"', "--tag", "-a;b"],
    ["--name", "'=1+1", "--number", "+79160000002", "--number", "+74951234567 доб. 12", "--company", "@Ромашка"],
    ["--name", "Ёлкин  Ёж", "--number", "+491701234567", "--email", "a@example.org", "--email", "b@example.org",
     "--vip", "--position", "директор, главный", "--manager", "101", "--tag", "опт", "--tag", 'ю"г',
     "--birth-date", "1980-12-31"],
]  # fmt: skip


@pytest.mark.parametrize("kind", ["xlsx", "csv", "vcf"])
def test_what_was_exported_comes_back_as_it_was(pbxd: Pbxd, kind: str, tmp_path: Path, empty_book: Path) -> None:
    """S2.19, and issue 5: export, then import, is identical; nothing in a CSV cell begins a formula."""
    pbxd("employees", "add", "101", "--name", "Иванова Анна")
    for options in HOSTILE:
        pbxd("contacts", "add", *options)
    pbxd("contacts", "edit", "2", "--main-number", "+74951234567 доб. 12")
    before, file = book(pbxd), str(tmp_path / f"out.{kind}")
    assert pbxd.json("contacts", "export", file)["exported"] == 3
    if kind == "csv":
        text = Path(file).read_text("utf-8-sig")
        cells = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=";") for cell in row]
        assert [cell for cell in cells if cell[:1] in {*"=+-@"}] == ["+79160000001", "+491701234567"]
    shutil.copy(empty_book, pbxd.folder / "book.db")
    pbxd("employees", "add", "101", "--name", "Иванова Анна")
    assert pbxd.json("contacts", "import", file)["created"] == 3
    assert book(pbxd) == before


def managed(pbxd: Pbxd) -> list[dict[str, Any]]:
    """Return what employee 102 sees, without the ids of employees, which every book numbers anew."""
    gone = {*GONE, "manager_id", "owner_id", "created_by_id"}
    return [
        {key: each[key] for key in each.keys() - gone} for each in pbxd.json("contacts", "list", "--as", "102")["items"]
    ]


@pytest.mark.parametrize("kind", ["xlsx", "csv", "vcf"])
def test_an_export_comes_back_where_nobody_has_the_manager_s_or_the_owner_s_extension(
    pbxd: Pbxd, kind: str, tmp_path: Path, empty_book: Path
) -> None:
    """Both are known by extension only, in the book that was exported; in the other one by nothing."""
    pbxd("contacts", "add", *HOSTILE[2])
    pbxd("contacts", "add", "--name", "Мама", "--number", "+79160000001", "--personal", "--owner", "102", "--as", "102")
    before, file = managed(pbxd), str(tmp_path / f"out.{kind}")
    assert [each["manager"] for each in before] == ["101", ""]
    pbxd("contacts", "export", file, "--as", "102")
    for policy in ("skip", "update", "add"):
        shutil.copy(empty_book, pbxd.folder / "book.db")
        refused = pbxd.json("contacts", "import", file, "--as", "103", "--existing", policy, "--dry-run")
        assert (refused["created"], [bad["field"] for bad in refused["errors"]]) == (1, ["owner"])
        done = pbxd.json("contacts", "import", file, "--as", "102", "--existing", policy)
        assert (done["created"], done["errors"], done["left_out"]) == (2, [], [])
        assert managed(pbxd) == before
    again = pbxd.json("contacts", "import", file, "--as", "102", "--existing", "skip")
    assert (again["skipped"], again["errors"]) == (2, [])


def test_a_manager_mistyped_in_an_export_of_this_very_book_is_refused(pbxd: Pbxd, tmp_path: Path) -> None:
    """And so is one in a file of another program, `pbxd ID` or not: the mark has to be one of ours."""
    pbxd("contacts", "add", *HOSTILE[2])
    file = tmp_path / "out.csv"
    pbxd("contacts", "export", str(file))
    file.write_text(file.read_text("utf-8-sig").replace(";101;", ";999;"), "utf-8")
    done = pbxd.json("contacts", "import", str(file), "--existing", "update")
    assert [bad["message"] for bad in done["errors"]] == ["Manager: no employee has the extension 999"]
    file.write_text("ФИО;Телефон;Менеджер;pbxd ID\nАнна;89161234567;999;7\n", "utf-8")
    assert pbxd.json("contacts", "import", str(file))["bad"] == 1


GOOGLE = (
    "First Name,Middle Name,Last Name,Phonetic First Name,Phonetic Middle Name,Phonetic Last Name,Name Prefix,"
    "Name Suffix,Nickname,File As,Organization Name,Organization Title,Organization Department,Birthday,Notes,Photo,"
    "Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value,"
    "Address 1 - Label,Address 1 - Formatted,Website 1 - Label,Website 1 - Value\r\n"
    "Игорь,,Фронкин,,,,,,,,Ромашка,директор,,1980-12-31,по утрам,,Опт ::: * myContacts,* ,f@example.org ::: "
    "i@example.org,Mobile,+7 777 785-99-54 ::: 8 (495) 123-45-67,Касса,+7 495 123-45-68,,,,\r\n"
)
# As Outlook in Russian has it; what a contact lacks is empty, and a date it lacks is zeros.
OUTLOOK = (
    '"Обращение","Имя","Отчество","Фамилия","Суффикс","Организация","Отдел","Должность","Город (раб. адрес)",'
    '"Рабочий факс","Рабочий телефон","Телефон раб. 2","Домашний телефон","Телефон переносной","Пейджер",'
    '"Годовщина","День рождения","Заметки","Категории","Пол","Хобби","Частное","Адрес эл. почты","Тип эл. почты",'
    '"Краткое имя эл. почты","Адрес 2 эл. почты"\r\n'
    '"","Игорь","","Фронкин","","Ромашка","","директор","Казань","+7 495 123-45-60","+7 (495) 123-45-67",'
    '"84951234568","","+77777859954","","0.0.00","31.12.1980","по утрам","Опт","Мужской","","Ложь","f@example.org",'
    '"SMTP","Фронкин Игорь (f@example.org)","i@example.org"\r\n'
    '"","Анна","","","","","","","","","","","89160000001","","","0.0.00","0.0.00","","","","","Ложь","","","",""\r\n'
)


@pytest.mark.parametrize(
    ("text", "encoding", "labels"),
    [
        (GOOGLE, "utf-8", {"+77777859954": "mobile", "+74951234567": "mobile", "+74951234568": "Касса"}),
        (OUTLOOK, "cp1251", {"+74951234567": "work", "+74951234568": "work", "+77777859954": "mobile"}),
    ],
    ids=["google", "outlook"],
)
def test_the_address_books_of_google_and_outlook(
    pbxd: Pbxd, text: str, encoding: str, labels: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "contacts.csv"
    file.write_bytes(text.encode(encoding))
    done = pbxd.json("contacts", "import", str(file))
    assert (done["created"], done["errors"]) == (text.count("\r\n") - 1, [])
    fronkin = book(pbxd)[-1]
    assert {each["number"]: each["label"] for each in fronkin["numbers"]} == labels
    assert (fronkin["name"], fronkin["company"], fronkin["position"]) == ("Фронкин Игорь", "Ромашка", "директор")
    assert (fronkin["emails"], fronkin["birth_date"]) == (["f@example.org", "i@example.org"], "1980-12-31")
    assert (fronkin["comment"], fronkin["tags"]) == ("по утрам", ["Опт"])


def test_an_export_holds_what_its_asker_sees(pbxd: Pbxd, tmp_path: Path) -> None:
    """B9."""
    pbxd("contacts", "add", "--name", "Мама", "--number", "+79160000001", "--personal", "--owner", "101")
    for actor, count in (([], 0), (["--as", "102"], 0), (["--as", "101"], 1)):
        assert pbxd.json("contacts", "export", str(tmp_path / "o.csv"), *actor)["exported"] == count
    pbxd.refusal("contacts", "export", str(tmp_path / "o.pdf"))
    pbxd.refusal("contacts", "export", str(tmp_path / "nowhere" / "o.csv"))


def test_what_cannot_be_imported_is_refused_in_one_line(pbxd: Pbxd, tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"no workbook")
    (tmp_path / "a.csv").write_text("ФИО;Телефон\nА;89161234567\n", "utf-8")
    good, bad = str(tmp_path / "a.csv"), str(tmp_path / "a.xlsx")
    for arguments in (
        [bad], [str(tmp_path / "none.xlsx")], [good, "--visibility", "me"], [good, "--sheet", "x"],
        [good, "--map", "x"],
        [good, "--errors", str(tmp_path / "e.csv")], [good, "--errors", str(tmp_path / "none" / "e.xlsx")],
    ):  # fmt: skip
        pbxd.refusal("contacts", "import", *arguments)
    pbxd.refusal("contacts", "import-undo", "7", "--yes")
    assert book(pbxd) == []
    pbxd("contacts", "import", good, "--existing", "never", status=2)


def test_the_main_data_as_text(pbxd: Pbxd) -> None:
    """S2.19."""
    pbxd("contacts", "add", *HOSTILE[2], "--comment", "никому")
    lines = pbxd("contacts", "show", "1", "--text").stdout.splitlines()
    assert lines == ["Ёлкин  Ёж", "+49 170 1234567", "директор, главный", "a@example.org", "b@example.org"]


def test_employees_come_from_a_workbook_too(pbxd: Pbxd, tmp_path: Path) -> None:
    file = tmp_path / "people.xlsx"
    people = openpyxl.Workbook()
    assert people.active is not None
    for row in (["Внутренний номер", "ФИО", "Мобильный", "Этаж"], [101, "Иванова Анна", 79161234567, 3], ["", "x"]):
        people.active.append(row)
    people.save(file)
    done = pbxd.json("employees", "import", str(file))
    assert (done["created"], done["bad"], done["ignored_columns"]) == (1, 1, ["Этаж"])
    assert pbxd.json("employees", "show", "101")["mobile"] == "+79161234567"
    file.write_bytes(b"PK and no more")
    pbxd.refusal("employees", "import", str(file))


def test_a_template_may_be_a_csv_and_nothing_else(pbxd: Pbxd) -> None:
    file = pbxd.folder / "template.csv"
    pbxd("contacts", "template", str(file))
    assert file.read_text("utf-8-sig").startswith("Full name;Phones;")
    file.write_text(file.read_text("utf-8-sig") + "Анна;+7 916 000-00-01\n", "utf-8")
    assert pbxd.json("contacts", "import", str(file))["created"] == 1
    assert ".xlsx or .csv" in pbxd.refusal("contacts", "template", str(pbxd.folder / "template.pdf"))
