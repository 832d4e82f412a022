"""Employees follow the real Asterisk: who is added there and who is taken away, as soon as it is reloaded (S1.1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.processes import until
from tests.lab.reconfiguring import changed

pytestmark = pytest.mark.lab
NEWCOMER = '\n[176](phone)\naors = 176\ncallerid = "Новикова Анна" <176>\n[176](aor)\ncontact = sip:176@127.0.0.1:9\n'


async def test_an_endpoint_added_appears_and_a_removed_one_becomes_inactive(lab: Lab) -> None:
    await lab.pbxd()

    async def known() -> dict[str, dict[str, Any]]:
        return {person["extension"]: person for person in (await lab.cli("employees", "list"))["items"]}

    async def arrived() -> bool:
        people = await known()
        return "101" in people and people.get("176", {}).get("name") == "Новикова Анна" and people["176"]["active"]

    async def left() -> bool:
        return not (await known())["176"]["active"]

    async with changed(lab, "pjsip.conf", lambda text: text + NEWCOMER, "module reload res_pjsip.so"):
        await until(arrived, "the new endpoint among the employees", timeout=15, every=0.3)
    await until(left, "her retirement", timeout=15, every=0.3)
    people = await known()
    assert people["101"]["active"]
    assert people["176"]["name"] == "Новикова Анна", "history refers to her"
