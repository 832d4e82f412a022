"""Who changed what; favourites; duplicates (S2.9, S2.14, S2.18)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.errors import NotFoundError, RefusedError
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from tests.actors import ADMINISTRATOR, acting, agent

NUMBER = ContactNumber("+79160000001")
SHARED = ContactDraft("Общий", numbers=(NUMBER,), emails=("a@example.org",))
PERSONAL = replace(SHARED, name="Личный", visibility="personal")


@pytest.fixture
def contacts(database: Database) -> Contacts:
    return Contacts(database)


async def test_each_edit_says_who_changed_what(contacts: Contacts) -> None:
    contact = await contacts.add(SHARED, actor=agent("101"))
    assert await contacts.history(contact.id, actor=ADMINISTRATOR) == []
    await contacts.edit(contact.id, {"vip": True, "birth_date": date(1980, 1, 2)}, actor=agent("102"))
    await contacts.edit(contact.id, {"vip": True}, actor=agent("102"))
    await contacts.edit(contact.id, {"numbers": (), "company": "Ромашка"}, actor=ADMINISTRATOR)
    first, second = await contacts.history(contact.id, actor=agent("103"))
    assert (first.version, first.actor) == (2, "102")
    assert first.fields == {"vip": [False, True], "birth_date": [None, "1980-01-02"]}
    assert (second.version, second.actor, sorted(second.fields)) == (3, "", ["company", "numbers"])
    assert second.fields["numbers"][0][0]["number"] == NUMBER.number
    assert first.at <= second.at
    await contacts.delete(contact.id, actor=ADMINISTRATOR)
    with pytest.raises(NotFoundError):
        await contacts.history(contact.id, actor=ADMINISTRATOR)


async def test_a_change_of_manager_or_owner_is_one_field(contacts: Contacts, database: Database) -> None:
    """By extension; a manager who has none any more by name. The ids are compared, and not written."""
    employees = Employees(database)
    await employees.upsert([Employee("101", "Иван Петров")], source="list")
    contact = await contacts.add(replace(SHARED, manager="101"), actor=agent("103"))
    await contacts.edit(contact.id, {"manager": "102"}, actor=agent("103"))
    await contacts.edit(contact.id, {"manager": "101"}, actor=agent("103"))
    await employees.upsert([Employee("101", "Мария Сидорова")], source="list")
    await contacts.edit(contact.id, {"manager": "101"}, actor=agent("103"))
    await contacts.edit(contact.id, {"visibility": "personal", "owner": "103"}, actor=agent("103"))
    changes = await contacts.history(contact.id, actor=agent("103"))
    assert [change.fields for change in changes] == [
        {"manager": ["101", "102"]},
        {"manager": ["102", "101"]},
        {"manager": ["Иван Петров", "101"]},
        {"visibility": ["shared", "personal"], "owner": ["", "103"]},
    ]


async def test_what_stood_in_a_personal_contact_stays_its_owner_s(contacts: Contacts) -> None:
    contact = await contacts.add(PERSONAL, actor=agent("101"))
    await contacts.edit(contact.id, {"comment": "тайна"}, actor=agent("101"))
    await contacts.edit(contact.id, {"comment": ""}, actor=agent("101"))
    for actor in ("", "102"):
        with pytest.raises(NotFoundError):
            await contacts.history(contact.id, actor=acting(actor))
    await contacts.edit(contact.id, {"visibility": "shared"}, actor=agent("101"))
    await contacts.edit(contact.id, {"vip": True}, actor=agent("102"))
    assert [change.version for change in await contacts.history(contact.id, actor=agent("101"))] == [2, 3, 4, 5]
    for actor in ("", "102"):
        assert [change.version for change in await contacts.history(contact.id, actor=acting(actor))] == [5]


async def test_favourites_are_each_employee_s_own(contacts: Contacts, database: Database) -> None:
    shared, mine = await contacts.add(SHARED, actor=ADMINISTRATOR), await contacts.add(PERSONAL, actor=agent("101"))
    told = await Feed(database).last()
    for _twice in range(2):
        await contacts.set_favourite(shared.id, actor=agent("101"), favourite=True)
    await contacts.set_favourite(mine.id, actor=agent("101"), favourite=True)
    assert await contacts.favourites(actor=agent("101")) == {shared.id, mine.id}
    assert await contacts.favourites(actor=agent("102")) == set()
    await contacts.set_favourite(shared.id, actor=agent("101"), favourite=False)
    assert await contacts.favourites(actor=agent("101")) == {mine.id}
    with pytest.raises(NotFoundError):
        await contacts.set_favourite(mine.id, actor=agent("102"), favourite=True)
    with pytest.raises(RefusedError):
        await contacts.set_favourite(shared.id, actor=ADMINISTRATOR, favourite=True)
    await contacts.delete(mine.id, actor=agent("101"))
    assert await contacts.favourites(actor=agent("101")) == set()
    assert [row.kind for row in await Feed(database).read(told)] == ["contact.deleted"], "nobody else's business"


async def test_duplicates_are_told_with_their_count_but_never_others_personal_ones(contacts: Contacts) -> None:
    mine, other = await contacts.add(PERSONAL, actor=agent("101")), await contacts.add(PERSONAL, actor=agent("102"))
    first = await contacts.add(SHARED, actor=ADMINISTRATOR)
    many = await contacts.add_many(
        [replace(SHARED, name=f"{place}", emails=()) for place in range(25)], actor=ADMINISTRATOR
    )
    for actor, extra in (("", ()), ("101", (mine,)), ("102", (other,)), ("103", ())):
        by_number, *by_email = await contacts.duplicates(first, actor=acting(actor))
        assert (by_number.field, by_number.value, by_number.total) == ("number", NUMBER.number, 25 + len(extra))
        assert by_number.contacts == (*extra, *many)[:20]
        assert [each.contacts for each in by_email] == ([extra] if extra else [])
    upper = await contacts.add(ContactDraft("Другой", emails=("A@EXAMPLE.org",)), actor=ADMINISTRATOR)
    assert [each.contacts for each in await contacts.duplicates(upper, actor=ADMINISTRATOR)] == [(first,)]
