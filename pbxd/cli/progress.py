"""Progress of long work, on stderr and for people at a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from pbxd.cli.output import printable
from pbxd.i18n import _

_FIRST_SECONDS = 1.0  # shorter work is done before anybody reads of it
_EVERY_SECONDS = 0.2  # between two reports

Report = Callable[[int, int], None]  # how much is done, and of how much; 0: nobody knows


@contextmanager
def progress(about: str) -> Iterator[Report]:
    """Show how far work is: in percent, or how many rows are done where nobody knows how many there are."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    shown = _Shown(printable(about))
    try:
        yield shown.report
    finally:
        shown.clear()


class _Shown:
    """The line that is on the terminal."""

    def __init__(self, about: str) -> None:
        self._about = about
        self._next = time.monotonic() + _FIRST_SECONDS
        self._width = 0

    def report(self, done: int, total: int) -> None:
        """Show the state if it is time to."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY_SECONDS
        if total:
            text = _("{what}: {percent} %").format(what=self._about, percent=min(100, done * 100 // total))
        else:
            text = _("{what}: rows done: {count}").format(what=self._about, count=done)
        click.echo("\r" + text.ljust(self._width), err=True, nl=False)
        self._width = len(text)

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            click.echo("\r" + " " * self._width + "\r", err=True, nl=False)
