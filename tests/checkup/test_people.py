"""What doctor finds of extensions that passed to somebody else."""

from __future__ import annotations

from pathlib import Path

from pbxd.book.employees import Employee
from pbxd.checkup.people import passed
from pbxd.settings import Settings
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database


async def test_the_extensions_of_the_last_month_are_listed_with_what_corrects_them(tmp_path: Path) -> None:
    settings = Settings.model_validate({"database": {"url": "sqlite+aiosqlite:///book.db"}})
    settings = settings.model_copy(update={"folder": tmp_path})
    assert (await passed(settings)).status == "skipped"
    async with await Database.open(settings.database_url, create=True) as database:
        employees = Employees(database)
        people = [Employee("101", "Иван Петров"), Employee("102", "Анна Белова"), Employee("103", "Agent 103")]
        await employees.upsert(people, source="list")
        assert (await passed(settings)).message == "no extension passed to somebody else in the last 30 days"
        people = [Employee("101", "Мария Сидорова"), Employee("102", "Анна Орлова"), Employee("103", "Олег")]
        await employees.upsert(people, source="list")
    found = await passed(settings)
    assert (found.check, found.status) == ("people", "ok")
    assert found.message == (
        "to another person: 101 (Иван Петров → Мария Сидорова); if it is one person: pbxd employees same EXT; "
        "another name: 102 (Анна Белова → Анна Орлова); if it is another person: pbxd employees replaced EXT"
    )
