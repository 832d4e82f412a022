"""README's examples, run as printed: in a shell, one after the other, with [dialing] as shipped, on a real Asterisk."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import sys
from itertools import groupby
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from pbxd import cli
from pbxd.settings import DialingSettings
from tests.lab import Lab
from tests.lab.call import Call
from tests.lab.daemon import Daemon
from tests.lab.phone import answering

pytestmark = pytest.mark.lab

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```sh\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("pbxd ")]
IN_SHELL = ("pbxd call ", "pbxd doctor")  # these want signals, or may end in a failure
CURL = next(block for block in BLOCKS if block.startswith("curl "))
TOKEN = re.search(r"`(pbxd tokens create [^`]+)`", README.read_text("utf-8"))
PEOPLE = "extension,name,mobile,did,email,department\n101,Анна,89160000101,,anna@example.com,sales\n"


def conversation(call: Call) -> None:
    """Answer, and hang up after the digits of an extension were keyed."""
    call.ring()
    call.answer()
    call.later(3, call.hangup)


async def shell(daemon: Daemon, line: str, **variables: str) -> tuple[int | None, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "LANG": "C.UTF-8", "PBXD_CONFIG": str(daemon.file), **variables}
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", line, cwd=daemon.folder, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(120):
        out, _none = await process.communicate()
    return process.returncode, out.decode()


def in_process(line: str) -> tuple[int, str]:
    """Run a line as the shell would, without the cost of a process for each command."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    for end, commands in groupby(words, key=";".__eq__):
        done = None if end else CliRunner().invoke(cli.pbxd, list(commands)[1:])
        if done and done.exit_code:
            return done.exit_code, f"{done.output} {done.exception!r}"
    return 0, ""


def fill(file: Path) -> None:
    """Fill the template's sheet as its user would: one good row, one without a readable number."""
    book = openpyxl.load_workbook(file)
    sheet = book["Контакты"]
    for name, number in (("Иванова", "89160000055"), ("Петров", "нет")):
        sheet.append([name, number])
    book.save(file)


def correct(file: Path) -> None:
    book = openpyxl.load_workbook(file)
    sheet = book.worksheets[0]
    for cell in (cell for row in sheet.iter_rows() for cell in row if cell.value == "нет"):
        cell.value = "89160000056"
    book.save(file)


async def test_the_examples_run_as_printed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = await lab.pbxd()
    monkeypatch.chdir(daemon.folder)
    monkeypatch.setenv("PBXD_CONFIG", str(daemon.file))
    assert set(daemon.config["dialing"]) == {"company_number"}
    shipped = DialingSettings()
    assert [shipped.allow_emergency, shipped.allow_premium, shipped.allow_foreign] == [False] * 3
    lab.phone("101").behaviour = answering()
    lab.trunk.behaviour = conversation
    (daemon.folder / "people.csv").write_text(PEOPLE, "utf-8")
    assert any(line.startswith("pbxd call ") for line in COMMANDS)
    for line in COMMANDS:
        if line.startswith("pbxd contacts import clients.xlsx --dry-run"):
            fill(daemon.folder / "clients.xlsx")
        elif line.startswith("pbxd contacts import bad.xlsx"):
            correct(daemon.folder / "bad.xlsx")
        if line.startswith(IN_SHELL):
            status, out = await shell(daemon, line)
            await lab.until_free()
        else:
            status, out = await asyncio.to_thread(in_process, line)
        assert status == 0 or line.startswith("pbxd doctor"), (line, out)  # doctor has something to say of a lab
        assert "Traceback" not in out, line


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_example_for_another_application_calls(lab: Lab) -> None:
    daemon = await lab.pbxd()
    lab.phone("101").behaviour = answering()
    assert TOKEN
    _status, token = await shell(daemon, TOKEN[1])
    command = CURL.replace("http://127.0.0.1:8573", daemon.url)
    assert command != CURL
    status, out = await shell(daemon, command, TOKEN=token.split()[-1])
    assert (status, json.loads(out)["state"]) == (0, "ringing-agent"), out
    assert (await lab.trunk.answered()).dialled == "89161234567"
