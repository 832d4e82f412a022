"""Files in the shape of other programs' exports, imported with the command line: every contact is compared wholly.

People and numbers are invented. `expected.toml` has what each file must give, and the source of its headings above it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Pbxd

FILES = Path(__file__).parent
EXPECTED: dict[str, Any] = tomllib.loads((FILES / "expected.toml").read_text("utf-8"))
TEXTS = ("name", "company", "position", "manager", "birth_date", "comment")


def contacts(pbxd: Pbxd) -> list[dict[str, Any]]:
    """Return what the book says of each contact, without what is empty."""
    cards = []
    for card in pbxd.json("contacts", "list")["items"]:
        numbers = [" ".join(filter(None, (n["label"], n["number"], n["extension"]))) for n in card["numbers"]]
        texts = {name: card[name] for name in TEXTS}
        found = {**texts, "numbers": numbers, "emails": card["emails"], "tags": card["tags"]}
        cards.append({name: value for name, value in found.items() if value})
    return cards


@pytest.mark.parametrize("name", EXPECTED)
def test_a_programs_file_comes_out_whole(pbxd: Pbxd, name: str) -> None:
    done = pbxd.json("contacts", "import", str(FILES / name))
    assert done["errors"] == []
    assert done["ignored_columns"] == EXPECTED[name]["ignored"]
    assert contacts(pbxd) == EXPECTED[name]["contacts"]


# 1c.xlsx is made after cases/files/14-1c-list.xlsx, a list that 1С:Бухгалтерия saved.
def test_rows_of_1c_become_companies(pbxd: Pbxd) -> None:
    """1C saves the list of counterparties with a title, a filter, groups and a total around the table."""
    done = pbxd.json("contacts", "import", str(FILES / "1c.xlsx"))
    assert done["errors"] == []
    assert {left["row"] for left in done["left_out"]} >= {6, 9}  # the group and the total
    assert set(done["ignored_columns"]) >= {"ИНН", "Вид контрагента", "Основной менеджер"}
    found = {each["name"]: each["numbers"] for each in pbxd.json("companies", "list")["items"]}
    assert found == {"Рябина ООО": ["+74953250001", "+74953250002"], "Хвойный ИП": ["+79163250003"]}
    assert contacts(pbxd) == []


@pytest.mark.parametrize(
    ("name", "card", "main", "left_out"),
    [
        (  # made after cases/files/36-icloud-bday-1604.vcf; item1.X-ABLabel is Apple's, as RFC 2426's groups
            "icloud.vcf",
            {
                "name": "Ева Вишнёва", "company": "Вишня", "position": "кладовщик", "comment": "Любит чай, и кофе",
                "numbers": ["mobile +79163220001", "HomePage +74953220002"], "emails": ["ev@vishnya.example"],
            },
            "+79163220001",
            ["department: Склад", "BDAY 1604-05-07 (no year)"],
        ),
        (  # made after cases/files/34-android-xcustom.vcf, whose X-CUSTOM is Android's
            "android.vcf",
            {
                "name": "Жанна Слива", "company": "Sliva", "birth_date": "1980-08-30",
                "numbers": ["mobile +79163230001", "Дача +74993230002"], "emails": ["zs@sliva.example"],
            },
            "+79163230001",
            [],
        ),
        (  # made after cases/files/10-nextcloud40.vcf; the parameters are those of RFC 6350
            "nextcloud.vcf",
            {
                "name": "Кира Грушина", "company": "Груша", "position": "кладовщик",
                "numbers": ["home +74993240001", "work +74953240002 15"], "emails": ["kg@grusha.example"],
                "tags": ["Опт", "Юг"],
            },
            "+74953240002",
            ["TEL +74953240009 (a fax)", "BDAY --0312 (no year)", "a group of contacts: Группа Опт"],
        ),
    ],
)  # fmt: skip
def test_a_phone_s_vcards_come_out_whole(
    pbxd: Pbxd, name: str, card: dict[str, Any], main: str, left_out: list[str]
) -> None:
    """Their properties: the notes of RFC 2426 and 6350, Android's X-CUSTOM, Apple's X-ABLabel; nothing goes unnamed."""
    done = pbxd.json("contacts", "import", str(FILES / name))
    assert (done["created"], done["errors"]) == (1, [])
    assert [each["message"] for each in done["left_out"]] == left_out
    assert contacts(pbxd) == [card]
    (found,) = pbxd.json("contacts", "list")["items"]
    assert [number["number"] for number in found["numbers"] if number["main"]] == [main]
