"""Parts of pbxd beside the lab's Asterisk, in the test's own process: a real AMI link, translated as in the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager

from pbxd.asterisk.ami.actions import Headers
from pbxd.asterisk.ami.client import AmiClient, Packet
from pbxd.asterisk.pbx import AsteriskPbx
from pbxd.calls.events import Event
from pbxd.faults import Faults
from pbxd.settings import AsteriskSettings, Settings
from tests.lab import Lab
from tests.lab.lab import COMPANY_NUMBER
from tests.lab.processes import until


class WatchedAmi(AmiClient):
    """The real client; what it asked is kept."""

    asked: list[tuple[str, Headers]]

    async def action(self, name: str, headers: Headers = {}, *, timeout: float | None = None) -> Packet:  # noqa: ASYNC109, B006
        self.asked.append((name, headers))
        return await super().action(name, headers, timeout=timeout)

    def times_asked(self, name: str) -> int:
        return sum(asked == name for asked, _headers in self.asked)


class Beside:
    """A link with the shipped rights; every event goes to `feeds` in order, as in the daemon."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.feeds: list[Callable[[Event], None]] = []
        self.events: list[Event] = []
        user = lab.asterisk.user
        settings = AsteriskSettings(
            port=lab.asterisk.ami_port, username=user.name, reconnect_first_seconds=0.05, reconnect_longest_seconds=0.2
        )
        self.pbx = AsteriskPbx(Settings(asterisk=settings), user.secret, Faults(), client=WatchedAmi)
        ami = self.pbx.ami
        assert isinstance(ami, WatchedAmi)
        self.ami = ami
        self.ami.asked = []

    async def read(self) -> None:
        """Give every event to the feeds, for ever."""
        while True:
            for event in await self.pbx.take(200):
                self.events.append(event)
                for feed in self.feeds:
                    feed(event)

    async def cut(self) -> None:
        """Lose the AMI link, as a restarted network would; it comes back by itself."""
        link = self.ami._link
        assert link is not None
        link.cut("test")
        await until(lambda: not self.ami.connected, "the link to be lost")


@asynccontextmanager
async def beside(lab: Lab) -> AsyncIterator[Beside]:
    link = Beside(lab)
    async with running(link.ami.run(), link.read()):
        await until(lambda: link.ami.connected, "the AMI link")
        yield link


@asynccontextmanager
async def running(*roots: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run root tasks while the block lasts; one that fails fails the test."""
    tasks = [asyncio.create_task(root) for root in roots]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    errors = [result for result in results if isinstance(result, Exception)]
    if errors:
        raise errors[0]


def settings_with(changes: Mapping[str, object]) -> Settings:
    """Settings with the lab's company number and changes to [dialing]."""
    return Settings.model_validate({"dialing": {"company_number": COMPANY_NUMBER, **changes}})
