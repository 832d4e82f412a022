"""A trunk by IAX2: another Asterisk, known under a name that looks like a number."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.captures.stage import CLIENT, Stage, taken_over
from tests.lab.lab import Lab
from tests.lab.phone import answering
from tests.lab.ports import HOST, free_ports

PEER = "74951234567"


async def iax2_outgoing(stage: Stage) -> None:
    """101 calls somebody who is at the peer's far end."""
    async with provider_of(stage) as provider:
        phone = stage.phone("101").dial("89161110003")
        await taken_over(phone, await provider.trunk.incoming())
        await stage.until_silent()


async def iax2_incoming(stage: Stage) -> None:
    """The client calls through the peer."""
    async with provider_of(stage) as provider:
        provider.trunk.behaviour = answering()
        provider.admin.send(
            "Originate",
            {
                "Channel": f"Local/{CLIENT}@lab-out/n",
                "Application": "Dial",
                "Data": f"IAX2/{PEER}/74951230101",
                "CallerID": CLIENT,
                "Async": "true",
            },
        )
        client = await provider.trunk.incoming()
        await taken_over(client, await stage.phone("101").incoming())
        await stage.until_silent()


@asynccontextmanager
async def provider_of(stage: Stage) -> AsyncIterator[Lab]:
    """Start another Asterisk; the two know each other by IAX2 under the same name."""
    port, their_port = free_ports(2, socket.SOCK_DGRAM)
    async with Lab() as provider:
        await _know(stage.lab, port, their_port, context="from-trunk")
        await _know(provider, their_port, port, context="lab-out")
        try:
            yield provider
        finally:
            await stage.lab.ami_action("ModuleLoad", Module="chan_iax2.so", LoadType="unload")


async def _know(lab: Lab, port: int, their_port: int, *, context: str) -> None:
    (lab.folder / "etc/iax.conf").write_text(
        f"[general]\nbindport = {port}\nbindaddr = {HOST}\ndisallow = all\nallow = ulaw\n"  # the port has to come first
        "calltokenoptional = 0.0.0.0/0.0.0.0\nrequirecalltoken = no\n"
        f"[{PEER}]\ntype = friend\nusername = {PEER}\nhost = {HOST}\nport = {their_port}\ntransfer = no\n"
        f"context = {context}\n"
    )
    await lab.ami_action("ModuleLoad", Module="chan_iax2.so", LoadType="load")


FLOWS = {flow.__name__: flow for flow in (iax2_outgoing, iax2_incoming)}
