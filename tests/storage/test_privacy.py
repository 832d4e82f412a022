"""152-ФЗ: a client gets all that is kept of him; an erased one is nowhere, and the statistics are as they were."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pbxd.book.contacts import Contact, ContactDraft, ContactNumber
from pbxd.calls.record import CallRecord, Party, Step
from pbxd.errors import ConflictError, UnavailableError
from pbxd.numbers import NumberRules
from pbxd.storage import privacy
from pbxd.storage.access.request_keys import Answered, RequestKey, RequestKeys
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.calls.call_filter import CallFilter, Span
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.external_ids import name_call
from pbxd.storage.calls.history import History
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, News, tell
from pbxd.storage.privacy import Client, Erased, Privacy
from pbxd.storage.tables import metadata
from tests.actors import ADMINISTRATOR

HIS, OFFICE, OTHER = "+79160000001", "+74951234567", "+79160000002"
STRANGER = "+375160000001"  # ends in the same nine digits
RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
BEGAN = datetime(2026, 3, 1, 9, tzinfo=UTC)
SECRETS = ("9160000001", "Фронкин", "Тайна")


def call(number: int, caller: str, name: str | None = None) -> CallRecord:
    record = CallRecord(f"{number:04}", "pbx", f"1.{number}", BEGAN + timedelta(minutes=number), outcome="answered")
    story = [Step(BEGAN, "began", caller), Step(BEGAN, "transferred", "101", "89160000001")]
    caller_party = Party(caller, name, "Ромашка", 1)
    record.recordings.append(f"in-8{caller[2:]}.wav")
    return replace(
        record,
        caller=caller_party,
        callee=Party("101", extension="101"),
        ended=BEGAN,
        story=story[:number],
        recordings=[f"in-8{caller[2:]}.wav"],
    )


def draft(name: str, *numbers: str, owner: str = "") -> ContactDraft:
    listed = tuple(ContactNumber(number) for number in numbers)
    visibility = "personal" if owner else "shared"
    return ContactDraft(name, numbers=listed, owner=owner, visibility=visibility)  # type: ignore[arg-type]  # one of the literals


@pytest.fixture
async def fronkin(database: Database) -> Contact:
    book = Contacts(database)
    card = await book.add(draft("Фронкин Игорь", HIS, OFFICE), actor=ADMINISTRATOR)
    card = await book.edit(card.id, {"comment": "перезвонить на 89160000001"}, actor=ADMINISTRATOR)
    await book.add(draft("Соколова", OFFICE, OTHER), actor=ADMINISTRATOR)
    await book.add(draft("Тайна", HIS, owner="101"), actor=ADMINISTRATOR)
    records = [call(1, HIS, "Фронкин Игорь"), call(2, OTHER, "Соколова"), call(3, OFFICE)]
    records.append(replace(call(4, OTHER), answered_by=["101", HIS], merged_into=None))
    await Calls(database).upsert(records)
    async with database.writing() as connection:  # as the feed told of calls once
        await tell(connection, [News("call.ringing", "0001", {"caller": {"number": HIS, "name": "Фронкин Игорь"}})])
    return card


async def whole(database: Database) -> str:
    """Return everything the database holds, as text."""
    async with database.reading() as connection:
        return "\n".join(
            [repr(row) for table in metadata.sorted_tables for row in await connection.execute(select(table))]
        )


async def test_all_of_one_client_is_exported(database: Database, fronkin: Contact) -> None:
    client = await Privacy(database, RULES).by_card(fronkin)
    assert (client.numbers, client.left_out) == ((HIS,), (OFFICE,))
    found = await Privacy(database, RULES).export(client)
    assert [each["name"] for each in found["contacts"]] == ["Фронкин Игорь"]
    assert [each["id"] for each in found["calls"]] == ["0001", "0002", "0003", "0004"], (
        "also where he is only mentioned"
    )
    assert found["numbers_shared_with_others"] == [OFFICE]
    assert "Тайна" not in repr(found)


async def test_what_other_programs_call_the_client_and_the_calls_is_exported(
    database: Database, fronkin: Contact
) -> None:
    await Contacts(database).edit(fronkin.id, {}, actor=ADMINISTRATOR, external={"bitrix24": "123", "1c": "К-7"})
    await name_call(database, "0001", {"bitrix24": "a9"})
    found = await Privacy(database, RULES).export(await Privacy(database, RULES).by_card(fronkin))
    assert [each["external"] for each in found["contacts"]] == [{"1c": "К-7", "bitrix24": "123"}]
    assert {each["id"]: each["external"] for each in found["calls"]} == {
        "0001": {"bitrix24": "a9"}, "0002": {}, "0003": {}, "0004": {},
    }  # fmt: skip


async def test_an_erased_client_is_nowhere_and_the_statistics_are_as_before(
    database: Database, fronkin: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "_WINDOW", 2)
    monkeypatch.setattr(privacy, "_WRITTEN", 1)
    before = await History(database).page()
    held = await whole(database)
    assert [secret for secret in SECRETS if secret not in held] == []
    erased = await Privacy(database, RULES).erase(await Privacy(database, RULES).by_card(fronkin), by="root")
    assert erased == Erased(contacts=1, personal_contacts=1, contacts_changed=0, calls=4, feed=erased.feed)
    assert erased.feed > 0
    left = await whole(database)
    assert [secret for secret in SECRETS if secret in left] == []
    assert "Соколова" in left
    after = await History(database).page()
    shape = [(each.id, each.started, each.ended, each.outcome, each.seconds, each.callee) for each in after.records]
    assert shape == [
        (each.id, each.started, each.ended, each.outcome, each.seconds, each.callee) for each in before.records
    ]
    assert (await Calls(database).record("0001")).caller == Party("+7**********")
    assert (await Calls(database).record("0002")).caller.name == "Соколова"
    assert (await History(database).page(CallFilter(spans=(Span(HIS),)))).total == 0
    (told,) = [row for row in await Feed(database).read(0) if row.kind == "privacy.erased"]
    assert (told.data["calls"], told.data["by"]) == (4, "root")


async def test_by_number_a_card_with_further_numbers_loses_that_one(database: Database, fronkin: Contact) -> None:
    client = await Privacy(database, RULES).by_number(HIS)
    assert client == Client((HIS,), (), (fronkin,))
    erased = await Privacy(database, RULES).erase(client, by="root")
    assert (erased.contacts, erased.contacts_changed) == (0, 1)
    kept = await Contacts(database).get(fronkin.id, actor=ADMINISTRATOR)
    assert [each.number for each in kept.numbers] == [OFFICE]
    assert (
        await Privacy(database, RULES).erase(client=await Privacy(database, RULES).by_number(HIS), by="root")
    ).calls == 0


async def test_who_is_on_the_phone_is_erased_when_the_call_is_over(database: Database, fronkin: Contact) -> None:
    talking = replace(call(5, HIS), ended=None)
    await Calls(database).upsert([talking, replace(call(6, OTHER), story=[], ended=None)])
    book = Privacy(database, RULES)
    with pytest.raises(ConflictError, match="under way"):
        await book.erase(await book.by_card(fronkin), by="admin")
    assert await Contacts(database).get(fronkin.id, actor=ADMINISTRATOR) == fronkin, "nothing half-done"
    await Calls(database).upsert([replace(talking, ended=BEGAN)])
    erased = await book.erase(await book.by_card(fronkin), by="admin")
    assert erased.contacts == 1


async def test_a_stranger_whose_number_ends_in_the_same_digits_keeps_calls_and_answers(
    database: Database, fronkin: Contact
) -> None:
    theirs = replace(call(7, STRANGER, "Чужой"), recordings=["in-1160000001.5.wav"], linkedid="1160000001.5")
    await Calls(database).upsert([theirs])
    async with database.writing() as connection:
        await tell(connection, [News("call.ringing", "0007", {"caller": {"number": STRANGER, "name": "Чужой"}})])
    asked = RequestKey("token 1", "add_contact", "k", "digest")
    await RequestKeys(database).claim(asked)
    await RequestKeys(database).keep(asked, Answered(201, {}, f'{{"number": "{STRANGER}"}}'))
    story = replace(theirs, story=[Step(BEGAN, "began", STRANGER)])
    await Calls(database).upsert([story])
    privacy = Privacy(database, RULES)
    client = await privacy.by_card(fronkin)
    assert "0007" not in [each["id"] for each in (await privacy.export(client))["calls"]]
    assert (await privacy.erase(client, by="root")).calls == 4
    assert await Calls(database).record("0007") == story
    told = [row.data for row in await Feed(database).read(0) if row.kind == "call.ringing"]
    assert {"caller": {"number": STRANGER, "name": "Чужой"}} in told
    assert "Чужой" in await whole(database)
    assert f'"{STRANGER}"' in repr(await RequestKeys(database).claim(asked))


class Failing(Privacy):
    """Fails once after a step of the erasure."""

    def __init__(self, database: Database, step: str) -> None:
        super().__init__(database, RULES)
        self._fails_after = step
        for name in ("_write", "_retell", "_forget_answers", "_forget_cards"):
            setattr(self, name, self._failing(name, getattr(self, name)))

    def _failing(self, name: str, step: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
        async def work(*given: object) -> object:
            done = await step(*given)
            if name == self._fails_after:
                raise UnavailableError("disk full")
            return done

        return work


@pytest.mark.parametrize("step", ["_write", "_retell", "_forget_answers", "_forget_cards"])
@pytest.mark.parametrize("by_card", [True, False])
async def test_an_erasure_that_failed_is_finished_by_a_repetition(
    database: Database, fronkin: Contact, monkeypatch: pytest.MonkeyPatch, step: str, *, by_card: bool
) -> None:
    monkeypatch.setattr(privacy, "_WRITTEN", 1)
    await Contacts(database).edit(fronkin.id, {"comment": ""}, actor=ADMINISTRATOR)

    async def client() -> Client:
        book = Privacy(database, RULES)
        if by_card:
            return await book.by_card(await Contacts(database).get(fronkin.id, actor=ADMINISTRATOR))
        return await book.by_number(HIS)

    with pytest.raises(UnavailableError):
        await Failing(database, step).erase(await client(), by="root")
    await Privacy(database, RULES).erase(await client(), by="root")
    left = await whole(database)
    assert "9160000001" not in left
    assert by_card == ("Фронкин" not in left)
