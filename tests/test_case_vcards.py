"""vCards as phones and address books write them: what is read of every card, and what is named as left out.

People and numbers are invented. The shapes are those of RFC 2426, RFC 6350, the vCard 2.1 specification, Android's
VCardBuilder and the exports of iCloud and Nextcloud.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from pbxd.book.contacts import ContactDraft
from pbxd.book.fields import BUILT_IN
from pbxd.exchange import tables
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Headings
from pbxd.exchange.row_drafts import LeftOut, Read, ReadCompany, RowReader
from pbxd.numbers import NumberRules

FILES = Path(__file__).resolve().parent / "cases" / "files"
RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
Result = Read | ReadCompany | LeftOut | BadRow


def read(file: Path) -> list[Result]:
    table = tables.open_table(file, sheet="", headings=Headings(), low_memory=False)
    reader = RowReader(table.columns, RULES, BUILT_IN)
    return [reader.read(row, texts) for row, texts in table.rows]


def only(file: Path) -> tuple[ContactDraft, list[str]]:
    """Return the contact of the one card, and what is left out."""
    [found] = read(file)
    assert isinstance(found, Read), found
    return found.draft, [each.message for each in found.left_out]


def card(folder: Path, *lines: str | bytes) -> Path:
    """Write a card with these lines, and END."""
    file = folder / "a.vcf"
    raw = [line.encode() if isinstance(line, str) else line for line in ("BEGIN:VCARD", *lines, "END:VCARD", "")]
    file.write_bytes(b"\r\n".join(raw))
    return file


def numbers(draft: ContactDraft) -> list[tuple[str, str, str]]:
    return [(number.number, number.extension, number.label) for number in draft.numbers]


def test_31_commas_are_part_of_texts() -> None:
    draft, left_out = only(FILES / "31-vcard-comma.vcf")
    assert (draft.name, draft.position) == ("Петров Пётр, прораб", "Директор, учредитель")
    assert (draft.company, draft.comment) == ("Ромашка, ООО", "Долг 5000, звонить после 18")
    assert numbers(draft) == [("+74952040051", "123", "mobile")]
    assert left_out == ["N Ivanov Jr Petr"]


def test_34_androids_own_label() -> None:
    draft, left_out = only(FILES / "34-android-xcustom.vcf")
    assert (draft.name, left_out) == ("Лев", [])
    assert numbers(draft) == [("+79162040020", "", "mobile"), ("+79162040021", "", "Дача")]


def test_36_a_birthday_without_its_year_is_named() -> None:
    draft, left_out = only(FILES / "36-icloud-bday-1604.vcf")
    assert (draft.birth_date, left_out) == (None, ["BDAY 1604-05-07 (no year)"])


def test_37_the_label_of_a_tel_uri() -> None:
    draft, _left_out = only(FILES / "37-tel-uri-label.vcf")
    assert numbers(draft) == [("+79162040028", "", "home")]


def test_10_nextcloud() -> None:
    igor, group, vera, oscar = read(FILES / "10-nextcloud40.vcf")
    assert isinstance(igor, Read)
    assert isinstance(group, LeftOut)
    assert isinstance(vera, Read)
    assert isinstance(oscar, Read)
    draft = igor.draft
    assert numbers(draft) == [
        ("+79162100001", "", "home"),
        ("+74952100002", "15", "work"),
        ("+79162100003", "", "mobile"),
    ]
    assert [number.main for number in draft.numbers] == [False, True, False]
    assert (draft.name, draft.company, draft.position) == ("Игорь Тополев", "Тополь", "кладовщик")
    assert (draft.emails, draft.tags, draft.comment) == (("it@x.example",), ("Опт", "Юг"), "эмодзи 🌳")
    assert draft.birth_date is None
    assert [each.message for each in igor.left_out] == [
        "TEL +74952100004 (a fax)",
        "TEL sip:igor@pbx.example (not a phone number)",
        "department: Склад",
        "BDAY --0312 (no year)",
        "N Ильич",
    ]
    assert group.why.message == "a group of contacts: Группа Опт"
    assert (vera.draft.name, vera.draft.position, vera.draft.birth_date) == ("Вера Ив", "бухгалтер", date(1985, 3, 12))
    assert (oscar.draft.name, oscar.draft.emails) == ("Oscar", ("o@x.example",))
    assert [each.message for each in oscar.left_out] == ["PHONE.WORK 0704189993"]


@pytest.mark.parametrize(
    "line",
    [
        "TEL;X-НЕПОНЯТНО(;:1",
        "что-то без двоеточия",
        ";;;:::",
        'X-SOMETHING;A="b:c',
        "NOTE;CHARSET=KLINGON;ENCODING=QUOTED-PRINTABLE:=D0=94",
        "NOTE;ENCODING=QUOTED-PRINTABLE:=D0=9",
        "X-ANDROID-CUSTOM:vnd.android.cursor.item/relation;Мама;4;;;;;;;;;;;;;",
        "PHOTO;ENCODING=BASE64;JPEG:/9j/4AAQSkZJRgABAQ",
        "NOTE;ENCODING=b:%%%",
        "\x00\x01\x02",
    ],
)
def test_one_odd_line_costs_no_card(tmp_path: Path, line: str) -> None:
    draft, _left_out = only(card(tmp_path, "VERSION:3.0", "FN:Лев", line, "TEL:+79162040020"))
    assert (draft.name, [number.number for number in draft.numbers]) == ("Лев", ["+79162040020"])


def test_what_cannot_be_read_is_named_and_the_card_goes_in(tmp_path: Path) -> None:
    lines = ("VERSION:3.0", "FN:Лев", "TEL:*100#", "TEL:+79162040020", "EMAIL:lev(at)example.org", "BDAY:весной")
    draft, left_out = only(card(tmp_path, *lines))
    assert [number.number for number in draft.numbers] == ["+79162040020"]
    assert [text.rpartition(": ")[2] for text in left_out] == ["*100#", "lev(at)example.org", "весной"]


def test_a_card_that_goes_back_says_what_was_left_out(tmp_path: Path) -> None:
    [found] = read(card(tmp_path, "VERSION:3.0", "FN:Лев", "TEL;VALUE=uri:sip:lev@pbx.example", "EMAIL:lev(at)x.ru"))
    assert isinstance(found, BadRow)
    assert found.message == (
        "Phones: a contact needs a phone number or an e-mail; E-mail: not an e-mail address: lev(at)x.ru; "
        "TEL sip:lev@pbx.example (not a phone number)"
    )


def test_every_property_that_is_not_taken_is_named(tmp_path: Path) -> None:
    lines = (
        "VERSION:3.0", "PRODID:-//Apple Inc.//iOS 17//EN", "UID:7", "REV:2024-01-01", "N:Толстой;Лев;;;",
        "FN:Лев Толстой",
        "item1.ADR;TYPE=HOME:;;Садовая\\, 1;Тула;;;", "item1.X-ABADR:ru", "ADR:;;;;;;", "URL:https://example.org",
        "NICKNAME:Лёва", "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ", " AAQSkZJRg", "X-SOCIALPROFILE;TYPE=x:lev",
        "TEL:+79162040020", "TITLE:граф", "ROLE:писатель",
    )  # fmt: skip
    draft, left_out = only(card(tmp_path, *lines))
    assert draft.position == "граф"
    assert left_out == [
        "ADR Садовая, 1 Тула",
        "URL https://example.org",
        "NICKNAME Лёва",
        "PHOTO",
        "X-SOCIALPROFILE lev",
        "ROLE писатель",
    ]


@pytest.mark.parametrize(
    ("lines", "name", "left_out"),
    [
        (("N:Толстой;Лев;Николаевич;гр.;мл.", "FN:Лев Толстой"), "Лев Толстой", ["N Николаевич гр. мл."]),
        (("N:Толстой;Лев;Николаевич;гр.;", "FN:Гр. Толстой, Лев Николаевич"), "Гр. Толстой, Лев Николаевич", []),
        (("N:Толстой;Лев;;гр.,писатель;",), "Толстой Лев", ["N гр. писатель"]),
        (("FN:Лев", "N:;Лев;;;", "N:Толстая;Софья;;;"), "Лев", ["N Толстая Софья"]),
        (("N:Толстой;Лев;;;", "N:Толстая;Софья;;;"), "Толстой Лев", ["N Толстая Софья"]),
        (("FN:Мама", "N:Алёхина;Анна;;;", "N:алехина;анна;;;"), "Мама", ["N Алёхина Анна", "N алехина анна"]),
    ],
)
def test_words_of_n_that_the_name_lacks_are_named(
    tmp_path: Path, lines: tuple[str, ...], name: str, left_out: list[str]
) -> None:
    draft, left = only(card(tmp_path, "VERSION:3.0", *lines, "TEL:+79162040020"))
    assert (draft.name, left) == (name, left_out)


@pytest.mark.parametrize(
    ("days", "left_out"),
    [
        (("1985-03-12", "1990-01-01"), ["BDAY 1990-01-01"]),
        (("1985-03-12", "19850312"), []),
        (("--0401", "1985-03-12"), ["BDAY --0401 (no year)"]),
    ],
)
def test_a_second_birthday_is_named(tmp_path: Path, days: tuple[str, ...], left_out: list[str]) -> None:
    lines = (f"BDAY:{day}" for day in days)
    draft, left = only(card(tmp_path, "VERSION:3.0", "FN:Лев", *lines, "TEL:+79162040020"))
    assert (draft.birth_date, left) == (date(1985, 3, 12), left_out)


def test_a_card_without_end_and_one_cut_in_its_picture(tmp_path: Path) -> None:
    file = tmp_path / "a.vcf"
    file.write_text(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Первый\nTEL:+79162040021\n"
        "BEGIN:VCARD\nVERSION:2.1\nFN:Второй\nTEL:+79162040022\nPHOTO;JPEG;ENCODING=BASE64:\n /9j/4AAQ\n/9j/4BBB\n\n"
        "TITLE:директор\nEND:VCARD\n"
        "BEGIN:VCARD\nVERSION:3.0\nFN:Третий\nTEL:+79162040023\nPHOTO;ENCODING=b:/9j/4AAQSkZ",
        encoding="utf-8",
    )
    found = [each.draft for each in read(file) if isinstance(each, Read)]
    assert [draft.name for draft in found] == ["Первый", "Второй", "Третий"]
    assert found[1].position == "директор"


def test_a_folded_text_ends_no_card(tmp_path: Path) -> None:
    draft, _left_out = only(card(tmp_path, "VERSION:3.0", "FN:Лев", "NOTE:a", " END:VCARD", "TEL:+79162040020"))
    assert (draft.comment, len(draft.numbers)) == ("aEND:VCARD", 1)


def test_a_big_picture_hides_nothing(tmp_path: Path) -> None:
    picture = ["PHOTO;ENCODING=b;TYPE=JPEG:", *[" " + "A" * 74] * 80_000]
    draft, _left_out = only(card(tmp_path, "VERSION:3.0", "FN:Лев", *picture, "TEL:+79162040020"))
    assert len(draft.numbers) == 1


@pytest.mark.parametrize(
    ("value", "extension"),
    [
        ("TEL:+74952040051,123", "123"),
        ("TEL:+74952040051;123", "123"),
        ("TEL:+74952040051\\;123", "123"),
        ("TEL;CELL:+74952040051;wait=123", "123"),
        ("TEL;VALUE=uri:tel:+7-495-204-00-51;ext=123", "123"),
        ('TEL;VALUE=uri;TYPE="voice,work":tel:+74952040051;phone-context=x;postd=p123', "123"),
        ("TEL:+74952040051;pause=,,123#", "123#"),
        ("TEL:8 (495) 204-00-51 доб. 123", "123"),
        ("TEL:+74952040051p123", "123"),
        ("TEL:+74952040051w123", "123"),
        ("TEL:+74952040051x123", "123"),
        ("TEL:callto:+74952040051", ""),
    ],
)
def test_extensions_as_address_books_write_them(tmp_path: Path, value: str, extension: str) -> None:
    draft, left_out = only(card(tmp_path, "VERSION:3.0", "FN:Лев", value))
    assert [(number.number, number.extension) for number in draft.numbers] == [("+74952040051", extension)]
    assert left_out == []


@pytest.mark.parametrize(
    ("lines", "label"),
    [
        (["TEL;TYPE=CELL:+79162040020"], "mobile"),
        (["TEL;TYPE=iPhone;TYPE=VOICE;type=pref:+79162040020"], "mobile"),
        (["TEL;WORK;VOICE:+79162040020"], "work"),
        (['TEL;TYPE="home,voice":+79162040020'], "home"),
        (["TEL;TYPE=VOICE:+79162040020"], ""),
        (["TEL;TYPE=Дача:+79162040020"], "Дача"),
        (["TEL;TYPE=X-Dacha:+79162040020"], "Dacha"),
        (["item1.TEL:+79162040020", "item1.X-ABLabel:Дача: новая"], "Дача: новая"),
        (["item1.TEL:+79162040020", "item1.X-ABLabel:_$!<Mobile>!$_"], "mobile"),
        (["item1.TEL:+79162040020", "item1.X-ABLabel:_$!<Other>!$_"], ""),
        (["TEL;X-CUSTOM(Склад):+79162040020"], "Склад"),
    ],
)  # fmt: skip
def test_labels(tmp_path: Path, lines: list[str], label: str) -> None:
    draft, left_out = only(card(tmp_path, "VERSION:3.0", "FN:Лев", *lines))
    assert numbers(draft) == [("+79162040020", "", label)]
    assert left_out == []


@pytest.mark.parametrize(
    "lines",
    [
        ["TEL;TYPE=WORK,FAX:+74952040099"],
        ["TEL;FAX:+74952040099"],
        ["item1.TEL:+74952040099", "item1.X-ABLabel:_$!<HomeFAX>!$_"],
        ["item1.TEL:+74952040099", "item1.X-ABLabel:Факс"],
    ],
)
def test_faxes_are_left_out_and_named(tmp_path: Path, lines: list[str]) -> None:
    draft, left_out = only(card(tmp_path, "VERSION:3.0", "FN:Лев", "TEL:+79162040020", *lines))
    assert [number.number for number in draft.numbers] == ["+79162040020"]
    assert len(left_out) == 1
    assert left_out[0].endswith("TEL +74952040099 (a fax)")


@pytest.mark.parametrize(
    ("line", "day", "left_out"),
    [
        ("BDAY:1985-03-12", date(1985, 3, 12), []),
        ("BDAY;VALUE=date:19850312", date(1985, 3, 12), []),
        ("BDAY:1985-03-12T00:00:00Z", date(1985, 3, 12), []),
        ("BDAY:--03-12", None, ["BDAY --03-12 (no year)"]),
        ("BDAY:---12", None, ["BDAY ---12 (no year)"]),
        ("BDAY:1604-05-07", None, ["BDAY 1604-05-07 (no year)"]),
        ("BDAY:1985-03", None, ["BDAY 1985-03 (not a date)"]),
        ("BDAY;VALUE=text:весной", None, ["BDAY весной (not a date)"]),
    ],
)
def test_birthdays(tmp_path: Path, line: str, day: date | None, left_out: list[str]) -> None:
    draft, named = only(card(tmp_path, "VERSION:3.0", "FN:Лев", "TEL:+79162040020", line))
    assert (draft.birth_date, named) == (day, left_out)


@pytest.mark.parametrize(
    "lines",
    [
        ["VERSION:2.1", "N;ENCODING=QUOTED-PRINTABLE:=D0=A2=D0=BE=D0=BB=", "=D1=81=D1=82=D0=BE=D0=B9;;;;"],
        ["VERSION:2.1", b"FN;charset=windows-1251:" + "Толстой".encode("cp1251")],
        ["VERSION:2.1", "FN;CHARSET=KOI8-R;QUOTED-PRINTABLE:=F4=CF=CC=D3=D4=CF=CA"],
        ["VERSION:2.1", b"FN:" + "Толстой".encode("cp1251")],
        ["VERSION:3.0", "FN:Тол\r\n стой"],
        ["VERSION:3.0", b"FN:\xd0\xa2\xd0\xbe\xd0\xbb\xd1\r\n \x81\xd1\x82\xd0\xbe\xd0\xb9"],
        ["VERSION:3.0", "FN;ENCODING=b:0KLQvtC70YHRgtC+0Lk="],
        ["VERSION:4.0", "FN;LANGUAGE=en:Tolstoy", "FN;PREF=1:Толстой"],
        ["VERSION:4.0", "NICKNAME:Толстой"],
    ],
)  # fmt: skip
def test_encodings_and_names(tmp_path: Path, lines: list[str | bytes]) -> None:
    draft, _left_out = only(card(tmp_path, *lines, "TEL:+79162040020"))
    assert draft.name == "Толстой"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_whole_file_in_another_encoding(tmp_path: Path, encoding: str, end: str) -> None:
    lines = ("BEGIN:VCARD", "VERSION:3.0", "N:Толстой;Лев;Николаевич;;", "TEL:+79162040020", "END:VCARD", "")
    (tmp_path / "a.vcf").write_bytes(end.join(lines).encode(encoding))
    assert only(tmp_path / "a.vcf")[0].name == "Толстой Лев Николаевич"


@pytest.mark.parametrize("mark", ["X-ABShowAs:COMPANY", "KIND:org"])
def test_a_companys_card_is_a_company(tmp_path: Path, mark: str) -> None:
    [found] = read(card(tmp_path, "VERSION:3.0", "N:;;;;", "FN:ООО «Ромашка»", mark, "TEL:+74952040051"))
    assert isinstance(found, ReadCompany)
    assert (found.company.name, found.company.numbers) == ("ООО «Ромашка»", ("+74952040051",))


def test_departments_are_no_company(tmp_path: Path) -> None:
    lines = ("VERSION:3.0", "FN:Лев", "ORG:Ромашка\\; и Ко;Склад;Приёмка", "TEL:+79162040020")
    draft, left_out = only(card(tmp_path, *lines))
    assert (draft.company, left_out) == ("Ромашка; и Ко", ["department: Склад, Приёмка"])


def test_several_preferred_numbers_and_categories(tmp_path: Path) -> None:
    lines = (
        "VERSION:4.0", "FN:Лев", "TEL;PREF=50:+79162040020", "TEL;PREF=2:+79162040021", "TEL;TYPE=pref:+79162040022",
        "CATEGORIES:Опт,Юг\\, Север", "CATEGORIES:Склад",
    )  # fmt: skip
    draft, _left_out = only(card(tmp_path, *lines))
    assert [number.main for number in draft.numbers] == [False, False, True]
    assert draft.tags == ("Опт", "Юг, Север", "Склад")
