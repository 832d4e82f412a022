"""The AMI client: one link to Asterisk that reconnects by itself, and the actions asked over it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from types import MappingProxyType

import structlog

from pbxd.asterisk.ami.actions import Headers, checked
from pbxd.asterisk.ami.capture import Capture
from pbxd.asterisk.ami.link import Link, Question
from pbxd.asterisk.ami.packets import Packet as Packet
from pbxd.asterisk.ami.reconnecting import backoff
from pbxd.asterisk.ami.tls import REFUSED, check_pinned_certificate, handshake_refused, server_name, tls_context
from pbxd.errors import InvalidInputError, ProtocolError, RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.logs import Complaints
from pbxd.settings import AsteriskSettings

_MAX_UNANSWERED = 1000  # actions under way; more means that something asks without end
_LOGIN_SECONDS = 3.0  # at least; Asterisk waits one second before it refuses
AWAY_SHARE = 0.1  # the next wait for an absent PBX, as a share of the time waited so far
_REFUSED_SECONDS = 2.0  # after a refused login the first wait is between half of this and this
_REFUSED_SHARE = 1.0  # the waits double
_SETTLED_SECONDS = 30.0  # a link that lasted longer resets the back-off
_MISSED_PINGS = 2
_NO_HEADERS: Headers = MappingProxyType({})

_log = structlog.get_logger(__name__)


class AmiClient:
    """A link to Asterisk that reconnects by itself.

    `sink` gets every packet (events, responses, list items) strictly in order. It is called while reading, so it must
    only enqueue and must not raise: an exception in it is a defect and costs the link. `on_link` is called with True
    after a login, once Asterisk says that it is fully booted (packets of the new link can come before), and with False
    after the last packet of a lost link. Without the AMI right `system` FullyBooted never comes: then it is called with
    True after `connect_timeout_seconds`, and a later FullyBooted reaches the sink like any event.
    """

    def __init__(
        self,
        settings: AsteriskSettings,
        secret: str,
        sink: Callable[[Packet], None],
        *,
        on_link: Callable[[bool], None],
    ) -> None:
        """Raise InvalidInputError for a name or secret AMI can't carry, ConfigurationError for a bad `tls_ca_file`."""
        self._settings = settings
        self._login = {"Username": settings.username, "Secret": secret, "Events": "on"}
        checked("Login", self._login)
        self._sink = sink
        self._on_link = on_link
        self._link: Link | None = None
        self._up = False
        self._tls = tls_context(settings)
        self._address = f"{settings.host}:{settings.port}"
        self._complaints = Complaints(self._address)

    @property
    def connected(self) -> bool:
        """Whether actions can be asked: logged in, and the link not lost."""
        return self._up and self._link is not None and not self._link.closed

    @property
    def arrived(self) -> float:
        """The arrival of the packet that the sink gets now: epoch seconds, the same number as in the capture."""
        return self._link.arrived if self._link is not None else 0.0

    async def action(
        self,
        name: str,
        headers: Headers = _NO_HEADERS,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a caller's deadline is part of asking
    ) -> Packet:
        """Ask for an action and return the first response.

        What follows it (such as OriginateResponse) goes to the sink only. `timeout` in seconds, else
        `action_timeout_seconds`. An action is written at most once. An `ActionID` among the headers is used; without
        one it is made. Raises InvalidInputError (nothing was written), RefusedError `pbx` (Response: Error),
        UnavailableError (not connected, link lost, or no answer in time: the action may or may not have been done).
        """
        question = Question(checked(name, headers))
        return (await self._ask(self._connected_link(), question, timeout))[0]

    async def listing(
        self,
        name: str,
        headers: Headers = _NO_HEADERS,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a caller's deadline is part of asking
    ) -> list[Packet]:
        """Ask for an event list and return its events, without the response before and the Complete event after them.

        Raises what `action` raises, and ProtocolError for an action that answers without a list. `timeout` covers the
        whole list.
        """
        question = Question(checked(name, headers), listing=True)
        answers = await self._ask(self._connected_link(), question, timeout)
        if answers[0].get("EventList", "").lower() != "start":
            raise ProtocolError(_("AMI: {action} answered without a list").format(action=name))
        return answers[1:-1]

    async def run(self) -> None:
        """Keep a link for ever; ends only by cancellation.

        An absent PBX is tried often at first. A refused login is repeated less often: an administrator must fix it, and
        a guard of the PBX may ban an address that is refused often.
        """
        away, refused = self._waits()
        while True:
            try:
                if await self._session() > _SETTLED_SECONDS:
                    away, refused = self._waits()
                wait = next(away)
            except RefusedError as error:
                wait = next(refused)
                event = "ami_tls_refused" if error.reason == REFUSED else "ami_login_refused"
                self._complaints.tell(event, str(error))
            except (UnavailableError, ProtocolError) as error:
                wait = next(away)
                self._complaints.tell("ami_unreachable", str(error))
            await asyncio.sleep(wait)

    def _waits(self) -> tuple[Iterator[float], Iterator[float]]:
        first, longest = self._settings.reconnect_first_seconds, self._settings.reconnect_longest_seconds
        slow = max(first, _REFUSED_SECONDS)
        return backoff(first, longest, AWAY_SHARE), backoff(slow, max(slow, longest), _REFUSED_SHARE)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Have one link for the length of a block, without pings, captures and reconnects; `on_link` is not called.

        For one look at a PBX. Raises UnavailableError or ProtocolError (nobody answers, or no Asterisk) and
        RefusedError (the login, or `tls`: the certificate is not trusted).
        """
        self._link = link = await self._connect(None)
        try:
            await self._log_in(link)
            self._up = True
            yield
        finally:
            self._up = False
            link.close()
            self._link = None

    async def _session(self) -> float:
        """Have one link until it is lost. Return how many seconds it was up; raise if it never was."""
        settings = self._settings
        capture = Capture(settings.capture_folder, settings.capture_days) if settings.capture_folder else None
        try:
            self._link = link = await self._connect(capture)
            try:
                await self._log_in(link)
                return await self._serve(link)
            finally:
                link.close()
                self._link = None
        finally:
            if capture is not None:
                capture.close()

    async def _connect(self, capture: Capture | None) -> Link:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.connect_timeout_seconds):
                transport, link = await asyncio.get_running_loop().create_connection(
                    partial(Link, self._sink, capture),
                    settings.host,
                    settings.port,
                    ssl=self._tls,
                    server_hostname=server_name(settings),
                )
        except TimeoutError as error:
            raise UnavailableError(_("no connection in time")) from error
        except ssl.SSLError as error:
            raise handshake_refused(error) from error
        except OSError as error:
            raise UnavailableError(error.strerror or str(error)) from error
        try:
            check_pinned_certificate(settings, transport)
        except RefusedError:
            link.close()
            raise
        return link

    async def _log_in(self, link: Link) -> None:
        """Log in and wait until Asterisk is ready. Raises RefusedError or UnavailableError."""
        seconds = max(self._settings.action_timeout_seconds, _LOGIN_SECONDS)
        try:
            await self._ask(link, Question(checked("Login", self._login)), seconds)
        except UnavailableError as error:
            raise UnavailableError(link.why_lost or str(error)) from error
        if link.capture is not None:
            link.capture.open(time.time())
        seconds = self._settings.connect_timeout_seconds
        await asyncio.wait((link.booted, link.lost), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if link.lost.done():
            raise UnavailableError(link.why_lost)
        if not link.booted.done():
            _log.warning("ami_not_fully_booted", address=self._address)

    async def _serve(self, link: Link) -> float:
        """Serve until the link is lost; return the seconds it lasted."""
        began = time.monotonic()
        self._up = True
        self._complaints.forget()
        _log.info("ami_connected", address=self._address, version=link.protocol_version)
        self._on_link(True)  # noqa: FBT003 - agreed with the service
        try:
            await self._ping(link)
        finally:
            link.close()
            self._up = False
            self._on_link(False)  # noqa: FBT003 - agreed with the service
        _log.warning("ami_link_lost", address=self._address, why=link.why_lost)
        return time.monotonic() - began

    async def _ping(self, link: Link) -> None:
        """Ping until the link is lost. Cut the link if two pings in a row bring not a single byte.

        A blocked event loop can't cut a healthy link: bytes that came meanwhile are read before the second ping is
        judged.
        """
        missed = 0
        while not link.lost.done():
            link.received = False
            ping = Question({"Action": "Ping"})
            ping.future.cancel()  # nobody waits for it
            link.send(ping)
            await asyncio.wait((link.lost,), timeout=self._settings.ping_interval_seconds)
            missed = 0 if link.received else missed + 1
            if missed == _MISSED_PINGS and not link.closed:
                link.cut(_("no answer to pings"))
            if link.capture is not None:
                link.capture.flush()

    def _connected_link(self) -> Link:
        if self._link is None or not self.connected:
            raise UnavailableError(_("there is no link to the PBX"))
        return self._link

    async def _ask(self, link: Link, question: Question, seconds: float | None) -> list[Packet]:
        """Write an action once and wait for its answers; the first of them is the response."""
        if question.id in link.responses:
            raise InvalidInputError("ActionID", _("AMI: an action with this ActionID is under way"))
        if link.closed or len(link.responses) >= _MAX_UNANSWERED:
            raise UnavailableError(_("the PBX does not answer"))
        seconds = self._settings.action_timeout_seconds if seconds is None else seconds
        link.send(question)
        try:
            async with asyncio.timeout(seconds):
                answers: list[Packet] = await question.future
        except TimeoutError as error:
            message = _("the PBX did not answer {action} within {seconds:g} s")
            raise UnavailableError(message.format(action=question["Action"], seconds=seconds)) from error
        finally:
            # In any case forget it: a late answer goes to the sink only.
            link.forget(question)
        if answers[0].get("Response") == "Error":
            message = _("the PBX refused {action}: {why}")
            why = answers[0].get("Message", "")
            raise RefusedError("pbx", message.format(action=question["Action"], why=why))
        return answers
