"""Live events of calls and queues where `users.agents_see_calls` limits agents: as the history has it."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing
from dataclasses import replace

import pytest

from pbxd.actor import Actor
from pbxd.book.employees import Employee
from pbxd.calls.presence import Presence
from pbxd.roles import Sight, Sights
from pbxd.services import call_history
from pbxd.services.call_filters import FindCalls
from pbxd.services.calls.call_watch import CallWatch
from pbxd.services.events.live_events import HearEvents, LiveEvents
from pbxd.services.events.live_feed import LiveFeed
from pbxd.services.workspace import Workspace
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine.feed import News, tell
from tests.actors import agent
from tests.services.test_sights import NUMBER, call

QUEUES = ("support", "Sales", "stock")
CALLS = [
    call(1, "101"), call(2, "102"), call(3, "103"), call(4, "104", "101"), call(5, queue="support"),
    call(6, queue="Sales"), call(7, queue="stock"), call(8, "104"),
]  # fmt: skip
PEOPLE = [
    Employee("101", department="sales"),
    Employee("102", department="Sales", queues=("Sales",)),
    Employee("103", department="Склад", queues=("support", "stock")),
    Employee("104"),
]


@pytest.fixture
async def office(workspace: Workspace) -> Workspace:
    await Employees(workspace.database).upsert(PEOPLE, source="pbx")
    await Employees(workspace.database).upsert(PEOPLE, source="list")
    await Calls(workspace.database).upsert(CALLS)
    async with workspace.database.writing() as connection:
        caller = {"number": NUMBER, "extension": None}
        waits = [News("queue.joined", f"in {queue}", {"queue": queue, "caller": caller}) for queue in QUEUES]
        await tell(connection, [*waits, News("gap", "last", {})])
    return workspace


async def always() -> bool:
    return True


def never(_frames: bytes) -> bool:
    return False


async def heard(workspace: Workspace, actor: Actor, asked: HearEvents) -> list[dict[str, object]]:
    """Follow the feed and the calls under way from the beginning to the gap."""
    under_way = [Presence(replace(each, ended=None), "ring", {}) for each in CALLS]
    phones = {each.extension: "free" for each in PEOPLE}
    feed = LiveFeed(workspace.database, dict, lambda: phones, CallWatch(lambda: under_way).look)
    text = ""
    async with asyncio.TaskGroup() as group:
        run = group.create_task(feed.run())
        feed.states.look()
        async with aclosing(await LiveEvents(workspace, feed).follow(actor, asked, always, never)) as frames:
            async for frame in frames:
                text += frame.decode()
                if '"kind":"gap"' in text:
                    break
        run.cancel()
    return [json.loads(each) for each in re.findall(r"^data: (.*)$", text, re.MULTILINE)]


def subjects(events: list[dict[str, object]], kind: str) -> set[object]:
    return {each["subject"] for each in events if each["kind"] == kind}


@pytest.mark.parametrize("sight", ["own", "department", "all"])
@pytest.mark.parametrize("extension", ["101", "102", "103", "104"])
async def test_an_agent_hears_of_the_calls_that_their_history_has(
    office: Workspace, extension: str, sight: Sight
) -> None:
    actor = agent(extension).seeing(Sights(sight))
    page = await call_history.find(office, actor, FindCalls())
    seen = {each["id"] for each in page.items}
    events = await heard(office, actor, HearEvents(after=0, kinds=("call.*", "queue.*", "live.call", "gap")))
    assert subjects(events, "call.ended") == subjects(events, "live.call") == seen
    assert subjects(events, "queue.joined") == {f"in {queue}" for queue in QUEUES}, "agents see all queues"


async def test_a_department_has_the_calls_of_its_queue_in_any_spelling(office: Workspace) -> None:
    events = await heard(office, agent("101").seeing(Sights("department")), HearEvents(after=0))
    assert subjects(events, "call.ended") == {CALLS[place].id for place in (0, 1, 3, 5)}
    assert subjects(events, "extension.state") == {"101", "102"}


async def test_mine_is_narrower_than_what_is_seen(office: Workspace) -> None:
    actor = agent("101").seeing(Sights("department"))
    events = await heard(office, actor, HearEvents(after=0, mine=True))
    assert subjects(events, "call.ended") == {CALLS[0].id, CALLS[3].id}
    assert subjects(events, "queue.joined") == set()
