"""`pbxd contacts import` and `import-undo`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from pbxd.book.fields import Fields
from pbxd.cli.groups import command
from pbxd.cli.options import FILE, ID, LIMIT, actor_option, argument, flag, json_option, option, takes, yes_option
from pbxd.cli.output import print_bad_rows, print_json, print_line, print_table
from pbxd.cli.progress import progress
from pbxd.cli.session import Session, pass_session
from pbxd.errors import ConflictError, InvalidInputError
from pbxd.files import refuse_target
from pbxd.i18n import N_, _, local_time
from pbxd.services.files import imports
from pbxd.services.files.import_report import RowDone, titles_of
from pbxd.services.files.imports import Import, ImportContacts, ImportReport, Policy

_STATES = {
    "checking": N_("being checked, nothing imported"),
    "checked": N_("checked, not imported yet"),
    "refused": N_("can't be read, nothing imported"),
    "writing": N_("under way"),
    "applying": N_("being completed"),
    "done": N_("done"),
    "undoing": N_("being undone"),
    "undone": N_("undone"),
    "dropping": N_("being dropped"),
    "dropped": N_("broken off, nothing imported"),
}
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
    lenient: bool
    report: Path | None

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
            lenient=self.lenient,
            report=self.report,
        )


@command(
    "import",
    about=N_(
        "Import contacts from a file: xlsx, xls, ods, csv, vcf, LDIF or a phonebook in XML."
        " Bad rows are reported and don't stop the good ones."
    ),
)
@argument("file", type=FILE)
@flag("--dry-run", about=N_("Change nothing, only say what would happen."))
@option(
    "--visibility",
    type=click.Choice(["all", "me"]),
    default="all",
    about=N_("Who sees the new contacts: all, or me, the employee of --as, alone."),
)
@option(
    "--existing",
    type=click.Choice(["skip", "update", "add"]),
    default="skip",
    about=N_("When a contact is known already (number and name): skip the row, update it, or add another one."),
)
@option(
    "--map",
    "mapped",
    multiple=True,
    metavar="COLUMN=FIELD",
    about=N_("Which field a column is, such as Имя=name; x=? lists the fields. May be repeated."),
)
@option("--sheet", default="", about=N_("The sheet to import, if it isn't “Контакты”."))
@option(
    "--errors",
    type=FILE,
    metavar="FILE",
    about=N_("Write the bad rows to this new .xlsx file; correct them there and import that file."),
)
@flag("--lenient", about=N_("Take a contact without the optional fields that can't be read; each is named."))
@option(
    "--report",
    type=FILE,
    metavar="FILE",
    about=N_("List in this new CSV file which rows were skipped, changed or merged."),
)
@actor_option
@json_option
@takes(Options)
def import_(session: Session, asked: Options) -> None:
    """Import contacts."""
    if asked.errors:
        _check_target("errors", asked.errors, ".xlsx")
    if asked.report:
        _check_target("report", asked.report, ".csv")
    with progress(_("import")) as report_rows:
        report = session.ask(imports.import_contacts, asked.request, progress=report_rows)
    if session.as_json:
        print_json(
            {"import": report.import_id}
            | report.counts
            | {
                "errors": [asdict(bad) for bad in report.errors],
                "errors_file": str(report.errors_file) if report.errors_file else None,
                "sheet": report.sheet,
                "ignored_columns": report.ignored,
                "left_out": [asdict(each) for each in report.left_out],
                "left_out_count": report.left_out_count,
                "rows": [asdict(done) for done in report.rows],
                "rows_left_out": report.listed - len(report.rows),
            }
        )
    else:
        _print(report, session.fields)


@command("import-undo")
@argument("import_id", type=ID, metavar="ID")
@yes_option
@actor_option
@json_option
@pass_session
def import_undo(session: Session, import_id: int) -> None:
    """Undo an import."""
    session.confirm_at_terminal(
        _("Undo import {id}? Its contacts are deleted, except those that were edited since.").format(id=import_id)
    )
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
    if done.spared > len(done.names):
        print_line(_("kept: {count} more, not listed here").format(count=done.spared - len(done.names)))


@command("imports", about=N_("List imports: which file, by whom, what they did, and whether they can be undone."))
@option("--limit", type=LIMIT, default=20, metavar="N", about=N_("Show this many, the latest first."))
@actor_option
@json_option
@pass_session
def list_(session: Session, limit: int) -> None:
    """List imports."""
    found = session.ask(imports.listed, limit + 1)  # one more: are there more
    shown, more = found[:limit], len(found) > limit
    if session.as_json:
        print_json({"items": [asdict(each) | {"created": each.created.isoformat()} for each in shown], "more": more})
        return
    heads = (_("ID"), _("When"), _("Who"), _("File"), _("New"), _("Changed"), _("Bad rows"), _("State"), _("Undo"))
    further = _("there are earlier imports: --limit {limit}").format(limit=10 * limit) if more else ""
    print_table(heads, [_line(each) for each in shown], further)


def _line(each: Import) -> tuple[str, ...]:
    undo = _("undo {id} first").format(id=each.undo_first) if each.undo_first else _("yes") if each.undoable else ""
    who = " ".join(filter(None, (each.actor, each.actor_name))) or _("administrator")
    counts = [str(each.counts.get(name, "")) for name in ("created", "updated", "bad")]
    when = local_time(each.created)
    return (str(each.id), when, who, each.file, *counts, _(_STATES[each.state]), undo)


def _check_target(option: str, file: Path, ending: str) -> None:
    """Refuse a name with another ending, and a file that exists: it may be the one being imported, or corrected."""
    if file.suffix.lower() != ending:
        message = _("--{option}: the file's name must end in {ending}")
        raise InvalidInputError(option, message.format(option=option, ending=ending))
    try:
        refuse_target(file, replace=False)
    except ConflictError as error:
        message = _("--{option}: {file} exists already and isn't overwritten; name a new file")
        raise ConflictError(message.format(option=option, file=file)) from error


def _told(done: RowDone, registry: Fields) -> str:
    """Say what became of a row."""
    texts = {
        "skipped": _("row {row}: already known, skipped: {whom}"),
        "updated": _("row {row}: changed {whom}: {fields}"),
        "merged": _("row {row}: added to {whom}: {fields}"),
        "repeated": _("row {row}: the same again, nothing changed: {whom}"),
        "company": _("row {row}: company {whom}"),
    }
    whom = " ".join(filter(None, (str(done.contact or ""), done.name)))
    if done.same_as_row:
        whom = _("{whom} (row {row})").format(whom=whom, row=done.same_as_row)
    text = texts[done.what].format(row=done.row, whom=whom, fields=titles_of(done.fields, registry))
    if done.what == "company" and done.fields:
        text += "; " + _("left out: {fields}").format(fields=titles_of(done.fields, registry))
    return text


def _print(report: ImportReport, fields: Fields) -> None:
    if report.sheet:
        print_line(_("sheet: {sheet}").format(sheet=report.sheet))
    counts = _(
        "new: {created}, changed: {updated}, unchanged: {unchanged}, already known: {skipped},"
        " companies without contacts: {companies}, bad rows: {bad}"
    )
    print_line(counts.format(**report.counts))
    _print_rows(report, fields)
    if report.errors_file:
        print_line(_("bad rows to correct and import: {file}").format(file=report.errors_file))
    if report.import_id is None:
        print_line(_("nothing was changed: this was a dry run"))
    else:
        print_line(_("undo it with: {command}").format(command=f"pbxd contacts import-undo {report.import_id}"))


def _print_rows(report: ImportReport, fields: Fields) -> None:
    """Print the first rows of each kind; where there are more, how many and what lists them all."""
    for done in report.rows[:_SHOWN]:
        print_line(_told(done, fields))
    if report.listed > _SHOWN:
        print_line(
            _("and {count} more such rows; list them all with --report FILE.csv").format(count=report.listed - _SHOWN)
        )
    for each in report.left_out[:_SHOWN]:
        print_line(_("row {row}, left out: {message}").format(row=each.row, message=each.message))
    if report.left_out_count > _SHOWN:
        print_line(_("and {count} more left out; --json has them").format(count=report.left_out_count - _SHOWN))
    print_bad_rows(report.errors[:_SHOWN], report.ignored, total=report.bad)
    if report.bad > _SHOWN and not report.errors_file:
        print_line(_("list all bad rows with --errors FILE.xlsx"))
