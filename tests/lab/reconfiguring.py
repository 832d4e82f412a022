"""Changing the running Asterisk's configuration for the length of a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.lab.lab import Lab
from tests.lab.ports import HOST
from tests.lab.processes import until


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


async def until_listening(port: int) -> None:
    """Wait until Asterisk listens at a port it was told of."""

    async def listens() -> bool:
        try:
            _reader, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            return False
        writer.close()
        return True

    await until(listens, f"Asterisk to listen at {port}")
