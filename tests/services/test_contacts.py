"""Contacts, asked of the service as adapters ask."""

from __future__ import annotations

from typing import Any

import pytest

from pbxd.actor import Actor
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from pbxd.services import contacts
from pbxd.services.contact_edits import AddContact, EditContact, Typed
from pbxd.services.contacts import ErasePersonal, FindContacts, SavedContact
from pbxd.services.workspace import Workspace
from tests.actors import ADMINISTRATOR, agent

ANNA = agent("101")
BORIS = agent("102")


async def added(workspace: Workspace, actor: Actor = ADMINISTRATOR, **values: Typed) -> SavedContact:
    given: dict[str, Typed] = {"name": "Фронкин Игорь", "numbers": ["8 777 785-99-54"]}
    return await contacts.add(workspace, actor, AddContact(values=given | values))


async def names(workspace: Workspace, actor: Actor, **wanted: Any) -> list[str]:  # noqa: ANN401 - fields of the request
    return [each.name for each in (await contacts.find(workspace, actor, FindContacts(**wanted))).items]


async def test_what_a_person_types_becomes_a_card(workspace: Workspace) -> None:
    asked = AddContact(
        values={
            "name": " Фронкин Игорь ",
            "numbers": ["8 (777) 785-99-54", "84951234567 доб. 123"],
            "company": "Ромашка",
            "birth_date": "31.12.1980",
            "tags": ["опт", "ОПТ"],
            "vip": True,
        },
        labels=[("+7 495 123-45-67", "рабочий")],
    )
    card = (await contacts.add(workspace, ANNA, asked)).contact
    numbers = [(each.number, each.extension, each.label, each.main) for each in card.numbers]
    assert numbers == [("+77777859954", "", "", True), ("+74951234567", "123", "рабочий", False)]
    assert (card.name, card.company, card.tags, card.vip) == ("Фронкин Игорь", "Ромашка", ("опт",), True)
    assert card.birth_date is not None
    assert card.birth_date.isoformat() == "1980-12-31"
    assert (card.visibility, card.created_by) == ("shared", "101")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({}, "name"),
        ({"name": "А"}, "numbers"),
        ({"name": "А", "numbers": ["101"]}, "numbers"),
        ({"name": "А", "birth_date": "31.02.1980"}, "birth_date"),
        ({"name": "А", "emails": ["нет"]}, "emails"),
        ({"name": "А", "shoe_size": "43"}, "shoe_size"),
        ({"name": "А", "visibility": "nobody"}, "visibility"),
        ({"name": "А", "vip": "yes"}, "vip"),
        ({"name": "А", "tags": "опт"}, "tags"),
        ({"name": "А", "numbers": "89160000001"}, "numbers"),
        ({"name": True}, "name"),
    ],
)
async def test_a_request_that_can_t_be_kept_names_its_field(
    workspace: Workspace, values: dict[str, Typed], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await contacts.add(workspace, ADMINISTRATOR, AddContact(values=values))
    assert refused.value.field == field
    assert await names(workspace, ADMINISTRATOR) == []


async def test_an_edit_changes_what_it_names_and_nothing_else(workspace: Workspace) -> None:
    before = (await added(workspace, company="Ромашка", comment="x", tags=["a"])).contact
    asked = EditContact(
        contact_id=before.id,
        version=before.version,
        values={"comment": "", "vip": True},
        added={"numbers": ["84951234567 доб. 12"], "tags": ["b"]},
        removed={"tags": ["A"]},
        main_number="84951234567",
        labels=[("84951234567", "рабочий")],
    )
    after = (await contacts.edit(workspace, ADMINISTRATOR, asked)).contact
    assert (after.name, after.company, after.comment, after.vip) == (before.name, "Ромашка", "", True)
    assert after.tags == ("b",)
    assert [(each.extension, each.label, each.main) for each in after.numbers] == [
        ("", "", False),
        ("12", "рабочий", True),
    ]
    assert after.version == before.version + 1
    with pytest.raises(ConflictError):
        await contacts.edit(workspace, ADMINISTRATOR, asked)


async def test_a_list_given_as_a_value_is_replaced_whole(workspace: Workspace) -> None:
    contact = (await added(workspace, tags=["a", "b"], emails=["a@example.com"])).contact
    values: dict[str, Typed] = {"numbers": ["+7 916 000-00-01"], "tags": ["c"], "emails": []}
    after = (await contacts.edit(workspace, ADMINISTRATOR, EditContact(contact_id=contact.id, values=values))).contact
    assert ([each.number for each in after.numbers], after.tags, after.emails) == (["+79160000001"], ("c",), ())


@pytest.mark.parametrize(
    "edit",
    [
        {"removed": {"numbers": ["89160000009"]}},
        {"main_number": "89160000009"},
        {"labels": [("89160000009", "x")]},
        {"removed": {"tags": ["нет такой"]}},
    ],
)
async def test_what_a_contact_lacks_can_t_be_removed_or_marked(workspace: Workspace, edit: dict[str, Any]) -> None:
    contact = (await added(workspace)).contact
    with pytest.raises(NotFoundError):
        await contacts.edit(workspace, ADMINISTRATOR, EditContact(contact_id=contact.id, **edit))


async def test_nothing_is_added_to_a_field_that_no_contact_has(workspace: Workspace) -> None:
    contact = (await added(workspace)).contact
    asked = EditContact(contact_id=contact.id, added={"shoes": ["43"]})
    with pytest.raises(InvalidInputError) as refused:
        await contacts.edit(workspace, ADMINISTRATOR, asked)
    assert refused.value.field == "shoes"


async def test_who_else_has_a_number_is_told_as_far_as_the_actor_may_know(workspace: Workspace) -> None:
    await added(workspace)
    await added(workspace, ANNA, name="Мама", visibility="personal")
    for actor, count in ((BORIS, 1), (ANNA, 2)):
        saved = await added(workspace, actor, name="Белова", visibility="personal")
        assert [(each.field, each.total) for each in saved.duplicates] == [("number", count)]
        await contacts.delete(workspace, actor, saved.contact.id)


async def test_rights_are_the_service_s_not_the_adapter_s(workspace: Workspace) -> None:
    mine = (await added(workspace, ANNA, visibility="personal")).contact
    shared = (await added(workspace, ANNA, name="Белова")).contact
    with pytest.raises(NotFoundError):
        await contacts.show(workspace, BORIS, mine.id)
    with pytest.raises(NotFoundError):
        await contacts.history(workspace, ADMINISTRATOR, mine.id)
    with pytest.raises(RefusedError):
        await contacts.delete(workspace, BORIS, shared.id)
    with pytest.raises(RefusedError):
        await contacts.set_favourite(workspace, ADMINISTRATOR, shared.id, favourite=True)
    with pytest.raises(RefusedError) as refused:
        await contacts.erase_personal(workspace, ANNA, ErasePersonal(owner="101", by="anna"))
    assert refused.value.reason == "not-administrator"
    assert await contacts.erase_personal(workspace, ADMINISTRATOR, ErasePersonal(owner="101", by="root")) == 1
    assert await names(workspace, ANNA) == ["Белова"]


async def test_pages(workspace: Workspace) -> None:
    for place in range(5):
        await added(workspace, name=f"Клиент {place}", numbers=[f"+7916000000{place}"])
    first = await contacts.find(workspace, ADMINISTRATOR, FindContacts(limit=2))
    assert ([each.name for each in first.items], first.total) == (["Клиент 0", "Клиент 1"], 5)
    assert await names(workspace, ADMINISTRATOR, limit=2, after=first.after) == ["Клиент 2", "Клиент 3"]
    assert await names(workspace, ADMINISTRATOR, limit=2, offset=4) == ["Клиент 4"]
    assert await names(workspace, ADMINISTRATOR, sort="name", descending=True, limit=1) == ["Клиент 4"]
    assert await names(workspace, ADMINISTRATOR, number="8 916 000-00-03") == ["Клиент 3"]
    for wanted in ({"after": "x"}, {"number": "x"}):
        with pytest.raises(InvalidInputError):
            await names(workspace, ADMINISTRATOR, **wanted)


async def test_mine_and_favourites_are_the_actor_s(workspace: Workspace) -> None:
    await added(workspace, name="Чужой")
    await added(workspace, name="Клиент", manager="101")
    await added(workspace, ANNA, name="Мама", visibility="personal")
    marked = (await added(workspace, name="Белова")).contact
    await contacts.set_favourite(workspace, ANNA, marked.id, favourite=True)
    assert await names(workspace, ANNA, mine=True) == ["Клиент", "Мама"]
    assert await names(workspace, ANNA, favourites=True) == ["Белова"]
    assert await names(workspace, BORIS, mine=True) == await names(workspace, BORIS, favourites=True) == []
    await contacts.set_favourite(workspace, ANNA, marked.id, favourite=False)
    assert await names(workspace, ANNA, favourites=True) == []


async def test_history_says_who_changed_what(workspace: Workspace) -> None:
    contact = (await added(workspace, ANNA)).contact
    await contacts.edit(workspace, BORIS, EditContact(contact_id=contact.id, values={"name": "Фронкин Олег"}))
    (change,) = await contacts.history(workspace, ANNA, contact.id)
    assert (change.actor, change.fields) == ("102", {"name": ["Фронкин Игорь", "Фронкин Олег"]})
