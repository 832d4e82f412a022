"""`pbxd privacy`: one client's data, handed out or erased."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from getpass import getuser
from pathlib import Path
from typing import Any

from pbxd import logs
from pbxd.cli.groups import group
from pbxd.cli.options import FILE, argument, json_option, yes_option
from pbxd.cli.output import print_json, print_line
from pbxd.cli.progress import progress
from pbxd.cli.session import Session, pass_session
from pbxd.files import new_file
from pbxd.i18n import N_, _
from pbxd.services import privacy as access

_SHARED = "numbers_shared_with_others"


@group("privacy")
def privacy() -> None:
    """Group the commands."""


@privacy.command(
    "export", help=N_("Write one client's data to a JSON file. CLIENT is a number, or a contact's id or full name.")
)
@argument("client", metavar="CLIENT")
@argument("file", type=FILE, metavar="OUT.json")
@json_option
@pass_session
def export(session: Session, client: str, file: Path) -> None:
    """Export a client's data."""
    with progress(_("history")) as report:
        found = session.ask(access.export, client, progress=report)
    _write(file, found)
    counts = {"contacts": len(found["contacts"]), "calls": len(found["calls"])}
    if session.as_json:
        print_json({**counts, "file": str(file), _SHARED: found[_SHARED]})
        return
    print_line(_("contacts: {contacts}, calls: {calls}, written to {file}").format(**counts, file=file))
    _print_left_out(found[_SHARED])


@privacy.command(
    "erase",
    help=N_(
        "Erase one client's data for good. CLIENT is a number, or a contact's id or full name. Their contacts, personal"
        " ones too, are deleted, their number is masked in calls and the feed; statistics stay. All files uploaded"
        " for imports are deleted, also those that wait to be committed. Asks first on a terminal. The erasure is"
        " logged."
    ),
)
@argument("client", metavar="CLIENT")
@yes_option
@json_option
@pass_session
def erase(session: Session, client: str) -> None:
    """Erase a client's data."""
    asked = access.EraseClient(client=client, uploads=session.settings.upload_folder, by=getuser())
    question = _("Erase all data of {client}, and all files uploaded for imports? This can't be undone.")
    session.confirm(question.format(client=client))
    logs.configure(session.settings.logs)
    with progress(_("history")) as report:
        done = session.ask(access.erase, asked, progress=report)
    if session.as_json:
        print_json({**asdict(done.erased), _SHARED: list(done.left_out)})
        return
    for what, count in (
        (_("contacts erased"), done.erased.contacts + done.erased.personal_contacts),
        (_("contacts that lost the number"), done.erased.contacts_changed),
        (_("calls masked"), done.erased.calls),
        (_("feed entries masked"), done.erased.feed),
        (_("uploaded import files deleted from {folder}").format(folder=asked.uploads), done.erased.uploads),
    ):
        print_line(f"{what}: {count}")
    _print_left_out(done.left_out)
    print_line(_("Not changed: backups; captures until they are deleted after asterisk.capture_days."))


def _write(file: Path, found: dict[str, Any]) -> None:
    """Write the file, readable for its owner alone; one that is there is not overwritten."""
    with new_file(file) as part, part.open("w", encoding="utf-8") as stream:
        json.dump(found, stream, ensure_ascii=False, indent=1)
        stream.write("\n")


def _print_left_out(numbers: Iterable[str]) -> None:
    shown = ", ".join(numbers)
    if shown:
        print_line(_("kept because other contacts have them too: {numbers}").format(numbers=shown))
