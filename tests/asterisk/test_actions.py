from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.asterisk.ami.actions import MAX_HEADERS, MAX_LINE_BYTES, checked
from pbxd.errors import InvalidInputError


def test_headers_stay_as_they_are() -> None:
    assert checked("Originate", {"Channel": "PJSIP/101", "Variable": ["a=1", "__b=Фронкин"], "X-1": ""}) == {
        "Action": "Originate",
        "Channel": "PJSIP/101",
        "Variable": ["a=1", "__b=Фронкин"],
        "X-1": "",
    }


@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\r\nAction: Originate", "\n", "a\0", "\ud800"])
def test_bad_values_are_refused_by_header_and_never_shown(bad: str) -> None:
    for headers in ({"Secret": f"s3cret{bad}"}, {"Secret": ["fine", f"s3cret{bad}"]}):
        with pytest.raises(InvalidInputError) as caught:
            checked("Login", headers)
        assert caught.value.field == "Secret"
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "A B", "A:", "A\r\nB", "1A", "-A", "Ф", "A_B", "A\n"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        checked("Ping", {name: "x"})
    assert caught.value.field == name


@pytest.mark.parametrize("names", [("action",), ("ACTION",), ("Variable", "variable")])
def test_a_header_stands_once(names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError):
        checked("Ping", dict.fromkeys(names, "x"))


def test_a_bad_action_name_is_refused() -> None:
    with pytest.raises(InvalidInputError) as caught:
        checked("Ping\r\nAction: Originate", {})
    assert caught.value.field == "Action"


def test_lines_are_measured_in_bytes_of_utf8() -> None:
    room = MAX_LINE_BYTES - len("Value: ")
    assert checked("Ping", {"Value": "x" * room})
    assert checked("Ping", {"Value": "Ф" * (room // 2)})
    for too_long in ("x" * (room + 1), "Ф" * (room // 2 + 1)):
        with pytest.raises(InvalidInputError) as caught:
            checked("Ping", {"Value": too_long})
        assert caught.value.field == "Value"


def test_headers_are_counted_by_line() -> None:
    assert checked("Ping", {"Variable": ["a=1"] * (MAX_HEADERS - 2)})
    with pytest.raises(InvalidInputError):
        checked("Ping", {"Variable": ["a=1"] * (MAX_HEADERS - 1)})


@given(st.text(), st.dictionaries(st.text(max_size=8), st.text() | st.lists(st.text(), max_size=4), max_size=5))
def test_nothing_unsafe_passes(name: str, headers: dict[str, str | list[str]]) -> None:
    try:
        fields = checked(name, headers)
    except InvalidInputError:
        return
    for header, value in fields.items():
        for line in [value] if isinstance(value, str) else value:
            written = f"{header}: {line}".encode()
            assert not {0, 10, 13} & set(written)
            assert len(written) <= MAX_LINE_BYTES
