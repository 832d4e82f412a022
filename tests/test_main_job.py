"""Every step of the demo, and its control, as a test."""

from __future__ import annotations

import time

import pytest

from tests.lab import Lab, main_job

pytestmark = pytest.mark.lab


async def test_a_client_is_named_and_a_stranger_is_not(lab: Lab) -> None:
    await lab.pbxd()
    await main_job.fill_book(lab)
    await main_job.client_is_named(lab)


@pytest.mark.parametrize("queue", ["sales", "support"])
async def test_a_vip_is_answered_next(lab: Lab, queue: str) -> None:
    await lab.pbxd()
    await main_job.fill_book(lab)
    await main_job.vip_joins(lab, queue)


@pytest.mark.parametrize("queue", ["sales", "support"])
async def test_a_caller_flagged_while_he_waits_is_answered_next(lab: Lab, queue: str) -> None:
    await lab.pbxd()
    ids = await main_job.fill_book(lab)
    await main_job.flagged_while_waiting(lab, ids[main_job.LATE_VIP[0]], queue)


async def test_click_to_call_shows_the_client_to_the_agent_and_the_company_to_the_client(lab: Lab) -> None:
    daemon = await lab.pbxd()
    await main_job.fill_book(lab)

    async def restart(company_number: str) -> None:
        await daemon.stop()
        daemon.config["dialing"]["company_number"] = company_number
        daemon.write()
        await daemon.start()

    await main_job.click_to_call(lab, restart)


async def test_the_history_is_what_asterisk_says(lab: Lab) -> None:
    await lab.pbxd()
    since = time.time()
    await main_job.fill_book(lab)
    for _name, _company, _number, trunk_number in (
        main_job.CLIENT, main_job.VIP, main_job.LATE_VIP, main_job.OFFICE, main_job.NO_EXTENSION
    ):  # fmt: skip
        await main_job.named(lab, trunk_number)
    await lab.quiet()
    await main_job.history(lab, since=since)
