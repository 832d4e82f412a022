"""`pbxd contacts import` and `import-undo`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import Progress, TextColumn

from pbxd.actor import Actor
from pbxd.cli.command import N_, Command, Session, actor_option, flag, json_option, language, option, pass_session, run
from pbxd.cli.output import print_json, print_line
from pbxd.i18n import _
from pbxd.numbers import rules_from

if TYPE_CHECKING:
    from pbxd.exchange.importing import Report
    from pbxd.storage.imports.imports import Undone

_SHOWN = 20  # bad rows told to a person; all of them stand in the error workbook


@click.command(
    "import",
    cls=Command,
    help=N_("Import contacts from a file: xlsx, xls, csv or vcf. Bad rows are told and don't stop the good ones."),
)
@click.argument("file", type=click.Path(path_type=Path))
@flag("--dry-run", help=N_("Only say what would happen."))
@option("--visibility", type=click.Choice(["all", "me"]), default="all", help=N_("Who sees the new contacts."))
@option(
    "--existing",
    type=click.Choice(["skip", "update", "add"]),
    default="skip",
    help=N_("What to do where a number is known: leave the row out, change the contact, add a second one."),
)
@option("--map", "mapped", multiple=True, metavar="COLUMN=FIELD", help=N_("What a column means; may be repeated."))
@option("--sheet", default="", help=N_("The sheet to import, if it isn't “Контакты”."))
@option("--errors", type=click.Path(path_type=Path), help=N_("Write the bad rows to this workbook, to be corrected."))
@actor_option
@json_option
@pass_session
def import_(session: Session, /, as_json: bool, visibility: str, **given: Any) -> None:  # noqa: FBT001, ANN401 - click passes options so
    """Import contacts."""
    from pbxd.exchange.importing import Wish, import_contacts  # noqa: PLC0415 - with XlsxWriter, for this command alone

    wish = Wish(personal=visibility == "me", language=language(session.settings.service.language), **given)
    rules = rules_from(session.settings)

    async def work() -> Report:
        async with await session.database() as database:
            with _progress() as told:
                return await import_contacts(database, wish, rules, told=told)

    report = run(work())
    if as_json:
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
        return
    _tell(report)


@click.command("import-undo", cls=Command, help=N_("Undo a whole import; contacts edited since stay and are told."))
@click.argument("import_id", type=click.IntRange(1), metavar="ID")
@actor_option
@json_option
@pass_session
def import_undo(session: Session, import_id: int, actor: Actor, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Undo an import."""
    from pbxd.storage.imports.imports import Imports  # noqa: PLC0415 - SQLAlchemy, for this command alone

    async def work() -> Undone:
        async with await session.database() as database:
            imports = Imports(database)
            await imports.clean()
            return await imports.undo(import_id, actor=actor)

    done = run(work())
    if as_json:
        spared = [{"id": contact_id, "name": name} for contact_id, name in done.names]
        print_json({"deleted": done.deleted, "restored": done.restored, "spared": done.spared, "contacts": spared})
        return
    counts = _("deleted: {deleted}, changed back: {restored}, left as edited since: {spared}")
    print_line(counts.format(deleted=done.deleted, restored=done.restored, spared=done.spared))
    for contact_id, name in done.names:
        print_line(_("left: {id} {name}").format(id=contact_id, name=name))


@contextmanager
def _progress() -> Iterator[Any]:
    """Show on a terminal how many rows are done."""
    if not sys.stderr.isatty():
        yield lambda _rows: None
        return
    with Progress(
        *Progress.get_default_columns()[:2], TextColumn("{task.completed}"), console=Console(stderr=True)
    ) as bar:
        task = bar.add_task(_("rows"), total=None)
        yield lambda rows: bar.update(task, completed=rows)


def _tell(report: Report) -> None:
    if report.sheet:
        print_line(_("sheet: {sheet}").format(sheet=report.sheet))
    counts = _("new: {created}, changed: {updated}, known already: {skipped}, bad rows: {bad}")
    print_line(counts.format(**report.counts))
    for bad in report.errors[:_SHOWN]:
        print_line(_("row {row}: {message}").format(row=bad.row, message=bad.message))
    if report.bad > _SHOWN:
        print_line(_("and {count} bad rows more").format(count=report.bad - _SHOWN))
    if report.errors_file:
        print_line(_("bad rows to correct and import: {file}").format(file=report.errors_file))
    if report.ignored:
        print_line(_("columns left out: {columns}").format(columns=", ".join(report.ignored)))
    if report.import_id is None:
        print_line(_("nothing was changed: this was a dry run"))
    else:
        print_line(_("undo it with: {command}").format(command=f"pbxd contacts import-undo {report.import_id}"))
