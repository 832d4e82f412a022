"""`pbxd contacts template` and `export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pbxd.actor import Actor
from pbxd.book.fields import BUILT_IN
from pbxd.cli.command import N_, Command, Session, actor_option, json_option, pass_session, run
from pbxd.cli.output import print_json, print_line
from pbxd.errors import SchemaError, UnavailableError
from pbxd.i18n import _

if TYPE_CHECKING:
    from pbxd.book.employees import Employee


@click.command("template", cls=Command, help=N_("Write a workbook to fill in and import."))
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@pass_session
def template(session: Session, file: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Write the template."""
    from pbxd.exchange.writing import write_template  # noqa: PLC0415 - XlsxWriter, for this command alone

    write_template(file, run(_employees(session)), BUILT_IN)
    if as_json:
        print_json({"file": str(file)})
    else:
        print_line(_("written: {file}").format(file=file))


@click.command(
    "export", cls=Command, help=N_("Write the contacts you see to a file; its ending says how: xlsx, csv or vcf.")
)
@click.argument("file", type=click.Path(path_type=Path))
@actor_option
@json_option
@pass_session
def export(session: Session, file: Path, actor: Actor, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Export contacts."""
    from pbxd.exchange import writing  # noqa: PLC0415 - XlsxWriter, for this command alone
    from pbxd.storage.book.exports import everything  # noqa: PLC0415 - likewise SQLAlchemy

    async def work() -> int:
        async with await session.database() as database, everything(database, actor=actor) as contacts:
            return await writing.export(file, contacts, database.fields)

    count = run(work())
    if as_json:
        print_json({"file": str(file), "exported": count})
    else:
        print_line(_("exported: {count}").format(count=count))


async def _employees(session: Session) -> list[Employee]:
    """Return those to choose a manager from; none where there is no database yet."""
    from pbxd.storage.book.employees import Employees  # noqa: PLC0415 - SQLAlchemy

    try:
        async with await session.database() as database:
            return await Employees(database).list()
    except (SchemaError, UnavailableError):
        return []
