"""Contacts over HTTP: cards, versions, errors, and who may do what."""

from __future__ import annotations

from typing import Any

import pytest

from pbxd.book.employees import Employee
from pbxd.storage.book.employees import Employees
from tests.api.crm import ALL, CONTACTS, IGOR, Crm, crm, pointers
from tests.http.conftest import House

WHOLE: dict[str, Any] = {
    "name": "Фронкин Игорь",
    "company": "ООО «Ромашка»",
    "position": "директор",
    "numbers": [
        {"number": "8 495 123-45-67", "extension": "12", "label": "работа"},
        {"number": "+7 916 000 00 01", "main": True},
        "8 495 765-43-21 доб. 34",
    ],
    "emails": ["igor@example.org"],
    "manager": "Иванова Анна",
    "vip": True,
    "comment": "звонить после обеда\nне утром",
    "tags": ["опт", "юг"],
    "birth_date": "31.12.1980",
    "external": {"bitrix24": "17"},
}


@pytest.fixture
async def people(pbxd: House) -> None:
    staff = [Employee("101", "Иванова Анна"), Employee("102", "Петров Пётр")]
    await Employees(pbxd.database).upsert(staff, source="list")


@pytest.mark.usefixtures("people")
async def test_a_contact_is_made_as_it_was_sent(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        made, headers = await client.ask("POST", CONTACTS, 201, json=WHOLE)
        assert headers["Location"] == f"{CONTACTS}/{made['id']}"
        assert headers["ETag"] == '"1"'
        shown, headers = await client.ask("GET", f"{CONTACTS}/{made['id']}")
        assert headers["ETag"] == '"1"'
        assert made == shown | {"duplicates": []}
    assert shown["numbers"] == [
        {"number": "+74951234567", "extension": "12", "label": "работа", "main": False},
        {"number": "+79160000001", "extension": "", "label": "", "main": True},
        {"number": "+74957654321", "extension": "34", "label": "", "main": False},
    ]
    assert {name: shown[name] for name in ("manager", "manager_name", "created_by", "version", "visibility")} == {
        "manager": "101", "manager_name": "Иванова Анна", "created_by": "101", "version": 1, "visibility": "shared",
    }  # fmt: skip
    assert shown["birth_date"] == "1980-12-31"
    assert shown["external"] == {"bitrix24": "17"}
    assert shown["comment"] == WHOLE["comment"]
    assert shown["created"].endswith("Z")


@pytest.mark.usefixtures("people")
async def test_everything_wrong_is_told_at_once_by_form_and_by_sense(pbxd: House) -> None:
    wrong: dict[str, Any] = {
        "name": "",
        "numbers": ["12", {"number": "8 916 000-00-01"}, {"number": "что-то"}, {"label": "x"}],
        "emails": ["a@example.org", "нет"],
        "manager": "Никто Никакой",
        "birth_date": "31.02.1980",
        "visibility": "secret",
        "tags": ["x" * 51],
        "id": 5,
        "external": {"Bitrix 24": "1", "crm": ""},
    }
    async with crm(pbxd, "101") as client:
        told = await client.add(wrong, status=422)
        assert {
            "/name", "/emails/1", "/manager", "/birth_date", "/visibility", "/tags/0", "/id", "/external/Bitrix 24",
            "/external/crm",
        } <= set(pointers(told))  # fmt: skip
        assert any(each.startswith("/numbers/3") for each in pointers(told))
        del wrong["visibility"], wrong["id"], wrong["numbers"][3]
        told = await client.add(wrong, status=422)
        assert {"/numbers/0", "/numbers/2/number"} <= set(pointers(told))
        assert told["errors"][0]["pointer"] == "/" + told["field"]
        assert (await client.get(CONTACTS))["total"] == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ["/name", "/numbers"]),
        ({"name": "Игорь"}, ["/numbers"]),
        ({"name": None, "emails": ["a@example.org"]}, ["/name"]),
        ({**IGOR, "manager": "199"}, ["/manager"]),
        ({**IGOR, "owner": "101"}, ["/owner"]),
        ({**IGOR, "numbers": [{"number": "89160000001", "main": True}, {"number": "89160000002", "main": True}]},
         ["/numbers"]),
        ({**IGOR, "manager_name": "Иванова Анна"}, ["/manager_name"]),
        ({**IGOR, "version": 1}, ["/version"]),
    ],
)  # fmt: skip
async def test_what_can_t_be_kept_is_refused(pbxd: House, body: dict[str, Any], pointer: list[str]) -> None:
    async with crm(pbxd, "101") as client:
        assert pointers(await client.add(body, status=422)) == pointer


async def test_another_s_number_is_no_error(pbxd: House) -> None:
    async with crm(pbxd, "101") as client, crm(pbxd, "102") as other:
        first = await client.add()
        secret = {**IGOR, "name": "Тайна", "visibility": "personal"}
        assert (await other.add(secret))["owner"] == "102"
        again = await client.add({"name": "Другой", "numbers": ["+79160000001"]})
        (found,) = again["duplicates"]
        assert (found["field"], found["value"], found["total"]) == ("number", "+79160000001", 1)
        assert [each["id"] for each in found["contacts"]] == [first["id"]]
        asked = await client.get(f"{CONTACTS}/duplicates", number="8 916 000 00 01 доб. 5", email="x@example.org")
        assert [each["id"] for each in asked["items"][0]["contacts"]] == [first["id"], again["id"]]
        await client.get(f"{CONTACTS}/duplicates", 422)


@pytest.mark.usefixtures("people")
async def test_a_patch_replaces_lists_empties_by_null_and_merges_external_ids(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        made = await client.add(WHOLE)
        path = f"{CONTACTS}/{made['id']}"
        changed = await client.change(
            path,
            {"numbers": [{"number": "89160000002"}], "comment": None, "tags": None, "manager": None, "vip": None,
             "birth_date": None, "external": {"crm": "5"}},
            match='"1"',
        )  # fmt: skip
        assert [each["number"] for each in changed["numbers"]] == ["+79160000002"]
        assert [changed[name] for name in ("comment", "tags", "vip", "birth_date", "position", "version")] == [
            "", [], False, None, "директор", 2,
        ]  # fmt: skip
        assert changed["external"] == {"bitrix24": "17", "crm": "5"}
        again = await client.change(path, {"external": {"bitrix24": None}})
        assert (again["external"], again["version"]) == ({"crm": "5"}, 3)
        same, headers = await client.ask("PATCH", path, json={"position": "директор"}, headers={"If-Match": "*"})
        assert (same["version"], headers["ETag"]) == (3, '"3"')
        bodies: list[dict[str, Any]] = [
            {"numbers": [], "emails": None},
            {"name": None},
            {"visibility": None},
            {"id": 7},
        ]
        for body in bodies:
            assert len(pointers(await client.change(path, body, 422))) == 1, body
        assert await client.get(path) == {name: each for name, each in again.items() if name != "duplicates"}


async def test_a_stale_change_is_refused_and_the_contact_stays(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        path = f"{CONTACTS}/{(await client.add())['id']}"
        await client.change(path, {"comment": "раз"}, match='"1"')
        assert (await client.change(path, {"comment": "два"}, 412, match='"1"'))["type"].endswith("precondition-failed")
        await client.ask("PATCH", path, 428, json={"comment": "два"})
        await client.ask("DELETE", path, 412, headers={"If-Match": '"1"'})
        assert (await client.get(path))["comment"] == "раз"
        await client.ask("DELETE", path, 204, headers={"If-Match": '"2"'})
        await client.get(path, 404)
        await client.change(path, {"comment": "два"}, 404)


async def test_a_key_makes_one_contact_however_often_it_is_sent(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        first = await client.add(headers={"Idempotency-Key": "a"})
        assert await client.add(headers={"Idempotency-Key": "a"}) == first
        await client.add({**IGOR, "name": "Другой"}, status=422, headers={"Idempotency-Key": "a"})
        assert (await client.get(CONTACTS))["total"] == 1


@pytest.mark.parametrize(
    ("extension", "any_", "query", "sees"),
    [
        ("101", False, {}, ["Общий", "Свой 101"]),
        ("101", False, {"as_": "101"}, ["Общий", "Свой 101"]),
        ("101", False, {"as_": "102"}, None),
        ("", True, {}, ["Общий"]),
        ("", True, {"as_": "102"}, ["Общий", "Свой 102"]),
        ("", False, {}, ["Общий"]),
        ("", False, {"as_": "101"}, None),
    ],
)
async def test_who_sees_what(
    pbxd: House,
    extension: str,
    any_: bool,
    query: dict[str, str],
    sees: list[str] | None,
) -> None:
    async with crm(pbxd, "", acts_for_any=True) as client:
        await client.add({**IGOR, "name": "Общий"})
        for owner in ("101", "102"):
            body = {**IGOR, "name": f"Свой {owner}", "visibility": "personal"}
            await client.add(body, path=f"{CONTACTS}?as={owner}")
    async with crm(pbxd, extension, acts_for_any=any_) as client:
        found = await client.get(CONTACTS, 200 if sees else 403, **query)
        if sees is None:
            assert found["reason"] in {"other-employee", "no-employee"}
            return
        assert [each["name"] for each in found["items"]] == sees
        assert found["total"] == len(sees)


async def test_a_token_of_nobody_makes_shared_contacts_and_has_no_favourites(pbxd: House) -> None:
    async with crm(pbxd) as client:
        made = await client.add()
        assert (made["created_by"], made["created_by_id"]) == (None, None)
        path = f"{CONTACTS}/{made['id']}"
        refused, _headers = await client.ask("PUT", f"{path}/favourite", 403)
        assert refused["reason"] == "no-employee"
        await client.get(CONTACTS, 403, favourites="true")
        assert (await client.add({**IGOR, "visibility": "personal"}, status=403))["reason"] == "no-employee"
        assert (await client.ask("DELETE", path, 403))[0]["reason"] == "not-creator"


async def test_somebody_else_s_personal_contact_is_not_there(pbxd: House) -> None:
    async with crm(pbxd, "101") as mine, crm(pbxd, "102") as other, crm(pbxd) as nobody:
        made = await mine.add({**IGOR, "visibility": "personal"})
        for client in (other, nobody):
            for path in ("", "/calls", "/changes", "/vcard", "/text"):
                await client.get(f"{CONTACTS}/{made['id']}{path}", 404)
            await client.change(f"{CONTACTS}/{made['id']}", {"comment": "x"}, 404)
            await client.ask("DELETE", f"{CONTACTS}/{made['id']}", 404)
        assert (await other.add({**IGOR, "visibility": "personal", "owner": "101"}, status=403))[
            "reason"
        ] == "not-owner"


async def test_favourites_are_of_who_acts(pbxd: House) -> None:
    async with crm(pbxd, acts_for_any=True) as client:
        path = f"{CONTACTS}/{(await client.add())['id']}/favourite"
        await client.ask("PUT", f"{path}?as=101", 204)
        await client.ask("PUT", f"{path}?as=101", 204)
        assert (await client.get(CONTACTS, favourites="true", as_="101"))["total"] == 1
        assert (await client.get(CONTACTS, favourites="true", as_="102"))["total"] == 0
        await client.ask("DELETE", f"{path}?as=101", 204)
        assert (await client.get(CONTACTS, favourites="true", as_="101"))["total"] == 0


async def test_pages_go_on_by_a_link_without_a_name_or_a_number(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        names = [f"Клиент {letter}" for letter in "АБВГДЕЖ"]
        for place, name in enumerate(names):
            await client.add({"name": name, "numbers": [f"+7916000000{place}"], "tags": ["опт"]})
        for query in ({"sort": "name"}, {"sort": "-name"}, {"sort": "number"}, {"search": "клиент"}, {"tag": "опт"}):
            found, seen, pages = await client.ask("GET", CONTACTS, params={**query, "limit": "3"}), list[str](), 0
            while True:
                page, headers = found
                seen += [each["name"] for each in page["items"]]
                pages += 1
                if page["next"] is None:
                    assert "Link" not in headers
                    break
                assert page["next"].replace("-", "").replace("_", "").isalnum(), "usable in a URL"
                link = headers["Link"]
                assert link.endswith('; rel="next"')
                found = await client.ask("GET", link.partition(">")[0][1:])
            assert (sorted(seen), pages) == (names, 3), query


async def test_a_cursor_is_good_for_its_order_and_filters_alone(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        for place in range(3):
            await client.add({**IGOR, "name": f"Клиент {place}"})
        after = (await client.get(CONTACTS, limit=1, sort="name"))["next"]
        for more in ({"sort": "-name"}, {"sort": "company"}, {"sort": "name", "vip": "false"}, {"search": "клиент"}):
            told = await client.get(CONTACTS, 422, after=after, **more)
            assert [each["parameter"] for each in told["errors"]] == ["after"], more
        assert (await client.get(CONTACTS, limit=2, sort="name", after=after))["next"] is None


async def test_a_page_goes_on_although_its_last_entries_were_renamed_or_deleted(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        made = [await client.add({**IGOR, "name": f"Клиент {place}"}) for place in range(6)]
        page = await client.get(CONTACTS, limit=3, sort="name")
        await client.ask("DELETE", f"{CONTACTS}/{made[2]['id']}", 204)
        await client.change(f"{CONTACTS}/{made[1]['id']}", {"name": "Яков"})
        rest = await client.get(CONTACTS, limit=9, sort="name", after=page["next"])
        assert [each["name"] for each in rest["items"]] == ["Клиент 3", "Клиент 4", "Клиент 5", "Яков"]


async def test_what_changed_is_asked_for_and_the_feed_s_number_grows(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        first = await client.add()
        page = await client.get(CONTACTS)
        second = await client.add({**IGOR, "name": "Второй", "company": "Ромашка"})
        assert page["seq"] < (await client.get(CONTACTS))["seq"]
        found = await client.get(CONTACTS, changed_after=first["changed"])
        assert [each["id"] for each in found["items"]] == [second["id"]]
        await client.change(f"{CONTACTS}/{first['id']}", {"external": {"crm": "1"}})
        found = await client.get(CONTACTS, changed_after=second["changed"])
        assert [each["id"] for each in found["items"]] == [first["id"]]
        seen = found["items"][0]["changed"]
        firm = (await client.get("/api/v1/companies"))["items"][0]
        await client.change(f"/api/v1/companies/{firm['id']}", {"name": "Лютик"})
        found = await client.get(CONTACTS, changed_after=seen)
        assert [each["company"] for each in found["items"]] == ["Лютик"], "the card shows another name"


@pytest.mark.parametrize("query", ["numbr=1", "limit=0", "limit=1001", "sort=age", "vip=maybe", "changed_after=soon",
                                   "after=x", "number=abc", "external=crm", "limit=1&limit=2"])  # fmt: skip
async def test_wrong_filters_are_refused_by_name(pbxd: House, query: str) -> None:
    async with crm(pbxd, "101") as client:
        told = await client.get(f"{CONTACTS}?{query}", 422)
        assert [each["parameter"] for each in told["errors"]] == [query.partition("=")[0]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"number": "8 (916) 000-00-01"}, ["А"]),
        ({"company": "ромашка"}, ["А"]),
        ({"manager": "101"}, ["А"]),
        ({"manager": "иванова анна"}, ["А"]),
        ({"manager": "777"}, []),
        ({"tag": "Опт"}, ["Б"]),
        ({"vip": "true"}, ["Б"]),
        ({"search": "9160000002"}, ["Б"]),
        ({"external": "crm:1"}, ["Б"]),
        ({"external": "crm:2"}, []),
    ],
)
@pytest.mark.usefixtures("people")
async def test_filters(pbxd: House, query: dict[str, str], found: list[str]) -> None:
    async with crm(pbxd, "101") as client:
        await client.add({"name": "А", "numbers": ["89160000001"], "company": "ООО «Ромашка»", "manager": "101"})
        await client.add(
            {"name": "Б", "numbers": ["89160000002"], "vip": True, "tags": ["опт"], "external": {"crm": "1"}}
        )
        assert [each["name"] for each in (await client.get(CONTACTS, **query))["items"]] == found


async def test_a_program_s_id_adds_then_changes_and_keeps_what_it_doesn_t_name(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        path = f"{CONTACTS}/by-external/bitrix24/17"
        made, headers = await client.ask("PUT", path, 201, json={**IGOR, "tags": ["опт"]})
        assert headers["Location"] == f"{CONTACTS}/{made['id']}"
        assert made["external"] == {"bitrix24": "17"}
        changed, headers = await client.ask("PUT", path, 200, json={"name": "Фронкин И. И."})
        assert (changed["id"], changed["name"], changed["tags"]) == (made["id"], "Фронкин И. И.", ["опт"])
        assert headers["ETag"] == '"2"'
        await client.ask("PUT", path, 412, json={"name": "Ф"}, headers={"If-Match": '"1"'})
        await client.ask("PUT", f"{CONTACTS}/by-external/bitrix24/18", 412, json=IGOR, headers={"If-Match": "*"})
        other = await client.add({**IGOR, "external": {"bitrix24": "17"}}, status=422)
        assert (pointers(other), other["errors"][0]["code"]) == (["/external/bitrix24"], "taken")
        await client.ask("PUT", f"{CONTACTS}/by-external/Bitrix%2024/1", 422, json=IGOR)


async def test_scopes(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        path = f"{CONTACTS}/{(await client.add())['id']}"
    async with crm(pbxd, "101", scopes=frozenset({"contacts:read"})) as client:
        await client.get(path)
        assert (await client.add(status=403))["scope"] == "contacts:write"
        assert (await client.get(f"{path}/calls", 403))["scope"] == "calls:read"
        await client.ask("PUT", f"{path}/favourite", 403)
    async with crm(pbxd, "101", scopes=ALL - {"contacts:read"}) as client:
        for read in ("", "/changes", "/vcard", "/text"):
            assert (await client.get(path + read, 403))["scope"] == "contacts:read"


async def test_a_contact_as_a_vcard_and_as_text(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        path = f"{CONTACTS}/{(await client.add(WHOLE | {'manager': None}))['id']}"
        card, headers = await client.ask("GET", f"{path}/vcard")
        assert headers["Content-Type"].startswith("text/vcard")
        assert card.startswith("BEGIN:VCARD")
        assert "+74951234567" in card
        text = await client.get(f"{path}/text")
        assert text.splitlines()[:2] == ["Фронкин Игорь", "+7 916 000-00-01"]


@pytest.mark.usefixtures("people")
async def test_who_changed_what(pbxd: House) -> None:
    async with crm(pbxd, "101") as client, crm(pbxd, "102") as other:
        path = f"{CONTACTS}/{(await client.add())['id']}"
        await other.change(path, {"comment": "раз"})
        (change,) = (await client.get(f"{path}/changes"))["items"]
    assert (change["actor"], change["actor_name"], change["version"]) == ("102", "Петров Пётр", 2)
    assert change["fields"] == {"comment": ["", "раз"]}
    assert change["at"].endswith("Z")


async def test_ids_beyond_all_bounds_are_not_there(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        for wrong in ("0", str(2**63), str(10**30)):
            await client.get(f"{CONTACTS}/{wrong}", 404)


async def test_an_administrator_on_the_socket_sees_shared_contacts_alone(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        made = await client.add({**IGOR, "visibility": "personal"})
        await client.add({**IGOR, "name": "Общий"})
    socket = Crm(pbxd.local)
    assert [each["name"] for each in (await socket.get(CONTACTS))["items"]] == ["Общий"]
    await socket.get(f"{CONTACTS}/{made['id']}", 404)
