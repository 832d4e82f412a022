"""Whose number is this."""

from __future__ import annotations

import pytest

from pbxd.book.contacts import ContactDraft, ContactNumber
from tests.api.examples import IGOR, add, problem
from tests.http.conftest import House


async def test_lookup_has_the_contract_s_shape_and_follows_the_book(pbxd: House) -> None:
    [contact] = await add(pbxd, IGOR)
    async with pbxd.local.get("/api/v1/lookup", params={"number": "8 (495) 123-45-67"}) as answer:
        assert await answer.json() == {
            "status": "found",
            "number": "+74951234567",
            "name": "Фронкин Игорь",
            "company": "Ромашка",
            "contact": contact,
            "vip": True,
            "manager": "",
            "display": "Фронкин Игорь",
        }


async def test_personal_contacts_name_for_their_owner_alone(pbxd: House) -> None:
    await add(pbxd, ContactDraft("Мама", numbers=(ContactNumber("+79160000009"),), visibility="personal", owner="101"))
    seen = {}
    for viewer in ("", "102", "101"):
        async with pbxd.local.get("/api/v1/lookup", params={"number": "89160000009", "for": viewer}) as answer:
            seen[viewer] = (await answer.json())["status"]
    assert seen == {"": "unknown", "102": "unknown", "101": "found"}


@pytest.mark.parametrize(
    "query", ["", "number=1&x=2", "number=1&number=2", "number=" + "1" * 300, "number=1&for=" + "1" * 33]
)
async def test_a_wrong_query_is_refused(pbxd: House, query: str) -> None:
    async with pbxd.local.get(f"/api/v1/lookup?{query}") as answer:
        assert (await problem(answer, 422))["field"]
