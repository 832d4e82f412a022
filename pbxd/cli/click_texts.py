"""click's own words (Usage, Options, Error …) in the user's language.

click asks gettext for them, which knows compiled catalogues in folders and the environment's language only; ours are
read in memory and the configuration has a say. So click's modules are given our `_`.
"""

from __future__ import annotations

from click import core, decorators, exceptions, formatting, parser, termui, types

from pbxd.cli.command import N_
from pbxd.i18n import _

# What our commands can make click say; here for the catalogue's sake.
TEXTS = (
    N_("Usage:"),
    N_("Options"),
    N_("Commands"),
    N_("Show this message and exit."),
    N_("default: {default}"),
    N_("required"),
    N_("Try '{command} {option}' for help."),
    N_("Error: {message}"),
    N_("Error: invalid input"),
    N_("Aborted!"),
    N_("Missing command."),
    N_("Missing argument"),
    N_("Missing option"),
    N_("Missing parameter"),
    N_("No such command {name!r}."),
    N_("No such option {name!r}."),
    N_("Did you mean {possibility}?"),
    N_("(Did you mean one of: {possibilities}?)"),
    N_("Got unexpected extra argument ({args})"),
    N_("Got unexpected extra arguments ({args})"),
    N_("Option {name!r} requires an argument."),
    N_("Option {name!r} does not take a value."),
    N_("Invalid value: {message}"),
    N_("Invalid value for {param_hint}: {message}"),
    N_("{value!r} is not a valid {number_type}."),
    N_("{value} is not in the range {range}."),
    N_("{value!r} is not {choice}."),
    N_("{value!r} is not one of {choices}."),
    N_("Choose from:\n\t{choices}"),
)


def translate_click() -> None:
    """Have click speak the language of the moment from now on."""
    for module in (core, decorators, exceptions, formatting, parser, termui, types):
        vars(module).update(_=_, ngettext=_counted)


def _counted(singular: str, plural: str, count: int) -> str:
    """Translate one of click's pairs; in the Russian ones the count stands where it changes no ending."""
    return _(singular if count == 1 else plural)
