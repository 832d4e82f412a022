"""Printing for people and for programs.

Everything printed may hold what a stranger sent (a caller's name, a contact typed by somebody else), so control and
direction-changing characters are shown, never obeyed.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Protocol, TextIO, TypedDict, Unpack

import click

from pbxd.cli.tables import USUAL, lay_out, measured
from pbxd.i18n import _

_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, format (bidi and joiners), lone surrogates, line and paragraph ends
STAR = "★"  # marks a VIP
_JOINERS = "\u200c\u200d\ufe0f"  # emoji and several scripts need them, and they move nothing


class Style(TypedDict, total=False):
    """How a text looks on a terminal, in click's words."""

    fg: str
    bold: bool


def printable(text: str) -> str:
    r"""Return the text with every character that would act on a terminal written as an escape, `\x1b`."""
    if USUAL.fullmatch(text):
        return text
    return "".join(_escaped(character) if _unsafe(character) else character for character in text)


def print_json(value: object) -> None:
    r"""Print one JSON value on one line; what a terminal would obey is written as \uXXXX, which is the same JSON.

    So is every letter where the output isn't UTF-8, which is what programs read JSON as.
    """
    _write(_json(value))


class JsonList:
    """A list printed as JSON while it is read, each item on a line of its own: `{"items": […], "total": n}`.

    A short one, of one part, is one line, with the total first.
    """

    def __init__(self) -> None:
        self._first: list[object] = []
        self._parts = 0
        self._count = 0

    def add(self, items: Iterable[object]) -> None:
        """Print further items."""
        part = list(items)
        self._parts += 1
        self._count += len(part)
        if self._parts == 1:
            self._first = part
        elif self._parts == 2:  # noqa: PLR2004 - now the list is known to be long
            sys.stdout.write('{"items": [\n')
            sys.stdout.write(",\n".join(map(_json, [*self._first, *part])))
            self._first = []
        else:
            sys.stdout.writelines(f",\n{_json(item)}" for item in part)
        sys.stdout.flush()

    def close(self) -> None:
        """Print the end, with the total."""
        if self._parts > 1:
            _write("", "],", f'"total": {self._count}}}')
        else:
            print_json({"total": self._count, "items": self._first})


def print_line(text: str) -> None:
    """Print one line for people."""
    _write(printable(text))


class Table:
    """A table printed while it is read, for programs and files: a column only gets wider on the way."""

    def __init__(self, heads: Sequence[str]) -> None:
        self._heads: list[list[str]] = [list(heads)]
        self._widths: list[int] = []
        self.count = 0  # rows printed

    def add(self, rows: Iterable[Sequence[str]]) -> None:
        """Print further rows."""
        part = [*self._heads, *_printable(rows)]
        self.count += len(part) - len(self._heads)
        self._widths = [max(pair) for pair in zip_longest(self._widths, measured(part), fillvalue=0)]
        _write(*lay_out(part, None, ruled=bool(self._heads), widths=self._widths))
        self._heads = []

    def close(self, below: str) -> None:
        """Print the heads, if there was no row, and what stands below the table."""
        if self._heads:
            self.add(())
        _write("", below)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], *below: str, whole: bool = False) -> None:
    """Print a table for people, and lines below it; without rows the headings alone.

    On a terminal a long table is shown by the pager, and long texts end with “…”; `whole`: they are folded instead.
    """
    lines = _laid_out([heads, *rows], ruled=True, cut=not whole)
    lines[0] = styled(lines[0], bold=True)
    said = [line for line in below if line]
    page([*lines, *(["", *map(printable, said)] if said else [])])


def page(lines: Sequence[str]) -> None:
    """Print lines; on a terminal that is too low for them by the user's pager."""
    if not (on_terminal() and sys.stdin.isatty()) or len(lines) < shutil.get_terminal_size().lines:
        _write(*lines)
        return
    os.environ.setdefault("LESS", "FRX")  # as git does: colours, and no screen of its own
    click.echo_via_pager("\n".join(lines), color=_coloured(sys.stdout))


def on_terminal() -> bool:
    """Tell whether a person reads the output."""
    return sys.stdout.isatty()


def styled(text: str, stream: TextIO | None = None, **style: Unpack[Style]) -> str:
    """Return the text in a colour, or plain where nobody sees it: not on a terminal, or with NO_COLOR."""
    return click.style(text, **style) if _coloured(stream or sys.stdout) else text


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
        line = _("row {row}: {message}").format(row=each.row, message=each.message)
        _write(styled(printable(line), fg="red"))
    if total > len(bad):
        print_line(_("and {count} more bad rows").format(count=total - len(bad)))
    if ignored:
        print_line(_("columns not used: {columns}").format(columns=", ".join(ignored)))


def print_card(lines: Iterable[tuple[str, str]]) -> None:
    """Print names and values below each other, leaving out the empty ones."""
    filled = [line for line in lines if line[1]]
    if filled:
        _write(*_laid_out(filled))


def length(seconds: float) -> str:
    """Write a duration as M:SS or H:MM:SS."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def mark(flag: bool, sign: str = STAR) -> str:  # noqa: FBT001 - the flag is the value shown
    """Write a flag as a sign or nothing."""
    return sign if flag else ""


def prepare_streams() -> None:
    """Let a terminal that isn't UTF-8 show an escape where it has no letter, instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _laid_out(rows: Sequence[Sequence[str]], *, ruled: bool = False, cut: bool = False) -> list[str]:
    """Return the lines of a table: fitted to a terminal's width, and whole for a program that reads them."""
    width = shutil.get_terminal_size().columns if on_terminal() else None
    star = styled(STAR, fg="yellow")
    lines = lay_out(list(_printable(rows)), width, ruled=ruled, cut=cut)
    return lines if star == STAR else [line.replace(STAR, star) for line in lines]


def _printable(rows: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    for row in rows:
        yield [printable(cell) for cell in row]


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=not _is_utf_8(sys.stdout))
    if USUAL.fullmatch(text):
        return text
    return "".join(_json_escaped(character) if _unsafe(character) else character for character in text)


def _write(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _coloured(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


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
