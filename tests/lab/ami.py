"""Raw AMI sessions of the lab: a tap that stores the bytes as they came, and a manager who may do everything.

They share no code with pbxd's client on purpose: what pbxd makes of the stream is judged against them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.lab.ports import HOST
from tests.lab.processes import PATIENCE, LabError

Headers = Mapping[str, str | Sequence[str]]
Packet = dict[str, str]
Wanted = Callable[[Packet], object]


def encode(action: str, headers: Headers) -> bytes:
    lines = [f"Action: {action}"]
    for name, value in headers.items():
        lines += [f"{name}: {one}" for one in ([value] if isinstance(value, str) else value)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def decode(block: bytes) -> Packet:
    """Read one packet (without its empty line); a repeated header's values are joined with a newline."""
    packet: Packet = {}
    for line in block.decode("utf-8", errors="surrogateescape").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            value = value.removeprefix(" ")
            packet[name] = f"{packet[name]}\n{value}" if name in packet else value
    return packet


class AmiSession:
    """One logged-in connection; `packets` holds everything received in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._capture: Capture | None = None
        self.packets: list[Packet] = []

    @classmethod
    async def open(cls, port: int, user: str, secret: str, *, capture: Path | None = None) -> AmiSession:
        """Connect and log in; LabError when refused. `capture`: a folder for stream.ami and arrivals.jsonl."""
        reader, writer = await asyncio.open_connection(HOST, port, limit=1 << 24)
        session = cls(reader, writer)
        if capture:
            session._capture = Capture(capture)
        session._task = asyncio.create_task(session._read(), name=f"lab ami {user}")
        answer = await session.action("Login", {"Username": user, "Secret": secret})
        if answer.get("Response") != "Success":
            await session.close()
            raise LabError(f"AMI login of {user} refused: {answer.get('Message')}")
        return session

    async def action(self, name: str, headers: Headers | None = None, *, timeout: float = PATIENCE) -> Packet:
        """Send an action and return its first response."""
        number = self.send(name, headers)
        return await self.expect(
            lambda packet: packet.get("ActionID") == number and "Response" in packet,
            f"answer to {name}",
            timeout=timeout,
        )

    async def listing(self, name: str, headers: Headers | None = None, *, timeout: float = PATIENCE) -> list[Packet]:
        """Send an action that answers with a list and return the list's events."""
        since = len(self.packets)
        number = self.send(name, headers)

        def ends(packet: Packet) -> bool:
            return packet.get("ActionID") == number and (
                packet.get("EventList") == "Complete" or packet.get("Response") == "Error"
            )

        await self.expect(ends, f"end of the list of {name}", timeout=timeout, since=since)
        mine = [packet for packet in self.packets[since:] if packet.get("ActionID") == number]
        return [packet for packet in mine if "Event" in packet and packet.get("EventList") != "Complete"]

    def send(self, name: str, headers: Headers | None = None) -> str:
        """Send an action without waiting; return its ActionID."""
        number = (headers or {}).get("ActionID", f"lab-{next(self._numbers)}")
        assert isinstance(number, str)
        self._writer.write(encode(name, {**(headers or {}), "ActionID": number}))
        return number

    async def expect(
        self,
        wanted: Wanted,
        what: str,
        *,
        timeout: float = PATIENCE,
        since: int = 0,
    ) -> Packet:
        """Return the first packet from index `since` on that `wanted` accepts."""
        seen = since
        try:
            async with asyncio.timeout(timeout), self._news:
                while True:
                    for packet in self.packets[seen:]:
                        seen += 1
                        if wanted(packet):
                            return packet
                    if self._task is None or self._task.done():
                        raise LabError(f"the AMI connection ended while waiting for {what}")
                    await self._news.wait()
        except TimeoutError as error:
            raise LabError(f"waited {timeout} s in vain for {what} on AMI") from error

    async def close(self) -> None:
        self._writer.close()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._capture:
            self._capture.close()

    async def _read(self) -> None:
        buffer = b""
        banner = True
        try:
            while chunk := await self._reader.read(1 << 16):
                if self._capture:
                    self._capture.write(chunk, time.time())
                buffer += chunk
                if banner and b"\r\n" in buffer:
                    buffer = buffer.partition(b"\r\n")[2]
                    banner = False
                *blocks, buffer = buffer.split(b"\r\n\r\n")
                await self._deliver([decode(block) for block in blocks if block])
        finally:
            await self._deliver([])

    async def _deliver(self, packets: list[Packet]) -> None:
        async with self._news:
            self.packets += packets
            self._news.notify_all()


class Capture:
    """A stored AMI stream: stream.ami has the exact bytes, arrivals.jsonl a line [offset, epoch] a chunk read."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._stream = (folder / "stream.ami").open("wb")
        self._arrivals = (folder / "arrivals.jsonl").open("w", encoding="ascii")
        self._offset = 0

    def write(self, chunk: bytes, now: float) -> None:
        self._arrivals.write(json.dumps([self._offset, round(now, 6)]) + "\n")
        self._stream.write(chunk)
        self._offset += len(chunk)

    def close(self) -> None:
        self._stream.close()
        self._arrivals.close()
