"""Logging as a service has it: every fact one line of JSON on stderr, also those of libraries."""

import json
import subprocess
import sys
from typing import Any

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
    [line] = parsed(logged(r"log.info('caller_named', name='Фронкин\r\nforged: \x1b[2J', number='+7')"))
    assert line["event"] == "caller_named"
    assert line["name"] == "Фронкин\r\nforged: \x1b[2J"
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
