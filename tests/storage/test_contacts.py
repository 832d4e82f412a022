from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxd.book.companies import Company
from pbxd.book.contacts import Contact, ContactDraft, ContactNumber, Listing, checked
from pbxd.book.employees import Employee
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from pbxd.storage.search.filters import ContactFilter
from tests.actors import ADMINISTRATOR, acting, agent
from tests.storage.texts import HOSTILE, anything, e164, printable

FULL = ContactDraft(
    name="Фронкин Игорь",
    company="ООО «Ромашка»",
    position="Директор",
    numbers=(
        ContactNumber("+77777859954", typed="8 777 785-99-54", label="мобильный"),
        ContactNumber("+74951234567", typed="84951234567 доб. 123", extension="123", main=True),
    ),
    emails=("igor@example.org", "i.fronkin@пример.рф"),
    manager="101",
    vip=True,
    comment="Звонить\nпосле обеда\t(или утром)",
    tags=("Опт", "Казань"),
    birth_date=date(1985, 2, 28),
)


def draft_of(contact: Contact) -> ContactDraft:
    """Return what a person said: employees by extension, not by the ids that storage gives them."""
    return ContactDraft(**{name: getattr(contact, name) for name in ContactDraft.__slots__ if name[-3:] != "_id"})


async def snapshot(contacts: Contacts) -> tuple[int, list[Listing], list[Company], list[Employee]]:
    async with contacts.snapshot() as opened:
        everybody = [listing async for some in opened.contacts for listing in some]
        return opened.cursor, everybody, opened.companies, opened.employees


def named(name: str, number: str = "+79160000001") -> ContactDraft:
    return ContactDraft(name=name, numbers=(ContactNumber(number),))


async def told(database: Database) -> list[tuple[str, str]]:
    return [(row.kind, row.subject) for row in await Feed(database).read(0)]


async def test_a_contact_comes_back_as_it_went_in(database: Database, url: str) -> None:
    contact = await Contacts(database).add(FULL, actor=agent("101"))
    assert draft_of(contact) == FULL
    assert (contact.created_by, contact.version, contact.visibility) == ("101", 1, "shared")
    async with await Database.open(url, create=False) as again:
        assert await Contacts(again).get(contact.id, actor=ADMINISTRATOR) == contact


async def test_adding_tells_of_the_company_and_the_contact_but_not_what_stands_in_it(database: Database) -> None:
    contact = await Contacts(database).add(FULL, actor=ADMINISTRATOR)
    rows = await Feed(database).read(0)
    assert [row.kind for row in rows] == ["employee.changed", "company.changed", "contact.added"]
    assert rows[2].subject == str(contact.id)
    assert rows[2].data == {"visibility": "shared", "owner_id": 0, "manager_id": contact.manager_id, "version": 1}


async def test_editing_replaces_what_is_named_and_counts_versions(database: Database) -> None:
    contacts = Contacts(database)
    contact = await contacts.add(FULL, actor=ADMINISTRATOR)
    changed = await contacts.edit(contact.id, {"vip": False, "emails": ()}, version=1, actor=ADMINISTRATOR)
    assert changed == replace(contact, vip=False, emails=(), version=2)
    assert await contacts.get(contact.id, actor=ADMINISTRATOR) == changed
    assert (await told(database))[-1] == ("contact.changed", str(contact.id))


async def test_an_edit_that_changes_nothing_is_no_change(database: Database) -> None:
    contacts = Contacts(database)
    contact = await contacts.add(FULL, actor=ADMINISTRATOR)
    before = await told(database)
    assert await contacts.edit(contact.id, {"vip": True, "name": "  Фронкин Игорь "}, actor=ADMINISTRATOR) == contact
    assert await told(database) == before


async def test_make_main(database: Database) -> None:
    contacts = Contacts(database)
    contact = await contacts.add(FULL, actor=ADMINISTRATOR)
    numbers = tuple(replace(number, main=not number.main) for number in contact.numbers)
    changed = await contacts.edit(contact.id, {"numbers": numbers}, actor=ADMINISTRATOR)
    assert [number.main for number in changed.numbers] == [True, False]


async def test_deleting_leaves_nothing_of_it(database: Database) -> None:
    contacts = Contacts(database)
    contact = await contacts.add(FULL, actor=ADMINISTRATOR)
    await contacts.delete(contact.id, actor=ADMINISTRATOR)
    with pytest.raises(NotFoundError):
        await contacts.get(contact.id, actor=ADMINISTRATOR)
    assert await contacts.list(actor=ADMINISTRATOR) == (0, [])
    assert (await snapshot(contacts))[1] == []
    assert (await told(database))[-1] == ("contact.deleted", str(contact.id))
    again = await contacts.add(FULL, actor=ADMINISTRATOR)
    assert again.id > contact.id, "an id that once meant somebody never means somebody else"


@pytest.mark.parametrize("contact_id", [0, -1, 999, 2**63 - 1, 2**63, 10**30])
async def test_ids_that_dont_exist(database: Database, contact_id: int) -> None:
    contacts = Contacts(database)
    for asking in (
        contacts.get(contact_id, actor=ADMINISTRATOR),
        contacts.edit(contact_id, {"vip": True}, actor=ADMINISTRATOR),
        contacts.delete(contact_id, actor=ADMINISTRATOR),
    ):
        with pytest.raises(NotFoundError):
            await asking


async def test_a_stale_version_is_refused_and_changes_nothing(database: Database, url: str) -> None:
    contacts = Contacts(database)
    contact = await contacts.add(FULL, actor=ADMINISTRATOR)
    async with await Database.open(url, create=False) as other:
        await Contacts(other).edit(contact.id, {"comment": "первый"}, version=1, actor=ADMINISTRATOR)
    before = await told(database)
    with pytest.raises(ConflictError):
        await contacts.edit(contact.id, {"comment": "второй"}, version=1, actor=ADMINISTRATOR)
    assert (await contacts.get(contact.id, actor=ADMINISTRATOR)).comment == "первый"
    assert await told(database) == before


async def test_of_two_edits_of_one_version_at_once_exactly_one_wins(database: Database, url: str) -> None:
    contact = await Contacts(database).add(FULL, actor=ADMINISTRATOR)
    async with await Database.open(url, create=False) as other:
        for version in range(1, 8):
            edits = [
                Contacts(place).edit(contact.id, {"comment": f"{version} {who}"}, version=version, actor=ADMINISTRATOR)
                for who, place in enumerate((database, other))
            ]
            results = await asyncio.gather(*edits, return_exceptions=True)
            assert sorted(type(result).__name__ for result in results) == ["Contact", "StaleError"]
            assert (await Contacts(database).get(contact.id, actor=ADMINISTRATOR)).version == version + 1


async def test_edits_without_a_version_both_count(database: Database, url: str) -> None:
    contact = await Contacts(database).add(FULL, actor=ADMINISTRATOR)
    async with await Database.open(url, create=False) as other:
        await asyncio.gather(
            Contacts(database).edit(contact.id, {"position": "А"}, actor=ADMINISTRATOR),
            Contacts(other).edit(contact.id, {"manager": "102"}, actor=ADMINISTRATOR),
        )
    after = await Contacts(database).get(contact.id, actor=ADMINISTRATOR)
    assert (after.position, after.manager, after.version) == ("А", "102", 3)


async def test_many_at_once_all_or_none(database: Database) -> None:
    contacts = Contacts(database)
    drafts = [
        replace(named(f"Клиент {number}", f"+7916{number:07}"), company=f"Фирма {number % 3}") for number in range(250)
    ]
    made = await contacts.add_many(drafts, actor=ADMINISTRATOR)
    assert [contact.name for contact in made] == [draft.name for draft in drafts]
    assert [contact.numbers[0].number for contact in made] == [draft.numbers[0].number for draft in drafts]
    assert (await Companies(database).list())[0] == 3
    assert len(await Feed(database).read(0)) == 253
    with pytest.raises(InvalidInputError):
        await contacts.add_many([named("хороший"), named("")], actor=ADMINISTRATOR)
    assert (await contacts.list(limit=1, actor=ADMINISTRATOR))[0] == 250
    assert await contacts.add_many([], actor=ADMINISTRATOR) == []


async def test_one_company_per_name_whatever_its_case(database: Database) -> None:
    contacts = Contacts(database)
    first, second = await contacts.add_many(
        [replace(FULL, company="Орёл"), replace(FULL, company="  ОРЕЛ")], actor=ADMINISTRATOR
    )
    assert first.company == second.company == "Орёл"
    assert (await contacts.edit(second.id, {"company": ""}, actor=ADMINISTRATOR)).company == ""
    assert (await contacts.edit(second.id, {"company": "орел"}, actor=ADMINISTRATOR)).company == "Орёл"


async def test_unknown_fields_are_named(database: Database) -> None:
    contacts = Contacts(database)
    contact = await contacts.add(FULL, actor=ADMINISTRATOR)
    with pytest.raises(InvalidInputError) as caught:
        await contacts.edit(contact.id, {"nmae": "x"}, actor=ADMINISTRATOR)  # type: ignore[arg-type]
    assert caught.value.field == "nmae"
    with pytest.raises(InvalidInputError):
        await contacts.edit(contact.id, {"version": 7}, actor=ADMINISTRATOR)  # type: ignore[arg-type]


async def test_nul_is_refused_on_both_databases(database: Database) -> None:
    contacts = Contacts(database)
    with pytest.raises(InvalidInputError):
        await contacts.add(named("а\0б"), actor=ADMINISTRATOR)
    contact = await contacts.add(FULL, actor=ADMINISTRATOR)
    with pytest.raises(InvalidInputError):
        await contacts.edit(contact.id, {"comment": "\0"}, actor=ADMINISTRATOR)
    assert await contacts.get(contact.id, actor=ADMINISTRATOR) == contact


async def test_hostile_texts_stay_as_they_are_and_are_found(database: Database) -> None:
    contacts = Contacts(database)
    for text in HOSTILE:
        draft = replace(FULL, name=text, company=text, position=text, comment=text, tags=(text,))
        contact = await contacts.add(draft, actor=ADMINISTRATOR)
        assert draft_of(contact) == checked(draft)
        for wanted in (ContactFilter(search=text), ContactFilter(company=text), ContactFilter(tag=text)):
            assert contact in (await contacts.list(wanted, actor=ADMINISTRATOR))[1], wanted


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    drafts=st.lists(
        st.builds(
            ContactDraft,
            name=printable.filter(lambda text: bool(text.strip())),
            company=printable,
            position=printable,
            numbers=st.lists(st.builds(ContactNumber, e164, printable, st.just(""), printable), max_size=3).map(tuple),
            comment=printable,
            tags=st.lists(printable, max_size=3).map(tuple),
            vip=st.booleans(),
            birth_date=st.none() | st.dates(),
        ),
        min_size=1,
        max_size=4,
    )
)
async def test_any_text_that_is_accepted_comes_back(database: Database, drafts: list[ContactDraft]) -> None:
    contacts = Contacts(database)
    try:
        expected = [checked(draft) for draft in drafts]
    except InvalidInputError:
        with pytest.raises(InvalidInputError):
            await contacts.add_many(drafts, actor=ADMINISTRATOR)
        return
    for contact, draft in zip(await contacts.add_many(drafts, actor=ADMINISTRATOR), expected, strict=True):
        # Of a company the first way in which it was written stays; everything else is exactly what was said.
        assert replace(draft_of(contact), company="") == replace(draft, company="")
        assert await contacts.get(contact.id, actor=ADMINISTRATOR) == contact


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=anything)
async def test_no_search_fails(database: Database, text: str) -> None:
    contacts = Contacts(database)
    for wanted in (
        ContactFilter(search=text),
        ContactFilter(company=text, tag=text, manager=text, number=text, vip=True),
    ):
        total, found = await contacts.list(wanted, actor=acting(text))
        assert (total, found) == (0, [])
    assert await Employees(database).list() == []


async def test_a_snapshot_is_the_book_and_its_cursor_of_one_moment(database: Database, url: str) -> None:
    contacts = Contacts(database)
    shared = await contacts.add(FULL, actor=ADMINISTRATOR)
    personal = await contacts.add(replace(FULL, visibility="personal", owner="102"), actor=ADMINISTRATOR)
    cursor, everybody, firms, people = await snapshot(contacts)
    assert cursor == await Feed(database).last()
    assert everybody == [Listing.of(shared), Listing.of(personal)]
    assert [firm.name for firm in firms] == [FULL.company]
    assert {(person.extension, person.listed) for person in people} == {("101", False), ("102", False)}
    assert await contacts.load([personal.id, shared.id, 999, 2**70]) == {shared.id: shared, personal.id: personal}

    adding = asyncio.Event()

    async def add() -> None:
        async with await Database.open(url, create=False) as other:
            for number in range(30):
                await Contacts(other).add(named(f"Клиент {number}"), actor=ADMINISTRATOR)
                adding.set()

    async with asyncio.TaskGroup() as group:
        writing = group.create_task(add())
        await adding.wait()
        moments = []
        while not writing.done():
            moments.append(await snapshot(contacts))
    assert moments
    for until, everybody, _firms, _people in moments:
        added = [
            row.subject for row in await Feed(database).read(0) if row.kind == "contact.added" and row.seq <= until
        ]
        assert [str(contact.id) for contact in everybody] == added
