"""The command line `pbxd`."""

from __future__ import annotations

from contextlib import suppress

import click

from pbxd import __version__, i18n
from pbxd.cli.click_texts import translate_click
from pbxd.cli.command import N_, Option, Root, Session, language
from pbxd.cli.output import prepare_streams
from pbxd.errors import ConfigurationError

# Where each command is defined. A module is imported when its command is asked for: SQLAlchemy and aiohttp take a third
# of a second each, and no command needs both.
_MODULES = {
    "run": "system.run",
    "doctor": "system.doctor",
    "lookup": "system.lookup",
    "contacts": "contacts.contacts",
    "companies": "contacts.companies",
    "employees": "access.employees",
    "call": "calls.call",
    "calls": "calls.calls",
    "privacy": "access.privacy",
    "queues": "system.queues",
    "tokens": "access.tokens",
    "db": "system.db",
}


@click.group(
    cls=Root,
    modules={name: f"pbxd.cli.{module}" for name, module in _MODULES.items()},
    help=N_("Makes the company's PBX know its clients."),
)
@click.option(
    "--config",
    cls=Option,
    metavar="FILE",
    help=N_("The configuration; else PBXD_CONFIG, else /etc/pbxd/pbxd.toml, else defaults."),
)
@click.version_option(__version__, cls=Option, help=N_("Show the version and exit."))
@click.pass_context
def pbxd(context: click.Context, config: str | None) -> None:
    """Keep the configuration's name for the command, and speak its language."""
    context.obj = session = Session(config)
    with suppress(ConfigurationError):  # a command that needs the configuration says so; help must not
        session.use_language()


def main() -> None:
    """Run the program; the locale decides the language until the configuration is read."""
    i18n.use(language())
    translate_click()
    prepare_streams()
    pbxd(prog_name="pbxd")
