from __future__ import annotations

from dataclasses import replace

import pytest

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees, Upserted
from pbxd.storage.book.managed import managed_counts
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from tests.actors import ADMINISTRATOR, agent

ANNA = Employee("101", "Анна Ёлкина", "+79161112233", "+74951234567", "anna@example.org", "Продажи")
BORIS = Employee("102", "Борис")


@pytest.fixture
def employees(database: Database) -> Employees:
    return Employees(database)


async def test_a_list_fills_the_company_book(employees: Employees, database: Database) -> None:
    assert await employees.upsert([BORIS, ANNA, Employee("99")], source="list") == Upserted(3, 0, 0)
    assert await employees.list() == [Employee("99"), ANNA, BORIS]
    assert await employees.get("101") == ANNA
    async with Contacts(database).snapshot() as snapshot:
        assert snapshot.employees == await employees.list()
    assert {row.subject for row in await Feed(database).read(0)} == {"99", "101", "102"}


async def test_the_same_list_again_changes_nothing(employees: Employees, database: Database) -> None:
    await employees.upsert([ANNA, BORIS], source="list")
    told = await Feed(database).last()
    assert await employees.upsert([ANNA, BORIS, ANNA], source="list") == Upserted(0, 0, 2)
    assert await Feed(database).last() == told


async def test_a_list_wins_but_its_empty_fields_erase_nothing(employees: Employees, database: Database) -> None:
    await employees.upsert([ANNA, BORIS], source="list")
    told = await Feed(database).last()
    assert await employees.upsert([Employee("101", "Анна Новая"), BORIS], source="list") == Upserted(0, 1, 1)
    assert await employees.get("101") == replace(ANNA, name="Анна Новая")
    assert await employees.get("102") == BORIS
    assert [(row.kind, row.subject) for row in await Feed(database).read(told)] == [("employee.changed", "101")]


async def test_the_pbx_tells_queues_and_names_those_without_a_name(employees: Employees) -> None:
    """S1.1: the list's word stands, the PBX's follows the PBX."""
    await employees.upsert([ANNA, Employee("102"), Employee("103", "Вера")], source="list")
    said = [Employee("101", "anna"), BORIS, Employee("103", "vera", queues=("sales", "vip")), Employee("104", "Глеб")]
    assert await employees.upsert(said, source="pbx") == Upserted(1, 3, 0)
    vera = Employee("103", "Вера", queues=("sales", "vip"))
    assert await employees.list() == [ANNA, BORIS, vera, Employee("104", "Глеб")]
    assert vera.departments == ("sales", "vip")
    await employees.upsert([Employee("102", "Борис Новый"), Employee("103", "vera"), Employee("104")], source="pbx")
    assert [(person.name, person.queues) for person in await employees.list()][1:] == [
        ("Борис Новый", ()), ("Вера", ()), ("Глеб", ())
    ]  # fmt: skip
    assert await employees.upsert([Employee("104", "Глеб Белов")], source="list") == Upserted(0, 1, 0)
    assert (await employees.get("104")).name == "Глеб Белов"


async def test_who_left_is_kept_as_inactive(employees: Employees, database: Database) -> None:
    await employees.upsert([ANNA, Employee("99")], source="list")
    await employees.upsert([ANNA, replace(BORIS, queues=("sales",))], source="pbx")
    assert await employees.on_pbx() == {"101", "102"}
    told = await Feed(database).last()
    await employees.retire({"102", "nobody"})
    assert await employees.get("102") == replace(BORIS, active=False)
    assert await employees.on_pbx() == {"101"}
    assert [(row.kind, row.subject) for row in await Feed(database).read(told)] == [("employee.changed", "102")]
    await employees.upsert([BORIS], source="pbx")
    assert await employees.get("102") == BORIS


async def test_gone_and_back(employees: Employees) -> None:
    await employees.upsert([replace(ANNA, active=False), BORIS], source="list")
    assert await employees.list() == [replace(ANNA, active=False), BORIS]
    await employees.upsert([Employee("101")], source="list")
    assert await employees.get("101") == ANNA


async def test_a_bad_row_keeps_the_whole_list_out(employees: Employees) -> None:
    for bad in (Employee(""), Employee("1 0 1"), Employee("103", "а\0"), Employee("103", mobile="8916")):
        with pytest.raises(InvalidInputError):
            await employees.upsert([ANNA, bad], source="list")
    assert await employees.list() == []
    assert await employees.upsert([], source="list") == Upserted(0, 0, 0)


async def test_nobody(employees: Employees) -> None:
    for extension in ("7", "", "а\0\ud800"):
        with pytest.raises(NotFoundError):
            await employees.get(extension)


async def test_clients_are_counted_by_manager_as_the_actor_sees_them(employees: Employees, database: Database) -> None:
    await employees.upsert([ANNA, BORIS], source="list")
    contacts, anna = Contacts(database), agent("101")
    for place, manager in enumerate(("101", "101", "102", "")):
        numbers = (ContactNumber(f"+7916000000{place}"),)
        await contacts.add(ContactDraft(f"К{place}", numbers=numbers, manager=manager), actor=anna)
    secret = (ContactNumber("+79160000009"),)
    own = ContactDraft("Тайна", numbers=secret, manager="102", visibility="personal", owner="101")
    await contacts.add(own, actor=anna)
    ids = {person.extension: person.id for person in await employees.list()}
    assert await database.ask(managed_counts, anna) == {ids["101"]: 2, ids["102"]: 2}
    assert await database.ask(managed_counts, agent("102")) == {ids["101"]: 2, ids["102"]: 1}
    assert await database.ask(managed_counts, ADMINISTRATOR) == {ids["101"]: 2, ids["102"]: 1}
