"""The main job in five steps, judged from outside pbxd, each with its control: the cause removed, the opposite seen.

A step returns what it saw, in sentences, and raises Unexpected (with what was seen instead) when it isn't so. The demo
narrates them, `tests/test_main_job.py` runs them as tests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tests.lab.call import Call
from tests.lab.cel import CelRow
from tests.lab.lab import COMPANY_NUMBER, Lab
from tests.lab.processes import LabError, tail, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CLIENT = ("Фронкин Игорь", "Ромашка", "+7 916 123-45-67", "89161234567")
VIP = ("Вознесенская Анна", "Тюльпан", "+7 903 555-66-77", "89035556677")
LATE_VIP = ("Щукин Пётр", "Ромашка", "+7 926 000-11-22", "89260001122")
OFFICE = ("Ёлкина Мария", "Василёк", "8 (495) 765-43-21 доб. 123", "84957654321")
NO_EXTENSION = ("Яшин Олег", "Василёк", "8 (495) 765-43-22", "84957654322")
ORDINARY = ("89161110001", "89161110002", "89161110003")
STRANGER = "89169998877"
OTHER_NUMBER = "+74957770000"
EXTENSION = "123"
NO_DIGITS_SECONDS = 3.0  # digits are sent within a second and a half of the answer


class Unexpected(AssertionError):  # noqa: N818 - reads as what it is in a report
    """A step saw something else than it had to see."""


def expect(seen: object, wanted: object, what: str) -> None:
    if seen != wanted:
        raise Unexpected(f"{what}: expected {wanted!r}, seen {seen!r}")


def expect_next(lab: Lab, seen: str, wanted: str, what: str) -> None:
    """Judge who was answered next; Asterisk's own account of its queues stands beside a wrong one."""
    if seen != wanted:
        told = tail(lab.folder / "log/queue_log")
        raise Unexpected(f"{what} is answered next: expected {wanted}, seen {seen}\n{told}")


async def fill_book(lab: Lab) -> dict[str, int]:
    """Add the demo's contacts through the command line; return their ids by name."""
    ids: dict[str, int] = {}
    for name, company, number, _trunk in (CLIENT, VIP, LATE_VIP, OFFICE, NO_EXTENSION):
        flag = ["--vip"] if name == VIP[0] else []
        contact = await lab.cli("contacts", "add", "--name", name, "--company", company, "--number", number, *flag)
        ids[name] = contact["id"]
    return ids


# ---- (a) who is it


async def named(lab: Lab, trunk_number: str) -> str:
    """Call in from a number as the trunk writes it; return the name the agent's phone was offered."""
    client = lab.call_in("sales", trunk_number)
    offered = await lab.phone("101").incoming()
    name = offered.name
    offered.answer()
    await client.until_talking()
    client.hangup()
    await offered.until_ended()
    return name


async def client_is_named(lab: Lab) -> list[str]:
    name = await named(lab, CLIENT[3])
    if CLIENT[0] not in name:
        raise Unexpected(f"the phone should show {CLIENT[0]}, it showed {name!r}")
    stranger = await named(lab, STRANGER)
    if any(person[0] in stranger for person in (CLIENT, VIP, LATE_VIP, OFFICE, NO_EXTENSION)):
        raise Unexpected(f"nobody knows {STRANGER}, but the phone showed {stranger!r}")
    return [
        f"the trunk wrote {CLIENT[3]}; the INVITE at phone 101 said «{name}»",
        f"control, an unknown number {STRANGER}: the INVITE said {stranger!r}",
    ]


# ---- (b) and (c) VIPs first


@asynccontextmanager
async def busy_agent(lab: Lab, queue: str = "sales") -> AsyncIterator[Call]:
    """The only agent talks; yield his call. Whatever still lives afterwards is hung up.

    Asterisk's queue knows it a moment later. To a caller who joins before it tries to give the agent, in vain, and from
    then on counts him as being served (app_queue's `pending`): whoever is behind him then has the same chance as he.
    """
    client = lab.call_in(queue, "89160000000")
    talking = await lab.phone("101").answered()
    await client.until_talking()
    await until(lambda: all_talk(lab, queue), "the queue to know that its agent talks")
    try:
        yield talking
    finally:
        await lab.quiet()


async def all_talk(lab: Lab, queue: str) -> bool:
    """Tell whether every agent of a queue is busy, and nobody waits in it any more."""
    free = [member for member in await lab.members(free=True) if member["Queue"] == queue]
    return not free and not await lab.queue_order(queue)


async def next_answered(lab: Lab, talking: Call, waiting: dict[str, Call]) -> str:
    """End the agent's call; return which waiting caller he talks with next, proved by the caller's voice."""
    talking.hangup()
    offered = await lab.phone("101").answered()
    if offered.number not in waiting:
        raise Unexpected(f"the phone was offered {offered.number!r}, who isn't waiting: {list(waiting)}")
    await offered.until_hears(waiting[offered.number])
    return offered.number


async def wait_in_line(lab: Lab, queue: str, numbers: tuple[str, ...]) -> dict[str, Call]:
    """Let callers join one after the other."""
    waiting: dict[str, Call] = {}
    for number in numbers:
        waiting[number] = lab.call_in(queue, number)
        await until(lambda: queue_holds(lab, queue, len(waiting)), f"{number} in the queue")
    return waiting


async def queue_holds(lab: Lab, queue: str, count: int) -> bool:
    return len(await lab.queue_order(queue)) == count


async def vip_at_entry(lab: Lab, last: str, queue: str = "sales") -> str:
    """Three ordinary callers wait, then `last` joins; return who is answered next."""
    async with busy_agent(lab, queue) as talking:
        waiting = await wait_in_line(lab, queue, (*ORDINARY, last))
        return await next_answered(lab, talking, waiting)


async def vip_joins(lab: Lab, queue: str = "sales") -> list[str]:
    expect_next(lab, await vip_at_entry(lab, VIP[3], queue), VIP[3], "the VIP")
    expect_next(lab, await vip_at_entry(lab, CLIENT[3], queue), ORDINARY[0], "without the flag the first in line")
    return [
        f"queue {queue}: {', '.join(ORDINARY)} waited, then the VIP {VIP[3]} came: phone 101 got the VIP",
        f"control, the last one not a VIP: phone 101 got {ORDINARY[0]}",
    ]


async def edited_while_waiting(lab: Lab, contact: int, change: list[str], queue: str = "sales") -> str:
    """An ordinary contact waits last; edit him with the command line; return who is answered next."""
    async with busy_agent(lab, queue) as talking:
        waiting = await wait_in_line(lab, queue, (*ORDINARY[:2], LATE_VIP[3]))
        await lab.cli("contacts", "edit", str(contact), *change)
        if "--vip" in change:
            await until(lambda: heads_queue(lab, queue, LATE_VIP[3]), "the flagged caller at the head")
        else:
            await lab.cli("queues")
        return await next_answered(lab, talking, waiting)


async def heads_queue(lab: Lab, queue: str, number: str) -> bool:
    return (await lab.queue_order(queue))[:1] == [number]


async def flagged_while_waiting(lab: Lab, contact: int, queue: str = "sales") -> list[str]:
    first = await edited_while_waiting(lab, contact, ["--comment", "любит ромашки"], queue)
    expect_next(lab, first, ORDINARY[0], "without the flag the first in line")
    flagged = await edited_while_waiting(lab, contact, ["--vip"], queue)
    await lab.cli("contacts", "edit", str(contact), "--no-vip")
    expect_next(lab, flagged, LATE_VIP[3], "the caller flagged while waiting")
    return [
        f"queue {queue}: {LATE_VIP[3]} waited last, `pbxd contacts edit {contact} --vip`: phone 101 got him next",
        f"control, the same caller, his comment edited instead: phone 101 got {ORDINARY[0]}",
    ]


# ---- (d) click-to-call


class Clicked:
    """What both ends saw of one click-to-call call."""

    def __init__(self, offered: Call, far: Call, agent_first: bool) -> None:
        self.shown = offered.name
        self.company_number = far.number
        self.dialled = far.dialled
        self.agent_first = agent_first
        self.digits = ""


async def click(lab: Lab, contact: str, digits: str) -> Clicked:
    """`pbxd call 101 CONTACT`, answered at both ends; `digits` are waited for, or their absence for three seconds."""
    if lab.daemon is None:
        raise LabError("start pbxd first")
    await lab.until_free()
    command = await lab.daemon.spawn("call", "101", contact)
    try:
        offered = await lab.phone("101").incoming()
        agent_first = not lab.trunk.calls
        offered.answer()
        far = await lab.trunk.answered()
        seen = Clicked(offered, far, agent_first)
        if digits:
            await far.until_digits(digits)
        else:
            await nothing_heard(far)
        seen.digits = far.digits
        await far.until_hears(offered)
        far.hangup()
        await offered.until_ended()
    finally:
        await command.stop(grace=5)
    return seen


async def nothing_heard(far: Call) -> None:
    try:
        await far.until(lambda: far.digits, "digits that must not come", timeout=NO_DIGITS_SECONDS)
    except LabError:
        return


async def click_to_call(lab: Lab, restart: Callable[[str], Awaitable[None]]) -> list[str]:
    """Call a contact behind an extension, one without, and once more with another company number.

    `restart` restarts pbxd on the same database with the company number it is given.
    """
    seen = await click(lab, OFFICE[0], EXTENSION)
    expect(seen.agent_first, True, "the agent's phone rings first")
    if OFFICE[0] not in seen.shown:
        raise Unexpected(f"the agent's phone should show {OFFICE[0]}, it showed {seen.shown!r}")
    expect(seen.dialled, OFFICE[3], "the number dialled through the trunk")
    expect(seen.company_number, COMPANY_NUMBER, "the number the client sees")
    expect(seen.digits, EXTENSION, "the digits read at the far end")
    lab.trunk.reset()
    plain = await click(lab, NO_EXTENSION[0], "")
    expect(plain.digits, "", "no digits without an extension")
    await restart(OTHER_NUMBER)
    lab.trunk.reset()
    other = await click(lab, NO_EXTENSION[0], "")
    expect(other.company_number, OTHER_NUMBER, "the other company number")
    await restart(COMPANY_NUMBER)
    lab.trunk.reset()
    return [
        f"phone 101 rang first and showed «{seen.shown}»",
        f"the trunk's INVITE to {seen.dialled} came from {seen.company_number}",
        f"after the answer the far end read {seen.digits}",
        f"control, a contact without an extension: in {NO_DIGITS_SECONDS:g} s the far end read nothing",
        f"control, another company number: the trunk's INVITE came from {other.company_number}",
    ]


# ---- (e) the history


def calls_in_cel(rows: list[CelRow]) -> dict[str, set[str]]:
    """Return Asterisk's own list of calls that are over: linkedid and the endpoints of its channels."""
    began = {row.linkedid for row in rows if row.eventtype == "CHAN_START"}  # the end alone: of a call before
    over = {row.linkedid for row in rows if row.eventtype == "LINKEDID_END"} & began
    calls: dict[str, set[str]] = {linkedid: set() for linkedid in over}
    for row in rows:
        if row.eventtype == "CHAN_START" and row.linkedid in over and not row.channame.startswith("Local/"):
            calls[row.linkedid].add(row.channame.partition("/")[2].rpartition("-")[0])
    return calls


def differences(history: list[dict[str, Any]], cel: dict[str, set[str]]) -> list[str]:
    """Say where history and CEL disagree on which calls there were, and who took part."""
    told = {call["linkedid"]: call for call in history}
    found = [f"only in CEL: {linkedid}" for linkedid in sorted(cel.keys() - told.keys())]
    found += [f"only in history: {linkedid}" for linkedid in sorted(told.keys() - cel.keys())]
    for linkedid in cel.keys() & told.keys():
        extensions = {name for name in cel[linkedid] if name.isdigit()}
        ours = set(told[linkedid]["answered_by"]) | {told[linkedid]["caller"]["extension"]}
        spoke = {who for who in ours if who and who.isdigit()}
        if not spoke <= extensions:
            found.append(f"{linkedid}: history has {sorted(spoke)}, CEL {sorted(extensions)}")
    return found


async def until_agreed(lab: Lab, calls: list[dict[str, Any]], *, since: float) -> dict[str, set[str]]:
    """Wait until CEL, which Asterisk writes a moment after the events, has just these calls; return them as it does."""
    found: list[str] = []

    def agreed() -> bool:
        found[:] = differences(calls, calls_in_cel(lab.cel(since=since)))
        return not found

    try:
        await until(agreed, "CEL to agree with the history")
    except LabError as error:
        raise Unexpected(f"{error}: {found}") from error
    return calls_in_cel(lab.cel(since=since))


async def history(lab: Lab, *, since: float) -> list[str]:
    """Compare `pbxd calls list` with CEL, with names; then prove that the comparison can fail."""
    found: list[str] = []

    async def complete() -> bool:
        listed = await lab.cli("calls", "list", "--limit", "1000")
        found[:] = differences([call for call in listed["items"] if call["ended"]], calls_in_cel(lab.cel(since=since)))
        return not found

    try:
        await until(complete, "a history that agrees with CEL", every=0.2)
    except LabError as error:
        raise Unexpected(f"{error}: {found}") from error
    cel = calls_in_cel(lab.cel(since=since))
    listed = (await lab.cli("calls", "list", "--limit", "1000"))["items"]
    names = {party["name"] for call in listed for party in (call["caller"], call["callee"]) if party["name"]}
    missing = {person[0] for person in (CLIENT, VIP, LATE_VIP, OFFICE, NO_EXTENSION)} - names
    expect(missing, set(), "everybody's name in the history")
    for gone in list(cel):
        less = {linkedid: parties for linkedid, parties in cel.items() if linkedid != gone}
        if not differences(listed, less):
            raise Unexpected(f"the comparison did not notice that {gone} is missing")
    return [
        f"`pbxd calls list` has {len(listed)} calls, the same as Asterisk's CEL, with {len(names)} names",
        "control, each call in turn taken out of CEL: the comparison notices every time",
    ]
