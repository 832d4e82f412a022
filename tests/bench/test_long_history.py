"""The history ten times as long as `make bench` has it: 14 GB in .bench, made once."""

from __future__ import annotations

import pytest

from tests.bench import history
from tests.bench.options import Options


@pytest.mark.alone
@pytest.mark.soak
async def test_ten_million_calls_are_listed_nearly_as_fast_as_one() -> None:
    found = [each async for each in history.of(10_000_000, 50, Options(rounds=3))]
    assert [each for each in found if not each.ok] == []
