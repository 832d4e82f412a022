"""Changing the running Asterisk's configuration for the length of a block."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.lab.lab import Lab


@asynccontextmanager
async def changed(lab: Lab, file: str, change: Callable[[str], str], *reload: str) -> AsyncIterator[None]:
    """Rewrite a file of Asterisk's etc folder and run console commands; afterwards the same with the former text."""
    path = lab.asterisk.run / "etc" / file
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before, f"{file} was to be changed"
    path.write_text(after, encoding="utf-8")
    try:
        for command in reload:
            await lab.command(command)
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        for command in reload:
            await lab.command(command)
