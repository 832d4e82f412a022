"""The FastAGI server as a process of its own: prints its port, then its counters for every line it is sent."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

import uvloop

from pbxd import logs
from pbxd.asterisk.agi.commands import AgiCommand, set_variables
from pbxd.asterisk.agi.protocol import AgiRequest
from pbxd.asterisk.agi.server import FastAgiServer
from pbxd.settings import AgiSettings, LogSettings
from tests.asterisk.agi_peers import HOST, keep_to_a_core


def plain_answer(request: AgiRequest) -> Sequence[AgiCommand]:
    """Answer with the number that was asked about."""
    return [set_variables({"PBXD_STATUS": "unknown", "PBXD_CONTACT": request.caller_number})]


async def serve() -> None:
    """Serve on a free port until the end of the input."""
    logs.configure(LogSettings())
    server = FastAgiServer(AgiSettings(listen=f"{HOST}:0"), plain_answer)
    counters = server.counters
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve())
        await server.ready.wait()
        print(server.port, flush=True)
        while await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
            print(json.dumps({name: getattr(counters, name) for name in counters.__slots__}), flush=True)
        serving.cancel()


if __name__ == "__main__":
    keep_to_a_core(0)
    uvloop.run(serve())
