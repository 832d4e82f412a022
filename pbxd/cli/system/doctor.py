"""`pbxd doctor`: what is wrong with the installation, and the lines that fix it."""

from __future__ import annotations

from collections.abc import Sequence

from pbxd import logs
from pbxd.checkup.checks import examine
from pbxd.checkup.result import Finding, Status
from pbxd.cli.groups import command
from pbxd.cli.options import json_option
from pbxd.cli.output import print_json, print_line
from pbxd.cli.session import Session, pass_session, run
from pbxd.errors import UnavailableError
from pbxd.i18n import N_, _, ngettext
from pbxd.settings import LogSettings

_SIGNS: dict[Status, str] = {"ok": "✓", "warning": "!", "failed": "✗", "skipped": "–"}
_WIDTH = 14  # of the names of the checks


@command(
    "doctor",
    about=N_(
        "Check the installation: print what is wrong, and the lines that fix it. Changes nothing, rings nobody."
        " Run it as root: only root can read the AMI secret."
    ),
)
@json_option
@pass_session
def doctor(session: Session) -> None:
    """Check the installation; exit status 1 when something failed."""
    logs.configure(LogSettings(level="error"))
    findings = run(examine(lambda: session.settings))
    count = {status: sum(finding.status == status for finding in findings) for status in _SIGNS}
    if session.as_json:
        checks = [finding.as_json() for finding in findings]
        print_json({"failed": count["failed"], "warnings": count["warning"], "checks": checks})
    else:
        _print(findings)
    if count["failed"]:
        failed = ngettext("{count} check failed", "{count} checks failed", count["failed"])
        raise UnavailableError(failed.format(count=count["failed"]))
    if not session.as_json:
        warnings = ngettext("all well, {count} warning", "all well, {count} warnings", count["warning"])
        print_line(warnings.format(count=count["warning"]) if count["warning"] else _("all well"))


def headline(finding: Finding) -> str:
    """Return a finding as one line: its sign, the check, what was found."""
    return f"{_SIGNS[finding.status]} {finding.check:{_WIDTH}} {finding.message}"


def _print(findings: Sequence[Finding]) -> None:
    for finding in findings:
        print_line(headline(finding))
        for remedy in finding.remedies:
            print_line(f"      {remedy.where}:")
            for line in remedy.lines:
                print_line(f"          {line}")
