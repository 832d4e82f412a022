from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.calls.masking import Mask
from pbxd.numbers import NumberRules

NUMBER = "+79160000001"
RUSSIA, GERMANY = (NumberRules(region, "", re.compile(r"\d{2,5}")) for region in ("RU", "DE"))
MASK = Mask([NUMBER], RUSSIA)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (NUMBER, "+7**********"),
        ("89160000001", "***********"),
        ("810-79160000001", "810-***********"),
        ("/monitor/2026/in-79160000001-101.wav", "/monitor/2026/in-***********-101.wav"),
        ("81079160000001", "**************"),
        ("9160000001", "**********"),
        ("+79160000002", "+79160000002"),
        ("891600000011", "891600000011"),
        ("2026-03-01T09:00:00.123457Z", "2026-03-01T09:00:00.123457Z"),
        ("", ""),
    ],
)
def test_a_number_becomes_stars_however_it_is_written(said: str, left: str) -> None:
    assert MASK.text(said) == left


@pytest.mark.parametrize(
    ("file", "left"),
    [
        ("20260301090079160000001101.wav", "202603010900***********101.wav"),
        ("7 (916) 000-00-01_101.wav", "* (***) ***-**-**_101.wav"),
        ("8_916_000_00_01.wav", "*_***_***_**_**.wav"),
        ("/monitor/in-89160000001.wav", "/monitor/in-***********.wav"),
        ("in-101-+7-916-000-00-01-5.wav", "in-101-+*-***-***-**-**-5.wav"),
        ("1772355600.4-79160000002.wav", "1772355600.4-79160000002.wav"),
        (
            "out-101-89160000001-20260301-120000-1772355600.4.wav",
            "out-101-***********-20260301-120000-1772355600.4.wav",
        ),
    ],
)
def test_a_recording_s_name_keeps_nothing_of_the_number(file: str, left: str) -> None:
    record = {"recordings": [file], "story": [{"what": "recorded", "detail": file}, {"what": "held", "detail": "1"}]}
    story = [{"what": "recorded", "detail": left}, {"what": "held", "detail": "1"}]
    assert MASK.value(record) == {"recordings": [left], "story": story}


def test_what_stands_beside_the_number_goes_and_the_rest_stays() -> None:
    caller = {"number": NUMBER, "name": "Фронкин", "company": "Ромашка", "contact": 7, "extension": None}
    colleague = {"number": "101", "name": "Анна", "extension": "101"}
    record = {"caller": caller, "callee": colleague, "talk_seconds": 5.5, "answered_by": ["101", NUMBER], "cause": None}
    assert MASK.value(record) == {
        "caller": {"number": "+7**********", "extension": None},
        "callee": colleague,
        "talk_seconds": 5.5,
        "answered_by": ["101", "+7**********"],
        "cause": None,
    }
    assert MASK.number(NUMBER) == "+7**********"
    assert MASK.number("101") == "101"
    assert MASK.number(None) is None
    assert Mask([], RUSSIA).value(record) == record


@pytest.mark.parametrize(
    ("number", "others"),
    [
        ("+79291234567", "+375291234567"),
        ("+79291234567", "375291234567"),
        ("+79501234567", "+380501234567"),
        ("+79171234567", "x-1712345678.5.wav"),
        ("+79171234567", "+1 171 2345 678.wav"),
        ("+79712345678", "x-1712345678-5.wav"),
        ("+79712345678", "x-20260301120000-1712345678.wav"),
        ("+79291234567", "20260301120000375291234567101.wav"),
        ("+79291234567", "in-37529-123-45-67.wav"),
    ],
)
def test_what_only_ends_in_the_same_digits_belongs_to_somebody_else(number: str, others: str) -> None:
    story = [{"what": "recorded", "detail": others}, {"what": "transferred", "detail": others}]
    record = {"caller": {"number": others, "name": "Чужой"}, "recordings": [others], "story": story}
    assert Mask([number], RUSSIA).value(record) == record


@pytest.mark.parametrize("epoch", ["1712345678.5", "1712345678-5", "1712345678"])
def test_the_id_of_a_call_is_no_number_even_if_it_reads_as_the_client_s(epoch: str) -> None:
    mask = Mask(["+491712345678", "+4917123456785"], GERMANY)
    record = {"recordings": [f"in-{epoch}.wav"], "story": [{"what": "recorded", "detail": f"in-{epoch}.wav"}]}
    assert mask.record(record, "pbx-1712345678.5") == record
    told = {"id": "1712345678", "linkedid": "01712345678", "from": "01712345678"}
    assert mask.value(told) == told | {"from": "*" * 11}
    assert mask.value({"recordings": ["in-01712345678.wav"]}) == {"recordings": ["in-***********.wav"]}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.from_regex(r"\+?\d{0,7}160000001"),
    lambda leaf: st.lists(leaf, max_size=3) | st.dictionaries(st.sampled_from(["number", "name", "who"]), leaf),
)


@given(json_values)
def test_no_number_is_left_anywhere(value: object) -> None:
    left = json.dumps(MASK.value(value))
    assert NUMBER not in left
    assert '"89160000001"' not in left


@pytest.mark.parametrize("digits", ["989160000001", "89160000001101", "+79160000001101", "8916000000120261130"])
def test_in_the_client_s_own_call_the_number_goes_among_other_digits_too(digits: str) -> None:
    others, epoch = "+375160000001", "1712345678.5"
    steps = [{"detail": digits}, {"detail": others}]
    record = {"caller": {"number": NUMBER}, "steps": steps, "recordings": [f"out-{digits}-101-{epoch}.wav"]}
    masked = MASK.record(record, epoch)
    stars = "+7" + "*" * (len(digits) - 2) if digits.startswith("+") else "*" * len(digits)
    assert masked["steps"] == [{"detail": stars}, {"detail": others}]
    assert masked["recordings"] == [f"out-{stars}-101-{epoch}.wav"]
    foreign = {**record, "caller": {"number": others}}
    assert MASK.record(foreign, epoch)["steps"] == steps, "somebody else's call"
