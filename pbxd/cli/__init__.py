"""The command line `pbxd`."""

from __future__ import annotations

import gc
from contextlib import suppress

import click

from pbxd import __version__
from pbxd.book.fields import BUILT_IN
from pbxd.cli import language
from pbxd.cli.groups import Later, Option, Program
from pbxd.cli.output import prepare_streams
from pbxd.cli.session import Session
from pbxd.errors import ConfigurationError
from pbxd.i18n import N_


@click.group(
    cls=Program,
    help=N_("Makes the company's PBX know its clients."),
    context_settings={"help_option_names": ["--help", "-h"]},
)
@click.option(
    "--config",
    cls=Option,
    metavar="FILE",
    help=N_("Configuration file. Default: PBXD_CONFIG, then /etc/pbxd/pbxd.toml, then built-in defaults."),
)
@click.version_option(__version__, cls=Option, help=N_("Show the version and exit."))
@click.pass_context
def pbxd(context: click.Context, config: str | None) -> None:
    """Make the session, in the configured language. `obj` may bring another registry of fields."""
    context.obj = session = Session(config, context.obj or BUILT_IN)
    with suppress(ConfigurationError):  # a command that needs the configuration says so; help must not
        session.speak()


pbxd.later.update(
    run=Later("system.run", "run", N_("Run the daemon in the foreground.")),
    doctor=Later("system.doctor", "doctor", N_("Check the installation.")),
    lookup=Later("system.lookup", "lookup", N_("Show who has a number, as the PBX would get it.")),
    contacts=Later("book.contacts", "contacts", N_("Contacts: the clients' cards.")),
    companies=Later("book.companies", "companies", N_("Companies and their own numbers.")),
    employees=Later("book.employees", "employees", N_("The company's employees.")),
    call=Later("calls.call", "call", N_("Call a number or a contact from an employee's phone.")),
    calls=Later("calls.history", "calls", N_("The history of calls.")),
    privacy=Later("access.privacy", "privacy", N_("Export or erase one client's data.")),
    queues=Later("system.queues", "queues", N_("Show who waits in which queue, VIPs marked.")),
    audit=Later("access.audit", "audit", N_("Audit log: who did what, and what was refused.")),
    tokens=Later("access.tokens", "tokens", N_("Tokens for the HTTP API.")),
    users=Later("access.users", "users", N_("Users: who signs in, and in which role.")),
    webhooks=Later("access.webhooks", "webhooks", N_("Events as POST requests to other programs.")),
    db=Later("system.db", "db", N_("Create, upgrade, back up and check the database.")),
)


def main() -> None:
    """Run the program."""
    gc.disable()  # until the command's modules are imported: the collector would go through all of them
    language.prepare()
    prepare_streams()
    pbxd(prog_name="pbxd")
