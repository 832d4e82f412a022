"""Logging as a service has it: every fact one line of JSON on stderr, also those of libraries."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.logs import masked

PREPARE = """
import logging, structlog
from pbxd import logs
from pbxd.settings import LogSettings
logs.configure(LogSettings.model_validate({settings}))
log = structlog.get_logger("pbxd.test")
"""


def logged(code: str, **settings: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PREPARE.format(settings=settings) + code], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


def parsed(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_fact_is_one_json_line_whatever_stands_in_it() -> None:
    [line] = parsed(logged(r"log.info('caller_named', why='Фронкин\r\nforged: \x1b[2J', count='+7')"))
    assert line["event"] == "caller_named"
    assert line["why"] == "Фронкин\r\nforged: \x1b[2J"
    assert (line["level"], line["logger"]) == ("info", "pbxd.test")
    assert line["timestamp"].endswith("Z")


def test_an_exception_stands_in_its_line() -> None:
    [line] = parsed(logged("try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('failed')"))
    assert "ZeroDivisionError" in line["exception"]


def test_libraries_log_the_same_way_and_chatty_ones_are_kept_quiet() -> None:
    lines = parsed(logged("logging.getLogger('x').info('hello %s', 'you'); logging.getLogger('aiosqlite').info('no')"))
    assert [line["event"] for line in lines] == ["hello you"]


def test_the_level_is_obeyed() -> None:
    code = "log.debug('a'); log.info('b'); log.warning('c')"
    assert [line["event"] for line in parsed(logged(code, level="warning"))] == ["c"]
    assert [line["event"] for line in parsed(logged(code, level="debug"))] == ["a", "b", "c"]


def test_bound_context_is_in_every_line() -> None:
    [line] = parsed(logged("structlog.contextvars.bind_contextvars(call='A1'); log.info('x')"))
    assert line["call"] == "A1"


def test_the_console_form_is_for_people() -> None:
    assert "caller_named" in logged("log.info('caller_named', name='Игорь')", format="console")


def facts(**given_facts: object) -> dict[str, Any]:
    return dict(masked(None, "info", dict(given_facts)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the PBX refused 89161234567: no", "the PBX refused …67: no"),
        ("+7 (916) 123-45-67", "…67"),
        ("sip:+79161234567@trunk", "sip:…67@trunk"),
        ("Local/89161234567@from-internal-0000002a;1", "Local/…67@from-internal-0000002a;1"),
        ("PJSIP/trunk-00000021", "PJSIP/trunk-00000021"),
        ("linkedid 1795306765.125", "linkedid 1795306765.125"),
        ("since 2026-11-22 00:14:58", "since 2026-11-22 00:14:58"),
        ("127.0.0.1:65535, extension 101", "127.0.0.1:65535, extension 101"),
    ],
)
def test_numbers_in_texts_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert facts(why=text)["why"] == shown


def test_fields_about_people_are_masked_whatever_stands_in_them() -> None:
    line = facts(name="Фронкин", caller="12345", contact=12, id="1795306765", all=[{"name": "Игорь", "seconds": 1.5}])
    assert line == {
        "name": "Ф…",
        "caller": "…45",
        "contact": 12,
        "id": "1795306765",
        "all": [{"name": "И…", "seconds": 1.5}],
    }


@given(
    before=st.text(st.characters(exclude_categories=("N", "L", "M", "Pc", "Cs"), exclude_characters=".-"), max_size=5),
    number=st.from_regex(r"(8|\+?7)[1-9][0-9]{9}", fullmatch=True),
    marks=st.lists(st.sampled_from(["", " ", "-", ") ", " ("]), min_size=13, max_size=13),
)
def test_no_writing_of_a_number_gets_through(before: str, number: str, marks: list[str]) -> None:
    written = "".join(f"{mark}{digit}" for mark, digit in zip(marks, number, strict=False))
    shown = facts(why=f"{before}{written}, sorry")["why"]
    digits = "".join(character for character in shown if character.isdigit())
    assert digits == number[-2:]


def test_debug_shows_what_info_masks_also_from_libraries_and_exceptions() -> None:
    code = (
        "log.info('a', name='Фронкин', number='+79161234567')\n"
        "logging.getLogger('x').warning('call of %s', '89161234567')\n"
        "try:\n    raise ValueError('89161234567')\nexcept ValueError:\n    log.exception('failed')"
    )
    hidden, shown = logged(code), logged(code, level="debug")
    assert "1234567" not in hidden
    assert "Фронкин" not in hidden
    assert (shown.count("1234567"), shown.count("Фронкин")) == (3, 1)


def test_the_secret_of_a_login_that_could_not_be_written_stays_out() -> None:
    assert logged("logging.getLogger('panoramisk.ami_protocol').error('Fail to send Login')", level="debug") == ""
