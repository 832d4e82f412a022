"""The options that say which calls are meant: the same for every command about the history."""

from __future__ import annotations

from typing import get_args

import click

from pbxd.calls.record import Direction, Outcome
from pbxd.cli.command import N_, Decorated, actor_option, option

_FILTERS = (
    actor_option,
    option("--min-talk", type=click.FloatRange(0), default=0, metavar="SECONDS", help=N_("Talked at least so long.")),
    option("--queue", default="", help=N_("Through this queue last.")),
    option("--company", default="", help=N_("With this company, by whole name.")),
    option("--client", default="", help=N_("With this number, or contact (id or whole name).")),
    option("--agent", default="", metavar="EXT", help=N_("In which this employee took part.")),
    option("--outcome", type=click.Choice(get_args(Outcome)), help=N_("Only calls that ended so.")),
    option("--direction", type=click.Choice(get_args(Direction)), help=N_("Only calls of this direction.")),
    option("--to", "until", default="", metavar="DATE", help=N_("Until the end of this day, or before this time.")),
    option("--from", "since", default="", metavar="DATE", help=N_("From this day or time on: 31.12.2026 or ISO 8601.")),
)


def filters(command: Decorated) -> Decorated:
    """Give a command the options that say which calls are meant; they are the fields of CallsAsked."""
    for declare in _FILTERS:
        command = declare(command)
    return command
