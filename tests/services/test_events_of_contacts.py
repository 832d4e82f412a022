"""Who hears which events of a contact, when it comes into somebody's sight or leaves it; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.roles import Sights
from pbxd.services.events.hearing import KINDS, Hearing, event_of
from pbxd.services.webhooks.dispatching import hearing_of
from pbxd.services.workspace import Workspace
from pbxd.storage.access.employee_ids import known
from pbxd.storage.access.webhooks import Webhook
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.feed import Feed, News, tell
from tests.actors import ADMINISTRATOR, agent

NUMBER = "+79160000001"
OWN = Sights(contacts="own")


@pytest.fixture
async def office(workspace: Workspace) -> Workspace:
    people = [Employee("101", "Анна"), Employee("102", "Олег"), Employee("103", "Пётр")]
    await Employees(workspace.database).upsert(people, source="list")
    return workspace


async def hearing(workspace: Workspace, actor: Actor) -> Hearing:
    actor = await workspace.database.ask(known, actor)
    return Hearing(frozenset(KINDS), rights.contact_sight(actor))


async def heard(workspace: Workspace, after: int, hears: Hearing) -> list[str]:
    """Return what a reader hears of contacts after a number of the feed, in order."""
    events = [event for row in await Feed(workspace.database).read(after) if (event := event_of(row))]
    return [each.kind for each in events if hears.hears(each) and each.kind.startswith("contact.")]


def webhook() -> Webhook:
    return Webhook(
        id=1,
        url="https://crm.example/",
        kinds=tuple(KINDS),
        queue="",
        extension="",
        secret="whsec_x",
        former_secret=None,
        former_until=None,
        created=datetime.now(UTC),
        disabled=None,
        disabled_why="",
        cursor=0,
        version=1,
    )


async def test_a_contact_that_becomes_personal_is_gone_for_everybody_else(office: Workspace) -> None:
    book = Contacts(office.database)
    card = await book.add(ContactDraft("Клиент", numbers=(ContactNumber(NUMBER),)), actor=agent("101"))
    before = await Feed(office.database).last()
    await book.edit(card.id, {"visibility": "personal"}, actor=agent("101"))
    assert await heard(office, before, await hearing(office, agent("101"))) == ["contact.changed"], "its owner"
    assert await heard(office, before, await hearing(office, agent("102"))) == ["contact.deleted"]
    assert await heard(office, before, await hearing(office, ADMINISTRATOR)) == ["contact.deleted"]
    assert await heard(office, before, hearing_of(webhook())) == ["contact.deleted"]
    personal = await Feed(office.database).last()
    await book.edit(card.id, {"name": "Мама"}, actor=agent("101"))
    assert await heard(office, personal, await hearing(office, agent("101"))) == ["contact.changed"]
    assert await heard(office, personal, hearing_of(webhook())) == []


async def test_a_contact_that_becomes_shared_is_new_for_everybody_else(office: Workspace) -> None:
    book = Contacts(office.database)
    draft = ContactDraft("Клиент", numbers=(ContactNumber(NUMBER),), visibility="personal")
    card = await book.add(draft, actor=agent("101"))
    before = await Feed(office.database).last()
    await book.edit(card.id, {"visibility": "shared"}, actor=agent("101"))
    assert await heard(office, before, await hearing(office, agent("101"))) == ["contact.changed"]
    assert await heard(office, before, await hearing(office, agent("102"))) == ["contact.added"]
    assert await heard(office, before, hearing_of(webhook())) == ["contact.added"]


async def test_what_is_told_names_nobody(office: Workspace) -> None:
    book = Contacts(office.database)
    card = await book.add(ContactDraft("Клиент", numbers=(ContactNumber(NUMBER),)), actor=agent("101"))
    before = await Feed(office.database).last()
    changed = await book.edit(card.id, {"visibility": "personal"}, actor=agent("101"))
    events = [event for row in await Feed(office.database).read(before) if (event := event_of(row))]
    gone = next(each for each in events if each.kind == "contact.deleted")
    assert b'"data":{"visibility":"shared","version":%d}' % changed.version in gone.text


async def test_agents_who_see_their_own_contacts_hear_of_these_alone(office: Workspace) -> None:
    book = Contacts(office.database)
    everybody = await hearing(office, agent("101"))
    first = await hearing(office, agent("101").seeing(OWN))
    second = await hearing(office, agent("102").seeing(OWN))
    third = await hearing(office, agent("103").seeing(OWN))
    before = await Feed(office.database).last()
    draft = ContactDraft("Клиент", numbers=(ContactNumber(NUMBER),), manager="101")
    card = await book.add(draft, actor=ADMINISTRATOR)
    nobody_s = await book.add(ContactDraft("Ничей", numbers=(ContactNumber(NUMBER),)), actor=ADMINISTRATOR)
    assert await heard(office, before, everybody) == ["contact.added"] * 2
    assert await heard(office, before, first) == ["contact.added"]
    assert await heard(office, before, second) == []
    before = await Feed(office.database).last()
    await book.edit(card.id, {"manager": "102"}, actor=ADMINISTRATOR)
    assert await heard(office, before, everybody) == ["contact.changed"], "they see it all the time"
    assert await heard(office, before, first) == ["contact.deleted"]
    assert await heard(office, before, second) == ["contact.added"]
    assert await heard(office, before, third) == []
    assert await heard(office, before, hearing_of(webhook())) == ["contact.changed"]
    before = await Feed(office.database).last()
    await book.delete(card.id, actor=ADMINISTRATOR)
    await book.delete(nobody_s.id, actor=ADMINISTRATOR)
    assert await heard(office, before, first) == []
    assert await heard(office, before, second) == ["contact.deleted"]


async def test_an_old_event_without_a_manager_is_not_for_those_who_see_few(office: Workspace) -> None:
    async with office.database.writing() as connection:
        old = News("contact.changed", "1", {"visibility": "shared", "owner_id": 0, "version": 2})
        await tell(connection, [old])
    assert await heard(office, 0, await hearing(office, agent("101"))) == ["contact.changed"]
    assert await heard(office, 0, await hearing(office, agent("101").seeing(OWN))) == []
