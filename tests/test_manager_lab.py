"""A caller's manager is rung first, if he is free, and then the queue: the shipped dialplan on a real Asterisk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.lab import Lab
from tests.lab.call import Call
from tests.lab.phone import redirecting, rejecting
from tests.lab.processes import until
from tests.test_dialplan_lab import Answerer

pytestmark = pytest.mark.lab

VIP, OTHER = "89161234567", "89160000000"
AT_ONCE = 4.0  # seconds, on a busy machine; the manager would be rung for five
FOUND = {"PBXD_STATUS": "found", "CALLERID(name)": "Фронкин", "PBXD_MANAGER": "102", "QUEUE_PRIO": "10"}


class Office:
    """A book that knows everybody who comes through the trunk as a VIP whose manager is 102; another waits already."""

    def __init__(self, lab: Lab, book: Answerer) -> None:
        self.lab = lab
        self.book = book
        self.manager = lab.phone("102")

    async def call(self) -> Call:
        await self.lab.ami_action(
            "Originate", Channel="Local/tone@lab-script/n", Context="lab-queue", Exten="pool", Priority="1",
            CallerID=f"<{OTHER}>", Async="true",
        )  # fmt: skip
        await self.lab.until_waiting("pool", 1)
        return self.lab.call_in("manager-then-pool", VIP)

    async def until_waiting(self, *, first: str = VIP, within: float = AT_ONCE) -> None:
        order = [VIP, OTHER] if first == VIP else [OTHER, VIP]

        async def there() -> bool:
            return await self.lab.queue_order("pool") == order

        await until(there, f"{first} at the head of the queue", timeout=within)


@pytest.fixture
async def office(lab: Lab) -> AsyncIterator[Office]:
    book = Answerer(lab)
    before = await book.get("PBXD_AGI")
    book.answers = FOUND
    await book.start()
    yield Office(lab, book)
    await book.stop()
    await book.set("PBXD_AGI", before)
    await lab.command("database del DND 102")


async def test_a_free_manager_is_rung_first_and_the_call_is_his(office: Office) -> None:
    client = await office.call()
    offered = await office.manager.incoming()
    assert (offered.name, offered.number) == ("Фронкин", VIP)
    assert await office.lab.queue_order("pool") == [OTHER]
    offered.answer()
    await client.until_hears(offered)
    offered.hangup()
    await client.until_ended()
    assert await office.lab.queue_order("pool") == [OTHER]


async def test_without_an_answer_the_queue_has_him_with_his_rank(office: Office) -> None:
    await office.call()
    offered = await office.manager.incoming()
    await offered.until_ended()
    assert 4.5 < offered.times["ended"] - offered.times["new"] < 15  # as long as the dialplan says
    await office.until_waiting()


async def busy(office: Office) -> None:
    office.manager.dial("89990000000")
    await (await office.lab.trunk.incoming()).until_ringing()
    await office.lab.until_in_use("102")


async def quiet(office: Office) -> None:
    await office.lab.command("database put DND 102 YES")


async def away(office: Office) -> None:
    office.book.answers = FOUND | {"PBXD_MANAGER": "105"}


async def unknown_manager(office: Office) -> None:
    office.book.answers = FOUND | {"PBXD_MANAGER": "777"}


async def no_manager(office: Office) -> None:
    office.book.answers = {name: value for name, value in FOUND.items() if name != "PBXD_MANAGER"}


async def hostile(office: Office) -> None:
    office.book.answers = FOUND | {"PBXD_MANAGER": "102&PJSIP/103"}


@pytest.mark.parametrize("state", [busy, quiet, away, unknown_manager, no_manager, hostile])
async def test_a_manager_who_cant_take_it_is_not_waited_for(
    office: Office, state: Callable[[Office], Awaitable[None]]
) -> None:
    await state(office)
    before = len(office.manager.calls)
    await office.call()
    await office.until_waiting()
    assert len(office.manager.calls) == before
    assert not office.lab.phone("103").calls


@pytest.mark.parametrize("behaviour", [rejecting(486), rejecting(603), redirecting("103")])
async def test_a_manager_who_refuses_or_forwards_sends_the_caller_to_the_queue(
    office: Office, behaviour: Callable[[Call], None]
) -> None:
    office.manager.behaviour = behaviour
    await office.call()
    await office.until_waiting()
    assert len(office.manager.calls) == 1
    assert not office.lab.phone("103").calls


async def test_without_a_rank_he_queues_behind(office: Office) -> None:
    """The control of the rank: the same way, and no VIP."""
    office.book.answers = {name: value for name, value in FOUND.items() if name != "QUEUE_PRIO"}
    office.manager.behaviour = rejecting(486)
    await office.call()
    await office.until_waiting(first=OTHER)


async def test_whatever_happens_it_is_one_record(lab: Lab) -> None:
    daemon = await lab.pbxd()
    await lab.know("Фронкин Игорь", VIP, manager="102", vip=True)
    client = lab.call_in("manager-then-pool", VIP)
    offered = await lab.phone("102").incoming()
    offered.answer()
    await client.until_hears(offered)
    offered.hangup()
    await client.until_ended()
    client = lab.call_in("manager-then-pool", VIP)
    await lab.until_waiting("pool", 1)
    client.hangup()
    records: list[dict[str, object]] = []

    async def ended() -> bool:
        records[:] = await daemon.calls()
        return len(records) >= 2 and all(record["ended"] for record in records)

    await until(ended, "both records", every=0.1)
    told = [(record["outcome"], record["answered_by"], record["queues"]) for record in records]
    assert told == [("abandoned", [], ["pool"]), ("answered", ["102"], [])]
