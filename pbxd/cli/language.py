"""The language the program speaks, click's own words (Usage, Options, Error …) included.

click takes its words from gettext's domain of the running program, in the language of the environment. So the program
names its own catalogue as that domain, and puts the language it speaks into `LANGUAGE`, gettext's own variable.
"""

from __future__ import annotations

import gettext
import os

from pbxd import i18n
from pbxd.i18n import N_, NN_

# What our commands can make click say; here for the catalogue's sake.
WORDS = (
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
    N_("Option {name!r} does not take a value."),
    N_("Invalid value: {message}"),
    N_("Invalid value for {param_hint}: {message}"),
    N_("{value!r} is not a valid {number_type}."),
    N_("{value} is not in the range {range}."),
    N_("Choose from:\n\t{choices}"),
    *NN_("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    *NN_("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    *NN_("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    *NN_("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
)

# What stands for a value in usage lines and in the lists of options; `groups` translates them.
PLACES = (
    *(N_("[OPTIONS]"), N_("COMMAND [ARGS]..."), N_("TEXT"), N_("N"), N_("FILE"), N_("NAME"), N_("NUMBER"), N_("DATE")),
    *(
        N_("EXTENSION"),
        N_("TARGET"),
        N_("CLIENT"),
        N_("CAPTURE"),
        N_("CURSOR"),
        N_("KEY"),
        N_("SECONDS"),
        N_("DAYS"),
        N_("KIND"),
        N_("URL"),
    ),
    *(N_("EXT|NAME"), N_("EXT|E-MAIL")),
    *(N_("COLUMN=FIELD"), N_("NUMBER=LABEL"), N_("OUT.json"), N_("OUT.xlsx|OUT.csv")),
)


def prepare() -> None:
    """Give click our catalogue, and speak the locale's language until the configuration is read."""
    gettext.bindtextdomain(i18n.DOMAIN, str(i18n.CATALOGUES))
    gettext.textdomain(i18n.DOMAIN)
    speak(chosen())


def speak(language: str) -> None:
    """Speak a language from now on."""
    i18n.use(language)
    os.environ["LANGUAGE"] = language


def chosen(configured: str = "") -> str:
    """Return the language to speak: the configured one, else the locale's."""
    return i18n.preferred(configured, *(os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG")))
