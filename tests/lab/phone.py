"""A SIP phone of ours: one UDP port, any number of calls at a time, everything it saw readable by the test.

Real SIP over a real socket (RFC 3261 transactions, no shared code with pbxd or Asterisk), started in microseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable

from tests.lab import sip
from tests.lab.call import Call
from tests.lab.dialog import Headers
from tests.lab.ports import HOST, port_of
from tests.lab.processes import PATIENCE, LabError

Behaviour = Callable[[Call], None]
FIRST_REPEAT = 0.5  # RFC 3261 T1
REPEATS = 6
REMEMBERED = 5000  # transactions; older ones can't be asked about any more


def manual(call: Call) -> None:
    """Ring; the test decides what happens next."""
    call.ring()


def silent(call: Call) -> None:
    """Say nothing after 100 Trying, as a phone whose network broke."""
    del call


def answering(after: float = 0.0) -> Behaviour:
    """Ring, then answer after `after` seconds."""

    def behave(call: Call) -> None:
        call.ring()
        call.later(after, call.answer)

    return behave


def rejecting(code: int = 486, after: float = 0.0) -> Behaviour:
    """Refuse with a SIP code: 486 busy, 603 declined, 404 unknown, 480 away."""

    def behave(call: Call) -> None:
        if after:
            call.ring()
        call.later(after, lambda: call.reject(code))

    return behave


def redirecting(number: str) -> Behaviour:
    """Forward every call by 302."""
    return lambda call: call.redirect(number)


class Phone:
    """A phone (or the provider's side of the trunk) at a fixed port of the lab."""

    def __init__(self, user: str, bound: socket.socket, server: tuple[str, int]) -> None:
        self.user = user
        self.server = server
        self.port = port_of(bound)
        self.behaviour: Behaviour = manual
        self.media = True  # whether its calls carry audio
        self.calls: list[Call] = []  # since the last reset, in order
        self._fresh: asyncio.Queue[Call] = asyncio.Queue(1000)
        self._socket = bound
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(bound, self._readable)
        self._waiting: dict[tuple[str, str], _Transaction] = {}
        self._answered: dict[tuple[str, str], bytes] = {}

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@{HOST}:{self.port}>"

    def __repr__(self) -> str:
        return f"<phone {self.user}>"

    # ---- for tests ----------------------------------------------------------------------------------------------
    async def incoming(self, *, timeout: float = PATIENCE) -> Call:
        """Return the next call offered to this phone that was not returned before."""
        try:
            async with asyncio.timeout(timeout):
                return await self._fresh.get()
        except TimeoutError as error:
            raise LabError(f"no call reached {self!r} within {timeout} s") from error

    async def answered(self, *, timeout: float = PATIENCE) -> Call:
        """Wait for the next call, answer it at once and return it talking."""
        call = await self.incoming(timeout=timeout)
        call.answer()
        return await call.until_talking(timeout=timeout)

    def dial(
        self, number: str, *, caller: str = "", name: str = "", pai: str = "", headers: Headers | None = None
    ) -> Call:
        """Call `number` through Asterisk. `caller` and `name` go into From (default: the phone's user).

        `pai` is a whole P-Asserted-Identity value or just a number.
        """
        uri = f"sip:{number}@{HOST}:{self.server[1]}"
        extra = list(headers or [])
        if pai:
            extra.append(("P-Asserted-Identity", pai if "<" in pai else f"<sip:{pai}@{HOST}>"))
        source = sip.write_address(name, f"sip:{caller or self.user}@{HOST}", secrets.token_hex(5))
        invite = sip.Message("INVITE", uri, headers=[
            ("Via", self._via()), ("From", source), ("To", f"<{uri}>"), ("Call-ID", secrets.token_hex(10)),
            ("CSeq", "1 INVITE"), ("Contact", self.contact), ("Max-Forwards", "70"), *extra,
        ])  # fmt: skip
        call = Call(self, invite, incoming=False, media=self.media)
        if call.media:
            invite.body = sip.write_sdp(call.media.port, 1)
        self.calls.append(call)
        self.send_request(invite, call.take_answer)
        return call

    async def register(self, *, expires: int = 60) -> None:
        """Register with Asterisk (only 105 of the lab does); `expires=0` signs off."""
        done: asyncio.Future[int] = self._loop.create_future()
        uri = f"sip:{self.user}@{HOST}"
        message = sip.Message("REGISTER", f"sip:{HOST}:{self.server[1]}", headers=[
            ("From", f"<{uri}>;tag={secrets.token_hex(5)}"), ("To", f"<{uri}>"), ("Call-ID", secrets.token_hex(10)),
            ("CSeq", "1 REGISTER"), ("Contact", f"{self.contact};expires={expires}"), ("Max-Forwards", "70"),
        ])  # fmt: skip
        self.send_request(message, lambda answer: None if done.done() else done.set_result(answer.code))
        async with asyncio.timeout(PATIENCE):
            code = await done
        if code != 200:
            raise LabError(f"{self!r}: registration refused with {code}")

    def reset(self) -> None:
        """Hang everything up and be a fresh manual phone again."""
        for call in self.calls:
            call.hangup()
        self.calls.clear()
        self.behaviour = manual
        self.media = True
        while not self._fresh.empty():
            self._fresh.get_nowait()

    def close(self) -> None:
        for call in self.calls:
            call.close()
        for transaction in self._waiting.values():
            transaction.stop()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    # ---- for calls ----------------------------------------------------------------------------------------------
    def send(self, message: sip.Message) -> None:
        self._transmit(message.encode())

    def send_new(self, message: sip.Message) -> None:
        """Send a request that gets no answer (ACK) with a Via of its own."""
        message.headers.insert(0, ("Via", self._via()))
        self.send(message)

    def send_request(self, message: sip.Message, answered: Callable[[sip.Message], None]) -> None:
        """Send a request, repeating it until something comes back."""
        if not message.get("Via"):
            message.headers.insert(0, ("Via", self._via()))
        transaction = _Transaction(self, message, answered)
        self._waiting[message.branch, message.method] = transaction
        if len(self._waiting) > REMEMBERED:
            self._waiting.pop(next(iter(self._waiting))).stop()
        transaction.transmit()

    def reply(
        self, request: sip.Message, code: int, *, tag: str = "", extra: Headers | None = None, body: str = ""
    ) -> None:
        answer = sip.response(request, code, tag or "lab", extra)
        answer.body = body
        data = answer.encode()
        self._answered[request.branch, request.method] = data
        if len(self._answered) > REMEMBERED:
            del self._answered[next(iter(self._answered))]
        self._transmit(data)

    # ---- inside -------------------------------------------------------------------------------------------------
    def _via(self) -> str:
        return f"SIP/2.0/UDP {HOST}:{self.port};branch={sip.new_branch()};rport"

    def _transmit(self, data: bytes) -> None:
        if self._socket.fileno() >= 0:
            with contextlib.suppress(BlockingIOError, ConnectionError):  # repeated by the transaction
                self._socket.sendto(data, self.server)

    def _readable(self) -> None:
        while self._socket.fileno() >= 0:
            try:
                data = self._socket.recv(65536)
            except (BlockingIOError, ConnectionError):
                return
            message = sip.parse(data)
            if message is not None:
                self._take(message)

    def _take(self, message: sip.Message) -> None:
        if not message.is_request:
            transaction = self._waiting.get((message.branch, message.cseq[1]))
            if transaction:
                transaction.take(message)
            return
        known = self._answered.get((message.branch, message.method))
        if known and message.method != "ACK":
            self._transmit(known)
            return
        call = next((call for call in self.calls if call.id == message.call_id), None)
        if call:
            call.take_request(message)
        elif message.method == "INVITE":
            self._offered(message)
        elif message.method != "ACK":
            self.reply(message, 200 if message.method in {"OPTIONS", "NOTIFY", "BYE"} else 481)

    def _offered(self, invite: sip.Message) -> None:
        self.reply(invite, 100)
        call = Call(self, invite, incoming=True, media=self.media)
        self.calls.append(call)
        self._fresh.put_nowait(call)
        self.behaviour(call)


class _Transaction:
    """A request of ours until its final answer (RFC 3261 17.1)."""

    def __init__(self, phone: Phone, request: sip.Message, answered: Callable[[sip.Message], None]) -> None:
        self._phone = phone
        self._request = request
        self._answered = answered
        self._timer: asyncio.TimerHandle | None = None
        self._sent = 0

    def transmit(self) -> None:
        self._phone.send(self._request)
        self._sent += 1
        if self._sent <= REPEATS:
            wait = FIRST_REPEAT * 2 ** (self._sent - 1)
            self._timer = asyncio.get_running_loop().call_later(wait, self.transmit)

    def take(self, answer: sip.Message) -> None:
        self.stop()
        if self._request.method == "INVITE" and answer.code >= 300:
            self._acknowledge(answer)
        self._answered(answer)

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _acknowledge(self, answer: sip.Message) -> None:
        """ACK a refusal: same branch, same request line (RFC 3261 17.1.1.3)."""
        wanted = {"Via", "From", "Call-ID", "Max-Forwards"}
        headers = [header for header in self._request.headers if header[0] in wanted]
        headers += [("To", answer.get("To")), ("CSeq", f"{answer.cseq[0]} ACK")]
        self._phone.send(sip.Message("ACK", self._request.uri, headers=headers))
