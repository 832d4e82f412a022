"""Streams end soon after the right to them: a token is revoked, a session ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from pbxd.book.employees import Employee
from pbxd.http import streams, token_cache
from pbxd.services.access import users
from pbxd.services.events import live_feed
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from tests.actors import ADMINISTRATOR
from tests.api.examples import CALLS
from tests.api.test_events import ALL, Reader, call_news, reading, token, told
from tests.api.test_queues import session
from tests.http.conftest import House

PROMISED_SECONDS = 5.0  # docs/events.md


async def revoke(pbxd: House, _headers: dict[str, str]) -> None:
    await Tokens(pbxd.database).revoke((await Tokens(pbxd.database).list())[0].id)


async def block(pbxd: House, _headers: dict[str, str]) -> None:
    await users.block(pbxd.services.workspace, ADMINISTRATOR, 1)


async def reset(pbxd: House, _headers: dict[str, str]) -> None:
    await users.reset(pbxd.services.workspace, ADMINISTRATOR, 1)


async def change_role(pbxd: House, _headers: dict[str, str]) -> None:
    await users.set_role(pbxd.services.workspace, ADMINISTRATOR, 1, "supervisor")


async def sign_out_everywhere(pbxd: House, _headers: dict[str, str]) -> None:
    await users.end_sessions(pbxd.services.workspace, ADMINISTRATOR, 1)


async def sign_out(pbxd: House, headers: dict[str, str]) -> None:
    async with pbxd.public.delete("/api/v1/session", headers=headers) as answer:
        assert answer.status == 204


@pytest.mark.parametrize("end", [revoke, block, reset, change_role, sign_out_everywhere, sign_out])
async def test_events_and_states_of_a_call_end_with_the_right_to_them(
    pbxd: House, monkeypatch: pytest.MonkeyPatch, end: Callable[[House, dict[str, str]], Awaitable[None]]
) -> None:
    monkeypatch.setattr(live_feed, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(live_feed, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.05)
    await Employees(pbxd.database).upsert([Employee("101")], source="list")
    by_token = await token(pbxd, *ALL, "calls:make", extension="101") if end is revoke else None
    headers = by_token or await session(pbxd, "101", "agent")
    async with pbxd.public.post(CALLS, json={"target": "89160000001"}, headers=headers) as answer:
        assert answer.status == 202, await answer.text()
        states = f"{CALLS}/{(await answer.json())['id']}/states"
    async with (
        reading(pbxd.local) as another,
        reading(pbxd.public, **headers) as events,
        pbxd.public.get(states, headers=headers) as answer,
    ):
        assert answer.headers["X-Accel-Buffering"] == "no"
        await answer.content.readline()
        await told(pbxd, call_news(1))
        assert (await events.event()).event == "call.ended"
        await end(pbxd, headers)
        await events.until_end()
        await Reader(answer).until_end()
        await told(pbxd, call_news(2))
        assert {(await another.event()).event for _event in range(2)} == {"call.ended"}, "another one goes on"


def test_the_steps_to_the_end_of_a_stream_add_up_to_less_than_is_promised() -> None:
    known = token_cache._POLL_SECONDS + token_cache._MOMENT_SECONDS  # how old a token in memory may be
    woken = live_feed.BEAT_SECONDS + live_feed.POLL_SECONDS + live_feed.TOGETHER_SECONDS
    assert live_feed.CHECK_SECONDS + woken + known < PROMISED_SECONDS
    assert streams.CHECK_SECONDS + known < PROMISED_SECONDS
