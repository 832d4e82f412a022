"""Every step of the demo, and its control, as a test; one pbxd with one book for all of them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.lab import Lab, main_job
from tests.lab.daemon import Daemon

pytestmark = pytest.mark.lab


@dataclass
class Office:
    """A lab with a pbxd that knows the demo's contacts."""

    lab: Lab
    daemon: Daemon
    ids: dict[str, int]
    since: float  # when the first call can have come


@pytest.fixture(scope="module")
async def running(shared_lab: Lab) -> AsyncIterator[Office]:
    since = time.time()
    daemon = await shared_lab.pbxd()
    yield Office(shared_lab, daemon, await main_job.fill_book(shared_lab), since)
    await daemon.stop()
    shared_lab.daemon = None


@pytest.fixture
async def office(running: Office) -> AsyncIterator[Office]:
    yield running
    await running.lab.quiet()


async def test_a_client_is_named_and_a_stranger_is_not(office: Office) -> None:
    await main_job.client_is_named(office.lab)


@pytest.mark.parametrize("queue", ["sales", "support"])
async def test_a_vip_is_answered_next(office: Office, queue: str) -> None:
    await main_job.vip_joins(office.lab, queue)


@pytest.mark.parametrize("queue", ["sales", "support"])
async def test_a_caller_flagged_while_he_waits_is_answered_next(office: Office, queue: str) -> None:
    await main_job.flagged_while_waiting(office.lab, office.ids[main_job.LATE_VIP[0]], queue)


async def test_click_to_call_shows_the_client_to_the_agent_and_the_company_to_the_client(office: Office) -> None:
    daemon = office.daemon

    async def restart(company_number: str) -> None:
        await daemon.stop()
        daemon.config["dialing"]["company_number"] = company_number
        daemon.write()
        await daemon.start()
        await daemon.until_in_step()

    await main_job.click_to_call(office.lab, restart)


async def test_the_history_is_what_asterisk_says(office: Office) -> None:
    for _name, _company, _number, trunk_number in (
        main_job.CLIENT, main_job.VIP, main_job.LATE_VIP, main_job.OFFICE, main_job.NO_EXTENSION
    ):  # fmt: skip
        await main_job.named(office.lab, trunk_number)
    await office.lab.quiet()
    await main_job.history(office.lab, since=office.since)
