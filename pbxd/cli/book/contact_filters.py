"""The options that say which contacts are meant: the same for the list and the export."""

from __future__ import annotations

from pbxd.cli.options import Decorated, actor_option, employee_option, flag, option
from pbxd.i18n import N_

_FILTERS = (
    option(
        "--search", default="", about=N_("Words of the name, company, e-mails, tags or comment, or part of a number.")
    ),
    flag("--vip/--no-vip", default=None, about=N_("Only VIPs, or only others.")),
    option("--company", default="", about=N_("Only people of this company.")),
    option("--tag", default="", about=N_("Only contacts with this tag.")),
    employee_option("--manager", about=N_("Only contacts that this employee manages.")),
    option("--number", default="", metavar="NUMBER", about=N_("Only contacts with exactly this number.")),
    flag("--favourites", about=N_("Only your favourites.")),
    flag("--mine", about=N_("Contacts you manage, plus your personal contacts.")),
    actor_option,
)


def filters(command: Decorated) -> Decorated:
    """Give a command the options that say which contacts are meant; they are the fields of `ContactsWanted`."""
    for declare in reversed(_FILTERS):
        command = declare(command)
    return command
