"""A test that the machine made unjudgeable is skipped with its figure; too many of them fail the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unjudged import MOST

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
UNJUDGED = """
import pytest
from tests.unjudged import unjudged

@pytest.mark.parametrize("number", range({count}))
def test_something(number):
    unjudged("stood still for 2.5 s")
"""
CONFTEST = """
from tests.unjudged import Unjudged

def pytest_configure(config):
    config.pluginmanager.register(Unjudged())
"""


@pytest.mark.parametrize(("count", "status"), [(MOST, pytest.ExitCode.OK), (MOST + 1, pytest.ExitCode.TESTS_FAILED)])
@pytest.mark.parametrize("workers", ["0", "2"])
def test_they_are_skipped_shown_and_bounded(pytester: pytest.Pytester, count: int, status: int, workers: str) -> None:
    pytester.syspathinsert(ROOT)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(UNJUDGED.format(count=count))
    done = pytester.runpytest_subprocess("-n", workers)
    done.assert_outcomes(skipped=count)
    done.stdout.fnmatch_lines(
        [f"*{count} tests not judged*{'allowed' if status == 0 else 'too many'}*", "*stood still for 2.5 s"]
    )
    assert done.ret == status
