"""Printing for people and for programs.

Everything printed may hold what a stranger sent (a caller's name, a contact typed by somebody else), so control and
direction-changing characters are shown, never obeyed.
"""

from __future__ import annotations

import codecs
import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Protocol, TextIO

from pbxd.cli.tables import lay_out
from pbxd.i18n import _

_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, format (bidi and joiners), lone surrogates, line and paragraph ends
_JOINERS = "\u200c\u200d\ufe0f"  # emoji and several scripts need them, and they move nothing


def printable(text: str) -> str:
    r"""Return the text with every character that would act on a terminal written as an escape, `\x1b`."""
    return "".join(_escaped(character) if _unsafe(character) else character for character in text)


def print_json(value: object) -> None:
    r"""Print one JSON value on one line; what a terminal would obey is written as \uXXXX, which is the same JSON.

    So is every letter where the output isn't UTF-8, which is what programs read JSON as.
    """
    text = json.dumps(value, ensure_ascii=not _is_utf_8(sys.stdout))
    _write("".join(_json_escaped(character) if _unsafe(character) else character for character in text))


def print_line(text: str) -> None:
    """Print one line for people."""
    _write(printable(text))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], total: str = "") -> None:
    """Print a table for people, below it the total; without rows the headings alone."""
    _print([heads, *rows], ruled=True)
    if total:
        _write(f"\n{total}")


class BadRow(Protocol):
    """What is wrong in a row of a file."""

    @property
    def row(self) -> int:
        """Its number, as a spreadsheet counts."""

    @property
    def message(self) -> str:
        """What is wrong."""


def print_bad_rows(bad: Sequence[BadRow], ignored: Sequence[str], total: int = 0) -> None:
    """Print what was wrong in a file's rows, and which columns weren't used; `total` bad rows if not all are given."""
    for each in bad:
        print_line(_("row {row}: {message}").format(row=each.row, message=each.message))
    if total > len(bad):
        print_line(_("and {count} more bad rows").format(count=total - len(bad)))
    if ignored:
        print_line(_("columns not used: {columns}").format(columns=", ".join(ignored)))


def print_card(lines: Iterable[tuple[str, str]]) -> None:
    """Print names and values below each other, leaving out the empty ones."""
    filled = [line for line in lines if line[1]]
    if filled:
        _print(filled)


def length(seconds: float) -> str:
    """Write a duration as M:SS or H:MM:SS."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def mark(flag: bool, sign: str = "★") -> str:  # noqa: FBT001 - the flag is the value shown
    """Write a flag as a sign or nothing."""
    return sign if flag else ""


def prepare_streams() -> None:
    """Let a terminal that isn't UTF-8 show an escape where it has no letter, instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _print(rows: Sequence[Sequence[str]], *, ruled: bool = False) -> None:
    """Print a table: folded to a terminal's width, and with whole lines for a program that reads it."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lay_out([[printable(cell) for cell in row] for row in rows], width, ruled=ruled):
        _write(line)


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _is_utf_8(stream: TextIO) -> bool:
    encoding = getattr(stream, "encoding", None)  # None of one in memory
    return encoding is None or codecs.lookup(encoding).name == "utf-8"


def _unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE and character not in _JOINERS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _json_escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
