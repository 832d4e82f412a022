"""Companies, employees and departments over HTTP."""

from __future__ import annotations

import pytest

from pbxd.book.employees import Employee
from pbxd.storage.book.employees import Employees
from tests.api.crm import COMPANIES, CONTACTS, IGOR, Crm, crm, pointers
from tests.http.conftest import House

FIRM = {"name": "ООО «Ромашка»", "numbers": ["8 495 123-45-67"], "emails": ["info@example.org"], "site": "example.org"}


async def test_a_company_is_made_changed_and_shown(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        made, headers = await client.ask("POST", COMPANIES, 201, json={**FIRM, "external": {"crm": "5"}})
        path = f"{COMPANIES}/{made['id']}"
        assert headers["Location"] == path
        assert headers["ETag"] == f'"{made["version"]}"'
        assert (made["numbers"], made["external"]) == (["+74951234567"], {"crm": "5"})
        assert await client.get(path) == made
        changed = await client.change(path, {"numbers": ["84957654321"], "site": None}, match=headers["ETag"])
        assert (changed["numbers"], changed["site"], changed["emails"]) == (["+74957654321"], "", FIRM["emails"])
        await client.change(path, {"site": "x"}, 412, match=headers["ETag"])
        await client.ask("PATCH", path, 428, json={})
        await client.get(f"{COMPANIES}/99", 404)


async def test_there_is_one_company_a_name(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        made = await client.add(FIRM, COMPANIES)
        assert str(made["id"]) in (await client.add({"name": "Ромашка, ООО"}, COMPANIES, 409))["detail"]
        other = await client.add({"name": "Лютик"}, COMPANIES)
        await client.change(f"{COMPANIES}/{other['id']}", {"name": "ромашка"}, 409)


async def test_everything_wrong_is_told_at_once(pbxd: House) -> None:
    wrong = {
        "numbers": ["12", "89160000001", "8 495 123-45-67 доб. 1"],
        "emails": ["нет"],
        "vip": 1,
        "external": {"": "1"},
    }
    async with crm(pbxd, "101") as client:
        told = await client.add(wrong, COMPANIES, 422)
        assert set(pointers(told)) == {"/name", "/numbers/0", "/numbers/2", "/emails/0", "/vip", "/external/"}
        del wrong["vip"]
        assert set(pointers(await client.add(wrong, COMPANIES, 422))) == {
            "/name", "/numbers/0", "/numbers/2", "/emails/0", "/external/",
        }  # fmt: skip


async def test_companies_are_listed_and_found(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        for name in ("Ромашка", "Лютик", "Василёк"):
            await client.add({"name": name, "external": {"crm": name}}, COMPANIES)
        await client.add({**FIRM, "name": "Роза"}, COMPANIES)
        page, headers = await client.ask("GET", COMPANIES, params={"limit": "3"})
        assert [each["name"] for each in page["items"]] == ["Василёк", "Лютик", "Роза"]
        rest = await client.get(headers["Link"].partition(">")[0][1:])
        assert [each["name"] for each in rest["items"]] == ["Ромашка"]
        assert (rest["next"], rest["total"], rest["total_is_exact"]) == (None, 4, True)
        await client.get(COMPANIES, 422, after=page["next"], sort="-name")
        back = await client.get(COMPANIES, sort="-name", limit=2)
        assert [each["name"] for each in back["items"]] == ["Ромашка", "Роза"]
        for query, found in (
            ({"number": "+7 495 123 45 67"}, ["Роза"]), ({"search": "ро"}, ["Роза", "Ромашка"]),
            ({"external": "crm:Лютик"}, ["Лютик"]), ({"changed_after": "2099-01-01T00:00:00Z"}, []),
        ):  # fmt: skip
            assert [each["name"] for each in (await client.get(COMPANIES, **query))["items"]] == found, query


async def test_a_company_s_contacts_are_those_that_one_sees(pbxd: House) -> None:
    async with crm(pbxd, "101") as client, crm(pbxd, "102") as other:
        await client.add({**IGOR, "company": "Ромашка"})
        await client.add({**IGOR, "name": "Свой", "company": "Ромашка", "visibility": "personal"})
        await client.add({**IGOR, "name": "Чужой", "company": "Лютик"})
        (firm,) = (await client.get(COMPANIES, search="Ромашка"))["items"]
        path = f"{COMPANIES}/{firm['id']}/contacts"
        assert [each["name"] for each in (await client.get(path))["items"]] == ["Свой", "Фронкин Игорь"]
        assert [each["name"] for each in (await other.get(path))["items"]] == ["Фронкин Игорь"]


async def test_a_company_that_only_personal_contacts_have_is_not_there_for_others(pbxd: House) -> None:
    async with crm(pbxd, "101") as client, crm(pbxd, "102") as other:
        await client.add({**IGOR, "company": "Тайна", "visibility": "personal"})
        assert (await other.get(COMPANIES))["total"] == 0
        for path in ("", "/contacts"):
            await other.get(f"{COMPANIES}/1{path}", 404)
        await other.change(f"{COMPANIES}/1", {"site": "x"}, 404)
        assert (await other.add({"name": "Тайна"}, COMPANIES))["name"] == "Тайна", "and does not show by a refusal"


async def test_a_program_s_id_adds_then_changes(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        path = f"{COMPANIES}/by-external/crm/5"
        made, _headers = await client.ask("PUT", path, 201, json=FIRM)
        changed, _headers = await client.ask("PUT", path, 200, json={"address": "Москва"})
        assert (changed["id"], changed["address"], changed["site"]) == (made["id"], "Москва", "example.org")
        await client.ask("PUT", f"{COMPANIES}/by-external/crm/6", 422, json={"address": "Москва"})


async def test_administrators_alone_delete_and_only_without_contacts(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        made = await client.add(FIRM, COMPANIES)
        contact = await client.add({**IGOR, "company": FIRM["name"]})
        path = f"{COMPANIES}/{made['id']}"
        assert (await client.ask("DELETE", path, 403))[0]["reason"] == "not-administrator"
        socket = Crm(pbxd.local)
        await socket.ask("DELETE", path, 409)
        await socket.ask("DELETE", f"{CONTACTS}/{contact['id']}", 204)
        await socket.ask("DELETE", path, 412, headers={"If-Match": '"99"'})
        await socket.ask("DELETE", path, 204)


@pytest.fixture
async def people(pbxd: House) -> None:
    staff = [
        Employee(
            "101",
            "Иванова Анна",
            department="Продажи",
        ),
        Employee("102", "Петров Пётр", mobile="+79160000002", department="продажи; Сервис"),
        Employee("103", "Сидоров Иван"),
    ]
    await Employees(pbxd.database).upsert(staff, source="list")
    await Employees(pbxd.database).retire({"103"})


@pytest.mark.usefixtures("people")
async def test_employees_and_departments_are_read(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        page, headers = await client.ask("GET", "/api/v1/employees", params={"limit": "2"})
        assert [each["extension"] for each in page["items"]] == ["101", "102"]
        rest = await client.get(headers["Link"].partition(">")[0][1:])
        assert [(each["extension"], each["active"]) for each in rest["items"]] == [("103", False)]
        for query, found in (
            ({"active": "false"}, ["103"]),
            ({"department": "сервис"}, ["102"]),
            ({"search": "анна"}, ["101"]),
        ):
            assert [each["extension"] for each in (await client.get("/api/v1/employees", **query))["items"]] == found
        await client.get("/api/v1/employees", 422, after=page["next"], active="true")
        one = await client.get(f"/api/v1/employees/{page['items'][1]['id']}")
        assert (one["name"], one["departments"]) == ("Петров Пётр", ["продажи", "Сервис"])
        await client.get("/api/v1/employees/99", 404)
        found = await client.get("/api/v1/departments")
        assert [(each["name"], each["employees"]) for each in found["items"]] == [
            ("Продажи", 2), ("Сервис", 1),
        ]  # fmt: skip


@pytest.mark.usefixtures("people")
async def test_an_employee_s_clients(pbxd: House) -> None:
    async with crm(pbxd, "101") as client, crm(pbxd, "102") as other:
        await client.add({**IGOR, "manager": "101"})
        await client.add({**IGOR, "name": "Свой", "manager": "101", "visibility": "personal"})
        await client.add({**IGOR, "name": "Чужой", "manager": "102"})
        anna = (await client.get("/api/v1/employees", search="анна"))["items"][0]["id"]
        path = f"/api/v1/employees/{anna}/clients"
        assert [each["name"] for each in (await client.get(path))["items"]] == ["Свой", "Фронкин Игорь"]
        assert (await other.get(path))["total"] == 1
