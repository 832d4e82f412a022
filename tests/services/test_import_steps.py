"""The steps of an import while something is under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pbxd.book.employees import Employee
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from pbxd.services.files import import_steps, imports
from pbxd.services.files.import_steps import CheckAgain
from pbxd.services.files.upload_files import Upload
from pbxd.services.files.uploads import Uploads
from pbxd.services.workspace import Workspace
from pbxd.storage.book.employees import Employees
from tests.actors import ADMINISTRATOR, agent
from tests.http.conftest import in_process

GOOD = "ФИО;Телефон\nФронкин Игорь;8 916 000-00-01\n"
AGAIN = CheckAgain(personal=False, existing="skip", columns={0: "name", 1: "number"})
ANNA = agent("101")


class Desk:
    """Uploads whose work waits until it is let go."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self.folder, self.workspace = folder, workspace
        self.go = asyncio.Event()
        self.go.set()
        self._waiting = 0
        self.uploads = Uploads(workspace, folder, 1, patience=0.05, run=self._run)

    async def _run(self, *order: Any) -> Any:  # noqa: ANN401 - what the job returns
        self._waiting += 1
        try:
            await self.go.wait()
        finally:
            self._waiting -= 1
        return await in_process(*order)

    def checking(self) -> int:
        """How many jobs wait to be let go."""
        return self._waiting

    async def upload(self, text: str = GOOD, **more: Any) -> int:  # noqa: ANN401 - fields of an upload
        async with self.uploads.arriving() as folder:
            file = folder / "upload.csv"
            await asyncio.to_thread(file.write_text, text)
            return await import_steps.begin(self.uploads, ANNA, file, Upload(name="a.csv", caller="user 1", **more))

    async def state(self, import_id: int) -> str:
        return (await import_steps.show(self.uploads, ANNA, import_id, "user 1")).found.listed.state

    async def until(self, import_id: int, state: str) -> None:
        while await self.state(import_id) != state:  # noqa: ASYNC110 - a row of the database
            await asyncio.sleep(0.01)


@pytest.fixture
async def desk(workspace: Workspace, tmp_path: Path) -> AsyncIterator[Desk]:
    await Employees(workspace.database).upsert([Employee("101", "Анна"), Employee("102", "Борис")], source="list")
    made = Desk(workspace, tmp_path / "uploads")
    yield made
    made.go.set()
    await made.uploads.stop()


async def test_a_check_under_way_ends_when_another_begins(desk: Desk) -> None:
    desk.go.clear()
    import_id = await desk.upload()
    assert await desk.state(import_id) == "checking"
    await import_steps.check_again(desk.uploads, ANNA, import_id, "user 1", AGAIN)
    desk.go.set()
    await desk.until(import_id, "checked")
    assert (await imports.shown(desk.workspace, ANNA, import_id)).counts["created"] == 1


async def test_two_checks_at_once_end_as_the_later_one_and_nothing_else_is_under_way(desk: Desk) -> None:
    import_id = await desk.upload()
    await desk.until(import_id, "checked")
    desk.go.clear()
    adding = CheckAgain(personal=False, existing="add", columns=AGAIN.columns)
    checks = [import_steps.check_again(desk.uploads, ANNA, import_id, "user 1", each) for each in (AGAIN, adding)]
    await asyncio.gather(*checks)
    assert desk.checking() == 1, "the earlier check has ended"
    with pytest.raises(ConflictError):
        await desk.uploads.commit(ANNA, import_id, "user 1")
    shown = await import_steps.show(desk.uploads, ANNA, import_id, "user 1")
    assert (shown.found.rows_done, shown.upload and shown.upload.existing) == (0, "add")
    desk.go.set()
    await desk.until(import_id, "checked")
    assert (await import_steps.show(desk.uploads, ANNA, import_id, "user 1")).found.report["created"] == 1


async def test_who_waits_for_a_check_that_another_one_ends_is_told_no_error(desk: Desk) -> None:
    desk.go.clear()
    desk.uploads.patience = 60
    uploading = asyncio.create_task(desk.upload())
    while not (there := await imports.listed(desk.workspace, ANNA)) or not desk.checking():  # noqa: ASYNC110 - a row of the database
        await asyncio.sleep(0.01)
    desk.uploads.patience = 0
    await import_steps.check_again(desk.uploads, ANNA, there[0].id, "user 1", AGAIN)
    assert await uploading == there[0].id
    desk.go.set()
    await desk.until(there[0].id, "checked")


async def test_what_ends_late_leaves_the_next_work_alone(desk: Desk) -> None:
    desk.go.clear()
    import_id = await desk.upload()
    upload = Upload(name="a.csv", caller="user 1")
    earlier = desk.uploads._working[import_id]
    later = desk.uploads.begin_check(ANNA, import_id, upload, keeps=True)
    earlier.task.cancel()
    await asyncio.wait({earlier.task})
    assert desk.uploads._working[import_id] is later


async def test_a_commit_under_way_is_neither_checked_again_nor_discarded(desk: Desk) -> None:
    import_id = await desk.upload()
    await desk.until(import_id, "checked")
    desk.go.clear()
    await desk.uploads.commit(ANNA, import_id, "user 1", patience=0)
    with pytest.raises(ConflictError):
        await import_steps.check_again(desk.uploads, ANNA, import_id, "user 1", AGAIN)
    with pytest.raises(ConflictError):
        await import_steps.discard(desk.uploads, ANNA, import_id, "user 1")
    desk.go.set()
    await desk.until(import_id, "done")


async def test_whom_an_upload_concerns_follows_the_choice(desk: Desk) -> None:
    import_id = await desk.upload()
    await desk.until(import_id, "checked")
    assert len(await imports.listed(desk.workspace, agent("102"))) == 1
    personal = CheckAgain(personal=True, existing="skip", columns={})
    await import_steps.check_again(desk.uploads, ANNA, import_id, "user 1", personal)
    await desk.until(import_id, "checked")
    assert len(await imports.listed(desk.workspace, agent("102"))) == 0
    shared = CheckAgain(personal=False, existing="skip", columns={})
    for asked in (personal, shared):  # what it is counts, not what it would be
        with pytest.raises(RefusedError, match="personal"):
            await import_steps.check_again(desk.uploads, ADMINISTRATOR, import_id, "user 2", asked)
    await import_steps.check_again(desk.uploads, ANNA, import_id, "user 1", shared)
    await desk.until(import_id, "checked")
    with pytest.raises(RefusedError, match="personal"):
        await import_steps.check_again(desk.uploads, ADMINISTRATOR, import_id, "user 2", personal)
    await import_steps.check_again(desk.uploads, ADMINISTRATOR, import_id, "user 2", shared)
    await desk.until(import_id, "checked")
    with pytest.raises(InvalidInputError):
        await import_steps.check_again(desk.uploads, ADMINISTRATOR, import_id, "user 1", personal)


async def test_a_discarded_check_leaves_nothing(desk: Desk) -> None:
    desk.go.clear()
    import_id = await desk.upload()
    await import_steps.discard(desk.uploads, ANNA, import_id, "user 1")
    with pytest.raises(NotFoundError):
        await desk.state(import_id)
    assert list(desk.folder.iterdir()) == []
    with pytest.raises(InvalidInputError):
        await desk.upload("")
    assert list(desk.folder.iterdir()) == []
    assert await imports.listed(desk.workspace, ADMINISTRATOR) == []


async def test_a_file_that_is_gone_is_said(desk: Desk) -> None:
    import_id = await desk.upload()
    await desk.until(import_id, "checked")
    (desk.folder / str(import_id) / "upload.csv").unlink()
    with pytest.raises(ConflictError, match="upload it again"):
        await import_steps.check_again(desk.uploads, ANNA, import_id, "user 1", AGAIN)
