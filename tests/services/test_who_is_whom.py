"""Whom the rows of a file are about, in any order of imports, undos and edits."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pbxd.book.companies import Company
from pbxd.book.contacts import Contact, ContactChanges, ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.book.texts import NUMBERS_LIMIT
from pbxd.errors import ConflictError
from pbxd.exchange.cells import BadRow
from pbxd.numbers import NumberRules
from pbxd.services.files import exports, imports
from pbxd.services.files.exports import ExportContacts
from pbxd.services.files.imports import ImportContacts, ImportReport, Policy, import_contacts
from pbxd.services.workspace import Workspace
from pbxd.storage.book.card_json import draft_of
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine import schema
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR, agent

MAIN = "+74951112233"
CASE_32 = Path(__file__).resolve().parents[1] / "cases" / "files" / "32-shared-main-number.csv"
SHARED = CASE_32.read_text("utf-8-sig")


async def brought(workspace: Workspace, folder: Path, text: str, existing: Policy = "skip") -> ImportReport:
    file = folder / "a.csv"
    file.write_text(text, "utf-8")
    return await import_contacts(workspace, ADMINISTRATOR, ImportContacts(file=file, existing=existing))


async def book(workspace: Workspace) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for card in (await Contacts(workspace.database).list(actor=ADMINISTRATOR))[1]:
        found.setdefault(card.name, []).append([each.number for each in card.numbers])
    return found


async def test_colleagues_who_share_a_number_stay_themselves(workspace: Workspace, tmp_path: Path) -> None:
    """Case 32."""
    first = await brought(workspace, tmp_path, SHARED)
    assert (first.created, first.skipped) == (3, 0)
    before = await book(workspace)
    assert before == {
        "Анна Ильина": [[MAIN, "+79161112201"]],
        "Борис Котов": [[MAIN, "+79161112202"]],
        "Вера Лосева": [[MAIN, "+79161112203"]],
    }
    again = await brought(workspace, tmp_path, SHARED, "update")
    assert (again.updated, again.unchanged, again.rows) == (0, 3, [])
    skipped = await brought(workspace, tmp_path, SHARED, "skip")
    assert [(each.row, each.what, each.name) for each in skipped.rows] == [
        (2, "skipped", "Анна Ильина"), (3, "skipped", "Борис Котов"), (4, "skipped", "Вера Лосева"),
    ]  # fmt: skip
    await brought(workspace, tmp_path, SHARED, "add")
    assert (await brought(workspace, tmp_path, SHARED, "update")).unchanged == 3
    assert await book(workspace) == {name: numbers * 2 for name, numbers in before.items()}


async def test_two_of_one_name_and_number_keep_their_birth_dates(workspace: Workspace, tmp_path: Path) -> None:
    text = f"ФИО;Телефон;Дата рождения\nАнна;{MAIN};01.02.1980\nАнна;{MAIN};03.04.1990\n"
    await brought(workspace, tmp_path, text, "add")
    for rows in (text.splitlines()[1:], text.splitlines()[:0:-1]):
        done = await brought(workspace, tmp_path, "\n".join(["ФИО;Телефон;Дата рождения", *rows]), "update")
        assert done.unchanged == 2


async def test_rows_of_one_file_about_one_contact_add_up(workspace: Workspace, tmp_path: Path) -> None:
    text = f"ФИО;Телефон;Почта\nАнна;{MAIN}, 89160000001;a@x.ru\nАННА;{MAIN}, 89160000002;b@x.ru\n"
    done = await brought(workspace, tmp_path, text, "update")
    assert (done.created, done.updated) == (1, 1)
    assert [(each.row, each.what, each.same_as_row) for each in done.rows] == [(3, "merged", 2)]
    (anna,) = (await Contacts(workspace.database).list(actor=ADMINISTRATOR))[1]
    assert {each.number for each in anna.numbers} == {MAIN, "+79160000001", "+79160000002"}
    assert anna.emails == ("a@x.ru", "b@x.ru")


async def test_a_cell_of_which_nothing_is_read_empties_nothing(workspace: Workspace, tmp_path: Path) -> None:
    """Neither what the book knows nor what an earlier row of the file said."""
    await Employees(workspace.database).upsert([Employee("101", "Сидорова Мария")], source="list")
    head = "ФИО;Телефон;Почта;Дата рождения;Теги;Менеджер"
    known = ["А;89161112201;a@x.ru;01.02.1980;опт;101", f"Б;{MAIN};b@x.ru;;;"]
    nothing = [
        "А;89161112201;;0/0/00;* myContacts;Никто",
        "А;89161112201;a@;вчера;;",
        "А;89161112201;;--03-12;;",
        "Б;факс 84951112234;b@x.ru;;;",
    ]
    found: list[list[ContactDraft]] = []
    for rows in (known, nothing, [*known, *nothing]):
        (tmp_path / "a.csv").write_text("\n".join([head, *rows]), "utf-8")
        asked = ImportContacts(file=tmp_path / "a.csv", existing="update", lenient=True)
        done = await import_contacts(workspace, ADMINISTRATOR, asked)
        assert done.bad == 0
        found.append([draft_of(card) for card in (await Contacts(workspace.database).list(actor=ADMINISTRATOR))[1]])
        if rows is nothing:
            for import_id in (done.import_id or 0, (done.import_id or 0) - 1):
                await imports.undo(workspace, ADMINISTRATOR, import_id)
    assert len(found[0]) == len(known)
    assert found == [found[0]] * 3


async def test_a_row_that_repeats_an_earlier_one_is_told_as_a_repeat(workspace: Workspace, tmp_path: Path) -> None:
    """Not as a change: nothing of the contact changes."""
    head = "ФИО;Телефон;Должность;Компания\n"
    anna, firm = f"Анна;{MAIN};директор;Лютик\n", ";84950000001;;Ромашка\n"
    other = anna.replace("директор", "кассир")
    text = f"{head}{anna}{firm}анна;8 (495) 111-22-33;директор;Лютик\n{anna}{firm}{other}{anna}"
    for there in (False, True):  # a new contact, then one of the book
        done = await brought(workspace, tmp_path, text, "update")
        told = [(each.row, each.what, each.same_as_row) for each in done.rows]
        assert told == [
            *([] if there else [(3, "company", None)]),
            (4, "merged", None if there else 2),  # in another spelling
            (5, "merged", None if there else 2),
            *([] if there else [(6, "repeated", 3)]),
            (7, "merged", None if there else 2),
            (8, "merged", None if there else 2),
        ]
    done = await brought(workspace, tmp_path, f"{head}{anna}{anna}{other}{other}", "update")
    assert (done.updated, done.unchanged) == (1, 3)
    assert [(each.row, each.what, each.same_as_row) for each in done.rows] == [
        (3, "repeated", 2), (4, "merged", None), (5, "repeated", 4),
    ]  # fmt: skip


async def test_a_row_names_what_it_adds_to_that_of_an_earlier_one(workspace: Workspace, tmp_path: Path) -> None:
    head = "ФИО;Телефон;Почта;Должность;Компания;Теги;VIP"
    rows = [
        f"Анна;{MAIN}, 89160000001;a@x.ru;директор;ООО Лютик;опт, юг;",
        f"Анна;{MAIN};A@X.RU;;Лютик;юг;",
        f"Анна;{MAIN};b@x.ru;кассир;;;",
        "Анна;89160000001;;директор;Ромашка;ОПТ;нет",
        f"Анна;{MAIN};b@x.ru;директор;;;да",
    ]  # fmt: skip
    text = "\n".join([head, *rows])
    for there in (False, True):  # a new contact, then one of the book
        done = await brought(workspace, tmp_path, text, "update")
        told = [(each.row, each.what, each.fields) for each in done.rows]
        assert told == [
            *([(2, "updated", ("company", "emails"))] if there else []),
            (3, "repeated", ()),
            (4, "merged", ("emails", "position")),
            (5, "merged", ("company", "position", *(["vip"] if there else []))),
            (6, "merged", ("vip",)),
        ], there


async def test_the_report_is_in_the_order_of_the_rows(workspace: Workspace, tmp_path: Path) -> None:
    rows = "ФИО;Телефон;Компания\n;84950000001;Ромашка\nАнна;89160000001;\n;84950000002;Лютик\nБорис;89160000002;\n"
    await brought(workspace, tmp_path, rows)
    (tmp_path / "a.csv").write_text(rows, "utf-8")
    asked = ImportContacts(file=tmp_path / "a.csv", report=tmp_path / "report.csv")
    done = await import_contacts(workspace, ADMINISTRATOR, asked)
    assert [each.row for each in done.rows] == [2, 3, 4, 5]
    written = (tmp_path / "report.csv").read_text("utf-8-sig").splitlines()[1:]
    assert [line.partition(";")[0] for line in written] == ["2", "3", "4", "5"]


async def test_without_numbers_e_mail_and_name_tell(workspace: Workspace, tmp_path: Path) -> None:
    head = "ФИО;Телефон;Почта;Комментарий\n"
    await brought(workspace, tmp_path, f"{head}Анна;;info@x.ru;\nБорис;;info@x.ru;\n")
    done = await brought(workspace, tmp_path, f"{head}анна;;INFO@x.ru;звонить\nВера;;info@x.ru;\nГлеб;;;\n", "update")
    assert (done.created, done.updated, done.bad) == (1, 1, 1)
    assert (await brought(workspace, tmp_path, f"{head}Борис;89160000001;info@x.ru;\n", "update")).updated == 1
    assert await book(workspace) == {"анна": [[]], "Борис": [["+79160000001"]], "Вера": [[]]}


async def test_the_id_of_our_own_export_renames_and_a_foreign_one_does_not(
    workspace: Workspace, tmp_path: Path
) -> None:
    await brought(workspace, tmp_path, SHARED)
    draft = ContactDraft("Мама", numbers=(ContactNumber("+79160000009"),), visibility="personal")
    mother = await Contacts(workspace.database).add(draft, actor=agent("101"))
    out, own = tmp_path / "out.csv", tmp_path / "own.csv"
    await exports.export_contacts(workspace, ADMINISTRATOR, ExportContacts(file=out))
    await exports.export_contacts(workspace, agent("101"), ExportContacts(file=own))
    text = out.read_text("utf-8-sig").replace("Анна Ильина", "Анна Петрова")
    foreign = re.sub(r"\d+-([b-t]{8})", lambda found: f"{mother.id}-{found[1]}", text)
    assert (await brought(workspace, tmp_path, foreign, "update")).created == 1  # by number and name: she is new
    assert (await Contacts(workspace.database).get(mother.id, actor=agent("101"))).name == "Мама"
    hers = own.read_text("utf-8-sig").replace("Мама", "Чужая")
    await brought(workspace, tmp_path, hers, "update")  # an administrator doesn't see the card
    assert (await Contacts(workspace.database).get(mother.id, actor=agent("101"))).name == "Мама"
    renamed = await brought(workspace, tmp_path, text, "update")
    assert [(each.what, each.contact, each.fields) for each in renamed.rows] == [
        ("updated", renamed.rows[0].contact, ("name",))
    ]
    assert (
        await Contacts(workspace.database).get(renamed.rows[0].contact or 0, actor=ADMINISTRATOR)
    ).name == "Анна Петрова"
    twice = f"{text}{text.splitlines()[1].replace('Анна Петрова', 'Олег Новый')}\n"
    (bad,) = (await brought(workspace, tmp_path, twice, "update")).errors
    assert (bad.field, bad.message.startswith("pbxd ID: row 2 has the same ID")) == ("id", True), bad


async def test_undo_says_which_import_comes_first_and_gives_everything_back(
    workspace: Workspace, tmp_path: Path
) -> None:
    head = "ФИО;Телефон;Комментарий\n"
    first = await brought(workspace, tmp_path, f"{head}Анна;{MAIN};\n")
    second = await brought(workspace, tmp_path, f"{head}Анна;{MAIN};раз\n", "update")
    third = await brought(workspace, tmp_path, f"{head}Анна;{MAIN};два\n", "update")
    one, two, three = (each.import_id or 0 for each in (first, second, third))
    listed = await imports.listed(workspace, ADMINISTRATOR)
    found = [(each.id, each.undoable, each.undo_first) for each in listed]
    assert found == [(three, True, None), (two, False, three), (one, False, three)]
    with pytest.raises(ConflictError, match=f"undo {three} first"):
        await imports.undo(workspace, ADMINISTRATOR, one)
    for each in (three, two, one):
        assert (await imports.undo(workspace, ADMINISTRATOR, each)).spared == 0
    assert await book(workspace) == {}


async def test_a_manager_is_a_name_or_an_extension_of_the_company(workspace: Workspace, tmp_path: Path) -> None:
    await Employees(workspace.database).upsert([Employee("101", "Сидорова Мария Петровна")], source="list")
    whom = ("Мария Сидорова", "101", "999", "Иванов Иван")
    rows = [f"Клиент {place};8916000000{place};{manager}" for place, manager in enumerate(whom)]
    done = await brought(workspace, tmp_path, "\n".join(["ФИО;Телефон;Менеджер", *rows]))
    assert (done.created, [(bad.row, bad.field) for bad in done.errors]) == (2, [(4, "manager"), (5, "manager")])
    assert "\\u" not in done.errors[1].message
    cards = (await Contacts(workspace.database).list(actor=ADMINISTRATOR))[1]
    assert {card.manager for card in cards} == {"101"}
    assert [person.extension for person in await Employees(workspace.database).everybody()] == ["101"]


async def test_a_row_without_a_person_becomes_a_company_and_goes_with_the_undo(
    workspace: Workspace, tmp_path: Path
) -> None:
    text = "ФИО;Компания;Телефон;Почта\n;Ромашка;84957778899;info@x.ru\nИван;Лютик;89161112233;\n"
    done = await brought(workspace, tmp_path, text)
    assert (done.created, done.companies) == (1, 1)
    companies = {each.name: each for each in (await Companies(workspace.database).list())[1]}
    assert (companies["Ромашка"].numbers, companies["Ромашка"].emails) == (("+74957778899",), ("info@x.ru",))
    assert (await brought(workspace, tmp_path, text, "update")).unchanged == 2
    assert done.import_id
    await imports.undo(workspace, ADMINISTRATOR, done.import_id)
    assert (await Companies(workspace.database).list())[0] == 0


async def test_what_a_known_company_does_not_take_is_named(workspace: Workspace, tmp_path: Path) -> None:
    head = "ФИО;Компания;Телефон;Комментарий;Дата рождения\n"
    row = ";Ромашка;84957778899;звонить;0/0/00\n"
    made = await brought(workspace, tmp_path, head + row)
    assert (made.rows[0].what, made.rows[0].fields, made.left_out) == ("company", ("comment",), [])
    lost = BadRow(2, "comment", "a company has no such field: Comment")
    for policy in ("skip", "update", "add"):
        assert (await brought(workspace, tmp_path, head + row, policy)).left_out == [lost]
    more = await brought(workspace, tmp_path, f"{head}{row.replace('99', '98')}{row.replace('99', '97')}", "update")
    assert [(each.row, each.what, each.fields) for each in more.rows] == [
        (2, "updated", ("numbers",)), (3, "merged", ("numbers",)),
    ]  # fmt: skip
    assert more.left_out == [lost, replace(lost, row=3)]


async def test_numbers_that_a_company_has_no_room_for_are_named(workspace: Workspace, tmp_path: Path) -> None:
    kept = [f"+7916000{place:04}" for place in range(NUMBERS_LIMIT - 1)]
    made = await Companies(workspace.database).create(Company(0, "Ромашка", tuple(kept)))
    text = "ФИО;Компания;Телефон\n;Ромашка;84950000002, 84950000001\n"
    done = await brought(workspace, tmp_path, text, "update")
    assert done.left_out == [BadRow(2, "number", f"the company has {NUMBERS_LIMIT} already: +74950000002")]
    assert (await Companies(workspace.database).get(made.id)).numbers == ("+74950000001", *kept)


NAMES = ("Анна", "Борис", "анна")
OF = {"анна": ("1980-01-01", "+79160000001"), "борис": ("1990-02-02", "+79160000002")}
EDITED = {"анна": ("1980-01-11", "+79160000011"), "борис": ("1990-02-12", "+79160000012")}
RENAMED = {"анна": "Анна Павловна", "борис": "Борис Петрович"}
ROWS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.booleans(), st.booleans(), st.sampled_from(("", "0/0/00", "day"))),
    min_size=1,
    max_size=4,
)
EDITS = st.tuples(st.integers(0, 5), st.sampled_from(("comment", "name", "numbers", "birth_date")))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("skip", "update", "add")), ROWS),
        st.tuples(st.just("undo"), st.integers(0, 5)),
        st.tuples(st.just("edit"), EDITS),
    ),
    min_size=1,
    max_size=6,
)


def table(rows: list[tuple[str, bool, bool, str]]) -> str:
    lines = ["ФИО;Телефон;Почта;Дата рождения"]
    for name, main, own, born in rows:
        day, number = OF[name.lower()]
        numbers = ", ".join([MAIN] * main + [number] * own)
        lines.append(f"{name};{numbers};info@x.ru;{day if born == 'day' else born}")
    return "\n".join(lines)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
@example([("update", [("Анна", True, True, born)]) for born in ("day", "0/0/00")])
async def test_no_contact_takes_another_s_name_number_or_birth_date(steps: list[tuple[str, object]]) -> None:
    """Done means 2, whatever the order of imports, undos and edits."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/b.db"
        await schema.upgrade(url)
        async with await Database.open(url, create=False) as database:
            await _walk(Workspace(database, NumberRules("RU", "", re.compile(r"^\d{2,5}$"))), Path(folder), steps)


async def _walk(workspace: Workspace, folder: Path, steps: list[tuple[str, object]]) -> None:
    contacts, done = Contacts(workspace.database), list[int]()
    whom, before = dict[int, str](), dict[int, Contact]()  # by contact
    for what, how in steps:
        if what == "undo":
            await _undo(workspace, done, how)
        elif what == "edit":
            await _edit(contacts, whom, how)
        else:
            report = await brought(workspace, folder, table(how), what)  # type: ignore[arg-type]
            done.append(report.import_id or 0)
        after = {card.id: card for card in (await contacts.list(actor=ADMINISTRATOR))[1]}
        for card in after.values():
            _check_is_nobody_else(card, whom.setdefault(card.id, card.name.lower()))
            if what in {"skip", "update", "add"} and card.id in before:
                _check_is_not_emptied(before[card.id], card)
        before = after
    for import_id in sorted(done, reverse=True):
        await imports.undo(workspace, ADMINISTRATOR, import_id)
    assert all(card.comment for card in (await contacts.list(actor=ADMINISTRATOR))[1])  # only edited ones are left


def _check_is_nobody_else(card: Contact, who: str) -> None:
    days, numbers = zip(OF[who], EDITED[who], strict=True)
    assert card.name.lower() in {who, RENAMED[who].lower()}
    assert {each.number for each in card.numbers} <= {MAIN, *numbers}
    assert card.birth_date in (None, *map(date.fromisoformat, days))


def _check_is_not_emptied(before: Contact, after: Contact) -> None:
    for field in ("name", "numbers", "emails", "comment", "birth_date"):
        assert getattr(after, field) or not getattr(before, field), field


async def _undo(workspace: Workspace, done: list[int], how: object) -> None:
    """Undo one of the imports; a later one may have to be undone first."""
    if not done:
        return
    place = int(str(how)) % len(done)
    try:
        await imports.undo(workspace, ADMINISTRATOR, done[place])
    except ConflictError as refused:
        if "first" not in str(refused):
            raise
    else:
        done.pop(place)


async def _edit(contacts: Contacts, whom: dict[int, str], how: object) -> None:
    """Change a contact: its comment, and another field of it."""
    place, field = cast("tuple[int, str]", how)
    cards = (await contacts.list(actor=ADMINISTRATOR))[1]
    if not cards:
        return
    card = cards[place % len(cards)]
    who = whom[card.id]
    day, number = EDITED[who]
    changes: dict[str, ContactChanges] = {
        "comment": {},
        "name": {"name": RENAMED[who]},
        "numbers": {"numbers": (*card.numbers, ContactNumber(number))},
        "birth_date": {"birth_date": date.fromisoformat(day)},
    }
    await contacts.edit(card.id, {**changes[field], "comment": str(place)}, actor=ADMINISTRATOR)
