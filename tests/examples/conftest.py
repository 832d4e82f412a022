"""The HTTP server of `tests/http`, and programs beside it that know only its address and a token."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pbxd import cli
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from tests.api.examples import add, conversation
from tests.api.test_events import ringing
from tests.http.conftest import House, house
from tests.http.conftest import empty_book as empty_book

ROOT = Path(__file__).parents[2]
CLIENT = "+79161234567"


@pytest.fixture
async def office(tmp_path: Path, empty_book: Path) -> AsyncIterator[House]:
    """pbxd with the employee 101, and the client who calls; clicked calls are answered at once."""
    async with house(tmp_path, empty_book) as built:
        await Employees(built.database).upsert([Employee("101", "Анна")], source="list")
        await add(built, ContactDraft("Василий Клиентов", numbers=(ContactNumber(CLIENT),)))
        (tmp_path / "pbxd.toml").write_text('[database]\nurl = "sqlite+aiosqlite:///book.db"\n', "utf-8")
        answering = asyncio.create_task(_answer_calls(built))
        yield built
        answering.cancel()


async def _answer_calls(pbxd: House) -> None:
    """Have each clicked call talked and hung up."""
    done: set[str] = set()
    while True:
        legs = [one["ChannelId"] for session in pbxd.pbx.sessions for one in session.actions if "ChannelId" in one]
        for leg in legs:
            if leg not in done:
                done.add(leg)
                await asyncio.sleep(0.05)
                for event in conversation(leg):
                    pbxd.click_to_call.feed(event)
        await asyncio.sleep(0.02)


async def command(pbxd: House, *arguments: str) -> str:
    """Run a command of pbxd's; return what it prints."""
    ran = await asyncio.to_thread(
        CliRunner().invoke, cli.pbxd, ["--config", str(pbxd.settings.folder / "pbxd.toml"), *arguments]
    )
    assert ran.exit_code == 0, ran.output
    return ran.output.strip()


async def ring(pbxd: House, number: int = 1) -> None:
    """Have the client ring 101."""
    await Calls(pbxd.database).upsert([ringing(number, "101")])


def surroundings(pbxd: House, token: str, **more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "LANG": "C.UTF-8", "PBXD": f"http://127.0.0.1:{pbxd.server.port}", "TOKEN": token, **more}


@asynccontextmanager
async def running(
    program: Sequence[str], environment: Mapping[str, str], folder: Path, text: str = ""
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program in a process group that is killed at the end, if it still runs."""
    process = await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "KILL", "--", *program, cwd=folder, env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdin
    if text:
        process.stdin.write(text.encode())
        process.stdin.write_eof()
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # a shell's children too
        await process.communicate()


async def output(program: Sequence[str], environment: Mapping[str, str], folder: Path, text: str = "") -> str:
    """Run a program to its end; return what it printed. Fails if it does."""
    async with asyncio.timeout(60), running(program, environment, folder, text) as process:
        assert process.stdout
        printed = (await process.stdout.read()).decode()
        assert await process.wait() == 0, printed
    return printed


async def says(process: asyncio.subprocess.Process, what: str) -> str:
    """Read lines until one has a text; return it."""
    assert process.stdout
    seen = []
    async with asyncio.timeout(30):
        while line := (await process.stdout.readline()).decode():
            seen.append(line)
            if what in line:
                return line
    raise AssertionError("".join(seen))


async def contact_of(pbxd: House, number: str) -> dict[str, Any]:
    """Return the only contact that has a number."""
    async with pbxd.local.get("/api/v1/contacts", params={"number": number}) as answer:
        [found] = (await answer.json())["items"]
        assert isinstance(found, dict)
        return found
