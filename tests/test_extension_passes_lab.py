"""101 passes to somebody else, by the PBX, a file or a command: the one before keeps what is theirs (issue 11)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from tests.lab import Lab
from tests.lab.processes import until
from tests.lab.reconfiguring import changed

pytestmark = pytest.mark.lab
CLIENT, FIRM = "89161234567", "84951234567"
IVAN, MARIA, RENAMED = "Иван Петров", "Мария Сидорова", "Иван Сидоров"
Name = Callable[[str], Awaitable[None]]


@pytest.fixture(params=["pbx", "csv", "cli"])
async def name(request: pytest.FixtureRequest, lab: Lab) -> Any:  # noqa: ANN401 - a generator of `Name`
    """Give 101 a name in one of the three ways, and wait until pbxd has it."""
    await lab.pbxd()
    assert lab.daemon
    folder = lab.daemon.folder

    async def by_pbx(called: str) -> None:
        def with_name(text: str) -> str:
            return re.sub(r'callerid = "[^"]*" <101>', f'callerid = "{called}" <101>', text)

        await stack.enter_async_context(changed(lab, "pjsip.conf", with_name, "module reload res_pjsip.so"))

    async def by_csv(called: str) -> None:
        file = folder / "people.csv"
        file.write_text(f"extension,name\n101,{called}\n")
        await lab.cli("employees", "import", str(file))

    async def by_cli(called: str) -> None:
        command = "edit" if await people(lab, 101) else "add"
        await lab.cli("employees", command, "101", "--name", called)

    async def called(new: str) -> None:
        await {"pbx": by_pbx, "csv": by_csv, "cli": by_cli}[request.param](new)

        async def known() -> bool:
            return [person["name"] for person in await people(lab, 101)] == [new]

        await until(known, f"101 to be called {new}", timeout=20, every=0.3)

    async with AsyncExitStack() as stack:
        yield called


async def people(lab: Lab, extension: int) -> list[dict[str, Any]]:
    items = (await lab.cli("employees", "list"))["items"]
    return [person for person in items if person["extension"] == str(extension)]


async def seen(lab: Lab, *options: str) -> set[str]:
    return {contact["name"] for contact in (await lab.cli("contacts", "list", "--as", "101", *options))["items"]}


async def check_call_and_token(lab: Lab, token: str, *, passed: bool) -> None:
    """See what 101's phone shows, and what a token of the one before opens."""
    lab.call_in("101", CLIENT, name="trunk")
    assert (await lab.phone("101").incoming()).name == ("trunk" if passed else "Мама")
    await lab.quiet()
    assert lab.daemon
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as crm, crm.get(f"{lab.daemon.url}/api/v1/calls") as answer:
        assert answer.status == (401 if passed else 200)


@pytest.mark.parametrize("new", [MARIA, RENAMED])
async def test_another_person_gets_nothing_of_the_one_before(lab: Lab, name: Name, new: str) -> None:
    """The control is a renaming, which takes nothing away."""
    await name(IVAN)
    (before,) = await people(lab, 101)
    await lab.know("Мама", CLIENT, owner="101")
    shared = ("--name", "Фирма", "--number", FIRM, "--manager", "101", "--as", "101")
    firm = (await lab.cli("contacts", "add", *shared))["id"]
    await lab.cli("contacts", "favourite", str(firm), "--as", "101")
    token = (await lab.cli("tokens", "create", "crm", "--scope", "calls:read", "--as", "101"))["token"]
    assert await seen(lab) == {"Мама", "Фирма"}

    await name(new)
    (now,) = await people(lab, 101)
    passed = new == MARIA
    assert (now["id"] != before["id"]) == passed
    card = await lab.cli("contacts", "show", str(firm), "--as", "101")
    assert (card["manager_id"], card["created_by_id"]) == (before["id"], before["id"])
    assert (card["manager"], card["created_by"]) == ((None, None) if passed else ("101", "101"))
    assert await seen(lab) == ({"Фирма"} if passed else {"Фирма", "Мама"})
    assert await seen(lab, "--favourites") == (set() if passed else {"Фирма"})
    assert (await lab.cli("lookup", FIRM))["manager"] == ("" if passed else "101")

    await check_call_and_token(lab, token, passed=passed)
    if passed:
        told = await lab.cli("employees", "same", "101", "--yes")
        assert (told["before"], told["after"], told["another"]) == (IVAN, MARIA, False)
    else:
        await lab.cli("employees", "replaced", "101")
    assert await seen(lab) == ({"Фирма", "Мама"} if passed else {"Фирма"})
