"""VipQueues beside the lab's Asterisk, with a book that tests write to."""

from __future__ import annotations

from collections.abc import Callable

from pbxd.actor import Actor
from pbxd.book.contacts import Contact, ContactNumber
from pbxd.calls.events import QueueJoined
from pbxd.lookup.matching import Book, Match
from pbxd.numbers import parse, rules_from
from pbxd.services.queues import VipQueues
from pbxd.settings import QueueSettings, Settings
from tests.actors import ADMINISTRATOR
from tests.asterisk.beside import Beside
from tests.lab.processes import until

RULES = rules_from(Settings())
ONE, TWO, THREE, FOUR = "89160000001", "89160000002", "89160000003", "89160000004"


def card(last: str, *, vip: bool = False) -> Contact:
    return Contact(int(last), f"Клиент {last}", numbers=(ContactNumber(f"+7916000000{last}", main=True),), vip=vip)


class Desk:
    """VipQueues with a book that tests write to; `pool` is a queue without members, so everybody in it waits."""

    def __init__(self, link: Beside, **settings: int) -> None:
        self.link = link
        self.lab = link.lab
        self.ami = link.ami
        self.book = Book.of(card(str(number)) for number in range(1, 5))
        self.settings = QueueSettings.model_validate(settings)
        self.start_anew()

    def start_anew(self, number_of: Callable[[str], str | None] = lambda _uniqueid: None) -> None:
        """Be another process: nothing is remembered but what stands in the book and on the PBX."""
        self.queues = VipQueues(self.link.pbx, self.lookup, self.settings, number_of)
        self.queues.call_of = lambda channel: f"call of {channel}"
        self.link.feeds[:] = [self.queues.feed]

    def lookup(self, text: str) -> Match:
        return self.book.lookup(parse(text, RULES), ADMINISTRATOR)

    def naming(self, text: str, _actor: Actor) -> Match:
        return self.lookup(text)

    async def channels(self, *queues: str) -> list[str]:
        """The ids of the channels that wait, in order."""
        return [entry.channel for queue in queues for entry in await self.link.pbx.waiting(queue)]

    def flag(self, number: str, *, vip: bool = True) -> None:
        self.book.put_contact(card(number[-1], vip=vip))
        self.queues.refresh()

    async def join(self, *numbers: str, queue: str = "pool") -> None:
        for number in numbers:
            await self.originate(number, queue)

    async def originate(self, number: str, queue: str = "pool", **variables: str) -> None:
        before, heard = len(await self.lab.queue_order(queue)), self.heard(number, queue)
        await self.lab.ami_action(
            "Originate",
            {"Variable": [f"{name}={value}" for name, value in variables.items()]},
            Channel="Local/tone@lab-script/n",
            Context="lab-queue",
            Exten=queue,
            Priority="1",
            CallerID=f"<{number}>",
            Async="true",
        )
        await self.lab.until_waiting(queue, before + 1)
        if self.ami.connected:
            await until(lambda: self.heard(number, queue) > heard, "the AMI link to tell of it")

    def heard(self, number: str, queue: str) -> int:
        joined = [one for one in self.link.events if isinstance(one, QueueJoined)]
        return sum((one.number, one.queue) == (number, queue) for one in joined)

    async def leave(self, number: str, queue: str = "pool") -> None:
        entries = await self.lab.admin.listing("QueueStatus", {"Queue": queue})
        (channel,) = [entry["Channel"] for entry in entries if entry.get("CallerIDNum") == number]
        await self.lab.ami_action("Hangup", Channel=channel)
        await self.lab.until_waiting(queue, sum(entry["Event"] == "QueueEntry" for entry in entries) - 1)

    async def until_order(self, *numbers: str, queue: str = "pool") -> None:
        async def holds() -> bool:
            return await self.lab.queue_order(queue) == list(numbers)

        await until(holds, f"the order {numbers}")

    async def priorities(self, queue: str = "pool") -> dict[str, str]:
        entries = await self.lab.admin.listing("QueueStatus", {"Queue": queue})
        return {entry["CallerIDNum"]: entry["Priority"] for entry in entries if entry["Event"] == "QueueEntry"}

    async def settle(self) -> None:
        """Have everything looked at again and wait until that is done."""
        self.queues.refresh()
        await until(lambda: self.queues.settled, "the queues to be looked at")

    @property
    def moves(self) -> int:
        return self.ami.times_asked("QueueChangePriorityCaller")
