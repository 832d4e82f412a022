"""What other programs call contacts, companies and calls, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from pbxd.book.companies import Company
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.external_ids import ExternalId
from pbxd.errors import ConflictError, InvalidInputError
from pbxd.settings import RetentionSettings
from pbxd.storage.book.companies import Companies, CompanyFilter
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.calls.call_filter import CallFilter
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.external_ids import calls_named, external_of_calls, name_call
from pbxd.storage.calls.history import History
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from pbxd.storage.retention import Retention
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.tables import call_external, contact_external
from tests.actors import agent
from tests.storage.test_privacy import call

ANNA, CRM = agent("101"), ExternalId("crm", "7")


def draft(name: str = "Анна", **more: str) -> ContactDraft:
    return ContactDraft(name, numbers=(ContactNumber("+79160000001"),), **more)  # type: ignore[arg-type]


async def test_an_id_changes_the_version_and_is_told_and_the_same_one_changes_nothing(database: Database) -> None:
    book, feed = Contacts(database), Feed(database)
    made = await book.add(draft(), actor=ANNA, external={"crm": "7"})
    assert await book.external([made.id]) == {made.id: {"crm": "7"}}
    told = await feed.last()
    same = await book.edit(made.id, {}, actor=ANNA, external={"crm": "7"})
    assert (same.version, await feed.last()) == (1, told)
    changed = await book.edit(made.id, {}, actor=ANNA, external={"crm": None, "erp": "x"})
    assert changed.version == 2
    assert changed.changed is not None
    assert made.changed is not None
    assert changed.changed > made.changed
    assert [row.kind for row in await feed.read(told)] == ["contact.changed"]
    assert await book.external([made.id]) == {made.id: {"erp": "x"}}
    assert await book.history(made.id, actor=ANNA) == [], "the card's own fields are as they were"


async def test_one_id_is_one_contact_s_of_those_that_one_sees(database: Database) -> None:
    book = Contacts(database)
    mine = await book.add(draft(visibility="personal", owner="101"), actor=ANNA, external={"crm": "7"})
    with pytest.raises(InvalidInputError) as refused:
        await book.add(draft("Другая"), actor=ANNA, external={"crm": "7"})
    assert (refused.value.code, refused.value.at) == ("taken", ("crm",))
    assert (await book.list(actor=ANNA))[0] == 1, "nothing was written"
    other = await book.add(draft("Другая"), actor=agent("102"), external={"crm": "7"})
    for actor, found in ((ANNA, [mine.id, other.id]), (agent("102"), [other.id])):
        page = await book.list(ContactFilter(external=CRM), actor=actor)
        assert sorted(each.id for each in page[1]) == sorted(found)
    await book.delete(mine.id, actor=ANNA)
    async with database.reading() as connection:
        rows = (await connection.execute(select(contact_external.c.contact_id))).scalars().all()
    assert rows == [other.id]


async def test_companies_have_ids_and_one_of_a_name_is_made(database: Database) -> None:
    firms = Companies(database)
    made = await firms.create(Company(0, "Ромашка", ("+74951234567",)), {"crm": "7"})
    assert await firms.find_external(CRM) == made.id
    assert await firms.find_external(ExternalId("crm", "8")) is None
    with pytest.raises(ConflictError):
        await firms.create(Company(0, "ООО «РОМАШКА»"))
    edited = await firms.edit(made.id, {}, external={"crm": "8"})
    assert edited.version == made.version + 1
    page = await firms.page(CompanyFilter(external=ExternalId("crm", "8")), after="", limit=5, most=100)
    assert [each.id for each in page.companies] == [made.id]
    before = datetime.now(UTC)
    assert not (await firms.page(CompanyFilter(changed_after=before), after="", limit=5, most=9)).companies
    await firms.edit(made.id, {"site": "example.org"})
    assert (await firms.page(CompanyFilter(changed_after=before), after="", limit=5, most=9)).companies


async def test_calls_have_ids_before_their_record_and_until_retention(database: Database) -> None:
    await name_call(database, "0002", {"crm": "7", "erp": "1"})
    await Calls(database).upsert([call(count, "+7916000000" + str(count)) for count in (1, 2, 3)])
    await name_call(database, "0003", {"crm": "7"})
    assert await name_call(database, "0002", {"erp": None}) == {"crm": "7"}
    wanted = await database.ask(calls_named, CallFilter(), CRM)
    assert [each.id for each in (await History(database).page(wanted)).records] == ["0003", "0002"]
    assert (await History(database).page(wanted)).total == 2
    none = await database.ask(calls_named, CallFilter(), ExternalId("crm", "8"))
    assert (await History(database).page(none)).records == []
    later = datetime.now(UTC) + timedelta(days=40_000)
    await Retention(database).clear(RetentionSettings(calls_days=1), now=later)
    assert await database.ask(external_of_calls, ["0002", "0003"]) == {}
    async with database.reading() as connection:
        assert (await connection.execute(select(call_external))).all() == []
