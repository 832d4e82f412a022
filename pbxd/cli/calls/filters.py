"""The options that say which calls are meant: the same for every command about the history."""

from __future__ import annotations

from typing import get_args

import click

from pbxd.calls.record import Direction, Outcome
from pbxd.cli.options import Decorated, Number, actor_option, employee_option, option
from pbxd.i18n import N_

_SINCE = N_("Calls from this day or time on: 31.12.2026 or ISO 8601.")
_UNTIL = N_("Calls until the end of this day, or before this time.")
_FILTERS = (
    option("--from", "since", default="", metavar="DATE", about=_SINCE),
    option("--to", "until", default="", metavar="DATE", about=_UNTIL),
    option("--direction", type=click.Choice(get_args(Direction)), about=N_("Only calls in this direction.")),
    option("--outcome", type=click.Choice(get_args(Outcome)), about=N_("Only calls that ended like this.")),
    employee_option("--agent", about=N_("Only calls this employee took part in.")),
    option("--client", default="", about=N_("Only calls with this number, or contact (id or full name).")),
    option("--search", default="", about=N_("Only calls with clients that a search for these words or digits finds.")),
    option("--company", default="", about=N_("Only calls with this company (full name).")),
    option("--queue", default="", about=N_("Only calls whose last queue was this one.")),
    option("--department", default="", about=N_("Only calls of this department: of its people, and in its queues.")),
    option(
        "--no-callback",
        is_flag=True,
        about=N_("Only calls that nobody answered, and whose clients nobody called nor talked with since."),
    ),
    option(
        "--min-talk",
        type=Number(0),
        default=0,
        metavar="SECONDS",
        about=N_("Only calls with at least this much talk."),
    ),
    actor_option,
)


def period(command: Decorated) -> Decorated:
    """Give a command the options of a period, both required: `since` and `until`."""
    for name, field, about in (("--to", "until", _UNTIL), ("--from", "since", _SINCE)):
        command = option(name, field, required=True, metavar="DATE", about=about)(command)
    return command


def filters(command: Decorated) -> Decorated:
    """Give a command the options that say which calls are meant; they are the fields of `FindCalls`."""
    for declare in reversed(_FILTERS):
        command = declare(command)
    return command
