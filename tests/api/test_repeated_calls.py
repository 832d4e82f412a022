"""A request for a call that is sent again, and one too many: what other applications do to a phone."""

from __future__ import annotations

from typing import Any

import pytest

from pbxd.calls.events import ChannelCreated, ChannelEnded, Endpoint
from tests.http.conftest import House, click_to_call_of

pytestmark = pytest.mark.both_databases

ASKED = {"agent": "101", "target": "89161234567"}
KEY = {"Idempotency-Key": "8f14e45f-ceea-467f-9d1a-3b6c3f1f2d11"}


def originates(house: House) -> int:
    return house.pbx.asked.count("Originate")


async def post(house: House, asked: dict[str, str], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    async with house.local.post("/api/v1/calls", json=asked, headers=headers) as answer:
        return answer.status, await answer.json()


async def end(house: House) -> None:
    leg = await house.agent_leg()
    house.click_to_call.feed(ChannelCreated(1, leg, leg, Endpoint("extension", "101"), "", ""))
    house.click_to_call.feed(ChannelEnded(2, leg, leg, 16))


async def test_the_same_key_rings_once_and_is_answered_with_the_same_id(pbxd: House) -> None:
    status, first = await post(pbxd, ASKED, KEY)
    assert (status, first) == (202, {"id": first["id"], "state": "ringing-agent"})
    for _ in range(3):
        assert await post(pbxd, ASKED, KEY) == (202, first | {"repeated": True})
    await end(pbxd)
    assert await post(pbxd, ASKED, KEY) == (202, first | {"state": "ended", "repeated": True})
    assert originates(pbxd) == 1
    status, second = await post(pbxd, ASKED, {"Idempotency-Key": "another"})
    assert status == 202
    assert second["id"] != first["id"]
    assert originates(pbxd) == 2


async def test_without_a_key_every_request_is_its_own(pbxd: House) -> None:
    for count in (1, 2):
        assert (await post(pbxd, ASKED, {}))[0] == 202
        await end(pbxd)
        assert originates(pbxd) == count


async def test_the_same_key_for_another_request_is_refused(pbxd: House) -> None:
    await post(pbxd, ASKED, KEY)
    status, problem = await post(pbxd, ASKED | {"target": "89160000000"}, KEY)
    assert (status, problem["field"]) == (422, "Idempotency-Key")
    assert originates(pbxd) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
async def test_keys_that_are_none_are_refused(pbxd: House, key: str) -> None:
    status, problem = await post(pbxd, ASKED, {"Idempotency-Key": key})
    assert (status, problem["field"]) == (422, "Idempotency-Key")
    assert originates(pbxd) == 0


async def test_a_restarted_daemon_knows_the_key_and_says_that_it_knows_no_more(pbxd: House) -> None:
    _status, first = await post(pbxd, ASKED, KEY)
    anew = click_to_call_of(pbxd.asterisk, pbxd.settings, pbxd.database, pbxd.directory)
    object.__setattr__(pbxd.services, "click_to_call", anew)
    assert await post(pbxd, ASKED, KEY) == (202, {"id": first["id"], "state": None, "repeated": True})
    assert originates(pbxd) == 1


async def test_too_many_calls_of_one_agent_are_refused_as_such(pbxd: House) -> None:
    for _ in range(10):
        assert (await post(pbxd, ASKED, {}))[0] == 202
        await end(pbxd)
    status, problem = await post(pbxd, ASKED, {})
    assert (status, problem["reason"]) == (429, "too-many")
    assert originates(pbxd) == 10
