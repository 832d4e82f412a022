"""An extension passes to somebody else: the one before keeps what is theirs, the new one sees none of it (issue 11)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from pbxd.actor import Actor
from pbxd.book.contacts import Contact, ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.errors import ConflictError, NotFoundError
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees, Source
from pbxd.storage.book.number_ownership import past_of
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from pbxd.storage.imports.imports import Imports
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.search.paging import PageAsked
from tests.actors import ADMINISTRATOR, acting_token, agent

IVAN, MARIA = "Иван Петров", "Мария Сидорова"
NUMBER = ContactNumber("+79160000001")
SOURCES: list[Source] = ["list", "pbx"]
AGENT = agent("101")


@dataclass
class Ivan:
    """Whom the extension belongs to at first, and what is theirs."""

    database: Database
    id: int
    personal: Contact
    client: Contact

    @property
    def actor(self) -> Actor:
        return Actor.agent("", "test", self.id)

    async def told(self, name: str, source: Source) -> None:
        await Employees(self.database).upsert([Employee("101", name)], source=source)

    async def seen_by_101(self) -> set[str]:
        """Return what a search, a list and a look at the card show to whoever has the extension now."""
        book = Contacts(self.database)
        names = {contact.name for contact in (await book.list(actor=AGENT))[1]}
        pages = [await book.page(ContactFilter(search="мама"), PageAsked(exact=True), actor=AGENT)]
        pages.append(await book.page(ContactFilter(favourites=True), actor=AGENT))
        pages.append(await book.page(ContactFilter(mine=True), actor=AGENT))
        return names | {contact.name for each in pages for contact in each.items}

    async def keeps_everything(self) -> None:
        book = Contacts(self.database)
        personal = await book.get(self.personal.id, actor=self.actor)
        client = await book.get(self.client.id, actor=self.actor)
        assert (personal.owner_id, client.manager_id, client.created_by_id) == (self.id, self.id, self.id)
        assert await book.favourites(actor=self.actor) == {self.client.id}
        assert (await book.history(self.client.id, actor=self.actor))[0].actor_id == self.id


@pytest.fixture
async def ivan(database: Database) -> Ivan:
    employees, book = Employees(database), Contacts(database)
    await employees.upsert([Employee("101", IVAN)], source="list")
    await employees.upsert([Employee("101", "Ivan Petrov", queues=("sales",))], source="pbx")
    me = (await employees.get("101")).id
    draft = ContactDraft("Мама", numbers=(NUMBER,), visibility="personal")
    personal = await book.add(draft, actor=AGENT)
    client = await book.add(ContactDraft("Клиент", numbers=(NUMBER,), manager="101"), actor=AGENT)
    client = await book.edit(client.id, {"comment": "звонил"}, actor=AGENT)
    await book.set_favourite(client.id, actor=AGENT, favourite=True)
    return Ivan(database, me, personal, client)


@pytest.mark.parametrize("source", SOURCES)
async def test_another_name_is_another_person(ivan: Ivan, source: Source) -> None:
    await ivan.told(MARIA, source)
    maria = await Employees(ivan.database).get("101")
    assert (maria.name, maria.id != ivan.id, maria.queues) == (MARIA, True, ("sales",) if source == "list" else ())
    await ivan.keeps_everything()
    assert await ivan.seen_by_101() == {"Клиент"}
    client = await Contacts(ivan.database).get(ivan.client.id, actor=AGENT)
    assert (client.manager, client.manager_id, client.manager_name) == ("", ivan.id, IVAN)
    gone = next(each for each in await Employees(ivan.database).list() if each.id == ivan.id)
    assert (gone.extension, gone.active, gone.queues, gone.name) == ("", False, (), IVAN)
    assert (await Contacts(ivan.database).list(ContactFilter(manager="101"), actor=AGENT))[0] == 0


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", ["Иван Сидоров", "ПЕТРОВ И. И.", "Petrov", "101", "Agent 101", "Сотрудник 101", ""])
async def test_the_same_person_keeps_all(ivan: Ivan, source: Source, name: str) -> None:
    """The control: a renaming, or a placeholder, takes nothing away."""
    await ivan.told(name, source)
    assert (await Employees(ivan.database).get("101")).id == ivan.id
    await ivan.keeps_everything()
    assert await ivan.seen_by_101() == {"Клиент", "Мама"}
    assert (await Contacts(ivan.database).list(ContactFilter(manager="101"), actor=AGENT))[0] == 1


@pytest.mark.parametrize(("first", "then"), [("list", "pbx"), ("pbx", "list")])
async def test_a_source_that_still_has_the_former_name_says_nothing_new(
    ivan: Ivan, first: Source, then: Source
) -> None:
    """The PBX is asked every day, and a list is imported again."""
    await ivan.told(MARIA, first)
    maria = (await Employees(ivan.database).get("101")).id
    for _day in range(2):
        await ivan.told({"list": IVAN, "pbx": "Ivan Petrov"}[then], then)
        now = await Employees(ivan.database).get("101")
        assert (now.id, now.name) == (maria, MARIA)
    await ivan.told("Мария Сидорова-Белова", then)
    assert (await Employees(ivan.database).get("101")).id == maria
    await ivan.told("Олег Белов", first)
    assert (await Employees(ivan.database).get("101")).id not in {maria, ivan.id}


async def test_tokens_of_the_one_before_have_no_extension_any_more(ivan: Ivan) -> None:
    await Tokens(ivan.database).create("crm", acting_token("crm", "101"))
    await ivan.told(MARIA, "list")
    (token,) = await Tokens(ivan.database).list()
    assert (token.actor.employee, token.actor.extension) == (ivan.id, "")


async def test_an_extension_known_by_itself_is_taken_over_by_the_first_name(database: Database) -> None:
    book, employees = Contacts(database), Employees(database)
    mine = await book.add(ContactDraft("Мама", visibility="personal"), actor=agent("105"))
    assert (mine.owner, await employees.list()) == ("105", [])
    with pytest.raises(NotFoundError):
        await employees.get("105")
    for name in ("", "Agent 105", "Вера"):
        await employees.upsert([Employee("105", name)], source="pbx")
        assert (await employees.get("105")).id == mine.owner_id
        assert await book.get(mine.id, actor=agent("105")) == replace(mine, created_by_name=name)


async def test_history_knows_who_had_the_extension_then(ivan: Ivan) -> None:
    before = datetime.now(UTC)
    await ivan.told(MARIA, "list")
    past = await ivan.database.ask(past_of, [], [], ["101"], ADMINISTRATOR)
    first, second = past.extensions["101"]
    assert (first.name, first.until, second.name, second.until) == (IVAN, second.since, MARIA, None)
    assert first.since < before < second.since


async def test_a_decision_is_corrected_to_the_same_person(ivan: Ivan) -> None:
    employees, book = Employees(ivan.database), Contacts(ivan.database)
    await Tokens(ivan.database).create("crm", acting_token("crm", "101"))
    await ivan.told(MARIA, "list")
    new = await book.add(ContactDraft("Папа", visibility="personal"), actor=AGENT)
    other = await book.add(ContactDraft("Фирма", manager="101"), actor=AGENT)
    await book.set_favourite(ivan.client.id, actor=AGENT, favourite=True)
    told = await Feed(ivan.database).last()
    passed = await employees.same_person("101")
    assert (passed.before, passed.after, passed.another) == (IVAN, MARIA, False)
    now = await employees.get("101")
    assert (now.id, now.name, now.active, len(await employees.list())) == (ivan.id, MARIA, True, 1)
    await ivan.keeps_everything()
    assert await ivan.seen_by_101() == {"Клиент", "Мама", "Папа", "Фирма"}
    assert (await book.get(new.id, actor=AGENT)).owner_id == ivan.id
    for wanted in (ContactFilter(manager="101"), ContactFilter(manager="101", search="фирма")):
        found = (await book.page(wanted, actor=AGENT)).items
        assert other.id in {contact.id for contact in found}
    assert (await Tokens(ivan.database).list())[0].actor.extension == "101"
    changed = {row.subject for row in await Feed(ivan.database).read(told)}
    assert {"101", str(new.id), str(other.id)} <= changed
    with pytest.raises(ConflictError):
        await employees.same_person("101")


async def test_a_decision_is_corrected_to_another_person(ivan: Ivan) -> None:
    employees = Employees(ivan.database)
    with pytest.raises(ConflictError):
        await employees.other_person("101")
    await ivan.told("Иван Сидоров", "list")
    passed = await employees.other_person("101")
    assert (passed.before, passed.after, passed.another) == (IVAN, "Иван Сидоров", True)
    now = await employees.get("101")
    assert (now.name, now.id != ivan.id, now.queues, now.active) == ("Иван Сидоров", True, ("sales",), True)
    await ivan.keeps_everything()
    assert await ivan.seen_by_101() == {"Клиент"}
    assert next(each.name for each in await employees.list() if each.id == ivan.id) == IVAN
    for source, name in (("list", "Иван Сидоров"), ("pbx", "Ivan Petrov")):
        await ivan.told(name, source)  # type: ignore[arg-type]  # both are sources
        assert (await employees.get("101")).id == now.id
    await employees.other_person("101", MARIA)
    assert (await employees.get("101")).name == MARIA


async def test_the_changes_of_some_time_are_told(ivan: Ivan) -> None:
    employees = Employees(ivan.database)
    began = datetime.now(UTC)
    assert await employees.passed_since(began - timedelta(days=30)) == []
    await ivan.told("Иван Сидоров", "list")
    await ivan.told(MARIA, "list")
    told = await employees.passed_since(began)
    assert [(each.extension, each.before, each.after, each.another) for each in told] == [
        ("101", IVAN, "Иван Сидоров", False),
        ("101", "Иван Сидоров", MARIA, True),
    ]
    assert await employees.passed_since(datetime.now(UTC)) == []


async def test_personal_contacts_of_the_new_one_alone_are_erased_by_extension(ivan: Ivan) -> None:
    book = Contacts(ivan.database)
    await ivan.told(MARIA, "list")
    assert await book.erase_personal(owner="101", by="root") == 0
    await ivan.keeps_everything()


async def test_the_first_label_of_the_pbx_makes_nobody_another_person(database: Database) -> None:
    employees = Employees(database)
    await employees.upsert([Employee("101", IVAN)], source="list")
    me = (await employees.get("101")).id
    for label in ("Ромашка", "Ромашка"):
        done = await employees.upsert([Employee("101", label)], source="pbx")
        now = await employees.get("101")
        assert (done.passed, now.id, now.name) == ((), me, IVAN)
    await employees.upsert([Employee("101", MARIA)], source="pbx")
    assert (await employees.get("101")).id != me


async def test_who_came_after_a_list_said_so_is_passed_by_a_change_of_the_pbx(ivan: Ivan) -> None:
    """The PBX had named the one before: what it says next is a change."""
    await ivan.told(MARIA, "list")
    maria = (await Employees(ivan.database).get("101")).id
    await ivan.told("Ivan Petrov", "pbx")
    await ivan.told("Олег Белов", "pbx")
    assert (await Employees(ivan.database).get("101")).id not in {maria, ivan.id}


async def test_only_a_list_can_be_out_of_date(ivan: Ivan) -> None:
    employees = Employees(ivan.database)
    await ivan.told(MARIA, "pbx")
    row = Employee("101", IVAN, mobile="+79160000009", department="Склад")
    done = await employees.upsert([row], source="list")
    now = await employees.get("101")
    assert (done.stale, done.same, now.name, now.mobile, now.department) == (("101",), 1, MARIA, "", "")
    done = await employees.upsert([row], source="hand")
    now = await employees.get("101")
    assert (done.stale, now.name, now.mobile, now.department) == ((), IVAN, "+79160000009", "Склад")


async def test_an_administrator_may_call_somebody_by_a_role(ivan: Ivan) -> None:
    employees = Employees(ivan.database)
    for source, name in (("list", IVAN), ("hand", "Касса 1")):
        await employees.upsert([Employee("101", "Касса 1")], source=source)  # type: ignore[arg-type]  # both are
        now = await employees.get("101")
        assert (now.id, now.name) == (ivan.id, name)


async def test_an_old_list_does_not_rename_who_replaced_somebody(ivan: Ivan) -> None:
    employees = Employees(ivan.database)
    await ivan.told("Иван Сидоров", "list")
    await employees.other_person("101")
    new = (await employees.get("101")).id
    done = await employees.upsert([Employee("101", IVAN)], source="list")
    now = await employees.get("101")
    assert (done.stale, now.id, now.name) == (("101",), new, "Иван Сидоров")
    await ivan.keeps_everything()


async def test_who_has_left_is_another_person_than_a_namesake(ivan: Ivan) -> None:
    employees = Employees(ivan.database)
    await employees.retire(["101"])
    await ivan.told("Иван Сидоров", "pbx")
    assert (await employees.get("101")).id != ivan.id
    await ivan.keeps_everything()


async def test_a_department_is_no_name_in_common(database: Database) -> None:
    employees = Employees(database)
    for name in ("Ромашка Иванов", "Ромашка Петров"):
        await employees.upsert([Employee("101", name, queues=("ромашка",))], source="pbx")
    now, gone = await employees.list()
    assert (now.name, gone.name) == ("Ромашка Петров", "Ромашка Иванов")


async def test_an_import_of_who_is_joined_with_another_meanwhile_is_refused(ivan: Ivan) -> None:
    await ivan.told(MARIA, "list")
    writing = await Imports(ivan.database).begin("a.csv", actor=AGENT, visibility="personal")
    await Employees(ivan.database).same_person("101")
    owner = writing.actor.employee or 0
    await writing.add([ContactDraft("Папа", visibility="personal", owner_id=owner)], {})
    with pytest.raises(ConflictError, match="joined"):
        await writing.finish({})
    await writing.drop()
    assert await ivan.seen_by_101() == {"Клиент", "Мама"}
