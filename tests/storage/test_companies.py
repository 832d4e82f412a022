from __future__ import annotations

import asyncio

import pytest

from pbxd.book.companies import Company, CompanyChanges
from pbxd.book.contacts import ContactDraft
from pbxd.book.external_ids import ExternalId
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from pbxd.storage.search.filters import ContactFilter
from tests.actors import ADMINISTRATOR, agent


async def test_a_name_makes_one_company_whatever_its_case(database: Database, url: str) -> None:
    companies = Companies(database)
    first = await companies.get_or_create("  Ромашка ")
    assert (first.name, first.numbers) == ("Ромашка", ())
    async with await Database.open(url, create=False) as other:
        made = await asyncio.gather(
            *(Companies(place).get_or_create(name) for place in (database, other) for name in ("РОМАШКА", "Лютик"))
        )
    assert [company.id for company in made[::2]] == [first.id, first.id]
    assert made[1] == made[3]
    assert (await companies.list())[0] == 2
    assert [row.kind for row in await Feed(database).read(0)] == ["company.changed"] * 2


async def test_numbers_replace_those_there_were(database: Database) -> None:
    companies = Companies(database)
    company = await companies.get_or_create("Ромашка")
    told = await Feed(database).last()
    changed = await companies.edit(company.id, {"numbers": ("+74951234567", "+74951234560", "+74951234567")})
    assert changed.numbers == ("+74951234560", "+74951234567")
    assert await companies.get(company.id) == changed
    assert await companies.edit(company.id, {"numbers": tuple(reversed(changed.numbers))}) == changed
    assert [row.subject for row in await Feed(database).read(told)] == [str(company.id)], "the second changed nothing"
    assert (await companies.edit(company.id, {"numbers": ()})).numbers == ()
    with pytest.raises(InvalidInputError):
        await companies.edit(company.id, {"numbers": ("84951234567",)})


async def test_a_company_is_edited_against_its_version_and_renamed_with_its_people(
    database: Database, url: str
) -> None:
    companies, contacts = Companies(database), Contacts(database)
    contact = await contacts.add(ContactDraft("Белова", company="Ромашка"), actor=ADMINISTRATOR)
    await companies.get_or_create("Лютик")
    company = (await companies.list("ромашка"))[1][0]
    told = await Feed(database).last()
    changed = await companies.edit(
        company.id,
        {"name": " ООО Ромашка", "address": "Казань", "site": "romashka.example", "emails": ("a@b.ru", "A@B.ru")},
        version=1,
    )
    assert changed == Company(company.id, "ООО Ромашка", (), "Казань", "romashka.example", ("a@b.ru",), 2)
    assert (await contacts.get(contact.id, actor=ADMINISTRATOR)).company == "ООО Ромашка"
    news = [(row.kind, row.subject) for row in await Feed(database).read(told)]
    assert news == [("contact.changed", str(contact.id)), ("company.changed", str(company.id))]
    assert await companies.edit(company.id, {"address": "Казань "}) == changed
    async with await Database.open(url, create=False) as other:
        results = await asyncio.gather(
            *(Companies(place).edit(company.id, {"site": f"{place}"}, version=2) for place in (database, other)),
            return_exceptions=True,
        )
    assert sorted(type(result).__name__ for result in results) == ["Company", "StaleError"]
    with pytest.raises(ConflictError):
        await companies.edit(company.id, {"name": "ЛЮТИК"})
    refused: list[CompanyChanges] = [{"name": ""}, {"emails": ("x",)}, {"address": "а\0"}]
    for bad in refused:
        with pytest.raises(InvalidInputError):
            await companies.edit(company.id, bad)


async def test_what_there_isnt(database: Database) -> None:
    companies = Companies(database)
    for asking in (companies.get(7), companies.get(2**80), companies.edit(7, {"numbers": ()})):
        with pytest.raises(NotFoundError):
            await asking
    for name in ("", "  ", "а\0б", "я" * 201):
        with pytest.raises(InvalidInputError):
            await companies.get_or_create(name)
    assert await companies.load([7]) == {}
    assert await companies.list() == (0, [])


async def test_a_company_of_personal_contacts_alone_is_nobody_else_s_affair(database: Database) -> None:
    companies, contacts = Companies(database), Contacts(database)

    async def names() -> list[str]:
        return [company.name for company in (await companies.list())[1]]

    mine = await contacts.add(ContactDraft("Тайна", company="Клиника", visibility="personal"), actor=agent("101"))
    hidden = (await companies.get_or_create("Клиника")).id
    assert await names() == []
    assert await companies.list("клиника") == (0, [])
    with pytest.raises(NotFoundError):
        await companies.get(hidden)
    shared = await contacts.add(ContactDraft("Белова", company="Клиника"), actor=ADMINISTRATOR)
    assert await names() == ["Клиника"]
    await contacts.edit(shared.id, {"company": ""}, actor=ADMINISTRATOR)
    assert await names() == []
    await companies.edit(hidden, {"numbers": ("+74951234567",)})
    assert await names() == ["Клиника"]
    await contacts.delete(mine.id, actor=agent("101"))
    assert await names() == ["Клиника"], "it has its own number"


async def test_a_hidden_company_of_the_new_name_becomes_the_renamed_one(database: Database) -> None:
    companies, contacts = Companies(database), Contacts(database)
    anna = agent("101")
    drafts = [
        ContactDraft(name, company=firm, visibility="personal") for name, firm in (("А", "Клиника"), ("Б", "Бюро"))
    ]
    mine, other = [await contacts.add(draft, actor=anna) for draft in drafts]
    for name, spelled in (("Ромашка", "Клиника"), ("Лютик", "ООО «Бюро»")):
        visible = await companies.get_or_create(name, ["+74951234567"])
        assert (await companies.edit(visible.id, {"name": spelled})).id == visible.id
    assert [company.name for company in (await companies.list())[1]] == ["Клиника", "ООО «Бюро»"]
    assert (await contacts.get(mine.id, actor=anna)).company == "Клиника"
    assert (await contacts.get(other.id, actor=anna)).company == "ООО «Бюро»"
    found = await contacts.page(ContactFilter(search="ооо бюро"), actor=anna)
    assert [each.id for each in found.items] == [other.id]
    third = await companies.get_or_create("Астра")
    with pytest.raises(ConflictError, match="ООО «Бюро»"):
        await companies.edit(third.id, {"name": "Бюро"})


async def test_the_ids_of_a_hidden_company_go_to_the_one_that_gets_its_name(database: Database) -> None:
    companies, contacts = Companies(database), Contacts(database)
    anna = agent("101")
    hers = await contacts.add(ContactDraft("А", company="Клиника"), actor=anna)
    hidden = await companies.get_or_create("Клиника")
    await companies.edit(hidden.id, {}, external={"bitrix24": "123", "crm": "8"})
    await contacts.edit(hers.id, {"visibility": "personal", "owner": "101"}, actor=anna)
    with pytest.raises(NotFoundError):
        await companies.get(hidden.id)
    seen = await companies.create(Company(0, "Ромашка", ("+74951234567",)), external={"crm": "7"})
    await companies.edit(seen.id, {"name": "ООО «Клиника»"}, external={"erp": "9"})
    assert await companies.external([seen.id]) == {seen.id: {"bitrix24": "123", "crm": "7", "erp": "9"}}
    assert await companies.find_external(ExternalId("bitrix24", "123")) == seen.id
    assert (await contacts.get(hers.id, actor=anna)).company == "ООО «Клиника»"


@pytest.mark.parametrize("how", ["deleted", "erased", "edited"])
async def test_a_company_goes_with_its_last_contact(database: Database, how: str) -> None:
    companies, contacts = Companies(database), Contacts(database)
    kept = await companies.get_or_create("Сама по себе")
    mine = await contacts.add(ContactDraft("Тайна", company="Клиника", visibility="personal"), actor=agent("101"))
    gone = (await companies.get_or_create("Клиника")).id
    told = await Feed(database).last()
    if how == "deleted":
        await contacts.delete(mine.id, actor=agent("101"))
    elif how == "erased":
        assert await contacts.erase_personal(owner="101", by="root") == 1
    else:
        await contacts.edit(mine.id, {"company": "Другая"}, actor=agent("101"))
    assert gone not in await companies.load([gone, kept.id])
    assert await companies.list() == (1, [kept])
    assert ("company.changed", str(gone)) in [(row.kind, row.subject) for row in await Feed(database).read(told)]


async def test_list_by_name(database: Database) -> None:
    companies = Companies(database)
    for name in ("Яблоко", "ёлка", "Елань", "100%", "абрикос"):
        await companies.get_or_create(name)
    total, found = await companies.list()
    assert total == 5
    assert [company.name for company in found] == ["100%", "абрикос", "Елань", "ёлка", "Яблоко"]
    assert await companies.list(limit=2, offset=1) == (5, found[1:3])
    assert await companies.list("ЕЛ") == (2, found[2:4])
    assert await companies.list("%") == (1, found[:1])
    assert await companies.load([found[0].id, 999]) == {found[0].id: found[0]}


async def test_a_search_finds_a_company_in_either_script(database: Database) -> None:
    companies = Companies(database)
    for name in ("ООО «Ромашка»", "Sberbank", "Северсталь"):
        await companies.get_or_create(name)
    for search, found in (
        ("romash", ["ООО «Ромашка»"]),
        ("Pомашка", ["ООО «Ромашка»"]),  # a Latin P
        ("сбербанк", ["Sberbank"]),
        ("severstal", ["Северсталь"]),
        ("ромашка сбер", []),
    ):
        assert [each.name for each in (await companies.list(search))[1]] == found, search
