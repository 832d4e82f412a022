"""Click-to-call over HTTP: from the request to the INVITE at the agent's phone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from http import HTTPStatus

import aiohttp

from tests.bench.figures import Figure, figure
from tests.bench.options import Options
from tests.bench.pbx import bench_lab
from tests.lab.lab import Lab
from tests.lab.phone import rejecting
from tests.lab.processes import until

AGENTS = ("101", "102", "103", "104")
_CALLS_A_ROUND = 20
_PATIENCE_SECONDS = 10.0
_MILLISECONDS = 1e3


async def measure(options: Options) -> AsyncIterator[Figure]:
    """One call after another, each refused by the agent's phone at once."""
    invited: list[float] = []
    accepted: list[float] = []
    async with bench_lab() as lab:
        daemon = await lab.pbxd({"dialing": {"calls_per_minute": 0}})
        token = (await daemon.cli("tokens", "create", "bench", "--scope", "calls:make"))["token"]
        for agent in AGENTS:
            lab.phone(agent).behaviour = rejecting(486)
        async with aiohttp.ClientSession(daemon.url, headers={"Authorization": f"Bearer {token}"}) as http:
            await _one_call(lab, http, AGENTS[0])  # the first of everything is slow
            for place in range(options.rounds * _CALLS_A_ROUND):
                took, answered = await _one_call(lab, http, AGENTS[place % len(AGENTS)])
                invited.append(took * _MILLISECONDS)
                accepted.append(answered * _MILLISECONDS)
    yield figure("click-to-call, HTTP request to the agent's INVITE", invited, "ms", goal=25)
    yield figure("click-to-call, HTTP request to its answer (202)", accepted, "ms")


async def _one_call(lab: Lab, http: aiohttp.ClientSession, agent: str) -> tuple[float, float]:
    """Return seconds until the phone had the INVITE, and until the request was answered.

    While pbxd hasn't heard yet that the agent's last call is over it says so (409), and is asked again.
    """
    tried = time.time()
    while True:
        began = time.time()
        async with http.post("/api/v1/calls", json={"agent": agent, "target": "+79161234567"}) as answer:
            answered = time.time()
        if answer.status != HTTPStatus.CONFLICT or began > tried + _PATIENCE_SECONDS:
            break
        await asyncio.sleep(0.01)
    answer.raise_for_status()
    call = await lab.phone(agent).incoming()
    await until(lambda: lab.phone(agent).calls[-1].state == "ended", "the end of the refused call")
    return call.times["new"] - began, answered - began
