"""One call at a phone of ours: a SIP dialog (RFC 3261) with its audio, driven by a test.

Actions (`ring`, `answer`, `hangup`, …) only send; the `until_…` coroutines wait, each with a bound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from tests.lab import sip
from tests.lab.dialog import Dialog, Headers
from tests.lab.media import Media
from tests.lab.processes import PATIENCE, LabError

if TYPE_CHECKING:
    from tests.lab.phone import Phone

MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive", "sendrecv": "sendrecv"}


class Voice(Protocol):
    """Whose voice can be recognised: a call of ours or a SIPp."""

    @property
    def mark(self) -> bytes: ...


class Call:
    """A call; `state` goes new → ringing → talking → ended, skipping what didn't happen.

    `name` and `number` are what the phone's display shows: the caller of an incoming call as first offered, and `shown`
    follows later changes (connected line updates).
    """

    def __init__(self, phone: Phone, invite: sip.Message, *, incoming: bool, media: bool = True) -> None:
        self.phone = phone
        self.invite = invite  # as received (incoming) or sent
        self.incoming = incoming
        self.state = "new"
        self.code = 0  # the final answer to the INVITE, 0 before it
        self.ended_by = ""  # us, them
        self.end_reason = ""  # the Reason header of their BYE, CANCEL or refusal
        self.times: dict[str, float] = {"new": time.time()}  # state -> epoch
        self.held = False  # by the other side
        self.notified: list[str] = []  # bodies of NOTIFY after our REFER: "SIP/2.0 200 OK"
        self.refer_code = 0  # Asterisk's answer to our REFER: 202 accepted
        self.media = Media() if media else None
        self.identities: list[sip.Address] = []  # later identities of the other side, in order
        self._waiters: list[asyncio.Future[None]] = []
        self._timers: list[asyncio.TimerHandle] = []
        self._dialog = Dialog(phone, invite, incoming=incoming)
        self._version = 1
        self._cancel_wanted = False
        self._trying = False  # a provisional response came
        self._acked = False
        if self.media:
            self.media.on_digit = self._changed

    # ---- what can be seen ---------------------------------------------------------------------------------------
    @property
    def id(self) -> str:
        """The Call-ID."""
        return self.invite.call_id

    @property
    def name(self) -> str:
        """The display name of the INVITE's From, exactly."""
        return self.invite.address("From").name

    @property
    def number(self) -> str:
        """The user part of the INVITE's From."""
        return self.invite.address("From").user

    @property
    def dialled(self) -> str:
        """The number the INVITE asks for."""
        return sip.Address("", self.invite.uri).user

    @property
    def pai(self) -> sip.Address:
        """The INVITE's P-Asserted-Identity (empty where there is none)."""
        return self.invite.address("P-Asserted-Identity")

    @property
    def shown(self) -> sip.Address:
        """Who the display shows now."""
        return self.identities[-1] if self.identities else self.invite.address("From")

    def header(self, name: str) -> str:
        return self.invite.get(name)

    @property
    def mark(self) -> bytes:
        """What this call's voice sounds like, see tests.lab.media."""
        return self.media.mark if self.media else b""

    @property
    def digits(self) -> str:
        """The digits heard so far (RFC 4733)."""
        return self.media.digits if self.media else ""

    @property
    def seconds_talked(self) -> float:
        return self.times.get("ended", time.time()) - self.times["talking"] if "talking" in self.times else 0.0

    def __repr__(self) -> str:
        way = "from" if self.incoming else "to"
        who = f"{self.name!r} <{self.number}>" if self.incoming else self.dialled
        return f"<{self.phone.user}: call {way} {who}, {self.state}>"

    # ---- waiting ------------------------------------------------------------------------------------------------
    async def until(self, condition: Callable[[], object], what: str, *, timeout: float = PATIENCE) -> None:
        """Wait for `condition`, looked at after every change of this call."""
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError as error:
            raise LabError(f"waited {timeout} s in vain for {what}: {self!r}, code {self.code}") from error

    async def until_ringing(self, *, timeout: float = PATIENCE) -> Call:
        await self.until(lambda: self.state != "new", "ringing", timeout=timeout)
        self._expect("ringing", "talking")
        return self

    async def until_talking(self, *, timeout: float = PATIENCE) -> Call:
        await self.until(lambda: self.state in {"talking", "ended"}, "an answer", timeout=timeout)
        self._expect("talking")
        return self

    async def until_ended(self, *, timeout: float = PATIENCE) -> Call:
        await self.until(lambda: self.state == "ended", "the end", timeout=timeout)
        return self

    async def until_digits(self, digits: str, *, timeout: float = PATIENCE) -> None:
        await self.until(lambda: self.digits.endswith(digits), f"the digits {digits}", timeout=timeout)

    async def until_hears(self, other: Voice, *, timeout: float = PATIENCE) -> None:
        """Wait until the other's voice arrives here from now on: proof that Asterisk bridges the two."""
        since = time.time()
        try:
            async with asyncio.timeout(timeout):
                while not (self.media and self.media.heard.get(other.mark, 0) > since):
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise LabError(f"{self!r} doesn't hear {other!r} after {timeout} s") from error

    def hears(self, other: Voice, *, within: float = 0.2) -> bool:
        """Tell whether the other's voice arrived during the last `within` seconds."""
        return bool(self.media and time.time() - self.media.heard.get(other.mark, 0) < within)

    # ---- actions ------------------------------------------------------------------------------------------------
    def ring(self) -> None:
        self._enter("ringing")
        self._dialog.respond(180)

    def progress(self) -> None:
        """Send early media (183 with SDP)."""
        self._enter("ringing")
        self._dialog.respond(183, body=self._sdp())
        self._start_media(self.invite.body)

    def answer(self) -> None:
        self.code = 200
        self._start_media(self.invite.body)
        self._respond_until_acked(self.invite, self._sdp())

    def reject(self, code: int = 486, headers: Headers | None = None) -> None:
        """Refuse: 486 busy, 603 declined, 404 unknown, 480 away, 302 with a Contact header."""
        self.code = code
        self._dialog.respond(code, extra=headers)
        self._end("us")

    def redirect(self, number: str) -> None:
        """Answer 302: the phone's own call forwarding."""
        self.reject(302, [("Contact", f"<sip:{number}@127.0.0.1:{self.phone.server[1]}>")])

    def hangup(self) -> None:
        """End the call in whatever state it is: BYE, CANCEL or a refusal."""
        if self.state == "talking" or self.code == 200:
            self._dialog.request("BYE")
            self._end("us")
        elif self.incoming and self.state != "ended":
            self.reject(603)
        elif self.state == "new":
            self._cancel_wanted = True  # RFC 3261 9.1: not before a provisional response
            if self._trying:
                self._cancel()
        elif self.state == "ringing":
            self._cancel()

    def press(self, digits: str) -> None:
        """Key digits (RFC 4733), about 0.25 s each."""
        if not self.media:
            raise LabError(f"{self!r} has no media")
        self.media.press(digits)

    def hold(self) -> None:
        self._reinvite("sendonly")

    def unhold(self) -> None:
        self._reinvite("sendrecv")

    def refer(self, target: str) -> None:
        """Blind transfer by the phone: REFER to a number."""
        self._refer(f"sip:{target}@127.0.0.1:{self.phone.server[1]}")

    def refer_to_call(self, other: Call) -> None:
        """Attended transfer by the phone: REFER with Replaces, joining this call's far end with `other`'s."""
        self._refer(other._dialog.replacing_uri)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after a while, unless the call has ended by then."""
        self._timers.append(
            asyncio.get_running_loop().call_later(seconds, lambda: None if self.state == "ended" else action())
        )

    # ---- what comes in ------------------------------------------------------------------------------------------
    def take_request(self, request: sip.Message) -> None:
        """Handle a request inside this dialog; called by the phone."""
        match request.method:
            case "ACK":
                self._take_ack()
            case "CANCEL":
                self.phone.reply(request, 200)
                if self.state != "ended" and self.code == 0:
                    self.code = 487
                    self._dialog.respond(487)
                    self._end("them", request.get("Reason"))
            case "BYE":
                self.phone.reply(request, 200)
                self._end("them", request.get("Reason"))
            case "INVITE" | "UPDATE":
                self._take_offer(request)
            case "NOTIFY":
                self._take_notify(request)
            case _:
                self.phone.reply(request, 200)

    def _take_ack(self) -> None:
        self._acked = True
        if self.code == 200:
            self._enter("talking")

    def _take_offer(self, request: sip.Message) -> None:
        self._note_identity(request)
        if not request.body:
            self._dialog.accept(request)
            return
        offer = sip.parse_sdp(request.body)
        direction = offer.direction if offer else "sendrecv"
        self.held = direction in {"sendonly", "inactive"}
        self._start_media(request.body)
        if request.method == "INVITE":
            self._acked = False
            self._respond_until_acked(request, self._sdp(MIRRORED[direction]))
        else:
            self._dialog.accept(request, self._sdp(MIRRORED[direction]))
        self._changed()

    def _take_notify(self, request: sip.Message) -> None:
        self.phone.reply(request, 200)
        self.notified.append(request.body.strip())
        if request.body.startswith("SIP/2.0 200") and self.state == "talking":
            self.hangup()
        self._changed()

    def take_answer(self, answer: sip.Message) -> None:
        """Handle a response to our INVITE; called by the phone's transaction."""
        if answer.code == 100:
            self._provisional()
            return
        self._dialog.learn(answer)
        if answer.code < 200:
            self._note_identity(answer)
            self._start_media(answer.body)
            self._provisional()
            if self.state == "new":
                self._enter("ringing")
            return
        self.code = answer.code
        if answer.code < 300:
            self._accepted(answer)
        else:
            self._end("us" if self._cancel_wanted else "them", answer.get("Reason"))

    def _accepted(self, answer: sip.Message) -> None:
        self._dialog.acknowledge(answer)
        if self._cancel_wanted:
            self.hangup()
            return
        if self.state != "ended":
            self._note_identity(answer)
            self._start_media(answer.body)
            self._enter("talking")

    def _provisional(self) -> None:
        self._trying = True
        if self._cancel_wanted and self.state in {"new", "ringing"}:
            self._cancel()

    # ---- inside -------------------------------------------------------------------------------------------------
    def _expect(self, *states: str) -> None:
        if self.state not in states:
            raise LabError(f"expected {' or '.join(states)}: {self!r}, code {self.code}, ended by {self.ended_by}")

    def _note_identity(self, message: sip.Message) -> None:
        identity = message.get("P-Asserted-Identity") or message.get("Remote-Party-ID")
        if identity:
            address = sip.parse_address(identity)
            if (address.name, address.uri) != (self.shown.name, self.shown.uri):
                self.identities.append(address)
                self._changed()

    def _respond_until_acked(self, request: sip.Message, body: str, wait: float = 0.5) -> None:
        """Send 200 and repeat it until the ACK comes (RFC 3261 13.3.1.4)."""
        if self._acked or self.state == "ended" or wait > 10:
            return
        self._dialog.accept(request, body)
        self.later(wait, lambda: self._respond_until_acked(request, body, wait * 2))

    def _sdp(self, direction: str = "sendrecv") -> str:
        self._version += 1
        return sip.write_sdp(self.media.port if self.media else 9, self._version, direction)

    def _start_media(self, body: str) -> None:
        remote = sip.parse_sdp(body)
        if self.media and remote and remote.port:
            self.media.sending = remote.direction in {"sendrecv", "recvonly"}
            self.media.send_to(remote.host, remote.port, remote.event_payload)

    def _cancel(self) -> None:
        self._cancel_wanted = True
        self._dialog.cancel()

    def _reinvite(self, direction: str) -> None:
        def answered(answer: sip.Message) -> None:
            if 200 <= answer.code < 300:
                self._dialog.acknowledge(answer)
                self._start_media(answer.body)
            elif answer.code in {491, 500}:  # another one is under way, theirs or ours (RFC 3261 14.1)
                self.later(0.2, lambda: self._reinvite(direction))

        self._dialog.request("INVITE", [], self._sdp(direction), answered)

    def _refer(self, uri: str) -> None:
        def answered(answer: sip.Message) -> None:
            self.refer_code = answer.code
            self._changed()

        self._dialog.request(
            "REFER", [("Refer-To", f"<{uri}>"), ("Referred-By", self.phone.contact)], answered=answered
        )

    def _enter(self, state: str) -> None:
        if self.state != "ended":
            self.state = state
            self.times.setdefault(state, time.time())
        self._changed()

    def _end(self, who: str, reason: str = "") -> None:
        if self.state == "ended":
            return
        self._enter("ended")
        self.ended_by, self.end_reason = who, reason
        self.close()
        self._changed()

    def close(self) -> None:
        """Stop media and timers without a word to the other side."""
        for timer in self._timers:
            timer.cancel()
        if self.media:
            self.media.close()

    def _changed(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
