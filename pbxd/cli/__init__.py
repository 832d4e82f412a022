"""The command line `pbxd`."""

from __future__ import annotations

from contextlib import suppress

import click

from pbxd import __version__, i18n
from pbxd.cli.call import call
from pbxd.cli.calls import calls
from pbxd.cli.command import N_, Option, Root, Session, language
from pbxd.cli.companies import companies
from pbxd.cli.contacts import contacts
from pbxd.cli.db import db
from pbxd.cli.employees import employees
from pbxd.cli.lookup import lookup
from pbxd.cli.output import prepare_streams
from pbxd.cli.queues import queues
from pbxd.cli.service import run
from pbxd.cli.tokens import tokens
from pbxd.errors import ConfigurationError


@click.group(cls=Root, help=N_("Makes the company's PBX know its clients."))
@click.option(
    "--config",
    cls=Option,
    metavar="FILE",
    help=N_("The configuration; else PBXD_CONFIG, else /etc/pbxd/pbxd.toml, else defaults."),
)
@click.version_option(__version__)
@click.pass_context
def pbxd(context: click.Context, config: str | None) -> None:
    """Keep the configuration's name for the command, and speak its language."""
    context.obj = session = Session(config)
    with suppress(ConfigurationError):  # a command that needs the configuration says so; help must not
        session.use_language()


for command in (run, lookup, contacts, companies, employees, call, calls, queues, tokens, db):
    pbxd.add_command(command)


def main() -> None:
    """Run the program; the locale decides the language until the configuration is read."""
    i18n.use(language())
    prepare_streams()
    pbxd(prog_name="pbxd")
