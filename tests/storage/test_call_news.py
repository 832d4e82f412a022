"""The feed's events of calls: which, in which order, with which facts, and never a name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from pbxd.actor import Actor
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.calls.record import Agent, CallRecord, Party
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, FeedRow, News
from tests.storage.test_calls import START, call

CLIENT = "+79161234567"


async def told(database: Database, after: int) -> list[FeedRow]:
    return await Feed(database).read(after)


def rung(number: int, *rings: tuple[str, int], **changes: Any) -> CallRecord:  # noqa: ANN401 - any field of a record
    return call(number, agents=[Agent(extension, rings=times) for extension, times in rings], **changes)


async def test_each_phone_that_begins_to_ring_is_told_of_once_and_again_when_it_rings_again(database: Database) -> None:
    calls = Calls(database)
    for state in (
        rung(1, ("101", 1)),
        rung(1, ("101", 1), ("102", 1)),
        rung(1, ("101", 1), ("102", 1)),
        rung(1, ("101", 2), ("102", 1)),
    ):
        await calls.upsert([state])
    rows = await told(database, 0)
    assert [(row.kind, row.data["extension"]) for row in rows] == [
        ("call.ringing", "101"),
        ("call.ringing", "102"),
        ("call.ringing", "101"),
    ]
    assert rows[1].data["extensions"] == ["101", "102"]


async def test_an_event_has_ids_and_numbers_and_no_name(database: Database) -> None:
    admin = Actor.administrator("test")
    card = ContactDraft("Фронкин Игорь", "ООО «Ромашка»", numbers=(ContactNumber(CLIENT),))
    made = await Contacts(database).add(card, actor=admin)
    company = await Companies(database).get_or_create("ООО «Ромашка»")
    before = await Feed(database).last()
    caller = Party(CLIENT, "Фронкин Игорь", "ООО «Ромашка»", made.id)
    record = rung(1, ("101", 1), caller=caller, callee=Party("+74951234567", None, None, None), queue="sales")
    await Calls(database).upsert([record])
    (row,) = await told(database, before)
    assert row.subject == "0001"
    assert row.data == {
        "extension": "101",
        "direction": "incoming",
        "caller": {"number": CLIENT, "extension": None},
        "callee": {"number": "+74951234567", "extension": None},
        "extensions": ["101"],
        "queue": "sales",
        "contact": made.id,
        "company": company.id,
        "started": "2026-03-01T09:01:00.123457Z",
        "outcome": None,
    }
    assert "Фронкин" not in json.dumps(row.data, ensure_ascii=False)


async def test_a_contact_that_became_personal_is_in_no_event(database: Database) -> None:
    owner = Actor.agent("101", "test")
    card = ContactDraft("Личный", numbers=(ContactNumber(CLIENT),), visibility="personal")
    mine = await Contacts(database).add(card, actor=owner)
    before = await Feed(database).last()
    await Calls(database).upsert([rung(1, ("101", 1), caller=Party(CLIENT, "Личный", None, mine.id))])
    (row,) = await told(database, before)
    assert row.data["contact"] is None


async def test_the_order_within_a_call_is_that_of_its_life(database: Database) -> None:
    queue: list[News] = [News("queue.joined", "0001", {}), News("queue.left", "0001", {})]
    whole = rung(1, ("101", 1), answered=START, ended=START, outcome="answered")
    await Calls(database).upsert([whole], beside=[*queue, News("queue.left", "0009", {})])
    kinds = [row.kind for row in await told(database, 0) if row.subject == "0001"]
    assert kinds == ["queue.joined", "call.ringing", "call.answered", "queue.left", "call.ended"]


async def test_a_call_that_rang_and_became_a_part_of_another_at_once_rang_all_the_same(database: Database) -> None:
    await Calls(database).upsert([rung(1, ("101", 1), merged_into="0002", ended=START)])
    assert [row.kind for row in await told(database, 0)] == ["call.ringing", "call.merged"]


async def test_a_filled_call_rings_no_bell(database: Database) -> None:
    record = rung(1, ("101", 1), answered=START, ended=START, outcome="answered", source="cel")
    await Calls(database).amend({"0001": (None, record)}, "call.filled")
    await Calls(database).amend({"0001": (record, replace(record, cause=16))}, "call.filled")
    rows = await told(database, 0)
    assert [row.kind for row in rows] == ["call.filled", "call.filled"]
    assert rows[0].data["outcome"] == "answered"
