"""What a recorded flow plays on: the lab, and the words flows are told in."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.lab.call import Call
from tests.lab.lab import Lab
from tests.lab.phone import Phone
from tests.lab.processes import until

CLIENT = "89161112233"  # as the trunk writes it: +79161112233
OTHER = "89035556677"  # somebody else outside
TALK = 1.5  # seconds


class Stage:
    """`client` is the far side of the trunk: it calls our numbers and takes what we dial outside."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.client = lab.trunk
        self.journal: Path = lab.folder / "log" / "cel-custom" / "cel.csv"

    def phone(self, name: str) -> Phone:
        """Return the phone of an extension; "106b" is the second device of 106."""
        return self.lab.phone(name)

    def calls_us(self, number: str, caller: str = CLIENT) -> Call:
        """Let the client call one of our numbers +7 495 123 XXXX."""
        return self.client.dial(f"7495123{number}", caller=caller)

    async def until_waiting(self, queue: str) -> None:
        """Wait until somebody waits in a queue without any phone ringing for him."""

        async def waits() -> bool:
            return bool(await self.lab.queue_order(queue))

        await until(waits, f"a caller in {queue}")

    async def channel(self, name: str) -> str:
        """Return the one channel of an endpoint, or the first whose name begins so."""
        begin = name if "/" in name else f"PJSIP/{name}-"
        return next(row["Channel"] for row in await self.lab.channels() if row["Channel"].startswith(begin))

    async def redirect(self, name: str, exten: str) -> None:
        """Let a program send a channel elsewhere in the employees' dialplan."""
        await self.lab.ami_action(
            "Redirect", Channel=await self.channel(name), Context="from-internal", Exten=exten, Priority="1"
        )

    async def bridge(self, one: str, other: str) -> None:
        """Let a program join two channels, which leave what they were in."""
        await self.lab.ami_action("Bridge", Channel1=await self.channel(one), Channel2=await self.channel(other))

    async def until_silent(self) -> None:
        """Wait for the last hang-up."""

        async def silent() -> bool:
            return not await self.lab.channels()

        await until(silent, "the last hang-up", timeout=60)

    def reset(self) -> None:
        for phone in self.lab.phones.values():
            phone.reset()


async def a_while(seconds: float) -> None:
    """Let the people of a flow ring, talk or wait."""
    await asyncio.sleep(seconds)


async def talk(one: Call, other: Call) -> None:
    """Let two talk for a while once the first hears the second."""
    await one.until_hears(other)
    await a_while(TALK)


async def converse(caller: Call, phone: Call, *, ring: float = 1.0) -> None:
    """Let the phone ring for a second, take the call and talk."""
    await a_while(ring)
    phone.answer()
    await talk(caller, phone)


async def taken_over(client: Call, phone: Call) -> None:
    """Let the one who got the call ring a second, answer, talk, and let the client end it."""
    await converse(client, phone)
    client.hangup()
