"""Questions to the person at the terminal, answered in Russian or English, whatever language they are asked in."""

from __future__ import annotations

from typing import Final

import click

from pbxd.cli.output import printable
from pbxd.i18n import N_, _

_YES: Final = frozenset({"y", "yes", "д", "да"})
_NO: Final = frozenset({"", "n", "no", "н", "нет"})
_HINT = N_("[y/N]")


def agrees(question: str) -> bool:
    """Ask on stderr until the answer is yes or no; no answer means no. Raises click.Abort at Ctrl-C and at the end."""
    while True:
        asked = f"{printable(question)} {_(_HINT)}"
        answer: str = click.prompt(asked, default="", show_default=False, err=True)
        word = answer.strip().casefold()
        if word in _YES | _NO:
            return word in _YES
        click.echo(_("Please answer yes or no."), err=True)
