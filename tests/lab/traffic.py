"""Calls that keep coming: clients call, are answered or missed, and are called, until it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence

from tests.lab.call import Call
from tests.lab.lab import Lab
from tests.lab.phone import Phone
from tests.lab.processes import LabError

AGENTS = ("101", "102", "103", "104")
TARGETS = ("sales", "sales", "ringall", "101", "101", "102", "103")  # keys of NUMBERS; the company's main queue most
KEPT = 50  # calls that a phone remembers


class Traffic:
    """The day of a small company, `hurry` times as fast. The agents' phones answer by themselves."""

    def __init__(self, lab: Lab, clients: Sequence[str], *, hurry: float = 1.0, seed: int = 1) -> None:
        self.lab = lab
        self.clients = clients  # numbers as the trunk writes them
        self.hurry = hurry
        self.random = random.Random(seed)

    async def run(self) -> None:
        """Let calls come until cancelled."""
        async with asyncio.TaskGroup() as group:
            for extension in AGENTS:
                group.create_task(self._work(self.lab.phone(extension)))
            group.create_task(self._answer_outside())
            while True:
                group.create_task(self._call_in(self.random.choice(self.clients)))
                await self._wait(4, 12)
                if self.random.random() < 0.3:
                    group.create_task(self._call_out(self.random.choice(self.clients)))

    async def _work(self, phone: Phone) -> None:
        """Answer most calls of one phone, after a while in which it rings; talk, hold now and then, hang up."""
        while True:
            with contextlib.suppress(LabError):
                call = await phone.incoming()
                await self._wait(2, 6)
                await self._talk(call)
            _forget(phone)

    async def _talk(self, call: Call) -> None:
        if call.ended_by or self.random.random() < 0.2:  # too late, or nobody is at the desk
            return
        call.answer()
        await call.until_talking()
        await self._wait(4, 10)
        if self.random.random() < 0.2:
            call.hold()
            await self._wait(2, 4)
            call.unhold()
        await self._wait(2, 10)
        call.hangup()

    async def _answer_outside(self) -> None:
        """Be the clients whom agents call."""
        while True:
            with contextlib.suppress(LabError):
                call = await self.lab.trunk.incoming()
                await self._wait(1, 3)
                if self.random.random() < 0.8:
                    call.answer()
                else:
                    call.reject(486)

    async def _call_in(self, client: str) -> None:
        """Call from outside; who isn't answered gives up."""
        call = self.lab.call_in(self.random.choice(TARGETS), client)
        with contextlib.suppress(LabError):
            await call.until_talking(timeout=25 / self.hurry)
            await call.until_ended(timeout=60 / self.hurry)
        call.hangup()
        _forget(self.lab.trunk)

    async def _call_out(self, client: str) -> None:
        """Call a client from an agent's phone."""
        call = self.lab.phone(self.random.choice(AGENTS)).dial(client)
        with contextlib.suppress(LabError):
            await call.until_talking(timeout=25 / self.hurry)
            await self._wait(4, 12)
        call.hangup()

    async def _wait(self, least: float, most: float) -> None:
        await asyncio.sleep(self.random.uniform(least, most) / self.hurry)


def _forget(phone: Phone) -> None:
    """Let a phone that works all day remember its last calls only."""
    if len(phone.calls) > KEPT:
        phone.calls[:-KEPT] = [call for call in phone.calls[:-KEPT] if not call.ended_by]
