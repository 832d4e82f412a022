"""Who had which number when is noted by every change of a card, and told to those who may know (S2.2, B9)."""

from __future__ import annotations

from datetime import UTC, datetime

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.book.number_ownership import Card, of_company, of_contacts, past_of
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR, acting, agent

ONE, TWO = "+79160000001", "+79160000002"


def draft(name: str, *numbers: str, owner: str = "", company: str = "") -> ContactDraft:
    listed = tuple(ContactNumber(number) for number in numbers)
    visibility = "personal" if owner else "shared"
    return ContactDraft(name, company=company, numbers=listed, owner=owner, visibility=visibility)  # type: ignore[arg-type]  # one of the literals


async def held(database: Database, number: str, viewer: str = "") -> list[tuple[str | None, bool]]:
    """Return the names of those who had it, and whether they have it still."""
    past = await database.ask(past_of, [number], [], (), acting(viewer))
    ordered = sorted(past.holdings.get(number, []), key=lambda each: each.since)
    return [(each.name, each.until is None) for each in ordered]


async def test_every_change_of_a_card_is_noted(database: Database) -> None:
    book = Contacts(database)
    began = datetime.now(UTC)
    ivan = await book.add(draft("Иван", ONE), actor=ADMINISTRATOR)
    assert await held(database, ONE) == [("Иван", True)]
    await book.edit(
        ivan.id,
        {"name": "Иван Иванов", "numbers": (ContactNumber(ONE), ContactNumber(ONE, extension="7"))},
        actor=ADMINISTRATOR,
    )
    assert await held(database, ONE) == [("Иван Иванов", True)], "by his present name, once"
    await book.edit(ivan.id, {"numbers": (ContactNumber(TWO),)}, actor=ADMINISTRATOR)
    await book.add(draft("Пётр", ONE, company="Ромашка"), actor=ADMINISTRATOR)
    assert await held(database, ONE) == [("Иван Иванов", False), ("Пётр", True)]
    assert await held(database, TWO) == [("Иван Иванов", True)]
    await book.edit(ivan.id, {"numbers": (ContactNumber(ONE, main=True), ContactNumber(TWO))}, actor=ADMINISTRATOR)
    assert await held(database, ONE) == [("Иван Иванов", False), ("Пётр", True), ("Иван Иванов", True)]
    await book.delete(ivan.id, actor=ADMINISTRATOR)
    assert await held(database, ONE) == [(None, False), ("Пётр", True), (None, False)]
    past = await database.ask(past_of, [ONE], [ivan.id], (), ADMINISTRATOR)
    assert past.cards == {}
    for each in past.holdings[ONE]:
        assert began <= each.since <= (each.until or datetime.now(UTC)) <= datetime.now(UTC)
    assert [each.company for each in past.holdings[ONE] if each.name] == ["Ромашка"]


async def test_a_personal_contact_is_its_owner_s_alone_and_leaves_nothing_behind(database: Database) -> None:
    book = Contacts(database)
    mine = await book.add(draft("Мама", ONE, owner="101"), actor=ADMINISTRATOR)
    assert await held(database, ONE, "101") == [("Мама", True)]
    for stranger in ("", "102"):
        assert await held(database, ONE, stranger) == []
        past = await database.ask(past_of, [], [mine.id], (), acting(stranger))
        assert past.cards == {mine.id: Card("Мама", "", seen=False)}
        assert await database.ask(of_contacts, [mine.id], acting(stranger)) == {}
    await book.delete(mine.id, actor=agent("101"))
    assert await held(database, ONE, "101") == []
    assert await held(database, ONE) == []


async def test_a_company_s_people_and_numbers(database: Database) -> None:
    book = Contacts(database)
    people = await book.add_many(
        [draft("А", ONE, company="Ромашка"), draft("Б", TWO, company="ромашка")], actor=ADMINISTRATOR
    )
    secret = await book.add(draft("В", TWO, company="Ромашка", owner="101"), actor=ADMINISTRATOR)
    firm = await Companies(database).get_or_create("Ромашка")
    await Companies(database).edit(firm.id, {"numbers": (TWO,)})
    assert await database.ask(of_company, "ромашка", ADMINISTRATOR) == ([each.id for each in people], [TWO])
    assert sorted((await database.ask(of_company, "ромашка", agent("101")))[0]) == [
        *(each.id for each in people),
        secret.id,
    ]
    past = await database.ask(past_of, [ONE, TWO], [], (), ADMINISTRATOR)
    assert [(each.name, each.numbers) for each in past.firms] == [("Ромашка", (TWO,))]
    assert past.people == await Employees(database).list()
    assert {
        number: len(held) for number, held in (await database.ask(of_contacts, [people[1].id], ADMINISTRATOR)).items()
    } == {TWO: 1}
