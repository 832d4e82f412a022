"""`pbxd contacts template` and `export`."""

from __future__ import annotations

from pathlib import Path

from pbxd.book.employees import Employee
from pbxd.cli.book.contact_filters import filters
from pbxd.cli.groups import command
from pbxd.cli.options import FILE, argument, json_option, takes
from pbxd.cli.progress import progress
from pbxd.cli.session import Session, pass_session
from pbxd.errors import UnavailableError
from pbxd.exchange.writing import write_template
from pbxd.i18n import _
from pbxd.services import employees
from pbxd.services.files import exports


@command("template")
@argument("file", type=FILE)
@json_option
@pass_session
def template(session: Session, file: Path) -> None:
    """Write the template."""
    write_template(file, _employees(session), session.fields)
    session.report({"file": str(file)}, _("written: {file}").format(file=file))


@command("export")
@argument("file", type=FILE)
@filters
@json_option
@takes(exports.ExportContacts)
def export(session: Session, asked: exports.ExportContacts) -> None:
    """Export contacts."""
    with progress(_("export")) as report:
        count = session.ask(exports.export_contacts, asked, progress=report)
    line = _("exported: {count}").format(count=count)
    session.report({"file": str(asked.file), "exported": count}, line)


def _employees(session: Session) -> list[Employee]:
    """Return those to choose a manager from; none where there is no database yet."""
    try:
        return session.ask(employees.find, employees.FindEmployees())
    except UnavailableError:
        return []
