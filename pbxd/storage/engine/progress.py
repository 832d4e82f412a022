"""How a long piece of work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[int, int], None]  # how many are done, and of how many


def silent(_done: int, _total: int) -> None:
    """Report nothing."""
