"""`pbxd contacts`: the contract's options and JSON, the rights, and what is refused."""

import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.book.contacts import Contact, ContactNumber
from pbxd.book.fields import BUILT_IN
from pbxd.errors import PbxdError
from pbxd.numbers import NumberRules
from pbxd.services import contact_edits
from pbxd.services.contact_edits import EditContact
from tests.cli.conftest import Pbxd
from tests.cli.test_program import shell

Add = Callable[..., dict[str, Any]]


def test_add_has_the_contract_s_shape(pbxd: Pbxd) -> None:
    """S1.5, S2.8, S2.10: every field, several numbers, an extension behind the company's number."""
    added = pbxd.json(
        "contacts", "add", "--name", "Фронкин Игорь",
        "--number", "+7 777 785-99-54", "--number", "84951234567 доб. 123",
        "--company", "Ромашка", "--position", "директор", "--manager", "101", "--vip", "--tag", "опт", "--tag", "юг",
        "--email", "f@example.com", "--comment", "по утрам", "--birth-date", "31.12.1980",
    )  # fmt: skip
    assert added == {
        "id": 1,
        "name": "Фронкин Игорь",
        "company": "Ромашка",
        "position": "директор",
        "numbers": [
            {"number": "+77777859954", "extension": "", "label": "", "main": True},
            {"number": "+74951234567", "extension": "123", "label": "", "main": False},
        ],
        "emails": ["f@example.com"],
        "manager": "101",
        "vip": True,
        "comment": "по утрам",
        "tags": ["опт", "юг"],
        "birth_date": "1980-12-31",
        "visibility": "shared",
        "owner": "",
        "created_by": "",
        "manager_id": 1,
        "manager_name": "",
        "owner_id": None,
        "created_by_id": None,
        "version": 1,
        "duplicates": [],
    }
    assert added.pop("duplicates") == []
    assert pbxd.json("contacts", "show", "1") == added | {"last_calls": []}
    assert pbxd.json("contacts", "list") == {"total": 1, "items": [added]}


def test_list_filters(pbxd: Pbxd, contact: Add) -> None:
    contact("--company", "Ромашка", "--vip", "--tag", "опт", "--manager", "101")
    contact(name="Белова Анна", number="89160000001")
    for options, total in (
        (["--search", "фронкин"], 1), (["--search", "8 (916) 000-00-01"], 1), (["--vip"], 1), (["--no-vip"], 1),
        (["--company", "ромашка"], 1), (["--tag", "ОПТ"], 1), (["--manager", "101"], 1), (["--manager", "102"], 0),
        ([], 2),
    ):  # fmt: skip
        assert pbxd.json("contacts", "list", *options)["total"] == total, options
    page = pbxd.json("contacts", "list", "--limit", "1", "--offset", "1")
    assert page["total"] == 2
    assert [item["name"] for item in page["items"]] == ["Фронкин Игорь"]


def test_edit_changes_what_is_named_and_nothing_else(pbxd: Pbxd, contact: Add) -> None:
    """S1.6."""
    before = contact("--company", "Ромашка", "--comment", "x")
    after = pbxd.json("contacts", "edit", "1", "--vip", "--name", "Фронкин И.", "--comment", "")
    assert after == before | {"vip": True, "name": "Фронкин И.", "comment": "", "version": 2}
    assert pbxd.json("contacts", "edit", "1", "--no-vip")["vip"] is False


def test_edit_numbers_tags_and_emails(pbxd: Pbxd, contact: Add) -> None:
    contact("--tag", "a", "--email", "a@example.com")
    after = pbxd.json(
        "contacts", "edit", "1", "--add-number", "8 495 123-45-67 доб. 12", "--main-number", "+74951234567",
        "--add-tag", "b", "--remove-tag", "A", "--add-email", "b@example.com", "--remove-email", "a@example.com",
    )  # fmt: skip
    assert after["numbers"] == [
        {"number": "+77777859954", "extension": "", "label": "", "main": False},
        {"number": "+74951234567", "extension": "12", "label": "", "main": True},
    ]
    assert (after["tags"], after["emails"]) == (["b"], ["b@example.com"])
    assert "ext. 12" in pbxd.refusal("contacts", "edit", "1", "--remove-number", "84951234567")
    after = pbxd.json("contacts", "edit", "1", "--remove-number", "84951234567 доб. 12")
    assert [number["main"] for number in after["numbers"]] == [True]
    assert "no number" in pbxd.refusal("contacts", "edit", "1", "--remove-number", "84951234567")
    assert "no number" in pbxd.refusal("contacts", "edit", "1", "--main-number", "89160000000")
    assert "has no c" in pbxd.refusal("contacts", "edit", "1", "--remove-tag", "c")


def test_numbers_have_labels(pbxd: Pbxd, contact: Add) -> None:
    """S2.8, S2.11: set with the contact or later, shown on the card and in its history, taken away by an empty one."""
    card = contact(
        "--number", "84951234567 доб. 12", "--label", "84951234567=рабочий", "--label", "87777859954=мобильный"
    )
    assert [number["label"] for number in card["numbers"]] == ["мобильный", "рабочий"]
    assert "ext. 12 (рабочий)" in pbxd("contacts", "show", "1").stdout
    edited = pbxd.json("contacts", "edit", "1", "--add-number", "89160000001", "--label", "89160000001=дача")
    assert [number["label"] for number in edited["numbers"]] == ["мобильный", "рабочий", "дача"]
    edited = pbxd.json("contacts", "edit", "1", "--label", "84951234567=")
    assert [number["label"] for number in edited["numbers"]] == ["мобильный", "", "дача"]
    assert "(рабочий)" in pbxd("contacts", "history", "1").stdout
    assert "NUMBER=LABEL" in pbxd.refusal("contacts", "edit", "1", "--label", "84951234567")
    assert "no number" in pbxd.refusal("contacts", "edit", "1", "--label", "89160000009=x")


def test_a_stale_version_is_refused(pbxd: Pbxd, contact: Add) -> None:
    contact()
    pbxd.json("contacts", "edit", "1", "--version", "1", "--vip")
    assert "changed meanwhile" in pbxd.refusal("contacts", "edit", "1", "--version", "1", "--no-vip")
    assert pbxd.json("contacts", "show", "1")["vip"] is True


def test_a_personal_contact_is_its_owner_s_alone(pbxd: Pbxd, contact: Add) -> None:
    """S2.5, S2.14: shared ones are everybody's; a personal one can be made shared later."""
    card = contact("--personal", "--as", "101")
    assert (card["visibility"], card["owner"], card["created_by"]) == ("personal", "101", "101")
    assert pbxd.json("contacts", "list")["total"] == 0
    assert pbxd.json("contacts", "list", "--as", "102")["total"] == 0
    assert pbxd.json("contacts", "list", "--as", "101")["total"] == 1
    assert "no contact 1" in pbxd.refusal("contacts", "show", "1", "--as", "102")
    assert pbxd.json("contacts", "edit", "1", "--shared", "--as", "101")["owner"] == ""
    assert pbxd.json("contacts", "list")["total"] == 1
    assert contact("--personal", "--owner", "102", name="Б")["owner"] == "102"


def test_an_administrator_erases_personal_contacts_unseen(pbxd: Pbxd, contact: Add) -> None:
    def erase(*options: str) -> tuple[Any, dict[str, Any]]:
        config = str(pbxd.folder / "pbxd.toml")
        done = shell("--config", config, "contacts", "erase", *options, "--yes", "--json", cwd=pbxd.folder)
        return json.loads(done.stdout), json.loads(done.stderr)

    contact("--personal", "--owner", "101", number="89160000001")
    contact("--personal", "--owner", "101", number="89160000002")
    contact("--personal", "--owner", "102", number="89160000001")
    contact(number="89160000001")
    erased, line = erase("--number", "8 916 000-00-01", "--owner", "102")
    assert erased == {"erased": 1}
    assert (line["event"], line["level"], line["owner"]) == ("personal_contacts_erased", "warning", "102")
    assert "9160000001" not in json.dumps(line), "masked like every log line"
    assert erase("--number", "89160000001")[0] == {"erased": 1}
    assert pbxd.json("contacts", "list", "--as", "101")["total"] == 2
    assert erase("--owner", "101")[0] == {"erased": 1}
    assert erase("--owner", "101")[0] == {"erased": 0}
    assert pbxd.json("contacts", "list")["total"] == 1, "a shared one stays"
    assert "whose personal contacts" in pbxd.refusal("contacts", "erase", "--yes")
    assert "--as" in pbxd("contacts", "erase", "--owner", "101", "--as", "102", status=2).stderr


def test_a_former_employee_s_personal_contacts_are_erased(
    pbxd: Pbxd, contact: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = str(pbxd.json("employees", "add", "101", "--name", "Иван Петров")["id"])
    contact("--personal", "--owner", "101", name="Мама")
    pbxd("employees", "edit", "101", "--name", "Мария Сидорова")
    contact("--personal", "--owner", "101", name="Папа")
    asked: list[str] = []
    monkeypatch.setattr("pbxd.cli.session.Session.confirm", lambda _session, question: asked.append(question))
    erased = pbxd("contacts", "erase", "--yes", "--owner-id", former).stdout
    assert "personal contacts of Иван Петров erased: 1" in erased
    assert "of Иван Петров?" in asked[0]
    assert pbxd.json("contacts", "list", "--as", "101")["total"] == 1
    assert (
        "personal contacts of 101 Мария Сидорова erased: 1"
        in pbxd("contacts", "erase", "--yes", "--owner", "101").stdout
    )
    assert "no employee with the id 99" in pbxd.refusal("contacts", "erase", "--yes", "--owner-id", "99")
    pbxd("contacts", "erase", "--owner", "101", "--owner-id", former, status=2)


def test_a_number_or_e_mail_used_elsewhere_warns(pbxd: Pbxd, contact: Add) -> None:
    """S2.9"""
    contact("--email", "f@example.com")
    contact("--personal", "--owner", "101", name="Мама")
    other = contact("--email", "F@Example.com", name="Белова", number="8 777 785 99 54")
    known = {"id": 1, "name": "Фронкин Игорь", "company": ""}
    assert other["duplicates"] == [
        {"field": "number", "value": "+77777859954", "total": 1, "contacts": [known]},
        {"field": "email", "value": "F@Example.com", "total": 1, "contacts": [known]},
    ]
    shown = pbxd("contacts", "edit", "3", "--vip").stdout
    assert "is used by 1 more: 1: Фронкин Игорь" in shown
    assert "Мама" not in shown
    assert pbxd.json("contacts", "edit", "3", "--vip", "--as", "101")["duplicates"][0]["total"] == 2
    assert contact(name="Один", number="89160000009")["duplicates"] == []


def test_who_changed_what(pbxd: Pbxd, contact: Add) -> None:
    contact("--as", "101")
    pbxd("contacts", "edit", "1", "--name", "Фронкин Олег", "--add-number", "89160000001", "--as", "102")
    [change] = pbxd.json("contacts", "history", "1")["items"]
    assert (change["version"], change["actor"], sorted(change["fields"])) == (2, "102", ["name", "numbers"])
    assert change["fields"]["name"] == ["Фронкин Игорь", "Фронкин Олег"]
    shown = pbxd("contacts", "history", "1").stdout
    assert "Фронкин Игорь" in shown
    assert "+7 777 785-99-54 (main), +7 916 000-00-01" in " ".join(shown.split())
    assert "no contact 2" in pbxd.refusal("contacts", "history", "2")


def test_favourites_are_an_employee_s(pbxd: Pbxd, contact: Add) -> None:
    contact()
    assert pbxd.json("contacts", "favourite", "1", "--as", "101") == {"id": 1, "favourite": True}
    assert pbxd.json("contacts", "favourite", "1", "--as", "101", "--off") == {"id": 1, "favourite": False}
    assert "is a favourite" in pbxd("contacts", "favourite", "1", "--as", "101").stdout
    assert "say whose" in pbxd.refusal("contacts", "favourite", "1")


@pytest.mark.parametrize("actor", ["1 0", "10\n1", "1" * 33, "юз\x1b[2J"])
def test_nobody_acts_as_what_is_no_extension(pbxd: Pbxd, actor: str) -> None:
    for command in (["add", "--name", "А"], ["list"], ["delete", "1", "--yes"]):
        assert "not an extension" in pbxd("contacts", *command, "--as", actor, status=2).stderr
    assert pbxd.json("contacts", "list")["total"] == 0


def test_only_the_creator_deletes(pbxd: Pbxd, contact: Add) -> None:
    """S1.6, S2.16."""
    contact("--as", "101")
    assert "only its creator" in pbxd.refusal("contacts", "delete", "1", "--yes", "--as", "102")
    assert pbxd.json("contacts", "delete", "1", "--yes", "--as", "101") == {"deleted": 1}
    assert "no contact 1" in pbxd.refusal("contacts", "delete", "1", "--yes")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--name", "А", "--number", "привет"], "not a phone number"),
        (["--name", "А", "--number", "101"], "not a phone number"),
        (["--name", " ", "--number", "89160000000"], "a name is needed"),
        (["--name", "А\r\nB: c"], "control character"),
        (["--name", "А\x1b[2J"], "control character"),
        (["--name", "x" * 10_000], "longer than"),
        (["--name", "А", "--birth-date", "31.02.1980"], "--birth-date: not a date"),
        (["--name", "А", "--birth-date", "3/4/1980"], "--birth-date: a date that can be read in two ways"),
        (["--name", "А", "--number", "89160000000", "--birth-date", "01.01.2999"], "--birth-date: a date of birth in"),
        (["--name", "А", "--email", "нет"], "not an e-mail address"),
        (["--name", "А", "--number", "89160000000", "--personal"], "needs an owner"),
        (["--name", "А"], "needs a phone number or an e-mail"),
        (["--name", "А", "--number", "89160000000", "--manager", "10 1"], "there is no employee"),
    ],
)
def test_what_can_t_be_accepted_is_one_line(pbxd: Pbxd, options: list[str], why: str) -> None:
    assert why in pbxd.refusal("contacts", "add", *options)
    assert pbxd.json("contacts", "list")["total"] == 0


@pytest.mark.parametrize(
    "name", ['О"Коннор', "a,b;c=d\\<e>", "${EVAL(1)}", "\u202eabc", "🚀 Ромашка", "[red]x[/red]", "--help"]
)
def test_hostile_names_are_kept_exactly_and_printed_safely(pbxd: Pbxd, name: str) -> None:
    added = pbxd.json("contacts", "add", f"--name={name}", "--number", "89160000000")
    assert added["name"] == name
    shown = pbxd("contacts", "list").stdout
    assert name.replace("\u202e", "\\u202e") in shown


def test_commands_never_create_a_database(bare: Pbxd) -> None:
    for command in (["list"], ["show", "1"], ["add", "--name", "А"]):
        assert "pbxd db upgrade" in bare.refusal("contacts", *command)
    assert not (bare.folder / "book.db").exists()


NUMBERS = (ContactNumber("+79160000001", main=True), ContactNumber("+79160000002", extension="5"))
CARD = Contact(1, "А", numbers=NUMBERS, tags=("x",), emails=("a@example.com",), birth_date=date(1980, 1, 1))
TODAY = date(2026, 11, 29)
RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
TYPED = st.sampled_from(["89160000001", "89160000002", "8 916 000-00-02 доб. 5", "89160000003"]) | st.text(max_size=8)


@given(
    added=st.lists(TYPED, max_size=3),
    removed=st.lists(TYPED, max_size=2),
    main=st.just("") | TYPED,
    born=st.none() | st.text(max_size=10) | st.dates().map(date.isoformat),
    labels=st.lists(st.tuples(TYPED, st.text(max_size=8)), max_size=2),
)
def test_any_edit_gives_changes_or_a_clear_refusal(
    added: list[str], removed: list[str], main: str, born: str | None, labels: list[tuple[str, str]]
) -> None:
    asked = EditContact(
        contact_id=1,
        values={} if born is None else {"birth_date": born},
        added={"numbers": added} if added else {},
        removed={"numbers": removed} if removed else {},
        main_number=main,
        labels=labels,
    )
    try:
        changes = contact_edits.changes(CARD, asked, contact_edits.Reading(RULES, BUILT_IN, TODAY))
    except PbxdError:
        return
    numbers = changes.get("numbers", CARD.numbers)
    if main:
        assert sum(number.main for number in numbers) == 1
    assert ("birth_date" in changes) == (born is not None)


def test_a_long_list_is_streamed_and_whole(pbxd: Pbxd) -> None:
    """More contacts than one part: JSON is one value, the table has every row and the total."""
    rows = "\n".join(f"Клиент {place:04};+7916{place:07}" for place in range(230))
    (pbxd.folder / "book.csv").write_text(f"ФИО;Телефоны\n{rows}\n", "utf-8")
    pbxd("contacts", "import", str(pbxd.folder / "book.csv"))
    found = pbxd.json("contacts", "list")
    assert found["total"] == 230
    assert [each["name"] for each in found["items"]] == [f"Клиент {place:04}" for place in range(230)]
    lines = pbxd("contacts", "list", "--json").stdout.splitlines()
    assert sum('"Клиент' in line for line in lines) == 230  # an item a line: the first is there at once
    table = pbxd("contacts", "list").stdout.splitlines()
    assert len([line for line in table if "Клиент" in line]) == 230
    assert table[-1] == "total: 230"
    best = pbxd.json("contacts", "list", "--search", "клиент")
    assert len({each["id"] for each in best["items"]}) == best["total"] == 230
    assert len(pbxd.json("contacts", "list", "--sort", "number", "--descending")["items"]) == 230
    page = pbxd.json("contacts", "list", "--limit", "20")
    assert (len(page["items"]), page["total"], bool(page["after"])) == (20, 230, True)


def test_an_export_has_the_list_s_filters(pbxd: Pbxd, contact: Add) -> None:
    contact("--vip", "--tag", "опт")
    contact(name="Анна", number="+7 916 000-00-01")
    file = str(pbxd.folder / "out.csv")
    assert pbxd.json("contacts", "export", file, "--vip")["exported"] == 1
    assert pbxd.json("contacts", "export", file, "--search", "анна")["exported"] == 1
    assert pbxd.json("contacts", "export", file, "--tag", "нет")["exported"] == 0
    assert pbxd.json("contacts", "export", file)["exported"] == 2


def test_errors_name_the_option_and_dates_are_in_the_language_s_form(
    pbxd: Pbxd, contact: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact("--birth-date", "31.12.1980")
    assert pbxd.json("contacts", "show", "1")["birth_date"] == "1980-12-31"
    monkeypatch.setenv("LC_ALL", "ru_RU.UTF-8")
    assert "31.12.1980" in pbxd("contacts", "show", "1").stdout
    assert "--name: длиннее" in pbxd.refusal("contacts", "add", "--name", "А" * 1000)
    assert "--from: неверная дата" in pbxd.refusal("calls", "list", "--from", "вчера")


def test_a_number_and_the_same_with_an_extension_are_two(pbxd: Pbxd) -> None:
    """Issue 12, line 5."""
    numbers = ("--number", "84951234567", "--number", "84951234567 доб. 7", "--number", "84951234567 доб. 8")
    pbxd("contacts", "add", "--name", "А", *numbers)

    def main() -> list[str]:
        return [each["extension"] for each in pbxd.json("contacts", "show", "1")["numbers"] if each["main"]]

    for text, extension in (("84951234567 доб. 7", "7"), ("84951234567", ""), ("8 495 123-45-67 ext 8", "8")):
        pbxd("contacts", "edit", "1", "--main-number", text)
        assert main() == [extension]
    after = pbxd.json("contacts", "edit", "1", "--remove-number", "84951234567")
    assert [each["extension"] for each in after["numbers"]] == ["7", "8"]
    for option in ("--remove-number", "--main-number"):
        said = pbxd.refusal("contacts", "edit", "1", option, "84951234567")
        assert "+74951234567 ext. 7, +74951234567 ext. 8" in said
    assert "no number" in pbxd.refusal("contacts", "edit", "1", "--remove-number", "84951234567 доб. 9")


def test_a_number_of_another_country_is_refused_in_words(pbxd: Pbxd) -> None:
    said = pbxd.refusal("contacts", "add", "--name", "А", "--number", "8 029 301-00-47")
    assert "write it with its country code: +375 29 301-00-47" in said


@pytest.mark.parametrize(
    ("language", "dates"), [("ru", ("31.12.1980", "01.02.1981")), ("en", ("1980-12-31", "1981-02-01"))]
)
def test_the_history_of_a_contact_writes_dates_as_its_card_does(
    pbxd: Pbxd,
    contact: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    dates: tuple[str, str],
) -> None:
    monkeypatch.setenv("LANG", f"{language}.UTF-8")
    contact("--birth-date", "31.12.1980")
    pbxd("contacts", "edit", "1", "--birth-date", "1 февраля 1981")
    shown = pbxd("contacts", "history", "1").stdout
    assert all(date in shown for date in dates)
    assert dates[1] in pbxd("contacts", "show", "1").stdout


def test_a_date_of_birth_to_come_is_refused_in_an_edit_too(pbxd: Pbxd, contact: Callable[..., dict[str, Any]]) -> None:
    contact("--birth-date", "31.12.1980")
    said = pbxd.refusal("contacts", "edit", "1", "--birth-date", "31.12.2980")
    assert said == "pbxd: --birth-date: a date of birth in the future: 31.12.2980\n"
    assert pbxd.json("contacts", "show", "1")["birth_date"] == "1980-12-31"
