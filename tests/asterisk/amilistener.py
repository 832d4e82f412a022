"""An AMI client in a test, and what it told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pbxd.asterisk.ami.client import AmiClient, Packet
from pbxd.asterisk.ami.packets import read_times
from pbxd.settings import AsteriskSettings
from tests.asterisk.amiserver import SECRET, AmiServer

PATIENCE = 30.0


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - conditions are states of servers, clients and logs without an Event
            await asyncio.sleep(0.005)


class Listener:
    """The service's side: keeps all it is told, in order."""

    def __init__(self) -> None:
        self.told: list[Packet | bool] = []
        self.arrivals: list[float] = []

    @property
    def packets(self) -> list[Packet]:
        return [one for one in self.told if not isinstance(one, bool)]

    @property
    def links(self) -> list[bool]:
        return [one for one in self.told if isinstance(one, bool)]

    def events(self, name: str) -> list[Packet]:
        return [packet for packet in self.packets if packet.get("Event") == name]


@asynccontextmanager
async def running(port: int, listener: Listener, **keys: object) -> AsyncIterator[AmiClient]:
    secret = str(keys.pop("secret", SECRET))
    # No wait for FullyBooted may be part of what a test sees: longer than the tests' patience.
    quick = {"reconnect_first_seconds": 0.02, "reconnect_longest_seconds": 0.1, "connect_timeout_seconds": 60.0}
    settings = AsteriskSettings.model_validate({"port": port, **quick, **keys})

    def sink(packet: Packet) -> None:
        listener.told.append(packet)
        listener.arrivals.append(client.arrived)

    client = AmiClient(settings, secret, sink, on_link=listener.told.append)
    task = asyncio.create_task(client.run())
    try:
        yield client
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    assert not client.connected


@asynccontextmanager
async def connected(server: AmiServer, listener: Listener | None = None, **keys: object) -> AsyncIterator[AmiClient]:
    listener = listener or Listener()
    async with server.listening(), running(server.port, listener, **keys) as client:
        await until(lambda: client.connected)
        yield client


def pending(client: AmiClient) -> int:
    """Actions other than pings that the link still expects an answer to."""
    assert client._link is not None
    return sum(question["Action"] != "Ping" for question in client._link.responses.values())


def heard(listener: Listener, event: str, count: int) -> bool:
    return len(listener.events(event)) == count


def captured_times(folder: Path) -> list[tuple[int, float]]:
    (times,) = folder.glob("*.times")
    with times.open() as lines:
        return read_times(lines)
