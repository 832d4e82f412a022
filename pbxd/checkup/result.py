"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """Exact lines and where they go: a file with the command to run afterwards, or a shell."""

    where: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `check` is a stable word for programs, `message` one line for people."""

    check: str
    status: Status
    message: str
    remedies: tuple[Remedy, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as `doctor --json` prints it."""
        remedies = [{"where": remedy.where, "lines": list(remedy.lines)} for remedy in self.remedies]
        return {"check": self.check, "status": self.status, "message": self.message, "remedy": remedies}


def ok(check: str, message: str) -> Finding:
    """Report that all is well."""
    return Finding(check, "ok", message)


def warning(check: str, message: str, *remedies: Remedy) -> Finding:
    """Report that calls are served, but something is worse than necessary or could not be checked."""
    return Finding(check, "warning", message, remedies)


def failed(check: str, message: str, *remedies: Remedy) -> Finding:
    """Report that a part of pbxd can't work, or that something is dangerous."""
    return Finding(check, "failed", message, remedies)


def skipped(check: str, message: str) -> Finding:
    """Report that it was not checked, because of another failure."""
    return Finding(check, "skipped", message)
