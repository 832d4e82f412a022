from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.calls.masking import Mask

NUMBER = "+79160000001"
MASK = Mask([NUMBER])


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (NUMBER, "+7**********"),
        ("89160000001", "***********"),
        ("810-79160000001", "810-***********"),
        ("/monitor/2026/in-79160000001-101.wav", "/monitor/2026/in-***********-101.wav"),
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
        ("8_916_000_00_01.wav", "8_9**_***_**_**.wav"),
        ("/monitor/in-89160000001.wav", "/monitor/in-***********.wav"),
        ("1772355600.4-79160000002.wav", "1772355600.4-79160000002.wav"),
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
    assert Mask([]).value(record) == record


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.from_regex(r"\+?\d{0,7}160000001"),
    lambda leaf: st.lists(leaf, max_size=3) | st.dictionaries(st.sampled_from(["number", "name", "who"]), leaf),
)


@given(json_values)
def test_no_number_is_left_anywhere(value: object) -> None:
    left = json.dumps(MASK.value(value))
    assert NUMBER not in left
    assert '"89160000001"' not in left
