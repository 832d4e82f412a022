"""What a check has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """Exact lines, and where they go: a file with what to run afterwards, or a shell."""

    where: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `check` is a stable word for programs, `message` one line for people."""

    check: str
    status: Status
    message: str
    remedies: tuple[Remedy, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as `doctor --json` prints it."""
        remedies = [{"where": remedy.where, "lines": list(remedy.lines)} for remedy in self.remedies]
        return {"check": self.check, "status": self.status, "message": self.message, "remedy": remedies}


def ok(check: str, message: str) -> Finding:
    """Say that all is well."""
    return Finding(check, "ok", message)


def warning(check: str, message: str, *remedies: Remedy) -> Finding:
    """Say that calls are served, but something is worse than it need be, or couldn't be seen."""
    return Finding(check, "warning", message, remedies)


def failed(check: str, message: str, *remedies: Remedy) -> Finding:
    """Say that a part of pbxd's work can't be done, or that something is dangerous."""
    return Finding(check, "failed", message, remedies)


def skipped(check: str, message: str) -> Finding:
    """Say that it wasn't looked at, because of something else that failed."""
    return Finding(check, "skipped", message)
