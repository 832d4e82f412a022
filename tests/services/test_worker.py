"""Work in a child process: answers, progress, errors, and its end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from pbxd.errors import InvalidInputError, NotFoundError, RefusedError, UnavailableError
from pbxd.numbers import rules_from
from pbxd.services.files import worker
from pbxd.services.files.exports import ExportContacts
from pbxd.services.files.imports import ImportContacts
from pbxd.services.files.worker import Failure
from pbxd.services.workspace import Workspace
from pbxd.settings import Settings
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from tests.actors import agent
from tests.http.conftest import until


async def test_a_child_imports_and_exports_what_the_parent_sees(database: Database, tmp_path: Path) -> None:
    workspace = Workspace(database, rules_from(Settings()))
    file = tmp_path / "a.csv"
    file.write_text("ФИО;Телефоны\n" + "\n".join(f"Клиент {n};8916000{n:04}" for n in range(500)), encoding="utf-8")
    told: list[int] = []
    report = await worker.run(
        workspace, "import", agent("101"), ImportContacts(file=file), lambda done, _of: told.append(done)
    )
    assert (report.created, report.bad) == (500, 0)
    assert told
    assert (await Contacts(database).list(actor=agent("101"), limit=1))[0] == 500
    with pytest.raises(InvalidInputError) as refused:
        await worker.run(workspace, "export-contacts", agent("101"), ExportContacts(file=tmp_path / "a.pdf"))
    assert refused.value.field == "file"


async def test_a_child_that_dies_is_an_error_and_one_that_nobody_waits_for_is_killed(
    database: Database, tmp_path: Path
) -> None:
    workspace = Workspace(database, rules_from(Settings()))
    os.mkfifo(tmp_path / "never.csv")
    before = _children()
    task = asyncio.create_task(
        worker.run(workspace, "import", agent("101"), ImportContacts(file=tmp_path / "never.csv"))
    )
    made = await _new_child(before)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not made & _children()
    task = asyncio.create_task(worker.run(workspace, "undo", agent("101"), 1))
    os.kill((await _new_child(before)).pop(), 9)
    with pytest.raises(UnavailableError):
        await task


async def _new_child(before: set[int]) -> set[int]:
    await until(lambda: bool(_children() - before))
    return _children() - before


def _children() -> set[int]:
    own = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return set(map(int, own.split()))


@pytest.mark.parametrize(
    "error", [InvalidInputError("name", "x"), RefusedError("not-owner", "x"), NotFoundError("x"), UnavailableError("x")]
)
def test_errors_come_through(error: Exception) -> None:
    found = Failure.of(error).error  # type: ignore[arg-type]
    assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))
