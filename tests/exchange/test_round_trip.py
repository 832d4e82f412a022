"""Whatever stands in contacts comes back from every format as it was, and says that nothing was left out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxd.book.contacts import Contact, ContactDraft, checked
from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employees import Employee
from pbxd.book.fields import BUILT_IN
from pbxd.exchange import tables, writing
from pbxd.exchange.columns import Headings
from pbxd.exchange.row_drafts import How, Read, RowReader
from pbxd.numbers import NumberRules
from tests.contact_drafts import drafts

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
PEOPLE = EmployeeLookup([Employee("101", "Иванова Анна"), Employee("102", "Петров Пётр")])
TODAY = date(2026, 11, 29)


def plain(draft: ContactDraft) -> dict[str, Any]:
    """Return a draft without how its numbers were typed."""
    return asdict(replace(draft, numbers=tuple(replace(number, typed="") for number in draft.numbers)))


def came_back(listed: Sequence[ContactDraft], file: Path) -> list[dict[str, Any]]:
    """Write contacts and read them again."""

    async def some() -> AsyncIterator[Sequence[Contact]]:
        yield [
            Contact(place, created=datetime(2026, 1, 1, tzinfo=UTC), **values(draft))
            for place, draft in enumerate(listed, start=1)
        ]

    asyncio.run(writing.export(file, some(), BUILT_IN))
    table = tables.open_table(file, sheet="", headings=Headings(), low_memory=False)
    reader = RowReader(table.columns, RULES, BUILT_IN, PEOPLE, How(today=TODAY))
    found = [reader.read(row, texts) for row, texts in table.rows]
    assert [each for each in found if not isinstance(each, Read) or each.left_out] == []
    return [plain(each.draft) for each in found if isinstance(each, Read)]


def values(draft: ContactDraft) -> dict[str, Any]:
    return {field.name: getattr(draft, field.name) for field in BUILT_IN}


@pytest.mark.parametrize("ending", ["csv", "vcf", "xlsx"])
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(listed=st.lists(drafts(), min_size=1, max_size=5))
def test_what_was_written_is_read_as_it_was(tmp_path: Path, ending: str, listed: list[ContactDraft]) -> None:
    good = [checked(draft) for draft in listed]
    for found, draft in zip(came_back(good, tmp_path / f"a.{ending}"), good, strict=True):
        assert found == plain(draft)
