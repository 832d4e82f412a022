from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd import notation


@pytest.mark.parametrize(
    ("text", "address", "extension"),
    [
        ('"Иван" <sip:101@host>;tag=1', "101", ""),
        ("sip:a:secret@host", "a", ""),
        ("tel:+7-495-1234567;ext=12;phone-context=x", "+7-495-1234567", "12"),
        ("89161234567; 84951234567", "89161234567; 84951234567", ""),
        ("sip:10.0.0.5", "@", ""),
        ("sip:x@ANONYMOUS.invalid", "", ""),
        ("ничего", "ничего", ""),
    ],
)
def test_without_address(text: str, address: str, extension: str) -> None:
    assert notation.without_address(text) == (address, extension)


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("84951234567 доб. 12", ("84951234567", "12")),
        ("84951234567", ("84951234567", "")),
        ("84951234567 доб.", ("84951234567 доб.", "")),
        ("84951234567,1234567", ("84951234567,1234567", "")),
        ("доб. 12", ("доб. 12", "")),
    ],
)
def test_without_extension(text: str, split: tuple[str, str]) -> None:
    assert notation.without_extension(text) == split


@given(text=st.text(st.characters(), max_size=notation.LONGEST_TEXT))
def test_every_step_takes_any_text(text: str) -> None:
    cleaned = notation.cleaned(text)
    if cleaned is None:
        return
    assert notation.cleaned(cleaned) is not None
    bare, _extension = notation.without_address(cleaned)
    number, _extension = notation.without_extension(bare)
    compact = notation.compact(number)
    assert compact is None or set(compact) <= set("+0123456789")
    assert notation.means_withheld(bare) or bare
