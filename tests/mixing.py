"""The order of the tests: files that wait for phones between those that compute, so that no core idles meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest


def mixed(tests: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the tests with those of each file together, and the files that use the lab spread evenly over the others.

    Each worker begins with an equal part of the list, and all of them would wait for phones at the same time.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for test in tests:
        files.setdefault(test.path, []).append(test)
    kinds: tuple[list[list[pytest.Item]], ...] = ([], [])
    for file in files.values():
        kinds[any(test.get_closest_marker("lab") for test in file)].append(file)
    placed: list[tuple[float, list[pytest.Item]]] = []
    for kind in kinds:
        total, before = sum(map(len, kind)), 0
        for file in kind:
            placed.append(((before + len(file) / 2) / total, file))
            before += len(file)
    placed.sort(key=lambda each: each[0])
    return [test for _place, file in placed for test in file]
