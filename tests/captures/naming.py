"""Names that look like numbers or extensions: trunks, browser phones; and lists of channels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.captures.bending import pick_up
from tests.captures.joining import talking
from tests.captures.spelling import keyed
from tests.captures.stage import CLIENT, Stage, taken_over
from tests.lab.phone import Phone
from tests.lab.ports import HOST, reserve_udp

LINE, BROWSER = "78123", "99101"  # a trunk, and the browser phone of 101


@asynccontextmanager
async def endpoint(stage: Stage, name: str, template: str) -> AsyncIterator[Phone]:
    """Add an endpoint to the PBX for a while, with a fixed contact; return what is behind it."""
    bound = reserve_udp()
    phone = Phone(name, bound, (HOST, stage.lab.asterisk.sip_port))
    place = f"{HOST}:{phone.port}"
    await _configure(
        stage,
        f"[{name}]({template})\naors = {name}\n[{name}](aor)\ncontact = sip:{name}@{place}\n"
        f"[{name}]\ntype = identify\nendpoint = {name}\nmatch = {place}/32\n",
    )
    try:
        yield phone
    finally:
        await stage.until_silent()
        phone.close()
        bound.close()
        await _configure(stage, "")


async def _configure(stage: Stage, endpoints: str) -> None:
    (stage.lab.folder / "etc/named.conf").write_text(endpoints)
    await stage.lab.ami_action("ModuleLoad", Module="res_pjsip.so", LoadType="reload")


async def trunk_like_a_number(stage: Stage) -> None:
    """The trunk is called 74951234567, and the number dialled stands in a SIP address."""
    await keyed(stage, "89161110002")


async def trunk_like_an_extension(stage: Stage) -> None:
    """The trunk is called 78123: 101 calls somebody through it, then the client calls in through it."""
    async with endpoint(stage, LINE, "line") as far:
        phone = stage.phone("101").dial("89161110004")
        await taken_over(phone, await far.incoming())
        await stage.until_silent()
        client = far.dial("74951230102", caller=CLIENT)
        await taken_over(client, await stage.phone("102").incoming())


async def browser_queue(stage: Stage) -> None:
    """The queue's member is Local/n, which rings the desk phone and the browser phone of 101; he takes the latter."""
    async with endpoint(stage, BROWSER, "phone") as browser:
        client = stage.calls_us("2016")
        await stage.phone("101").incoming()
        await taken_over(client, await browser.incoming())


async def browser_alone(stage: Stage) -> None:
    """A phone called 99101 is rung alone: nothing says that it is 101's."""
    async with endpoint(stage, BROWSER, "phone") as browser:
        client = stage.calls_us("2017")
        await taken_over(client, await browser.incoming())


async def listed_pickup(stage: Stage) -> None:
    """With employees.channels: the queue rings 101; 102 keys *8."""
    await pick_up(stage, "0100", "*8")


async def listed_local_member(stage: Stage) -> None:
    """With employees.channels: the queue's member is Local/101@from-queue/n."""
    client = stage.calls_us("0200")
    await taken_over(client, await stage.phone("101").incoming())


async def listed_parking_timed_out(stage: Stage) -> None:
    """With employees.channels: 101 parks the client by REFER, who comes back to 101 after ten seconds."""
    client, phone = await talking(stage)
    phone.refer("700")
    await taken_over(client, await stage.phone("101").incoming())


FLOWS = {
    flow.__name__: flow
    for flow in (
        trunk_like_a_number, trunk_like_an_extension, browser_queue, browser_alone,
        listed_pickup,
        listed_local_member, listed_parking_timed_out,
    )
}  # fmt: skip
