"""What agents see where `users.agents_see_…` limits it: lists, searches, single cards and calls, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pbxd.actor import Actor
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.calls.record import Agent, CallRecord, Party
from pbxd.errors import NotFoundError
from pbxd.roles import ROLES, Sight, Sights, scopes_of
from pbxd.services import call_history, contacts
from pbxd.services.call_filters import FindCalls
from pbxd.services.contact_edits import AddContact, EditContact
from pbxd.services.contacts import FindContacts
from pbxd.services.files.imports import ImportContacts, import_contacts
from pbxd.services.workspace import Workspace
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from tests.actors import ADMINISTRATOR, acting_token, agent

NUMBER = "+79160000001"
NOW = datetime.now(UTC)


def seeing(extension: str, contacts: Sight = "all", calls: Sight = "all") -> Actor:
    return agent(extension).seeing(Sights(calls, contacts))


@pytest.fixture
async def office(workspace: Workspace) -> Workspace:
    """101 and 102 sell, 102 and 103 are in a queue, 104 is alone."""
    people = [
        Employee("101", "Иванова Анна", department="Продажи"),
        Employee("102", "Петров Пётр", department="продажи; Склад", queues=("support",)),
        Employee("103", "Сидоров Сидор", queues=("support",)),
        Employee("104", "Один Одинович"),
    ]
    await Employees(workspace.database).upsert(people[:1], source="list")
    await Employees(workspace.database).upsert(people[1:], source="pbx")
    await Employees(workspace.database).upsert(people[1:], source="list")
    book = Contacts(workspace.database)
    for manager in ("101", "102", "103", "104", ""):
        draft = ContactDraft(
            f"Клиент {manager or 'ничей'}", manager=manager, numbers=(ContactNumber(NUMBER),), tags=("все",)
        )
        await book.add(draft, actor=ADMINISTRATOR)
    await book.add(ContactDraft("Клиент личный", visibility="personal", owner="101"), actor=agent("101"))
    return workspace


async def names(workspace: Workspace, actor: Actor, asked: FindContacts) -> set[str]:
    page = await contacts.find(workspace, actor, asked)
    found = {card.name.removeprefix("Клиент ") for card in page.items}
    assert page.total == len(found)
    exported = [card async for part in contacts.every(workspace, actor, asked) for card in part]
    assert len(exported) == len(found)
    return found


ASKED = {
    "all": FindContacts(),
    "searched": FindContacts(search="клиент"),
    "by a part of the number": FindContacts(search="9160000"),
    "by number": FindContacts(number=NUMBER),
    "tagged": FindContacts(tag="все"),
    "by company": FindContacts(sort="company", descending=True),
    "newest": FindContacts(sort="changed", descending=True, limit=100),
    "not VIP": FindContacts(vip=False),
}
WITH_PERSONAL = {"all", "searched", "by company", "newest", "not VIP"}


async def test_lists_have_what_is_seen(office: Workspace) -> None:
    everybody = {"101", "102", "103", "104", "ничей"}
    for how, asked in ASKED.items():
        own = {"личный"} if how in WITH_PERSONAL else set()
        assert await names(office, seeing("101"), asked) == everybody | own, how
        assert await names(office, seeing("101", "own"), asked) == {"101"} | own, how
        assert await names(office, seeing("101", "department"), asked) == {"101", "102"} | own, how
        assert await names(office, seeing("102", "department"), asked) == {"101", "102", "103"}, how
        assert await names(office, seeing("104", "department"), asked) == {"104"}, how
        assert await names(office, seeing("199", "department"), asked) == set(), "nobody has this extension"


async def test_roles_beyond_agents_and_programs_are_not_limited(office: Workspace) -> None:
    least = Sights("own", "own")
    for role in ROLES:
        user = Actor.signed_in(1, "104", role, scopes_of(role), "104", None).seeing(least)
        assert len(await names(office, user, FindContacts())) == (1 if role == "agent" else 5)
    assert len(await names(office, acting_token("crm").seeing(least), FindContacts())) == 5


async def test_what_is_not_seen_is_not_there(office: Workspace) -> None:
    limited, whole = seeing("101", "own"), seeing("101")
    cards = {card.name: card for card in (await contacts.find(office, whole, FindContacts())).items}
    hidden, own = cards["Клиент 102"].id, cards["Клиент 101"].id
    with pytest.raises(NotFoundError):
        await contacts.show(office, limited, hidden)
    with pytest.raises(NotFoundError):
        await contacts.edit(office, limited, EditContact(contact_id=hidden, values={"comment": "x"}))
    with pytest.raises(NotFoundError):
        await contacts.delete(office, limited, hidden)
    with pytest.raises(NotFoundError):
        await Contacts(office.database).history(hidden, actor=limited)
    assert (await contacts.show(office, limited, own)).contact.name == "Клиент 101"
    assert (await contacts.show(office, limited, cards["Клиент личный"].id)).contact.owner == "101"
    saved = await contacts.edit(office, limited, EditContact(contact_id=own, values={"comment": "x"}))
    assert saved.duplicates == []


async def test_who_sees_few_manages_what_they_add(office: Workspace) -> None:
    limited = seeing("101", "own")
    saved = await contacts.add(office, limited, AddContact(values={"name": "Новый", "numbers": (NUMBER,)}))
    assert saved.contact.manager == "101"
    assert (await contacts.show(office, limited, saved.contact.id)).contact.name == "Новый"
    free = await contacts.add(office, seeing("101"), AddContact(values={"name": "Ещё", "numbers": (NUMBER,)}))
    assert free.contact.manager == ""


async def test_who_sees_few_imports_into_what_they_see(office: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text(
        f"ФИО;Телефон;Менеджер;Должность\nКлиент 102;{NUMBER};;чужой\nНовый;{NUMBER};;\nЕщё;{NUMBER};103;\n", "utf-8"
    )
    limited = seeing("101", "own")
    report = await import_contacts(office, limited, ImportContacts(file=file, existing="update"))
    assert (report.created, report.updated, report.bad) == (3, 0, 0), "what is not seen is not there"
    whole = (await contacts.find(office, seeing("101"), FindContacts())).items
    managers = sorted(
        (card.name, card.manager, card.position) for card in whole if card.name in {"Клиент 102", "Новый", "Ещё"}
    )
    assert managers == [
        ("Ещё", "103", ""), ("Клиент 102", "101", "чужой"), ("Клиент 102", "102", ""), ("Новый", "101", ""),
    ]  # fmt: skip
    assert "Новый" in {card.name for card in (await contacts.find(office, limited, FindContacts())).items}


def call(number: int, *agents: str, queue: str | None = None, ago: float = 1.0) -> CallRecord:
    return CallRecord(
        id=f"01J0000000000000000000000{number}",
        pbx="pbx",
        linkedid=str(number),
        started=NOW - timedelta(hours=ago + number / 100),
        ended=NOW - timedelta(hours=ago),
        caller=Party(NUMBER),
        callee=Party("+74951234567"),
        queue=queue,
        agents=[Agent(each, talk_seconds=5) for each in agents],
        answered_by=list(agents),
        outcome="answered",
    )


CALLS = [
    call(1, "101"), call(2, "102"), call(3, "103"), call(4, "104"), call(5, "104", "101"),
    call(6, queue="support"), call(7, queue="sales"),
]  # fmt: skip


@pytest.fixture
async def history(office: Workspace) -> Workspace:
    await Calls(office.database).upsert(CALLS)
    return office


async def numbers(workspace: Workspace, actor: Actor, asked: FindCalls) -> set[int]:
    page = await call_history.find(workspace, actor, asked)
    found = {int(each["id"][-1]) for each in page.items}
    assert page.total == len(found)
    exported = {int(one["id"][-1]) async for part in call_history.every(workspace, actor, asked) for one in part}
    assert exported == found
    paged: set[int] = set()
    after = ""
    while True:  # one by one
        one = await call_history.find(workspace, actor, replace(asked, limit=1, after=after))
        paged |= {int(each["id"][-1]) for each in one.items}
        after = one.next or ""
        if not after:
            break
    assert paged == found
    return found


async def test_calls_that_are_seen(history: Workspace) -> None:
    everything = {1, 2, 3, 4, 5, 6, 7}
    for asked in (FindCalls(), FindCalls(client=NUMBER), FindCalls(direction="incoming")):
        assert await numbers(history, seeing("101"), asked) == everything
        assert await numbers(history, seeing("101", calls="own"), asked) == {1, 5}
        assert await numbers(history, seeing("101", calls="department"), asked) == {1, 2, 5}
        assert await numbers(history, seeing("103", calls="department"), asked) == {2, 3, 6}
        assert await numbers(history, seeing("199", calls="department"), asked) == set()
        assert await numbers(history, acting_token("crm").seeing(Sights("own", "own")), asked) == everything


async def test_calls_of_others_with_other_filters(history: Workspace) -> None:
    own = seeing("101", calls="own")
    assert await numbers(history, own, FindCalls(agent="104")) == {5}
    assert await numbers(history, own, FindCalls(agent="102")) == set()
    assert await numbers(history, seeing("103", calls="department"), FindCalls(queue="support")) == {6}
    assert await numbers(history, own, FindCalls(queue="support")) == set()


async def test_calls_of_a_department(history: Workspace) -> None:
    whole, own = seeing("101"), seeing("101", calls="own")
    assert await numbers(history, whole, FindCalls(department="ПРОДАЖИ")) == {1, 2, 5}
    assert await numbers(history, whole, FindCalls(department="support")) == {2, 3, 6}, "a queue: its calls too"
    assert await numbers(history, whole, FindCalls(department="Склад")) == {2}
    assert await numbers(history, own, FindCalls(department="support")) == set()
    assert await numbers(history, own, FindCalls(department="Продажи")) == {1, 5}
    assert await numbers(history, whole, FindCalls(department="Продажи", agent="104")) == {5}
    assert await numbers(history, whole, FindCalls(department="support", client=NUMBER, queue="support")) == {6}
    with pytest.raises(NotFoundError):
        await call_history.find(history, whole, FindCalls(department="Кадры"))


async def test_a_queue_in_which_nobody_else_is_is_the_department_s(history: Workspace) -> None:
    third = Employee("103", "Сидоров Сидор", department="Склад", queues=("support",))
    await Employees(history.database).upsert([third], source="pbx")
    await Employees(history.database).upsert([third], source="list")
    assert await numbers(history, seeing("101"), FindCalls(department="Склад")) == {2, 3, 6}


async def test_clients_nobody_called_back(office: Workspace) -> None:
    other, third = "+79160000002", "+79160000003"
    missed = replace(call(9, queue="support"), outcome="missed")
    records = [
        missed,  # called back, in vain
        replace(call(8), direction="outgoing", caller=Party("102", extension="102"), callee=Party(NUMBER)),
        replace(call(7), caller=Party(other), outcome="abandoned"),  # tries again and is answered
        replace(call(6), caller=Party(other)),
        replace(call(5), caller=Party(third), outcome="missed"),  # tries again
        replace(call(4), caller=Party(third), outcome="voicemail"),
        replace(call(3), caller=Party(None), outcome="missed"),  # nobody can call them
        replace(call(2), direction="internal", caller=Party("102", extension="102"), outcome="no-answer"),
    ]
    records[1].outcome = "no-answer"
    await Calls(office.database).upsert(records)
    assert await numbers(office, seeing("101"), FindCalls(no_callback=True)) == {4, 5}
    assert await numbers(office, seeing("101"), FindCalls(no_callback=True, outcome="missed")) == {5}
    assert await numbers(office, seeing("101", calls="own"), FindCalls(no_callback=True)) == set()
    assert await numbers(office, seeing("101"), FindCalls(no_callback=True, client=third)) == {4, 5}


async def test_clients_by_a_part_of_the_name_or_number(history: Workspace) -> None:
    everything = {1, 2, 3, 4, 5, 6, 7}
    assert await numbers(history, seeing("101"), FindCalls(search="клие 1")) == everything
    assert await numbers(history, seeing("101"), FindCalls(search="916000")) == everything
    assert await numbers(history, seeing("101"), FindCalls(search="8 (916) 000-00-01")) == everything
    assert await numbers(history, seeing("101"), FindCalls(search="Смирнов")) == set()
    await Calls(history.database).upsert([replace(call(8), caller=Party("+79160000008"))])
    secret = ContactDraft("Тайная", numbers=(ContactNumber("+79160000008"),), visibility="personal", owner="102")
    await Contacts(history.database).add(secret, actor=agent("102"))
    assert await numbers(history, seeing("101"), FindCalls(search="тайная")) == set()
    assert await numbers(history, seeing("102"), FindCalls(search="тайная")) == {8}
    assert await numbers(history, seeing("101"), FindCalls(search="+79160000008")) == {8}


async def test_one_call(history: Workspace) -> None:
    department = seeing("103", calls="department")
    for record in CALLS:
        seen = int(record.id[-1]) in {2, 3, 6}
        if seen:
            assert (await call_history.show(history, department, record.id))["id"] == record.id
            continue
        with pytest.raises(NotFoundError):
            await call_history.show(history, department, record.id)
        with pytest.raises(NotFoundError):
            await call_history.name(history, department, record.id, {"crm": "1"})


async def test_last_calls_of_a_client(history: Workspace) -> None:
    found = await call_history.last_calls(history, seeing("101", calls="own"), NUMBER)
    assert {int(each["id"][-1]) for each in found} == {1, 5}


async def test_an_extension_brings_no_calls_of_the_one_before(history: Workspace) -> None:
    await Employees(history.database).upsert([Employee("101", "Кузнецова Мария")], source="hand")
    later = call(8, "101", ago=-1)
    await Calls(history.database).upsert([later])
    assert await numbers(history, seeing("101", calls="own"), FindCalls()) == {8}
    with pytest.raises(NotFoundError):
        await call_history.show(history, seeing("101", calls="own"), CALLS[0].id)


def named(number: int, name: str | None, company: str | None, contact: int | None) -> CallRecord:
    party = Party(f"+7916000100{number}", name=name, company=company, contact=contact)
    return replace(call(number, "101"), caller=party)


async def test_calls_name_no_contact_that_is_not_seen(office: Workspace) -> None:
    """A name stands in the record itself, comes from who had the number, or was one of several cards'."""
    book = Contacts(office.database)

    async def added(name: str, number: int, manager: str) -> int:
        draft = ContactDraft(name, manager=manager, numbers=(ContactNumber(f"+7916000100{number}"),))
        return (await book.add(draft, actor=ADMINISTRATOR)).id

    hidden, own = await added("Чужой", 1, "102"), await added("Свой", 2, "101")
    await added("Первый", 3, "102")
    await added("Второй", 3, "101")
    await added("Позже", 4, "102")
    records = [
        named(1, "Чужой", "Ромашка", hidden),
        named(2, "Свой", "Лютик", own),
        named(3, "Первый", None, None),
        named(4, None, None, None),
        named(5, "С линии", None, None),
    ]
    await Calls(office.database).upsert(records)

    async def names_seen(actor: Actor) -> list[tuple[str | None, str | None, int | None]]:
        page = await call_history.find(office, actor, FindCalls())
        found = [
            (each["caller"]["name"], each["caller"]["shown_name"], each["caller"]["contact"]) for each in page.items
        ]
        single = [(await call_history.show(office, actor, each["id"]))["caller"] for each in page.items]
        assert [(each["name"], each["shown_name"], each["contact"]) for each in single] == found
        assert [one async for part in call_history.every(office, actor, FindCalls()) for one in part] == page.items
        return found

    assert [each[0] for each in await names_seen(seeing("101"))] == ["Чужой", "Свой", "Первый", "Позже", "С линии"]
    limited = await names_seen(seeing("101", "own"))
    assert limited[0] == (None, None, None)
    assert limited[1] == ("Свой", "Свой", own)
    assert limited[2][:2] == ("Второй", None), "of several only the own one"
    assert limited[3:] == [(None, None, None), ("С линии", "С линии", None)]
    assert [each[0] for each in await names_seen(seeing("101", "department"))] == [
        each[0] for each in await names_seen(seeing("101"))
    ]
    with pytest.raises(NotFoundError):
        await call_history.find(office, seeing("101", "own"), FindCalls(client="Чужой"))
    assert (await call_history.find(office, seeing("101", "own"), FindCalls(client="Свой"))).total == 1


async def test_a_name_of_one_of_several_is_gone_when_its_card_becomes_personal(office: Workspace) -> None:
    book = Contacts(office.database)
    numbers = (ContactNumber("+79160001003"),)
    first = await book.add(ContactDraft("Мама", numbers=numbers), actor=agent("101"))
    await book.add(ContactDraft("Второй", numbers=numbers), actor=agent("101"))
    await Calls(office.database).upsert([named(3, "Мама", None, None)])
    await book.edit(first.id, {"visibility": "personal"}, actor=agent("101"))
    (shown,) = (await call_history.find(office, seeing("102"), FindCalls())).items
    assert (shown["caller"]["name"], shown["caller"]["shown_name"]) == ("Второй", None)
    (mine,) = (await call_history.find(office, seeing("101"), FindCalls())).items
    assert mine["caller"]["shown_name"] == "Мама"


async def test_calls_of_a_company_are_those_of_contacts_that_are_seen(office: Workspace) -> None:
    book = Contacts(office.database)
    for number, manager in ((1, "102"), (2, "101")):
        draft = ContactDraft(f"К{number}", "Ромашка", manager=manager, numbers=(ContactNumber(f"+7916000100{number}"),))
        await book.add(draft, actor=ADMINISTRATOR)
    await Calls(office.database).upsert([named(1, None, None, None), named(2, None, None, None)])
    assert await numbers(office, seeing("101"), FindCalls(company="Ромашка")) == {1, 2}
    assert await numbers(office, seeing("101", "own"), FindCalls(company="Ромашка")) == {2}
