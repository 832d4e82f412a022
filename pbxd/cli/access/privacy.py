"""`pbxd privacy`: one client's data, handed out or erased."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from getpass import getuser
from pathlib import Path
from typing import Any

import click
import structlog

from pbxd import logs
from pbxd.actor import Actor
from pbxd.cli.command import N_, Group, Session, argument, flag, json_option, pass_session, run
from pbxd.cli.output import print_json, print_line
from pbxd.errors import InvalidInputError
from pbxd.files import new_file
from pbxd.i18n import _
from pbxd.lookup.partial_index import contact_named
from pbxd.numbers import NumberRules, parse, rules_from
from pbxd.storage.engine.database import Database
from pbxd.storage.privacy import Client, Erased, Privacy


@click.group("privacy", cls=Group, help=N_("One client's data: handed out, or erased."))
def privacy() -> None:
    """Group the commands."""


@privacy.command(
    "export", help=N_("Write all that is kept of a client (number, or contact's id or whole name) to a JSON file.")
)
@argument("client", metavar="CLIENT")
@click.argument("file", type=click.Path(path_type=Path), metavar="OUT.json")
@json_option
@pass_session
def export(session: Session, client: str, file: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Export a client's data."""
    rules = rules_from(session.settings)

    async def work() -> dict[str, Any]:
        async with await session.database() as database:
            return await Privacy(database).export(await _client(database, client, rules))

    found = run(work())
    _write(file, found)
    counts = {"contacts": len(found["contacts"]), "calls": len(found["calls"])}
    if as_json:
        print_json({**counts, "file": str(file), "numbers_shared_with_others": found["numbers_shared_with_others"]})
        return
    print_line(_("contacts: {contacts}, calls: {calls}, written to {file}").format(**counts, file=file))
    _tell_left_out(found["numbers_shared_with_others"])


@privacy.command(
    "erase",
    help=N_(
        "Erase a client (number, or contact's id or whole name): cards, also personal ones; in calls and the feed his"
        " number is masked, what they count stays. Asks first on a terminal. Its use is logged."
    ),
)
@argument("client", metavar="CLIENT")
@flag("--yes", help=N_("Don't ask."))
@json_option
@pass_session
def erase(session: Session, client: str, yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Erase a client's data."""
    rules = rules_from(session.settings)
    user = getuser()

    async def work() -> tuple[Client, Erased]:
        async with await session.database() as database:
            whom = await _client(database, client, rules)
            return whom, await Privacy(database).erase(whom, by=user)

    if not yes and sys.stdin.isatty():
        click.confirm(
            _("Erase all data of {client}? This can't be undone.").format(client=client), abort=True, err=True
        )
    whom, erased = run(work())
    logs.configure(session.settings.logs)
    structlog.get_logger(__name__).warning("client_erased", **asdict(erased), user=user)
    if as_json:
        print_json({**asdict(erased), "numbers_shared_with_others": list(whom.left_out)})
        return
    for what, count in (
        (_("contacts erased"), erased.contacts + erased.personal_contacts),
        (_("contacts that lost the number"), erased.contacts_changed),
        (_("calls masked"), erased.calls),
        (_("feed rows masked"), erased.feed),
    ):
        print_line(f"{what}: {count}")
    _tell_left_out(whom.left_out)
    print_line(_("Not touched: backups, and captures until they are removed after asterisk.capture_days."))


async def _client(database: Database, text: str, rules: NumberRules) -> Client:
    parsed = parse(text, rules)
    if parsed.kind == "e164":
        return await Privacy(database).by_number(parsed.value)
    if not text.strip():
        raise InvalidInputError("client", _("whose data? A number, or a contact's id or name"))
    return await Privacy(database).by_card(await contact_named(database, text, actor=Actor.administrator("cli")))


def _write(file: Path, found: dict[str, Any]) -> None:
    """Write the file, readable for its owner alone; one that is there is not overwritten."""
    with new_file(file) as part, part.open("w", encoding="utf-8") as stream:
        json.dump(found, stream, ensure_ascii=False, indent=1)
        stream.write("\n")


def _tell_left_out(numbers: object) -> None:
    if numbers:
        shown = ", ".join(str(number) for number in numbers) if isinstance(numbers, (list, tuple)) else ""
        print_line(_("left out, for other contacts have them too: {numbers}").format(numbers=shown))
