from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from pbxd.book.contacts import Contact, ContactDraft, ContactNumber
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.managed import managed_counts
from pbxd.storage.engine.database import Database
from pbxd.storage.search import paging
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.search.paging import SORTINGS, PageAsked, Sorting
from tests.actors import ADMINISTRATOR, acting, agent

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


COLUMNS: dict[str, Callable[[Contact], Any]] = {
    "name": lambda contact: folded(contact.name),
    "company": lambda contact: folded(contact.company),
    "position": lambda contact: contact.position,
    "number": lambda contact: next((number.number for number in contact.numbers if number.main), ""),
    "manager": lambda contact: contact.manager,
    "vip": lambda contact: contact.vip,
    "id": lambda contact: contact.id,
}


@pytest.fixture
async def contacts(database: Database) -> Contacts:
    book = Contacts(database)
    await book.add_many(PEOPLE, actor=ADMINISTRATOR)
    return book


async def names(contacts: Contacts, wanted: ContactFilter) -> list[str]:
    total, found = await contacts.list(wanted, actor=ADMINISTRATOR)
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
        ("%", []),  # less than three letters are looked for at beginnings of words
        ("Ф", ["Фронкин Игорь"]),
        ("иг фр", ["Фронкин Игорь"]),
        ("гор", ["Фронкин Игорь"]),
        ("го", []),
        ("8 777", ["Фронкин Игорь"]),
        ("9954", ["Фронкин Игорь"]),
        ("фронкин 8 777 785", ["Фронкин Игорь"]),
        ("фронкин 8 777 786", []),
        ("опт", ["Smith John", "Фронкин Игорь"]),
        ("smith", ["Smith John"]),
        ("020 7123 4567", ["Smith John"]),
        ("нет такого", []),
        ("_", []),
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
        (ContactFilter(company="ромашка"), ["ёлкина Анна", "Фронкин Игорь"]),
        (ContactFilter(company="ромаш"), []),
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
    everybody = (await contacts.list(actor=ADMINISTRATOR))[1]
    pages = [await contacts.list(limit=2, offset=offset, actor=ADMINISTRATOR) for offset in (0, 2, 4)]
    assert [total for total, _ in pages] == [4, 4, 4]
    assert [contact for _, page in pages for contact in page] == everybody
    assert (await contacts.list(offset=3, actor=ADMINISTRATOR))[1] == everybody[3:]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        *((f"о{sign}нил", ["Cидоpова О’Нил"]) for sign in ("'", "’", "ʼ", "`", "´", "")),
        ("сидорова", ["Cидоpова О’Нил"]),  # the card has Latin C and p
        ("CИДОPОВА", ["Cидоpова О’Нил"]),  # the search has
        ("sidorova", ["Cидоpова О’Нил"]),
        ("Фрoнкин", ["Фронкин Игорь"]),
        ("fronkin igor", ["Фронкин Игорь"]),
        ("Fron", ["Фронкин Игорь"]),
        ("onkin", ["Фронкин Игорь"]),
        ("yakovlev petr", ["Яковлев Пётр"]),
        ("Смит", ["Smith John"]),
        ("смит джон", []),
        ("ivanov", ["Иванова Ольга", "Ivanov Yuriy"]),
        ("Иванов Юрий", ["Ivanov Yuriy"]),
        ("ромашка", ["ёлкина Анна", "Фронкин Игорь"]),
        ("romashka", ["ёлкина Анна", "Фронкин Игорь"]),
        ("доб. 12", ["ёлкина Анна"]),
        ("ДОБ.12", ["ёлкина Анна"]),
        ("доб12", ["ёлкина Анна"]),
        ("добавочный 12", ["ёлкина Анна"]),
        ("вн. 12", ["ёлкина Анна"]),
        ("ext 12", ["ёлкина Анна"]),
        ("ext.12", ["ёлкина Анна"]),
        ("8 (495) 123-45-67 доб. 12", ["ёлкина Анна"]),
        ("84951234567x12", ["ёлкина Анна"]),
        ("анна доб. 12", ["ёлкина Анна"]),
        ("доб. 1", []),
        ("доб. 123", ["Иванова Ольга"]),
        ("доб. 7", ["Ivanov Yuriy"]),  # a comment has it
        ("х7", ["Х7 Маркет"]),
    ],
)
async def test_a_search_finds_other_spellings(contacts: Contacts, search: str, found: list[str]) -> None:
    more = (
        ContactDraft("Cидоpова О’Нил"),
        ContactDraft("Иванова Ольга", numbers=(ContactNumber("+74951234567", extension="123"),)),
        ContactDraft("Ivanov Yuriy", comment="через секретаря, доб. 7"),
        ContactDraft("Х7 Маркет"),
    )
    await contacts.add_many(more, actor=ADMINISTRATOR)
    assert sorted(await names(contacts, ContactFilter(search=search))) == sorted(found)
    await contacts.add_many([replace(each, visibility="personal") for each in (*PEOPLE, *more)], actor=agent("101"))
    both = (await contacts.page(ContactFilter(search=search), actor=agent("101"))).items
    assert sorted(each.name for each in both) == sorted(found * 2)  # row by row as by the index


async def test_a_search_follows_edits(contacts: Contacts) -> None:
    ((contact,)) = (await contacts.list(ContactFilter(search="игорь"), actor=ADMINISTRATOR))[1]
    await contacts.edit(
        contact.id, {"name": "Фронкин Олег", "company": "Лютик", "emails": ("new@example.org",)}, actor=ADMINISTRATOR
    )
    assert await names(contacts, ContactFilter(search="игорь")) == []
    for word in ("олег", "лютик", "NEW@"):
        assert await names(contacts, ContactFilter(search=word)) == ["Фронкин Олег"]


async def ranked(contacts: Contacts, text: str, actor: str = "") -> list[str]:
    found = await contacts.page(ContactFilter(search=text), actor=acting(actor))
    return [contact.name for contact in found.items]


async def test_the_best_hits_come_first(contacts: Contacts) -> None:
    """S2.17: a whole number, a name's beginning, words' beginnings, inside of a word; favourites and new ones first."""
    number = ContactNumber("+79161234567")
    drafts = [
        ContactDraft("Петрова Анна", comment="звонит 89161234567"),
        ContactDraft("Аннаев Пётр"),
        ContactDraft("Йоханна Белая"),
        ContactDraft("Белова Анна"),
        ContactDraft("Лев", numbers=(number,)),
    ]
    first, *_rest, lion = await contacts.add_many(drafts, actor=ADMINISTRATOR)
    await contacts.add(ContactDraft("Анна моя", visibility="personal"), actor=agent("101"))
    everybody = ["Аннаев Пётр", "Белова Анна", "Петрова Анна", "ёлкина Анна", "Йоханна Белая"]
    assert await ranked(contacts, "анна") == everybody
    await contacts.set_favourite(first.id, actor=agent("101"), favourite=True)
    mine = ["Анна моя", "Аннаев Пётр", "Петрова Анна", "Белова Анна", "ёлкина Анна", "Йоханна Белая"]
    assert await ranked(contacts, "анна", "101") == mine
    assert await ranked(contacts, "анна", "102") == everybody
    assert await ranked(contacts, "8 916 123-45-67") == ["Лев", "Петрова Анна"]
    assert await ranked(contacts, "916 123") == ["Лев", "Петрова Анна"]
    assert lion.id > first.id
    for length in (1, 2, 4):
        pages, after = [], ""
        while True:
            asked = PageAsked(limit=length, after=after)
            page = await contacts.page(ContactFilter(search="анна"), asked, actor=agent("101"))
            pages += [contact.name for contact in page.items]
            after = page.after
            assert (page.total, page.more) == (6, False)
            if not after:
                break
        assert pages == mine, length


async def test_every_column_sorts_and_pages_go_on_where_the_last_one_ended(contacts: Contacts) -> None:
    """S1.4"""
    await contacts.add_many([replace(PEOPLE[0], name="Моя", visibility="personal"), PEOPLE[1]], actor=agent("101"))
    for sort, descending in product(SORTINGS, (False, True)):
        asked = PageAsked(sort, descending=descending)
        whole = await contacts.page(None, asked, actor=agent("101"))
        assert (whole.total, whole.more, whole.after, len(whole.items)) == (6, False, "", 6)
        values = [COLUMNS.get(sort, COLUMNS["name"])(contact) for contact in whole.items]
        assert sort == "changed" or values == sorted(values, reverse=descending), sort
        found: list[Contact] = []
        after = ""
        for _page in range(2):
            page = await contacts.page(None, replace(asked, limit=3, after=after), actor=agent("101"))
            found += page.items
            after = page.after
        assert after == ""
        assert found == whole.items, sort


async def test_favourites_and_mine_are_filters(contacts: Contacts) -> None:
    """S2.18, S3.7"""
    smith = (await contacts.page(ContactFilter(search="smith"), actor=ADMINISTRATOR)).items[0]
    await contacts.set_favourite(smith.id, actor=agent("101"), favourite=True)
    await contacts.add(ContactDraft("Мама", visibility="personal"), actor=agent("102"))
    for wanted, actor, found in (
        (ContactFilter(favourites=True), "101", ["Smith John"]),
        (ContactFilter(favourites=True, search="smi"), "101", ["Smith John"]),
        (ContactFilter(favourites=True), "102", []),
        (ContactFilter(mine=True), "101", ["Фронкин Игорь"]),
        (ContactFilter(mine=True), "102", ["Smith John", "Мама"]),
        (ContactFilter(mine=True), "", []),
    ):
        page = await contacts.page(wanted, actor=acting(actor))
        assert ([contact.name for contact in page.items], page.total) == (found, len(found)), wanted


async def test_hits_beyond_those_counted_are_there_too(contacts: Contacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 10)
    inside = [ContactDraft(f"Анна Коробкова-{number}") for number in range(4)]  # `робк` is inside of a word
    await contacts.add_many([*(ContactDraft(f"Робков {number}") for number in range(14)), *inside], actor=ADMINISTRATOR)
    page = await contacts.page(ContactFilter(search="робк"), PageAsked(limit=100, exact=True), actor=ADMINISTRATOR)
    assert (page.total, len(page.items)) == (18, 18)


@pytest.mark.parametrize(
    ("sort", "values"),
    [
        ("rank", [-5, 1, -3]),
        ("rank", [10**30, 1, -3]),
        ("id", [5 * 10**19, 1]),
        ("changed", ["0001-01-01T00:00:00+14:00", 1]),
    ],
)
async def test_a_mark_out_of_all_bounds_is_refused(contacts: Contacts, sort: Any, values: list[Any]) -> None:  # noqa: ANN401 - one of SORTINGS
    after = base64.urlsafe_b64encode(json.dumps([sort, *values]).encode()).decode()
    with pytest.raises(InvalidInputError):
        await contacts.page(ContactFilter(search="анна"), PageAsked(sort, after=after), actor=ADMINISTRATOR)


@pytest.mark.parametrize("after", ["x", "W10=", "WyJuYW1lIiwgMV0=", "ещё", "WyJuYW1lIiwgImEiLCAxZTk5XQ==", "bnVsbA=="])
async def test_a_mark_that_is_none_is_refused(contacts: Contacts, after: str) -> None:
    for sort in SORTINGS:
        with pytest.raises(InvalidInputError) as caught:
            await contacts.page(None, PageAsked(sort, after=after), actor=ADMINISTRATOR)
        assert caught.value.field == "after"


LETTERS = st.text(st.sampled_from("аоёьяhyx1 8+7-.«»%_\\'"), max_size=8)
NAMES = LETTERS.filter(lambda text: bool(text.strip()))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    drafts=st.lists(st.builds(ContactDraft, NAMES, LETTERS, comment=LETTERS), min_size=1, max_size=4),
    text=LETTERS,
)
async def test_the_index_finds_what_the_rows_say(database: Database, drafts: list[ContactDraft], text: str) -> None:
    """The shared ones are found by the index, the personal ones row by row: both must find the same, in one order."""
    contacts = Contacts(database)
    for contact in (await contacts.list(actor=agent("101")))[1]:
        await contacts.delete(
            contact.id, actor=ADMINISTRATOR
        ) if contact.visibility == "shared" else await contacts.delete(contact.id, actor=agent("101"))
    shared = await contacts.add_many(drafts, actor=ADMINISTRATOR)
    await contacts.add_many([replace(draft, visibility="personal") for draft in drafts], actor=agent("101"))
    wanted = ContactFilter(search=text)
    found = [shared.index(each) for each in (await contacts.page(wanted, PageAsked("rank"), actor=ADMINISTRATOR)).items]
    both = (await contacts.page(wanted, PageAsked("rank"), actor=agent("101"))).items
    own = [each.id for each in both if each.visibility == "personal"]
    place = {key: at for at, key in enumerate(sorted(own))}
    assert [sorted(found).index(each) for each in found] == [place[key] for key in own]
    listed = await contacts.list(wanted, actor=ADMINISTRATOR)
    assert sorted(each.id for each in listed[1]) == sorted(shared[at].id for at in found)


async def test_a_very_long_search_is_cut(contacts: Contacts) -> None:
    assert await names(contacts, ContactFilter(search="ж" * 1_000_000)) == []
    assert await names(contacts, ContactFilter(search="1 " * 100_000)) != []


async def test_contacts_of_one_name_have_a_steady_order(contacts: Contacts) -> None:
    twins = await contacts.add_many(
        [replace(PEOPLE[0], company=f"{number}") for number in range(5)], actor=ADMINISTRATOR
    )
    found = (await contacts.list(ContactFilter(search="фронкин"), actor=ADMINISTRATOR))[1]
    assert [contact.id for contact in found[1:]] == [twin.id for twin in twins]


ANNA, LEO, SHORT = "Анна Константинопольская", "Константинопольский Лев", "Константин"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("кон", [SHORT, LEO, ANNA]),
        ("константин", [SHORT, LEO, ANNA]),
        ("константиноп", [LEO, ANNA]),  # as long as a beginning that is a token
        ("константинопо", [LEO, ANNA]),
        ("стант", [SHORT, LEO, ANNA]),  # likewise what stands inside
        ("стантин", [SHORT, LEO, ANNA]),
        ("стантинополь", [LEO, ANNA]),
        ("ский", [LEO]),
    ],
)
async def test_beginnings_and_fragments_of_any_length_are_found(
    contacts: Contacts, text: str, found: list[str]
) -> None:
    """Up to some length they are tokens of the index by themselves, beyond it beginnings of tokens."""
    await contacts.add_many([ContactDraft(name) for name in (ANNA, LEO, SHORT)], actor=ADMINISTRATOR)
    assert await ranked(contacts, text) == found


async def test_few_many_and_very_many_hits_are_sorted_alike(database: Database) -> None:
    """S1.4: they are sorted, put aside for a walk along the column, or met on it."""
    contacts = Contacts(database)
    drafts = [
        ContactDraft(
            f"Клиент {place * 37 % 200:03}",
            company=f"Фирма {place % 7}",
            manager="117" if place % 4 == 0 else "118",
            vip=place % 50 == 0,
            tags=("опт",) if place % 10 else (),
        )
        for place in range(200)
    ]
    made = await contacts.add_many(drafts, actor=ADMINISTRATOR)
    wanted = (
        ContactFilter(vip=True),
        ContactFilter(manager="117"),
        ContactFilter(tag="опт"),
        ContactFilter(search="117"),
    )
    columns: tuple[Sorting, ...] = ("name", "company", "manager", "vip", "id")
    for filtered, sort, descending in product(wanted, columns, (False, True)):
        expected = [each for each in made if _has(each, filtered)]
        expected.sort(key=lambda each: (COLUMNS[sort](each), each.id), reverse=descending)
        first = await contacts.page(filtered, PageAsked(sort, descending=descending, limit=5), actor=ADMINISTRATOR)
        second = await contacts.page(
            filtered, PageAsked(sort, descending=descending, limit=5, after=first.after), actor=ADMINISTRATOR
        )
        assert (first.total, second.total) == (len(expected), len(expected))
        both = [*first.items, *(second.items if first.after else [])]
        assert both == expected[:10], (filtered, sort, descending)


def _has(contact: Contact, wanted: ContactFilter) -> bool:
    if wanted.search:
        return wanted.search in contact.name
    if wanted.tag:
        return wanted.tag in contact.tags
    return contact.vip if wanted.vip else contact.manager == wanted.manager


@pytest.mark.parametrize("backend", ["sqlite"])  # PostgreSQL's planner knows how many there are
async def test_a_sorted_page_is_read_along_its_index(database: Database) -> None:
    """Left to itself SQLite takes all shared contacts and sorts them: 1,000,000 for a page of 50."""
    contacts = Contacts(database)
    await contacts.add_many([replace(PEOPLE[0], name=f"Клиент {place}") for place in range(60)], actor=ADMINISTRATOR)
    asked: list[tuple[str, Any]] = []

    def ask(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        asked.append((statement, parameters))

    event.listen(database._thread_readers, "before_cursor_execute", ask)
    columns: tuple[tuple[Sorting, str], ...] = (
        ("name", "folded"), ("company", "company_folded"), ("vip", "vip"), ("changed", "changed")
    )  # fmt: skip
    for sort, column in columns:
        asked.clear()
        page = await contacts.page(None, PageAsked(sort, limit=5), actor=ADMINISTRATOR)
        await contacts.page(None, PageAsked(sort, limit=5, after=page.after), actor=ADMINISTRATOR)
        walks = [each for each in asked if "INDEXED BY" in each[0]]
        async with database.reading() as connection:
            plans = [
                str((await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all())
                for statement, parameters in walks
            ]
        assert f"SCAN contacts USING COVERING INDEX ix_contacts_by_{sort}'" in plans[0]
        assert f"SEARCH contacts USING COVERING INDEX ix_contacts_by_{sort} ({column}>?)" in plans[1]
        assert not any("TEMP B-TREE" in plan for plan in plans)


async def test_the_clients_of_a_manager_are_found_and_counted(database: Database) -> None:
    contacts = Contacts(database)
    await contacts.add_many(
        [replace(PEOPLE[0], name=f"Клиент {place}", manager=str(101 + place % 2)) for place in range(5)],
        actor=ADMINISTRATOR,
    )
    own = replace(PEOPLE[0], name="Личный", manager="101", visibility="personal", owner="102")
    await contacts.add(own, actor=agent("102"))
    (anna,) = {each.manager_id for each in (await contacts.list(actor=ADMINISTRATOR))[1] if each.manager == "101"}
    for actor, found in ((ADMINISTRATOR, ["0", "2", "4"]), (agent("102"), ["0", "2", "4", "Личный"])):
        seen: list[str] = []
        page = await contacts.page(ContactFilter(managed_by=anna), PageAsked("name", limit=2), actor=actor)
        while True:
            seen += [each.name.removeprefix("Клиент ") for each in page.items]
            assert page.total == len(found)
            if not page.after:
                break
            asked = PageAsked("name", limit=2, after=page.after)
            page = await contacts.page(ContactFilter(managed_by=anna), asked, actor=actor)
        assert seen == found
        assert (await database.ask(managed_counts, actor))[anna] == len(found)


@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize("backend", ["sqlite"])
async def test_the_clients_of_managers_are_counted_without_their_cards(database: Database) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        asked.append((statement, parameters))

    event.listen(database._thread_readers, "before_cursor_execute", note)
    assert await database.ask(managed_counts, agent("101"))
    (statement, parameters) = asked[-1]
    async with database.reading() as connection:
        plan = str((await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all())
    assert "contacts USING COVERING INDEX ix_contacts_managed" in plan
