"""Fixtures. One event loop per worker (pyproject: *_loop_scope = "session"), so that a lab can be shared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from pbxd import i18n
from tests.lab import Lab
from tests.lab.asterisk import installed_version
from tests.lab.processes import LabError
from tests.unjudged import Unjudged
from tools.messages import compile_catalogues

pytest_plugins = ["tests.databases"]

# A busy machine is no failure: nothing is judged by the time it takes. The same examples are tried in every run, so
# that whoever changed nothing sees nothing fail; `make soak` goes looking for others.
settings.register_profile("pbxd", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pbxd")


def pytest_configure(config: pytest.Config) -> None:
    _keep_loggers_changeable()
    config.pluginmanager.register(Unjudged())
    compile_catalogues(Path(__file__).parent.parent)  # whoever runs tests may have changed the messages


def _keep_loggers_changeable() -> None:
    """Have no logger keep the configuration of its first line.

    A command that a test runs in this process configures logging, and `capture_logs` of a later test would miss lines.
    """
    configure = structlog.configure

    def changeable(**settings: Any) -> None:  # noqa: ANN401 - what structlog takes
        configure(**settings | {"cache_logger_on_first_use": False})

    structlog.configure = changeable  # type: ignore[assignment]  # it takes the same


def pytest_report_header() -> str:
    try:
        return f"lab: {installed_version()}"
    except LabError as error:
        return f"lab: {error}"


@pytest.fixture(autouse=True)
def english() -> None:
    """Begin each test in English: a command in another language sets it for the whole process."""
    i18n.use("en")


@pytest.fixture(scope="session")
async def shared_lab() -> AsyncIterator[Lab]:
    """The worker's Asterisk; tests take `lab`, which is the same one made quiet."""
    async with Lab(forked=True) as lab:
        yield lab


@pytest.fixture
async def lab(shared_lab: Lab) -> AsyncIterator[Lab]:
    """Asterisk without calls, fresh phones, no pbxd running; whatever the test leaves is ended afterwards."""
    yield shared_lab
    if shared_lab.daemon:
        await shared_lab.daemon.stop()
        shared_lab.daemon = None
    await shared_lab.quiet()
    # A look-up that was never answered makes the dialplan skip pbxd for some seconds, also in the next test.
    await shared_lab.ami_action("Setvar", Variable="PBXD_ASKED", Value="")
