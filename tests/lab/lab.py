"""The lab: one private Asterisk with its phones, and pbxd beside it on demand."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.lab import ports
from tests.lab.ami import AmiSession, Headers, Packet
from tests.lab.asterisk import SUITE, Asterisk, PhonePorts, Tree
from tests.lab.baresip import Baresip
from tests.lab.call import Call
from tests.lab.cel import CelRow, read_cdr, read_cel
from tests.lab.daemon import Config, Daemon, merged
from tests.lab.folders import PrivateFolder
from tests.lab.phone import Phone
from tests.lab.processes import PATIENCE, LabError, until
from tests.lab.sipp import Agent, Caller, Sipp

COMPANY_NUMBER = "+74951230000"
FIXED = ("101", "102", "103", "104", "106")  # fixed contacts; 106 has a second device; 105 registers
FREE_STATES = {"NOT_INUSE", "UNAVAILABLE", "INVALID", "UNKNOWN"}
FREE_MEMBERS = {"0", "1", "4", "5"}  # the same as QueueStatus has them
CALLER_PORTS = 8  # for SIPp and other programs that call through the trunk

# What the trunk dials to get where (see etc/extensions.conf); the last four digits decide.
NUMBERS = {
    "sales": "74951230100", "support": "74951230200", "ringall": "74951230300", "pool": "74951230350",
    "single": "74951230351",
    "linear": "74951230317", "recorded": "74951230320", "keyed": "74951230403", "conference": "74951230510",
    "looping": "74951230404", "first-in-pool": "74951230405",
    "manager-then-pool": "74951230360", "freepbx": "74951230370",
    "overflow": "74951230400", "overflow-freepbx": "74951230401", "sales-5s": "74951230402", "menu": "74951230500",
    "voicemail": "74951230600", "ring-then-voicemail": "74951230700", "forward-local": "74951230800",
    "forward-local-n": "74951230801", "forward-mobile": "74951230802", "two-phones": "74951230900",
    "two-devices": "74951230906", "tone": "74951230999",
    **{f"10{digit}": f"7495123010{digit}" for digit in range(1, 7)},
}  # fmt: skip


class Lab:
    """`async with Lab() as lab:` — everything it starts has ended when the block ends, however it ends."""

    def __init__(
        self,
        *,
        sample_dialplan: bool = False,
        keep_folder: bool = False,
        quiet: bool = True,
        suite: str = SUITE,
        forked: bool = False,
    ) -> None:
        """With `forked` each pbxd begins with its modules imported."""
        self._stack = AsyncExitStack()
        self._sample = sample_dialplan
        self._suite = suite
        self._keep = keep_folder
        self._quiet = quiet
        self._forked = forked
        self._numbers = itertools.count(1)  # of subfolders
        self._programs: list[Sipp | Baresip] = []
        self._agi_port, self._http_port = 0, 0
        self._released: dict[str, int] = {}
        self.folder = Path()
        self.phones: dict[str, Phone] = {}
        self.caller_ports: list[int] = []
        self.asterisk: Asterisk
        self.admin: AmiSession
        self.daemon: Daemon | None = None

    # ---- life ---------------------------------------------------------------------------------------------------
    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def _start(self) -> None:
        private = PrivateFolder(keep=self._keep)
        self._stack.callback(private.close)
        self.folder = private.path
        sockets = {name: ports.reserve_udp() for name in (*FIXED, "106b", "105", "trunk")}
        for bound in sockets.values():
            self._stack.callback(bound.close)
        self.caller_ports = ports.free_ports(CALLER_PORTS, socket.SOCK_DGRAM)
        self._agi_port, self._http_port = ports.free_ports(2)
        self.asterisk = self._new_asterisk({name: ports.port_of(bound) for name, bound in sockets.items()})
        self._stack.push_async_callback(self.asterisk.stop)
        self.admin = await self.asterisk.start()
        self._stack.push_async_callback(self._close_admin)
        server = (ports.HOST, self.asterisk.sip_port)
        for name, bound in sockets.items():
            self.phones[name] = Phone(name.rstrip("b"), bound, server)
            self._stack.callback(self.phones[name].close)
        if not self._quiet:
            print(f"Asterisk {self.version} in {self.folder}, SIP {server[1]}, AMI {self.asterisk.ami_port}")

    def _new_asterisk(self, port: Mapping[str, int]) -> Asterisk:
        phones = {name: [port[name]] for name in FIXED}
        phones["106"].append(port["106b"])
        asterisk = Asterisk(
            self.folder, PhonePorts(phones, port["trunk"], self.caller_ports), COMPANY_NUMBER, Tree(self._suite)
        )
        asterisk.globals["LAB_TRUNK_PORT"] = str(port["trunk"])
        asterisk.globals["PBXD_AGI"] = f"{ports.HOST}:{self._agi_port}"
        asterisk.sample_dialplan = self._sample
        return asterisk

    async def _close_admin(self) -> None:
        await self.admin.close()

    async def restart_asterisk(self) -> None:
        """Crash Asterisk and start it again on the same ports; its calls are gone, pbxd's link is lost."""
        await self.admin.close()
        self.admin = await self.asterisk.restart()

    @property
    def version(self) -> str:
        """Asterisk's version, as it says itself."""
        return self.asterisk.version

    # ---- phones -------------------------------------------------------------------------------------------------
    def phone(self, extension: str) -> Phone:
        """Return the phone of 101 to 106 ("106b": the second device of 106)."""
        return self.phones[extension]

    @property
    def trunk(self) -> Phone:
        """The provider's side: `dial` calls us from outside, `incoming` are our calls to the outside."""
        return self.phones["trunk"]

    def release(self, extension: str) -> int:
        """Close our phone and return its port, for another program (SIPp, baresip) to be that phone."""
        if extension in self.phones:
            phone = self.phones.pop(extension)
            phone.close()
            self._released[extension] = phone.port
        return self._released[extension]

    async def take_back(self, extension: str) -> Phone:
        """Be that phone again after the other program has ended."""
        port = self._released.pop(extension)
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        def try_bind() -> bool:
            try:
                bound.bind((ports.HOST, port))
            except OSError:
                return False
            return True

        await until(try_bind, f"port {port} of {extension} to be free again")
        bound.setblocking(False)
        self.phones[extension] = Phone(extension.rstrip("b"), bound, (ports.HOST, self.asterisk.sip_port))
        self._stack.callback(self.phones[extension].close)
        return self.phones[extension]

    def call_in(self, to: str, number: str, *, name: str = "", pai: str = "") -> Call:
        """Call from outside: `to` is a key of NUMBERS or digits, `number` the client's as the trunk writes it."""
        return self.trunk.dial(NUMBERS.get(to, to), caller=number, name=name, pai=pai)

    async def talk(self, to: str, number: str, *, agent: str = "101", name: str = "") -> tuple[Call, Call]:
        """Call from outside, answer at the agent's phone and return both once they hear each other."""
        client = self.call_in(to, number, name=name)
        answered = await self.phone(agent).answered()
        await client.until_hears(answered)
        await answered.until_hears(client)
        return client, answered

    async def sipp_caller(self, to: str, caller: Caller) -> Sipp:
        """Let SIPp call from outside; it ends with its scenario, at the latest with the test."""
        port = self.caller_ports[next(self._numbers) % CALLER_PORTS]
        number = NUMBERS.get(to, to)
        return await self._sipp(caller, port=port, number=number)

    async def sipp_agent(self, extension: str, agent: Agent) -> Sipp:
        """Let SIPp be that phone for one call; `take_back` after it has ended."""
        return await self._sipp(agent, port=self.release(extension), number="")

    async def _sipp(self, role: Caller | Agent, *, port: int, number: str) -> Sipp:
        folder = self.folder / f"s{next(self._numbers)}"
        sipp = await Sipp.start(role, folder, port=port, server=self.asterisk.sip_port, number=number)
        self._programs.append(sipp)
        self._stack.push_async_callback(sipp.stop)
        return sipp

    async def baresip(self, extension: str = "107") -> Baresip:
        """Start baresip as 107 or 108 and wait until it has registered."""
        folder = self.folder / f"b{next(self._numbers)}"
        password = self.asterisk.phone_password
        phone = await Baresip.start(extension, password, folder, server=self.asterisk.sip_port)
        self._programs.append(phone)
        self._stack.push_async_callback(phone.stop)
        return phone

    # ---- looking at Asterisk ------------------------------------------------------------------------------------
    def cel(self, *, since: float = 0.0) -> list[CelRow]:
        """Asterisk's own channel events from `since` (epoch) on."""
        rows = read_cel(self.folder / "log/cel-custom/cel.csv")
        return [row for row in rows if row.eventtime >= since]

    def cdr(self) -> list[list[str]]:
        return read_cdr(self.folder / "log/cdr-csv/Master.csv")

    async def until_cel(
        self, condition: Callable[[list[CelRow]], object], what: str, *, timeout: float = PATIENCE
    ) -> list[CelRow]:
        await until(lambda: condition(self.cel()), what, timeout=timeout)
        return self.cel()

    async def channels(self) -> list[Packet]:
        return await self.admin.listing("CoreShowChannels")

    async def queue_order(self, queue: str) -> list[str]:
        """Return the numbers of those who wait in a queue, head first."""
        entries = await self.admin.listing("QueueStatus", {"Queue": queue})
        waiting = [entry for entry in entries if entry["Event"] == "QueueEntry"]
        return [entry["CallerIDNum"] for entry in sorted(waiting, key=lambda entry: int(entry["Position"]))]

    async def until_waiting(self, queue: str, count: int, *, timeout: float = PATIENCE) -> list[str]:
        """Wait until exactly `count` callers wait in the queue; their numbers, head first."""
        order: list[str] = []

        async def reached() -> bool:
            order[:] = await self.queue_order(queue)
            return len(order) == count

        await until(reached, f"{count} waiting in {queue}", timeout=timeout, every=0.05)
        return order

    async def until_ringing(self, extension: str) -> None:
        """Wait until Asterisk knows that this phone rings: only then another one can pick the call up."""

        async def rings() -> bool:
            channels = [one for one in await self.channels() if one["Channel"].startswith(f"PJSIP/{extension}-")]
            return any(channel["ChannelStateDesc"] == "Ringing" for channel in channels)

        await until(rings, f"{extension} to ring")

    async def until_state(self, extension: str, state: str) -> None:
        """Wait until Asterisk says this of a phone (NOT_INUSE, INUSE, UNAVAILABLE …): what every dialplan reads."""

        async def said() -> bool:
            answer = await self.ami_action("Getvar", Variable=f"DEVICE_STATE(PJSIP/{extension})")
            return answer["Value"] == state

        await until(said, f"{extension} to be {state}")

    async def until_in_use(self, extension: str) -> None:
        """Wait until Asterisk knows that this phone is busy, which it works out a moment after a call began."""

        async def said() -> bool:
            answer = await self.ami_action("Getvar", Variable=f"DEVICE_STATE(PJSIP/{extension})")
            return answer["Value"] not in FREE_STATES

        await until(said, f"{extension} to be in use")

    async def until_free(self) -> None:
        """Wait until Asterisk counts no phone as in use, which it works out a moment after the last hang-up."""
        busy: list[str] = []

        async def free() -> bool:
            states = await self.admin.listing("DeviceStateList")
            members = await self.members(free=False)
            busy[:] = [f"{one['Location']} in {one['Queue']}" for one in members] + [
                f"{one['Device']} {one['State']}"
                for one in states
                if one.get("Device", "").startswith("PJSIP/") and one["State"] not in FREE_STATES
            ]
            return not busy

        try:
            await until(free, "every phone to be free", every=0.05)
        except LabError as error:
            raise LabError(f"{error}: {busy}") from error

    async def members(self, *, free: bool) -> list[Packet]:
        """Return the members of all queues that Asterisk counts as free, or as busy."""
        found = [one for one in await self.admin.listing("QueueStatus") if one["Event"] == "QueueMember"]
        return [one for one in found if free is (one["Status"] in FREE_MEMBERS and one.get("InCall") != "1")]

    async def ami_action(self, action: str, headers: Headers | None = None, **more: str) -> Packet:
        """An action with all rights: `await lab.ami_action("Hangup", Channel=…)`."""
        return await self.admin.action(action, {**(headers or {}), **more})

    async def command(self, line: str) -> str:
        """A command of Asterisk's console."""
        answer = await self.admin.action("Command", {"Command": line})
        return answer.get("Output", answer.get("Message", ""))

    @asynccontextmanager
    async def capture(self, folder: Path) -> AsyncIterator[AmiSession]:
        """Record what a user with the shipped rights gets: folder/stream.ami (exact bytes) and folder/arrivals.jsonl.

        Use the session yielded to send what pbxd would send (resync listings); leave the block when calls have ended.
        """
        tap = self.asterisk.tap
        session = await AmiSession.open(self.asterisk.ami_port, tap.name, tap.secret, capture=folder)
        try:
            yield session
            await session.action("Ping")  # everything sent before the answer has arrived
        finally:
            await session.close()

    # ---- pbxd ---------------------------------------------------------------------------------------------------
    def base_config(self) -> Config:
        """The smallest pbxd.toml for this lab, with the lab's company number."""
        return {
            "asterisk": {
                "host": ports.HOST, "port": self.asterisk.ami_port,
                "username": self.asterisk.user.name, "secret": self.asterisk.user.secret,
            },
            "numbers": {"region": "RU"},
            "database": {"url": "sqlite+aiosqlite:///pbxd.db"},
            "agi": {"listen": f"{ports.HOST}:{self._agi_port}"},
            "http": {"listen": f"{ports.HOST}:{self._http_port}"},
            "dialing": {"company_number": COMPANY_NUMBER},
        }  # fmt: skip

    def prepare(self, config: Config | None = None) -> Daemon:
        """Write a fresh pbxd.toml (with changes by section) in a folder of its own; nothing is started yet."""
        folder = self.folder / f"p{next(self._numbers)}"
        daemon = Daemon(folder, merged(self.base_config(), config or {}), forked=self._forked)
        self._stack.push_async_callback(daemon.stop)
        return daemon

    async def pbxd(self, config: Config | None = None, *, ready: bool = True) -> Daemon:
        """Start a fresh pbxd (empty database); an earlier one of this lab is ended first.

        With `ready` it also follows the lab's Asterisk, so that it hears the next call from the beginning; unless
        `config` says something else about Asterisk (then that may never be) or about logs (then it may not tell).
        """
        if self.daemon:
            await self.daemon.stop()
        daemon = self.daemon = self.prepare(config)
        await daemon.start(ready=ready)
        if ready and not {"asterisk", "logs"} & (config or {}).keys():
            await daemon.until_in_step()
        return daemon

    async def cli(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever the command prints
        """A command line of the running pbxd, as parsed JSON."""
        if self.daemon is None:
            raise LabError("start pbxd first: await lab.pbxd()")
        return await self.daemon.cli(*arguments)

    async def know(
        self, name: str, number: str, *, company: str = "", manager: str = "", vip: bool = False, owner: str = ""
    ) -> int:
        """Put a client into the running pbxd's book and wait until it knows him; return his id."""
        if self.daemon is None:
            raise LabError("start pbxd first: await lab.pbxd()")
        daemon = self.daemon
        contact = await daemon.add_contact(name, number, company=company, manager=manager, vip=vip, owner=owner)
        asked = f"/api/v1/lookup?number={number}" + (f"&for={owner}" if owner else "")

        async def known() -> bool:
            return bool((await daemon.api(asked))[1]["contact"] == contact)

        await until(known, f"{name} in the index", every=0.05)
        return contact

    # ---- between tests ------------------------------------------------------------------------------------------
    async def quiet(self) -> None:
        """Hang everything up, make every phone fresh and wait until Asterisk has no channel left."""
        while self._programs:
            await self._programs.pop().stop()
        for extension in list(self._released):
            await self.take_back(extension)
        for phone in self.phones.values():
            phone.reset()
        patience = time.monotonic() + 0.5

        async def silent() -> bool:
            channels = await self.channels()
            if channels and time.monotonic() > patience:
                for channel in channels:
                    await self.ami_action("Hangup", Channel=channel["Channel"])
            return not channels

        await until(silent, "Asterisk without channels", every=0.05)
        await self.until_free()
        for phone in self.phones.values():
            phone.reset()
