from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.lookup.naming import PHONE_BYTES, phone_name

FLAG = "\U0001f1f7\U0001f1fa"
THUMB = "\U0001f44d\U0001f3fd"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Фронкин Игорь", "Фронкин Игорь"),
        ('ООО "Ромашка"', "ООО «Ромашка»"),
        ('"А" и "Б"', "«А» и «Б»"),
        ('одна " кавычка', "одна « кавычка"),
        ("Иван\r\nПетров\tсын", "Иван Петров сын"),
        ("Иван\x00\x1b[31m", "Иван[31m"),
        ("\u202eнавИ\u202c \u200bПетров\ufeff\u2066", "навИ Петров"),
        ("  много \u00a0\u2003 места ", "много места"),
        ("две\u2028строки", "две строки"),
        ("\ud800пол\udfffпары", "полпары"),
        ("Ири\u0438\u0306", "Ирий"),
        ("${EVAL(1)}", "$ {EVAL(1)}"),
        ("$\u200b{SHELL(ls)} $[1+1]", "$ {SHELL(ls)} $ [1+1]"),
        ("$$${x}", "$$$ {x}"),
        ("100$ {ok}", "100$ {ok}"),
        ("a,b;c=d\\e<f>", "a,b;c=d\\e<f>"),
        ("89161234567", "89161234567"),
        ("\u3164\u2800\u115f", ""),
        ("\x00\u200b", ""),
        ("", ""),
        ("😀 Улыбка", "😀 Улыбка"),
    ],
)
def test_phone_name(text: str, shown: str) -> None:
    assert phone_name(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("я" * 40, "я" * 39),
        ("a" * 79 + "b", "a" * 79),
        ("a" * 78 + "я", "a" * 78),
        ("a" * 76 + "😀", "a" * 76),
        ("a" * 77 + "x\u0323\u0331", "a" * 77),
        ("a" * 71 + FLAG, "a" * 71 + FLAG),
        ("a" * 72 + FLAG, "a" * 72),
        ("a" * 63 + FLAG * 2 + FLAG, "a" * 63 + FLAG * 2),
        ("a" * 72 + THUMB, "a" * 72),
        ("a" * 78 + " b", "a" * 78),
        ("a" * 77 + " \u0301b", "a" * 77),
        ("я " * 5000, ("я " * 26).strip()),
    ],
)
def test_a_long_name_is_cut_between_characters(text: str, shown: str) -> None:
    assert phone_name(text) == shown


def test_a_letter_with_more_marks_than_fit_keeps_some_of_them_rather_than_vanishing() -> None:
    cut = phone_name("\u0436" + "\u0323" * 60)
    assert cut == "\u0436" + "\u0323" * 38


@given(text=st.text(st.characters(), max_size=300))
def test_phone_name_keeps_its_bounds(text: str) -> None:
    name = phone_name(text)
    assert len(name.encode("utf-8")) <= PHONE_BYTES
    assert phone_name(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert '"' not in name
    assert "${" not in name
    assert "$[" not in name
    assert name == name.strip()
    assert "  " not in name
    assert all(unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for character in name)


@given(text=st.text('аяab "$#{[é\u0301\u200d\U0001f44d\U0001f3fd\U0001f1f7\U0001f1fa', min_size=1, max_size=80))
def test_phone_name_of_awkward_characters(text: str) -> None:
    name = phone_name(text)
    assert len(name.encode()) <= PHONE_BYTES
    assert phone_name(name) == name
