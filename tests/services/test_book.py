"""Companies, employees, look-ups, tokens and privacy, asked of their services as adapters ask."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pbxd.actor import Actor
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from pbxd.services import companies, contacts, employees, lookups, privacy
from pbxd.services.access import tokens
from pbxd.services.access.tokens import CreateToken
from pbxd.services.companies import AddCompany, EditCompany, FindCompanies
from pbxd.services.contact_edits import AddContact
from pbxd.services.contacts import FindContacts
from pbxd.services.employees import FindEmployees
from pbxd.services.lookups import LookUp
from pbxd.services.privacy import EraseClient
from pbxd.services.workspace import Workspace
from tests.actors import ADMINISTRATOR, agent


async def client(workspace: Workspace, number: str, actor: Actor = ADMINISTRATOR, **values: str) -> int:
    asked = AddContact(values={"name": "Фронкин Игорь", "company": "Ромашка", "numbers": [number], **values})
    return (await contacts.add(workspace, actor, asked)).contact.id


async def test_a_company_and_its_people(workspace: Workspace) -> None:
    added = await companies.add(workspace, ADMINISTRATOR, AddCompany(name="Ромашка", numbers=["8 495 123-45-67"]))
    same = await companies.add(workspace, ADMINISTRATOR, AddCompany(name="РОМАШКА", numbers=["84951234568"]))
    assert (same.id, same.numbers) == (added.id, ("+74951234567", "+74951234568"))
    await client(workspace, "89160000001")
    await client(workspace, "89160000002", agent("101"), visibility="personal")
    for actor, count in ((ADMINISTRATOR, 1), (agent("101"), 2)):
        shown = await companies.show(workspace, actor, added.id)
        assert (shown.total, len(shown.people)) == (count, count)
    found = await companies.find(workspace, ADMINISTRATOR, FindCompanies(search="ромаш"))
    assert (found.total, [each.name for each in found.companies]) == (1, ["Ромашка"])


async def test_an_edit_of_a_company(workspace: Workspace) -> None:
    company = await companies.add(workspace, ADMINISTRATOR, AddCompany(name="Ромашка", numbers=["84951234567"]))
    edited = await companies.edit(
        workspace,
        ADMINISTRATOR,
        EditCompany(
            company_id=company.id,
            version=company.version,
            address="Казань",
            add_numbers=["84951234568"],
            remove_numbers=["8 (495) 123-45-67"],
            add_emails=["info@romashka.example"],
        ),
    )
    assert (edited.name, edited.address, edited.numbers) == ("Ромашка", "Казань", ("+74951234568",))
    assert edited.emails == ("info@romashka.example",)
    with pytest.raises(ConflictError):
        await companies.edit(workspace, ADMINISTRATOR, EditCompany(company_id=company.id, version=1, address=""))
    with pytest.raises(InvalidInputError):
        await companies.add(workspace, ADMINISTRATOR, AddCompany(name="Б", numbers=["84951234567 доб. 1"]))
    with pytest.raises(NotFoundError):
        await companies.show(workspace, ADMINISTRATOR, 7)


async def test_employees_come_from_a_file(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("extension,name,mobile,department,floor\n101,Иванова Анна,89161234567,Продажи,2\n102,Пётр,нет,,3\n")
    done = await employees.import_file(workspace, ADMINISTRATOR, file)
    assert (done.created, done.updated, done.same, list(done.ignored)) == (1, 0, 0, ["floor"])
    assert [(bad.row, bad.field) for bad in done.bad] == [(3, "mobile")]
    with pytest.raises(RefusedError):
        await employees.import_file(workspace, agent("101"), file)
    with pytest.raises(InvalidInputError):
        await employees.import_file(workspace, ADMINISTRATOR, tmp_path / "nowhere.csv")
    for wanted, count in (
        (FindEmployees(search="иван"), 1), (FindEmployees(search="4567"), 1), (FindEmployees(department="продажи"), 1),
        (FindEmployees(department="склад"), 0), (FindEmployees(active=False), 0),
    ):  # fmt: skip
        assert len(await employees.find(workspace, ADMINISTRATOR, wanted)) == count, wanted
    await client(workspace, "89160000001", manager="101")
    shown = await employees.show(workspace, ADMINISTRATOR, "101")
    assert (shown.employee.name, shown.total, shown.clients[0].name) == ("Иванова Анна", 1, "Фронкин Игорь")


async def test_a_look_up_uses_the_actor_s_personal_contacts(workspace: Workspace) -> None:
    await client(workspace, "89160000001", agent("101"), visibility="personal")
    asked = LookUp(number="8 916 000-00-01", last_calls=True)
    for actor, status in ((ADMINISTRATOR, "unknown"), (agent("102"), "unknown"), (agent("101"), "found")):
        found = await lookups.look_up(workspace, actor, asked)
        assert (found.match.status, list(found.last_calls)) == (status, [])
    assert (await lookups.look_up(workspace, ADMINISTRATOR, LookUp(number="x"))).match.status == "unreadable"


async def test_a_token_has_the_scopes_it_was_made_with_and_ends(workspace: Workspace) -> None:
    asked = CreateToken(name="crm", scopes=["queues:read", "lookup"], expires_days=30)
    made = await tokens.create(workspace, ADMINISTRATOR, asked)
    (token,) = await tokens.find(workspace, ADMINISTRATOR)
    assert token.actor.scopes == made.scopes == {"lookup", "queues:read"}
    assert made.expires is not None
    assert token.opens(made.expires - timedelta(seconds=1))
    assert not token.opens(made.expires)
    for wrong in ([], ["lookup", "contacts"]):
        with pytest.raises(InvalidInputError, match="queues:move"):
            await tokens.create(workspace, ADMINISTRATOR, CreateToken(name="crm", scopes=wrong))


async def test_tokens_are_an_administrator_s(workspace: Workspace) -> None:
    made = await tokens.create(workspace, ADMINISTRATOR, CreateToken(name="crm", scopes=["lookup"], extension="101"))
    (token,) = await tokens.find(workspace, ADMINISTRATOR)
    assert (token.id, token.actor.extension, token.actor.acts_for_any) == (made.id, "101", False)
    assert made.plain.endswith(token.last_four)
    with pytest.raises(InvalidInputError):
        await tokens.create(
            workspace, ADMINISTRATOR, CreateToken(name="crm", scopes=["lookup"], extension="101", as_any=True)
        )
    for refused in (
        tokens.create(workspace, agent("101"), CreateToken(name="x", scopes=["lookup"])),
        tokens.find(workspace, agent("101")),
        tokens.revoke(workspace, token.actor, made.id),
    ):
        with pytest.raises(RefusedError):
            await refused
    await tokens.revoke(workspace, ADMINISTRATOR, made.id)
    assert (await tokens.find(workspace, ADMINISTRATOR))[0].revoked


async def test_a_client_s_data_are_handed_out_and_erased_by_an_administrator(workspace: Workspace) -> None:
    await client(workspace, "89160000001")
    await client(workspace, "89160000001", agent("101"), visibility="personal")
    found = await privacy.export(workspace, ADMINISTRATOR, "Фронкин Игорь")
    assert (found["numbers"], len(found["contacts"])) == (["+79160000001"], 1)
    asked = EraseClient(client="8 916 000-00-01", uploads=Path("/nowhere"), by="root")
    for refused in (privacy.export(workspace, agent("101"), "1"), privacy.erase(workspace, agent("101"), asked)):
        with pytest.raises(RefusedError):
            await refused
    done = await privacy.erase(workspace, ADMINISTRATOR, asked)
    assert (done.erased.contacts, done.erased.personal_contacts, done.left_out) == (1, 1, ())
    assert (await contacts.find(workspace, agent("101"), FindContacts())).total == 0
    with pytest.raises(InvalidInputError):
        await privacy.export(workspace, ADMINISTRATOR, " ")
