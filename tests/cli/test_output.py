"""What is printed can't act on the terminal and can be read back."""

import json
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd import i18n
from pbxd.cli.output import length, print_card, print_json, print_table, printable
from pbxd.i18n import local_day, local_time

ANY_TEXT = st.text(st.characters(codec=None))


@given(ANY_TEXT)
def test_nothing_printed_acts_on_a_terminal(text: str) -> None:
    shown = printable(text)
    shown.encode("utf-8")
    assert not {unicodedata.category(each) for each in shown if each not in "\u200c\u200d\ufe0f"} & {
        "Cc", "Cf", "Cs", "Zl", "Zp",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Фронкин «Игорь» 🚀", "Фронкин «Игорь» 🚀"),
        ("\x1b]0;title\x07\x1b[2J", "\\x1b]0;title\\x07\\x1b[2J"),
        ("one\r\ntwo\tthree\0", "one\\r\\ntwo\\tthree\\x00"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("\x9b31m", "\\x9b31m"),
        ("\udcff", "\\udcff"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
    ],
)
def test_what_would_act_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.dictionaries(ANY_TEXT, ANY_TEXT | st.integers() | st.none() | st.lists(ANY_TEXT)))
def test_json_is_one_safe_line_and_reads_back_as_it_was(value: dict[str, object]) -> None:
    import contextlib  # noqa: PLC0415 - hypothesis and capsys don't mix
    import io  # noqa: PLC0415 - likewise

    with contextlib.redirect_stdout(io.StringIO()) as out:
        print_json(value)
    line = out.getvalue()
    assert line.endswith("\n")
    line[:-1].encode("utf-8")
    assert printable(line[:-1]) == line[:-1]
    # A lone pair of surrogates written as escapes is, in JSON, the character they make.
    assert json.loads(line) == json.loads(json.dumps(value))


def test_a_table_keeps_long_cells_whole_and_markup_literal_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["Name"], [["[red]" + "x" * 900], [":smile: \x1b[31m"]])
    out = capsys.readouterr().out
    assert "[red]" + "x" * 900 in out
    assert ":smile: \\x1b[31m" in out
    assert "\x1b" not in out


def test_a_card_leaves_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    print_card([("Имя", "Фронкин"), ("Компания", "")])
    assert "Компания" not in (out := capsys.readouterr().out)
    assert "Фронкин" in out


def test_times_are_local_and_in_the_reader_s_form() -> None:
    at = datetime(2026, 3, 9, 12, 30, 5, tzinfo=UTC)
    local = at.astimezone()
    i18n.use("ru")
    try:
        assert local_time(at) == local.strftime("%d.%m.%Y %H:%M:%S")
    finally:
        i18n.use("en")
    assert local_time(at) == local.strftime("%Y-%m-%d %H:%M:%S")
    assert local_time(None) == ""
    assert local_day(at) == local_day(at.date()) == "2026-03-09"


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (3661, "1:01:01")])
def test_lengths(seconds: float, shown: str) -> None:
    assert length(seconds) == shown


def test_a_terminal_without_the_letters_gets_escapes_not_a_traceback() -> None:
    code = "from pbxd.cli.output import *; prepare_streams(); print_line('Фронкин 🚀')"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONIOENCODING": "cp1251"}, capture_output=True, check=True
    )
    assert done.stdout.decode("cp1251") == "Фронкин \\U0001f680\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1251", "utf-8", "UTF8"])
def test_json_is_json_whatever_the_output_s_letters(encoding: str) -> None:
    code = "from pbxd.cli.output import *; prepare_streams(); print_json('«Фронкин» é 🚀')"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONIOENCODING": encoding}, capture_output=True, check=True
    )
    assert json.loads(done.stdout.decode(encoding)) == "«Фронкин» é 🚀"
    assert done.stdout.isascii() == (encoding in ("ascii", "cp1251"))
