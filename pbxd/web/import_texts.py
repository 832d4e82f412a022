"""What `/import` says of an import: its state, its counts, and what is wrong with the file."""

from __future__ import annotations

from typing import Final

from pbxd.i18n import _
from pbxd.services.files import imports
from pbxd.services.files.import_steps import Step
from pbxd.web.pages import sentence

_ERRORS: Final = 20


def problem_of(step: Step) -> str:
    """Return why the file can't be read as it is."""
    if step.found.listed.state != "refused":
        return ""
    begun = step.preview.problem if step.preview else ""
    return sentence(begun or str(step.found.report.get("problem", "")))


def row_errors(step: Step) -> list[tuple[int, str]]:
    """Return the first rows that can't be imported: where, and what to do."""
    return [(bad["row"], sentence(bad["message"])) for bad in step.found.report.get("errors", [])[:_ERRORS]]


def counts(listed: imports.Import) -> list[tuple[str, int]]:
    """Return what became of the rows, or what would; without what there is none of."""
    names = {
        "created": _("New contacts"),
        "updated": _("Changed contacts"),
        "unchanged": _("Already so"),
        "skipped": _("Skipped, already in the book"),
        "companies": _("Companies"),
        "bad": _("Rows with errors"),
    }
    return [(text, listed.counts[name]) for name, text in names.items() if listed.counts.get(name)]


def state_text(state: str) -> str:
    """Return how far an import is, for people."""
    return {
        "checking": _("is being checked"),
        "checked": _("checked, not imported yet"),
        "refused": _("can't be read as it is"),
        "writing": _("is being imported"),
        "applying": _("is being imported"),
        "done": _("imported"),
        "undoing": _("is being undone"),
        "undone": _("undone"),
    }.get(state, _("given up"))
