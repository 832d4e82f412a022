from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text, update

from pbxd.book.companies import Company
from pbxd.book.contacts import ContactDraft
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.company_merging import delete_company, merge, to_merge
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.tables import companies as table
from tests.actors import ADMINISTRATOR, agent


async def people_of(database: Database, name: str) -> set[str]:
    page = await Contacts(database).page(ContactFilter(company=name), actor=ADMINISTRATOR)
    return {each.name for each in page.items}


async def double(database: Database, name: str, stand_in: str) -> int:
    """Make a company as an earlier pbxd did, which took another spelling for another company."""
    made = await Companies(database).get_or_create(stand_in)
    await Companies(database).edit(made.id, {"name": name + "!"})
    async with database.writing() as connection:
        values = {"name": name, "folded": name.casefold(), "name_key": "ромашка"}
        await connection.execute(update(table).where(table.c.id == made.id).values(values))
    return made.id


async def test_a_known_company_is_used_whatever_the_spelling(database: Database) -> None:
    contacts, companies = Contacts(database), Companies(database)
    first = await contacts.add(ContactDraft("Анна", company="ООО «Ромашка»"), actor=ADMINISTRATOR)
    drafts = [ContactDraft(name, company=company) for name, company in (("Борис", "РОМАШКА"), ("Вера", 'АО "Ромашка"'))]
    made = await contacts.add_many(drafts, actor=ADMINISTRATOR)
    assert {each.company for each in made} == {first.company}
    edited = await contacts.edit(first.id, {"company": "ромашка"}, actor=ADMINISTRATOR)
    assert edited == first
    assert (await companies.list())[0] == 1
    assert (await companies.get_or_create("Ромашка, ПАО")).name == "ООО «Ромашка»"
    for name in ("ООО «Ромашка»", "Ромашка", '"ромашка"'):
        assert await people_of(database, name) == {"Анна", "Борис", "Вера"}, name
    for words in ("ромашка", 'ООО "Ромашка"', "«ромаш"):
        assert (await companies.list(words))[0] == 1, words


async def test_several_spellings_of_a_new_company_make_one(database: Database) -> None:
    names = ("Лютик", "ООО Лютик", "«ЛЮТИК»", "ИП Лютик")
    made = await Contacts(database).add_many([ContactDraft(name, company=name) for name in names], actor=ADMINISTRATOR)
    assert [each.company for each in made] == ["Лютик", "Лютик", "Лютик", "ИП Лютик"]
    assert await people_of(database, "ООО «Лютик»") == set(names[:3])


async def test_renaming_into_another_companys_spelling_is_refused_with_the_way_out(database: Database) -> None:
    companies = Companies(database)
    one, other = [await companies.get_or_create(name) for name in ("Ромашка", "Лютик")]
    with pytest.raises(ConflictError, match=f"pbxd companies merge {one.id} {other.id}"):
        await companies.edit(other.id, {"name": "ООО «Ромашка»"})
    assert (await companies.edit(one.id, {"name": "ООО «Ромашка»"})).name == "ООО «Ромашка»"


async def test_doubles_stay_two_until_they_are_merged(database: Database) -> None:
    contacts, companies = Contacts(database), Companies(database)
    kept = (await companies.get_or_create("Ромашка", ["+74951234567"])).id
    other = await double(database, "ооо ромашка", "Лютик")
    assert {each.id for each in (await companies.doubles())[1]} == {kept, other}
    total, first = await companies.doubles(limit=1)
    assert (total, [each.id for each in first]) == (2, [min(kept, other)])
    await companies.edit(other, {"numbers": ("+74951234560",), "emails": ("a@b.ru",), "address": "Казань"})
    shared = await contacts.add(ContactDraft("Анна", company="ООО Ромашка"), actor=ADMINISTRATOR)
    own = await contacts.add(ContactDraft("Борис", company="ООО Ромашка", visibility="personal"), actor=agent("101"))
    assert (shared.company, (await to_merge(database, kept, [other])).contacts) == ("ооо ромашка", 2)
    told = await Feed(database).last()

    done: list[tuple[int, int]] = []
    merged = await merge(
        database,
        kept,
        [other, kept, other],
        actor=ADMINISTRATOR,
        progress=lambda part, whole: done.append((part, whole)),
    )

    assert done == [(2, 2)]
    assert merged.company.numbers == ("+74951234560", "+74951234567")
    assert (merged.company.name, merged.company.emails, merged.company.address) == ("Ромашка", ("a@b.ru",), "Казань")
    assert merged.contacts == 2
    assert await people_of(database, "Ромашка") == {"Анна"}
    assert (await contacts.get(own.id, actor=agent("101"))).company == "Ромашка"
    (change,) = await contacts.history(shared.id, actor=ADMINISTRATOR)
    assert change.fields == {"company": ["ооо ромашка", "Ромашка"]}
    news = {(row.kind, row.subject) for row in await Feed(database).read(told)}
    assert news == {
        ("contact.changed", str(shared.id)), ("contact.changed", str(own.id)),
        ("company.changed", str(kept)), ("company.changed", str(other)),
    }  # fmt: skip
    assert await companies.doubles() == (0, [])
    with pytest.raises(NotFoundError):
        await companies.get(other)
    found = await contacts.page(ContactFilter(search="ромашка анна"), actor=ADMINISTRATOR)
    assert [each.id for each in found.items] == [shared.id]


async def test_a_hidden_company_is_nobodys_double_and_not_merged_where_it_is_not_seen(database: Database) -> None:
    contacts, companies = Contacts(database), Companies(database)
    kept = (await companies.get_or_create("Ромашка")).id
    hidden = await double(database, "ооо ромашка", "Лютик")
    assert (await companies.doubles())[0] == 2
    draft = ContactDraft("Тайна", company="ооо ромашка", visibility="personal")
    secret = await contacts.add(draft, actor=agent("101"))
    assert secret.company == "ооо ромашка"
    assert await companies.doubles() == (0, [])
    for one, other in ((kept, hidden), (hidden, kept)):
        with pytest.raises(NotFoundError, match=str(hidden)):
            await to_merge(database, one, [other], seen=True)
        with pytest.raises(NotFoundError, match=str(hidden)):
            await merge(database, one, [other], actor=ADMINISTRATOR, seen=True)
    assert (await merge(database, kept, [hidden], actor=ADMINISTRATOR)).contacts == 1


@pytest.mark.parametrize("backend", ["sqlite"])  # a trigger stands for what breaks a merge off
async def test_an_interrupted_merge_loses_nobody_and_is_completed_by_the_same_command(database: Database) -> None:
    contacts, companies = Contacts(database), Companies(database)
    kept, first, second = [await companies.get_or_create(name) for name in ("Ромашка", "Лютик", "Астра")]
    drafts = [
        ContactDraft(f"{firm} {place}", company=firm)
        for firm, count in (("Лютик", 1200), ("Астра", 2))
        for place in range(count)
    ]
    await contacts.add_many(drafts, actor=ADMINISTRATOR)
    async with database.writing() as connection:
        await connection.execute(
            text(
                "CREATE TRIGGER broken BEFORE UPDATE ON contacts WHEN old.name = 'Астра 1'"
                " BEGIN SELECT RAISE(ABORT, 'broken off'); END"
            )
        )
    with pytest.raises(ConflictError, match="run the same command again"):
        await merge(database, kept.id, [first.id, second.id], actor=ADMINISTRATOR)
    assert (await companies.list())[0] == 3
    assert len(await people_of(database, "Ромашка")) == 50  # a page of the 1200 who have moved
    assert await people_of(database, "Лютик") == set()
    assert await people_of(database, "Астра") == {"Астра 0", "Астра 1"}
    async with database.writing() as connection:
        await connection.execute(text("DROP TRIGGER broken"))
    done = await merge(database, kept.id, [first.id, second.id], actor=ADMINISTRATOR)
    assert (done.contacts, (await companies.list())[0]) == (2, 1)
    found = await contacts.list(ContactFilter(company="Ромашка"), actor=ADMINISTRATOR)
    assert (found[0], {card.version for card in found[1]}) == (1202, {2})  # each has moved once


@pytest.mark.parametrize("backend", ["sqlite"])  # another connection writes between two transactions of the merge
async def test_contacts_that_come_during_a_merge_move_too(database: Database) -> None:
    contacts, companies = Contacts(database), Companies(database)
    drafts = [ContactDraft(name, company=firm) for name, firm in (("Анна", "Ромашка"), ("Борис", "Лютик"))]
    await contacts.add_many(drafts, actor=ADMINISTRATOR)
    kept, other = [(await companies.get_or_create(name)).id for name in ("Ромашка", "Лютик")]
    file = database.place
    empty = 0

    def committed() -> None:
        """Give Anna the other company, once that has had no contacts for two commits: they have all been moved."""
        nonlocal empty
        with closing(sqlite3.connect(file, isolation_level=None)) as third:
            empty += not third.execute("SELECT count(*) FROM contacts WHERE company_id = ?", (other,)).fetchone()[0]
            if empty == 2:
                empty += 1
                third.execute("UPDATE contacts SET company_id = ? WHERE name = 'Анна'", (other,))

    database.on_commit.append(committed)
    await merge(database, kept, [other], actor=ADMINISTRATOR)
    assert empty > 2
    assert await people_of(database, "Ромашка") == {"Анна", "Борис"}
    assert (await companies.list())[0] == 1


async def test_the_ids_of_other_programs_go_to_the_company_that_stays(database: Database) -> None:
    companies = Companies(database)
    one = await companies.create(Company(0, "Ромашка"), {"bitrix24": "1"})
    two = await companies.create(Company(0, "Лютик"), {"bitrix24": "2", "1c": "A"})
    three = await companies.create(Company(0, "Астра"), {"1c": "B", "amo": "C"})
    await merge(database, one.id, [two.id, three.id], actor=ADMINISTRATOR)
    assert await companies.external([one.id]) == {one.id: {"1c": "A", "amo": "C", "bitrix24": "1"}}


async def test_what_cant_be_merged(database: Database) -> None:
    companies = Companies(database)
    one = await companies.get_or_create("Ромашка", [f"+7495123{number:04}" for number in range(50)])
    other = await companies.get_or_create("Лютик", ["+74951230099"])
    for asked, error in (([one.id], InvalidInputError), ([999], NotFoundError), ([other.id], InvalidInputError)):
        with pytest.raises(error):
            await merge(database, one.id, asked, actor=ADMINISTRATOR)
    assert (await companies.list())[0] == 2


async def test_a_company_is_deleted_with_people_only_if_that_is_said(database: Database) -> None:
    contacts, companies = Contacts(database), Companies(database)
    anna = await contacts.add(ContactDraft("Анна", company="Ромашка"), actor=ADMINISTRATOR)
    (company,) = (await companies.list())[1]
    with pytest.raises(ConflictError, match="1"):
        await delete_company(database, company.id, actor=ADMINISTRATOR)
    assert (await contacts.get(anna.id, actor=ADMINISTRATOR)).company == "Ромашка"
    assert await delete_company(database, company.id, actor=ADMINISTRATOR, leave_contacts=True) == 1
    after = await contacts.get(anna.id, actor=ADMINISTRATOR)
    assert (after.company, after.version) == ("", 2)
    assert (await companies.list())[0] == 0
    async with database.reading() as connection:
        assert (await connection.execute(text("SELECT company_id FROM contacts"))).scalar() is None
    empty = await companies.get_or_create("Лютик", ["+74951230099"])
    assert await delete_company(database, empty.id, actor=ADMINISTRATOR) == 0
    with pytest.raises(NotFoundError):
        await delete_company(database, empty.id, actor=ADMINISTRATOR)
