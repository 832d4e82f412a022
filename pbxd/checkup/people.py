"""Employees and queues: the book compared with the PBX, and whether a queue serves more than its first caller."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.staff import staff
from pbxd.checkup import asterisk_conf, remedies
from pbxd.checkup.result import Finding, Remedy, ok, skipped, warning
from pbxd.errors import PbxdError
from pbxd.i18n import _
from pbxd.settings import Settings
from pbxd.storage.book.employees import Employees
from pbxd.storage.book.extension_ownership import Passed
from pbxd.storage.engine.database import Database

_MONTH = timedelta(days=30)
_SHOWN = 20  # extensions in one line


async def employees(ami: AmiClient, settings: Settings) -> Finding:
    """Compare the active employees of the book with the extensions of the PBX."""
    check = "employees"
    try:
        async with await Database.open(settings.database_url, create=False) as database:
            known = {person.extension for person in await Employees(database).list() if person.active}
    except PbxdError:
        return skipped(check, _("not checked: the database can't be read"))
    there = {person.extension for person in await staff(ami, settings)}
    if not there:
        message = _("the PBX shows no extension that matches {pattern}")
        lines = ("[employees]", r"pattern = '^\d{2,5}$'")
        return warning(check, message.format(pattern=settings.employees.pattern), Remedy(settings.source, lines))
    if known - there:
        message = _("in the book, but not on the PBX (left?): {extensions}")
        return warning(check, message.format(extensions=_listed(known - there)), *_absent(known - there))
    if there - known:
        message = _("on the PBX, but not in the book: {extensions}")
        started = remedies.shell("pbxd employees import people.csv", "systemctl restart pbxd")
        return warning(check, message.format(extensions=_listed(there - known)), started)
    return ok(check, _("the book and the PBX have the same {count} extensions").format(count=len(known)))


async def passed(settings: Settings) -> Finding:
    """List the extensions that passed to another person, or whose employee got another name, in the last month."""
    check = "people"
    try:
        async with await Database.open(settings.database_url, create=False) as database:
            found = await Employees(database).passed_since(datetime.now(UTC) - _MONTH)
    except PbxdError:
        return skipped(check, _("not checked, because of a problem above"))
    if not found:
        return ok(check, _("no extension passed to somebody else in the last {days} days").format(days=_MONTH.days))
    told = []
    if another := ", ".join(_passed(each) for each in found if each.another):
        message = _("to another person: {names}; if it is one person: pbxd employees same EXT")
        told.append(message.format(names=another))
    if renamed := ", ".join(_passed(each) for each in found if not each.another):
        message = _("another name: {names}; if it is another person: pbxd employees replaced EXT")
        told.append(message.format(names=renamed))
    return ok(check, "; ".join(told))


def _passed(passed: Passed) -> str:
    return f"{passed.extension} ({passed.before} → {passed.after})"


async def autofill(ami: AmiClient, settings: Settings) -> Finding:
    """Read queues.conf, because AMI does not show `autofill`: without it a queue serves only its first caller."""
    check = "autofill"
    names = {entry.get("Queue", "") for entry in await ami.listing("QueueStatus") if entry["Event"] == "QueueParams"}
    if not names:
        return ok(check, _("the PBX has no queue"))
    folder = await asterisk_conf.folder(ami)
    remedy = Remedy(
        _('in {file}, then: asterisk -rx "queue reload all"').format(file=folder / "queues.conf"),
        (remedies.GENERAL, "autofill = yes"),
    )
    try:
        sections = _queues(settings, folder)
    except OSError as error:
        message = _("{file} can't be read here ({why}); a queue without autofill serves only the first caller")
        return warning(check, message.format(file=folder / "queues.conf", why=error.strerror), remedy)
    general = sections.get("general", {}).get("autofill", "no")
    slow = [name for name in names if not _yes(sections.get(name, {}).get("autofill", general))]
    if slow:
        message = _("queues without autofill serve only the first caller, even if several agents are free: {queues}")
        return warning(check, message.format(queues=_listed(set(slow))), remedy)
    return ok(check, _("every queue serves all free agents at once"))


def _queues(settings: Settings, folder: Path) -> asterisk_conf.Sections:
    if not remedies.is_local(settings.asterisk.host):
        raise OSError(0, _("the PBX runs on another machine"))
    return asterisk_conf.read(folder, "queues.conf")


def _yes(value: str) -> bool:
    return value.strip().lower() in {"yes", "true", "y", "t", "1", "on"}  # ast_true in main/utils.c


def _absent(extensions: set[str]) -> tuple[Remedy, ...]:
    """Say how to find out. doctor never changes the book itself."""
    shown = [f'asterisk -rx "pjsip show endpoint {extension}"' for extension in sorted(extensions)[:3]]
    return (remedies.shell(*shown, "pbxd employees list"),)


def _listed(names: set[str]) -> str:
    ordered = sorted(names, key=lambda name: (len(name), name))
    more = len(ordered) - _SHOWN
    return ", ".join(ordered[:_SHOWN]) + (_(", and {count} more").format(count=more) if more > 0 else "")
