"""Who sees, edits and deletes which contact (S2.14, S2.16)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.errors import InvalidInputError, NotFoundError, RefusedError
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from pbxd.storage.search.filters import ContactFilter
from tests.actors import acting, agent

SHARED = ContactDraft("Общий", numbers=(ContactNumber("+79160000001"),))
PERSONAL = replace(SHARED, name="Личный", visibility="personal")
ADMINISTRATOR = ""


@pytest.fixture
def contacts(database: Database) -> Contacts:
    return Contacts(database)


@pytest.mark.parametrize("actor", [ADMINISTRATOR, "101", "102"])
async def test_everybody_sees_and_edits_a_shared_contact(contacts: Contacts, actor: str) -> None:
    contact = await contacts.add(SHARED, actor=agent("101"))
    assert await contacts.get(contact.id, actor=acting(actor)) == contact
    assert (await contacts.list(actor=acting(actor)))[0] == 1
    assert (await contacts.edit(contact.id, {"vip": True}, actor=acting(actor))).vip


@pytest.mark.parametrize(("actor", "may"), [(ADMINISTRATOR, True), ("101", True), ("102", False)])
async def test_its_creator_or_an_administrator_deletes_a_shared_contact(
    contacts: Contacts, actor: str, *, may: bool
) -> None:
    contact = await contacts.add(SHARED, actor=agent("101"))
    if may:
        await contacts.delete(contact.id, actor=acting(actor))
        return
    with pytest.raises(RefusedError) as caught:
        await contacts.delete(contact.id, actor=acting(actor))
    assert caught.value.reason == "not-creator"
    assert await contacts.get(contact.id, actor=acting(ADMINISTRATOR)) == contact


async def test_what_an_administrator_created_only_administrators_delete(contacts: Contacts) -> None:
    contact = await contacts.add(SHARED, actor=acting(ADMINISTRATOR))
    with pytest.raises(RefusedError):
        await contacts.delete(contact.id, actor=agent("101"))
    await contacts.delete(contact.id, actor=acting(ADMINISTRATOR))


async def test_a_personal_contact_is_there_for_its_owner_alone(contacts: Contacts) -> None:
    contact = await contacts.add(PERSONAL, actor=agent("101"))
    assert contact.owner == "101"
    assert await contacts.get(contact.id, actor=agent("101")) == contact
    assert await contacts.list(actor=agent("101")) == (1, [contact])
    for actor in (ADMINISTRATOR, "102", "10", "101 "):
        assert await contacts.list(actor=acting(actor)) == (0, [])
        assert await contacts.list(ContactFilter(search="личный", number="+79160000001"), actor=acting(actor)) == (
            0,
            [],
        )
        for asking in (
            contacts.get(contact.id, actor=acting(actor)),
            contacts.edit(contact.id, {"vip": True}, actor=acting(actor)),
            contacts.delete(contact.id, actor=acting(actor)),
        ):
            with pytest.raises(NotFoundError):
                await asking
    await contacts.delete(contact.id, actor=agent("101"))


async def test_an_administrator_adds_a_personal_contact_for_somebody_and_no_longer_sees_it(contacts: Contacts) -> None:
    contact = await contacts.add(replace(PERSONAL, owner="102"), actor=acting(ADMINISTRATOR))
    assert await contacts.get(contact.id, actor=agent("102")) == contact
    with pytest.raises(NotFoundError):
        await contacts.get(contact.id, actor=acting(ADMINISTRATOR))
    with pytest.raises(InvalidInputError):
        await contacts.add(PERSONAL, actor=acting(ADMINISTRATOR))


async def test_nobody_adds_or_gives_away_a_personal_contact_for_somebody_else(contacts: Contacts) -> None:
    with pytest.raises(RefusedError):
        await contacts.add(replace(PERSONAL, owner="102"), actor=agent("101"))
    contact = await contacts.add(PERSONAL, actor=agent("101"))
    with pytest.raises(RefusedError):
        await contacts.edit(contact.id, {"owner": "102"}, actor=agent("101"))
    with pytest.raises(InvalidInputError):
        await contacts.add(replace(SHARED, owner="101"), actor=agent("101"))


async def test_a_personal_contact_is_made_shared(contacts: Contacts) -> None:
    contact = await contacts.add(PERSONAL, actor=agent("101"))
    shared = await contacts.edit(contact.id, {"visibility": "shared"}, actor=agent("101"))
    assert (shared.visibility, shared.owner, shared.created_by) == ("shared", "", "101")
    assert await contacts.get(contact.id, actor=agent("102")) == shared


async def test_only_its_creator_or_an_administrator_takes_a_shared_contact_away(contacts: Contacts) -> None:
    contact = await contacts.add(SHARED, actor=agent("101"))
    with pytest.raises(RefusedError):
        await contacts.edit(contact.id, {"visibility": "personal"}, actor=agent("102"))
    with pytest.raises(InvalidInputError):
        await contacts.edit(contact.id, {"visibility": "personal"}, actor=acting(ADMINISTRATOR))
    personal = await contacts.edit(contact.id, {"visibility": "personal"}, actor=agent("101"))
    assert personal.owner == "101"
    with pytest.raises(NotFoundError):
        await contacts.get(contact.id, actor=agent("102"))


async def test_personal_contacts_are_erased_unseen_by_owner_and_by_number(
    contacts: Contacts, database: Database
) -> None:
    other = replace(PERSONAL, numbers=(ContactNumber("+79160000002"),))
    kept = await contacts.add(SHARED, actor=agent("101"))
    for actor in ("101", "102"):
        await contacts.add_many([PERSONAL, other], actor=acting(actor))
    with pytest.raises(InvalidInputError):
        await contacts.erase_personal(by="root")
    assert await contacts.erase_personal(owner="101", number="+79160000002", by="root") == 1
    assert await contacts.erase_personal(number="+79160000002", by="root") == 1
    assert await contacts.erase_personal(owner="102", by="root") == 1
    assert await contacts.erase_personal(owner="103", by="root") == 0
    assert await contacts.list(actor=agent("101")) == (2, (await contacts.list(actor=agent("101")))[1])
    assert (await contacts.list(actor=agent("102")))[1] == [kept]
    assert [row.kind for row in await Feed(database).read(0)].count("contact.deleted") == 3
