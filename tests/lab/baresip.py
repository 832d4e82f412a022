"""baresip as an employee's phone: a real softphone with media that registers, driven over its ctrl_tcp socket.

Version 1.0 (Debian 12) has no attended transfer; tests.lab.phone has. JSON in netstrings, see its module ctrl_tcp.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.lab.ports import HOST, free_ports
from tests.lab.processes import PATIENCE, Child, LabError, until
from tests.lab.sip import Address, parse_address

Event = dict[str, Any]
ATTEMPTS = 3
MODULES = "/usr/lib/baresip/modules"
CONFIG = """
poll_method epoll
sip_listen {host}:0
net_interface {host}
call_max_calls 10
call_local_timeout 120
audio_player aubridge,nowhere
audio_source ausine,440
audio_alert aubridge,nowhere
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 2
auplay_channels 2
rtp_ports 20000-20999
module_path {modules}
module g711.so
module ausine.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{port}
"""


class Baresip:
    """One registered softphone; `events` holds everything it reported, in order."""

    def __init__(self, child: Child, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.child = child
        self.events: list[Event] = []
        self._answers: list[Event] = []
        self._reader = reader
        self._writer = writer
        self._task = asyncio.create_task(self._read(), name="lab baresip")

    @classmethod
    async def start(cls, user: str, password: str, folder: Path, *, server: int) -> Self:
        """Start a phone that registers as `user` with the Asterisk at SIP port `server`."""
        for attempt in range(ATTEMPTS):
            own = folder / str(attempt)
            port = free_ports(1)[0]
            _configure(own, user, password, port, server)
            child = await Child.start(["baresip", "-f", str(own)], log=own / "log", cwd=own)
            try:
                phone = cls(child, *await _connect(port, child))
            except LabError:
                # baresip takes a second port beside its own for TLS and ends when that one is in use.
                await child.stop(grace=0.2)
                if attempt + 1 == ATTEMPTS:
                    raise
            else:
                await until(phone.registered, f"baresip {user} registered")
                return phone
        raise AssertionError

    async def command(self, name: str, parameters: str = "") -> Event:
        """Give a command of baresip's menu (dial, accept, hangup, hold, resume, transfer …) and return its answer."""
        data = json.dumps({"command": name, "params": parameters, "token": str(len(self._answers))}).encode()
        before = len(self._answers)
        self._writer.write(b"%d:%s," % (len(data), data))
        await until(lambda: len(self._answers) > before, f"baresip's answer to {name}")
        answer = self._answers[before]
        if not answer.get("ok"):
            raise LabError(f"baresip refused {name}: {answer}")
        return answer

    async def registered(self) -> bool:
        """Tell whether it is registered; the event may have come before we were connected."""
        return "OK" in str((await self.command("reginfo")).get("data"))

    async def incoming(self, *, timeout: float = PATIENCE) -> Address:
        """Wait for a call and return who the display shows (`name`, `user`)."""
        event = await self.until_event("CALL_INCOMING", timeout=timeout)
        uri = parse_address(str(event["peeruri"])).uri
        return Address(str(event.get("peerdisplayname") or ""), uri)

    async def accept(self) -> None:
        await self.command("accept")
        await self.until_event("CALL_ESTABLISHED")

    async def dial(self, number: str) -> None:
        await self.command("dial", number)

    async def hangup(self) -> None:
        await self.command("hangup")

    async def hold(self) -> None:
        await self.command("hold")

    async def resume(self) -> None:
        await self.command("resume")

    async def transfer(self, number: str) -> None:
        """Blind transfer by REFER."""
        await self.command("transfer", number)

    async def until_event(
        self, kind: str, wanted: Callable[[Event], object] = lambda _: True, *, timeout: float = PATIENCE
    ) -> Event:
        """Return the first event of a kind not returned before (CALL_INCOMING, CALL_CLOSED, …)."""

        def found() -> Event | None:
            return next((one for one in self.events if one["type"] == kind and "seen" not in one and wanted(one)), None)

        await until(found, f"{kind} at baresip; seen: {[one['type'] for one in self.events]}", timeout=timeout)
        event = found()
        assert event
        event["seen"] = True
        return event

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        await self.child.stop(grace=1)

    async def _read(self) -> None:
        while True:
            size = int((await self._reader.readuntil(b":"))[:-1])
            message: Event = json.loads(await self._reader.readexactly(size))
            await self._reader.readexactly(1)
            (self.events if message.get("event") else self._answers).append(message)


def _configure(folder: Path, user: str, password: str, port: int, server: int) -> None:
    folder.mkdir(parents=True)
    (folder / "config").write_text(CONFIG.format(host=HOST, port=port, modules=MODULES))
    account = f"<sip:{user}@{HOST}:{server}>;auth_user={user};auth_pass={password};regint=60;answermode=manual"
    (folder / "accounts").write_text(account + ";audio_codecs=PCMU\n")
    (folder / "contacts").write_text("")


async def _connect(port: int, child: Child) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def connected() -> bool:
        if child.returncode is not None:
            raise LabError(f"baresip ended while starting:\n{child.tail()}")
        try:
            opened.append(await asyncio.open_connection(HOST, port))
        except OSError:
            return False
        return True

    await until(connected, "baresip's ctrl_tcp")
    return opened[0]
