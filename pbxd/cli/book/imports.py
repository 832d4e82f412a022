"""`pbxd contacts import` and `import-undo`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from pbxd.cli.groups import command
from pbxd.cli.options import FILE, ID, actor_option, argument, flag, json_option, option, takes
from pbxd.cli.output import print_bad_rows, print_json, print_line
from pbxd.cli.progress import progress
from pbxd.cli.session import Session, pass_session
from pbxd.errors import ConflictError, InvalidInputError
from pbxd.files import refuse_target
from pbxd.i18n import N_, _
from pbxd.services import imports
from pbxd.services.imports import ImportContacts, ImportReport, Policy

_SHOWN = 20  # bad rows printed for a person; all of them are in the error workbook


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `contacts import`."""

    file: Path
    dry_run: bool
    visibility: Literal["all", "me"]
    existing: Policy
    mapped: Sequence[str]
    sheet: str
    errors: Path | None

    @property
    def request(self) -> ImportContacts:
        """What they ask for."""
        return ImportContacts(
            file=self.file,
            personal=self.visibility == "me",
            existing=self.existing,
            dry_run=self.dry_run,
            sheet=self.sheet,
            mapped=self.mapped,
            errors=self.errors,
        )


@command(
    "import",
    about=N_("Import contacts from a file: xlsx, xls, csv or vcf. Bad rows are reported and don't stop the good ones."),
)
@argument("file", type=FILE)
@flag("--dry-run", about=N_("Change nothing, only say what would happen."))
@option("--visibility", type=click.Choice(["all", "me"]), default="all", about=N_("Who sees the new contacts."))
@option(
    "--existing",
    type=click.Choice(["skip", "update", "add"]),
    default="skip",
    about=N_("When a number is known already: skip the row, update the contact, or add another contact."),
)
@option("--map", "mapped", multiple=True, metavar="COLUMN=FIELD", about=N_("Which field a column is. May be repeated."))
@option("--sheet", default="", about=N_("The sheet to import, if it isn't “Контакты”."))
@option(
    "--errors",
    type=FILE,
    metavar="FILE",
    about=N_("Write the bad rows to this new workbook, to correct and import them."),
)
@actor_option
@json_option
@takes(Options)
def import_(session: Session, asked: Options) -> None:
    """Import contacts."""
    if asked.errors:
        _check_errors_file(asked.errors)
    with progress(_("import")) as report_rows:
        report = session.ask(imports.import_contacts, asked.request, progress=lambda rows: report_rows(rows, 0))
    if session.as_json:
        print_json(
            {"import": report.import_id}
            | report.counts
            | {
                "errors": [asdict(bad) for bad in report.errors],
                "errors_file": str(report.errors_file) if report.errors_file else None,
                "sheet": report.sheet,
                "ignored_columns": report.ignored,
            }
        )
    else:
        _print(report)


@command("import-undo")
@argument("import_id", type=ID, metavar="ID")
@actor_option
@json_option
@pass_session
def import_undo(session: Session, import_id: int) -> None:
    """Undo an import."""
    with progress(_("undo")) as report:
        done = session.ask(imports.undo, import_id, progress=report)
    if session.as_json:
        spared = [{"id": contact_id, "name": name} for contact_id, name in done.names]
        print_json({"deleted": done.deleted, "restored": done.restored, "spared": done.spared, "contacts": spared})
        return
    counts = _("deleted: {deleted}, changed back: {restored}, kept because edited since: {spared}")
    print_line(counts.format(deleted=done.deleted, restored=done.restored, spared=done.spared))
    for contact_id, name in done.names:
        print_line(_("kept: {id} {name}").format(id=contact_id, name=name))


def _check_errors_file(file: Path) -> None:
    """Refuse a name that isn't a workbook's, and a file that exists: it may be the one being imported, or corrected."""
    if file.suffix.lower() != ".xlsx":
        raise InvalidInputError("errors", _("--errors: the file's name must end in .xlsx"))
    try:
        refuse_target(file, replace=False)
    except ConflictError as error:
        message = _("--errors: {file} exists already and isn't overwritten; name a new file")
        raise ConflictError(message.format(file=file)) from error


def _print(report: ImportReport) -> None:
    if report.sheet:
        print_line(_("sheet: {sheet}").format(sheet=report.sheet))
    counts = _("new: {created}, changed: {updated}, already known: {skipped}, bad rows: {bad}")
    print_line(counts.format(**report.counts))
    print_bad_rows(report.errors[:_SHOWN], report.ignored, total=report.bad)
    if report.errors_file:
        print_line(_("bad rows to correct and import: {file}").format(file=report.errors_file))
    if report.import_id is None:
        print_line(_("nothing was changed: this was a dry run"))
    else:
        print_line(_("undo it with: {command}").format(command=f"pbxd contacts import-undo {report.import_id}"))
