from __future__ import annotations

from dataclasses import replace

import pytest

from pbxd.book import ContactDraft, ContactNumber
from pbxd.storage.contacts import Contacts
from pbxd.storage.database import Database
from pbxd.storage.finding import ContactFilter

PEOPLE = (
    ContactDraft(
        "Фронкин Игорь",
        company="ООО «Ромашка»",
        numbers=(ContactNumber("+77777859954"),),
        vip=True,
        manager="101",
        tags=("Опт",),
    ),
    ContactDraft("ёлкина Анна", company="ООО «Ромашка»", numbers=(ContactNumber("+74951234567", extension="12"),)),
    ContactDraft("Яковлев Пётр", company="100% хлопок_лён", comment="Просил СКИДКУ", emails=("Petr@Example.org",)),
    ContactDraft("Smith John", manager="102", tags=("опт", "VIP"), numbers=(ContactNumber("+442071234567"),)),
)


@pytest.fixture
async def contacts(database: Database) -> Contacts:
    book = Contacts(database)
    await book.add_many(PEOPLE)
    return book


async def names(contacts: Contacts, wanted: ContactFilter) -> list[str]:
    total, found = await contacts.list(wanted)
    assert total == len(found)
    return [contact.name for contact in found]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ФРОНКИН", ["Фронкин Игорь"]),
        ("игорь фронк", ["Фронкин Игорь"]),
        ("Елкина", ["ёлкина Анна"]),
        ("ПЕТР", ["Яковлев Пётр"]),
        ("ромашка", ["ёлкина Анна", "Фронкин Игорь"]),
        ("ромашка анна", ["ёлкина Анна"]),
        ("скидку", ["Яковлев Пётр"]),
        ("petr@example", ["Яковлев Пётр"]),
        ("785-99-54", ["Фронкин Игорь"]),
        ("+7 (777) 785", ["Фронкин Игорь"]),
        ("8 777 785-99-54", ["Фронкин Игорь"]),
        ("100%", ["Яковлев Пётр"]),
        ("хлопок_", ["Яковлев Пётр"]),
        ("%", ["Яковлев Пётр"]),
        ("smith", ["Smith John"]),
        ("020 7123 4567", ["Smith John"]),
        ("нет такого", []),
        ("_", ["Яковлев Пётр"]),
    ],
)
async def test_search(contacts: Contacts, search: str, found: list[str]) -> None:
    assert await names(contacts, ContactFilter(search=search)) == found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ContactFilter(vip=True), ["Фронкин Игорь"]),
        (ContactFilter(vip=False), ["Smith John", "ёлкина Анна", "Яковлев Пётр"]),
        (ContactFilter(company="ооо «РОМАШКА»"), ["ёлкина Анна", "Фронкин Игорь"]),
        (ContactFilter(company="ромашка"), []),
        (ContactFilter(tag="ОПТ"), ["Smith John", "Фронкин Игорь"]),
        (ContactFilter(manager="102"), ["Smith John"]),
        (ContactFilter(number="+77777859954"), ["Фронкин Игорь"]),
        (ContactFilter(number="+7777785995"), []),
        (ContactFilter(tag="опт", manager="101", vip=True, search="игорь"), ["Фронкин Игорь"]),
        (ContactFilter(tag="опт", manager="101", vip=False), []),
        (ContactFilter(search="   "), ["Smith John", "ёлкина Анна", "Фронкин Игорь", "Яковлев Пётр"]),
    ],
)
async def test_filters(contacts: Contacts, wanted: ContactFilter, found: list[str]) -> None:
    assert await names(contacts, wanted) == found


async def test_pages_by_name_with_the_total_of_all(contacts: Contacts) -> None:
    everybody = (await contacts.list())[1]
    pages = [await contacts.list(limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [total for total, _ in pages] == [4, 4, 4]
    assert [contact for _, page in pages for contact in page] == everybody
    assert (await contacts.list(offset=3))[1] == everybody[3:]


async def test_a_search_follows_edits(contacts: Contacts) -> None:
    ((contact,)) = (await contacts.list(ContactFilter(search="игорь")))[1]
    await contacts.edit(contact.id, {"name": "Фронкин Олег", "company": "Лютик", "emails": ("new@example.org",)})
    assert await names(contacts, ContactFilter(search="игорь")) == []
    for word in ("олег", "лютик", "NEW@"):
        assert await names(contacts, ContactFilter(search=word)) == ["Фронкин Олег"]


async def test_a_very_long_search_is_cut(contacts: Contacts) -> None:
    assert await names(contacts, ContactFilter(search="ж" * 1_000_000)) == []
    assert await names(contacts, ContactFilter(search="1 " * 100_000)) != []


async def test_contacts_of_one_name_have_a_steady_order(contacts: Contacts) -> None:
    twins = await contacts.add_many([replace(PEOPLE[0], company=f"{number}") for number in range(5)])
    found = (await contacts.list(ContactFilter(search="фронкин")))[1]
    assert [contact.id for contact in found[1:]] == [twin.id for twin in twins]
