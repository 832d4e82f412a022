"""What the dialplan feels: the daemon's FastAGI server asked without Asterisk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def asking(port: int) -> AsyncIterator[list[float]]:
    """Look a known number up a hundred times a second meanwhile, and note how long each took, seconds."""
    took: list[float] = []

    async def repeat() -> None:
        while True:
            began = time.perf_counter()
            await ask(port, 79_000_000_000)
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(repeat())
        yield took
        task.cancel()


async def ask(port: int, number: int) -> bytes:
    """Look a number up; return the first command of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [
        "agi_network: yes",
        "agi_request: agi://127.0.0.1/lookup",
        "agi_network_script: lookup",
        "agi_channel: PJSIP/trunk-00000000",
        f"agi_callerid: +{number}",
        "agi_calleridname: x",
        "",
        "",
    ]
    writer.write("\n".join(lines).encode())
    answer = await reader.readline()
    writer.close()
    return answer


def p99(values: list[float]) -> float:
    """Return what 99 of 100 stay below."""
    return sorted(values)[int(len(values) * 0.99)]
