"""One call inside the PBX that shows what reaches pbxd: its events, their times, and the look-up it makes.

Both its ends are ends of one Local channel in the dialplan's [pbxd-doctor]; no phone, trunk or person takes part. If no
daemon serves look-ups, this module listens in its place during the call.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from pbxd.asterisk.agi.commands import AgiCommand, failure_commands, set_variables
from pbxd.asterisk.agi.protocol import AgiRequest
from pbxd.asterisk.agi.server import FastAgiServer
from pbxd.asterisk.ami.client import AmiClient, Packet
from pbxd.asterisk.ami.injection import END
from pbxd.errors import PbxdError, RefusedError, UnavailableError
from pbxd.settings import AgiSettings

CONTEXT = "pbxd-doctor"
CALLER = "pbxd-doctor"  # the number that [pbxd-doctor] gives the call; nobody has it
NAME = "«Ё» pbxd doctor"  # the answer of our own listener
_SECONDS = 5.0  # for the whole call; normally a tenth of a second, with a pbxd that hangs two seconds
_AFTER_SECONDS = 3.0  # for channel events (CEL), which come from another thread, sometimes after the hang-up
_REPORT = "PbxdDoctor"
# The events that the call makes in any case, and those of its short talk, in Asterisk 16 to 22.
_EVENTS = frozenset({"Newchannel", "Newstate", "LocalBridge", "OriginateResponse", "Hangup"})
_TALK_EVENTS = frozenset({"DialBegin", "DialEnd", "BridgeEnter", "BridgeLeave", "HangupRequest"})
_IDS = ("Linkedid", "Uniqueid", "DestUniqueid", "LocalOneUniqueid")


@dataclass(slots=True)
class Observed:
    """What came over AMI during the call."""

    test: str = ""  # the prefix of its channels' ids
    at: float = 0.0  # when it was made, by this machine's clock
    refused: str = ""  # why the PBX refused the call
    unmade: bool = False  # the dialplan has no such place
    booted: bool = False  # FullyBooted came: AMI right `system`
    channels: bool = False  # channel events came: right `call`
    reported: bool = False  # the dialplan's report came: right `user`
    filtered: bool = True  # the report that looks like another event did not come
    talk: bool = False  # the dialplan makes the short talk
    events: set[str] = field(default_factory=set)  # names of the call's own events
    timed: bool | None = None  # events have a Timestamp; None: no events came
    ends: bool = False  # descriptions of channels end with the line that nobody can dial
    cel: bool = False
    ended: bool = False
    status: str = ""  # PBXD_STATUS
    number: str = ""  # the caller's number at the end of the call
    name: str = ""
    asked: bool = False  # this call reached our own listener
    own_listener: bool = False  # we listen in the daemon's place
    more: set[str] = field(default_factory=set)  # events that pbxd does not need

    @property
    def hidden(self) -> list[str]:
        """The call's events that should have come and did not."""
        expected = _EVENTS | (_TALK_EVENTS if self.talk else frozenset())
        return sorted(expected - self.events) if self.reported and self.channels else []


class Witness:
    """Gets every packet of the link and keeps what concerns the test."""

    def __init__(self) -> None:
        self.test = f"doctor-{secrets.token_hex(8)}"
        self.seen = Observed(test=self.test)
        self._news = asyncio.Event()

    def feed(self, packet: Packet) -> None:
        """Take a packet; synchronous and never raises, as the link demands."""
        event = packet.get("Event")
        if event is None:  # a response comes whatever the rights are, and has no time
            return
        if event == "FullyBooted":
            self.seen.booted = True
        elif event in {"VarSet", "Newexten"}:
            self.seen.more.add(event)
        elif event == "UserEvent" and packet.get("Test") == self.test:
            self._report(packet)
        elif event == "CEL":
            self.seen.cel = self.seen.cel or packet.get("UniqueID", "").startswith(self.test)
        elif any(packet.get(name, "").startswith(self.test) for name in _IDS):
            self._channel(event, packet)
        else:
            return
        if event != "FullyBooted":  # it goes to this one session, without a time
            self.seen.timed = bool(self.seen.timed) or "Timestamp" in packet
        self._news.set()

    async def until_ended(self) -> None:
        """Wait for the end of the call, and a moment for late events; bounded."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS):
                await self._until(lambda: self.seen.ended)
        with suppress(TimeoutError):
            async with asyncio.timeout(_AFTER_SECONDS):
                await self._until(lambda: self.seen.cel)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._news.clear()
            await self._news.wait()

    def _report(self, packet: Packet) -> None:
        if packet.get("UserEvent") != _REPORT:  # the filters are of an older version
            self.seen.more.add("UserEvent")
            return
        self.seen.reported = True
        if "Text" in packet:
            self.seen.filtered = False
            return
        self.seen.status = packet.get("Status", "")
        self.seen.talk = "Talk" in packet

    def _channel(self, event: str, packet: Packet) -> None:
        self.seen.channels = True
        self.seen.events.add(event)
        self.seen.ends = self.seen.ends or f"{END}=" in packet.get("ChanVariable", "").split("\n")
        if event == "Hangup" and packet.get("Uniqueid") == self.test:
            self.seen.ended = True
            self.seen.number = packet.get("CallerIDNum", "")
            self.seen.name = packet.get("CallerIDName", "")


async def make_call(ami: AmiClient, witness: Witness, agi: AgiSettings, *, served: bool) -> Observed:
    """Make the call and return what was observed. `served`: a daemon answers look-ups, so we need not."""
    witness.seen.at = time.time()
    async with _listening(agi, witness, wanted=not served):
        try:
            witness.seen.unmade = not await _originate(ami, witness.test)
        except (RefusedError, UnavailableError) as error:
            witness.seen.refused = str(error)
            return witness.seen
        try:
            await witness.until_ended()
        finally:
            if not witness.seen.ended:
                await _hang_up(ami, witness.test)
    return witness.seen


async def _originate(ami: AmiClient, test: str) -> bool:
    """Start the call; return whether there is anything to call.

    If the dialplan has no such place, the PBX refuses at once. Then a call is started that must fail: its events too
    show whether they come and have their time.
    """
    place = {"Context": CONTEXT, "Exten": "look", "Priority": "1"}
    try:
        await ami.action("Originate", _headers(test) | place)
    except RefusedError:
        await ami.action("Originate", _headers(test) | {"Application": "NoOp"})
        return False
    return True


def _headers(test: str) -> dict[str, str]:
    return {
        "ActionID": test,
        "Channel": f"Local/hold@{CONTEXT}/n",
        "ChannelId": test,
        "OtherChannelId": f"{test}-hold",
        "Timeout": str(int(_SECONDS * 1000)),
        "Variable": f"PBXD_TEST={test}",
        "Async": "true",
    }


async def _hang_up(ami: AmiClient, test: str) -> None:
    """Clean up: the call waits for a program that does not answer, or we can't see its end."""
    with suppress(PbxdError):
        for channel in await ami.listing("CoreShowChannels"):
            if channel.get("Uniqueid", "").startswith(test):
                with suppress(PbxdError):  # it may have ended meanwhile
                    await ami.action("Hangup", {"Channel": channel.get("Channel", "")})


@asynccontextmanager
async def _listening(agi: AgiSettings, witness: Witness, *, wanted: bool) -> AsyncIterator[None]:
    """Answer look-ups in the daemon's place; any other call gets a failure at once."""

    def answer(request: AgiRequest) -> Sequence[AgiCommand]:
        if not request.headers.get("agi_uniqueid", "").startswith(witness.test):
            return failure_commands()
        witness.seen.asked = True
        values = {"PBXD_STATUS": "unknown", "PBXD_CONTACT": "", "PBXD_MANAGER": "", "CALLERID(name)": NAME}
        return [set_variables(values)]

    if not wanted:
        yield
        return
    server = FastAgiServer(agi, answer)

    async def serve() -> None:
        with suppress(UnavailableError):  # another program has the address: then that one is asked, and it shows
            await server.serve()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(serve()), group.create_task(server.ready.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        witness.seen.own_listener = server.ready.is_set()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
