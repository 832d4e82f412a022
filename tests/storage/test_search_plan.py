from __future__ import annotations

import pytest

from pbxd.storage.search.plan import Plan, choose


@pytest.mark.parametrize(
    ("found", "newest", "length", "plan"),
    [
        (0, 0, 51, "hits"),
        (51, 100, 51, "hits"),  # a page
        (1_000, 1_000_000, 51, "hits"),
        (1_500, 1_000_000, 51, "index-and-hits"),
        (39_000, 1_000_000, 51, "index-and-hits"),
        (40_000, 1_000_000, 51, "index-and-cards"),
        (1_000_000, 1_000_000, 51, "index-and-cards"),
    ],
)
def test_how_a_sorted_page_is_read(found: int, newest: int, length: int, plan: Plan) -> None:
    assert choose(found, newest, length) == plan
