"""Tests that the machine made unjudgeable: skipped, with the figure that shows it, and no more of them than MOST.

Such a test did everything and found nothing wrong, but could not have found some mistakes: the machine stood still for
too long, or is too slow for the load. It must not count as passed.
"""

from __future__ import annotations

from typing import NoReturn

import pytest

MOST = 3  # in one run; with more of them the run fails
_MARK = "unjudged: "


def unjudged(figure: str) -> NoReturn:
    """End the test as one that can't be judged; `figure` says what the machine did."""
    pytest.skip(_MARK + figure)


class Unjudged:
    """The unjudged tests of a run; a plugin of pytest's, in the process that gathers the reports."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that was skipped for the machine."""
        why = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        if _MARK in why:
            self.found.append(f"{report.nodeid}: {why.partition(_MARK)[2]}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run when there are too many of them."""
        if len(self.found) > MOST and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show them, each with its figure."""
        if self.found:
            verdict = "too many" if len(self.found) > MOST else "allowed"
            terminalreporter.section(f"{len(self.found)} tests not judged for the machine; {MOST} may be: {verdict}")
            for each in self.found:
                terminalreporter.write_line(each)
