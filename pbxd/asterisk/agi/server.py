"""The FastAGI server: Asterisk asks who is calling, and gets the answer from memory within the deadline.

Sockets are read straight from the event loop, without transports. A connect-and-close costs an accept, a read and a
close (no task, no parser), less than it costs the peer, so a flood of them can't fill the kernel's queue. The loop
watches one epoll object, which watches the connections: adding each connection to the loop would cost four times as
much. What a call waits for comes first everywhere, our own book-keeping afterwards. The file is over 300 lines long
because accepting, reading and answering share one loop and its order.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import select
import socket
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

import structlog

from pbxd.asterisk.agi.commands import AgiCommand, failure_commands
from pbxd.asterisk.agi.connections import Connections, Conversation, Session
from pbxd.asterisk.agi.protocol import AgiHangup, AgiLimits, AgiParser, AgiReply, AgiRequest
from pbxd.errors import ConfigurationError, ProtocolError, UnavailableError
from pbxd.i18n import _
from pbxd.logs import Notes
from pbxd.measures import Measured, Reading, Timings
from pbxd.settings import AgiSettings

SCRIPTS = frozenset({"lookup"})

_A_TURN = 16  # connections accepted or timed out at once, then those under way get their turn
_BACKLOG = 4096  # the kernel cuts it to net.core.somaxconn; a full queue would cost an honest caller a second
_READ_BYTES = 16384
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_SWEEP_SECONDS = 0.25  # how often time-outs are checked
_NOTE_SECONDS = 10.0  # at most one log line of a kind in this time

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class FastAgiCounters:
    """Counts since the start. Every accepted connection ends in exactly one of the counts marked *."""

    accepted: int = 0
    answered: int = 0  # * the last command was acknowledged
    empty: int = 0  # * closed by the peer before complete headers
    abandoned: int = 0  # * the caller or Asterisk left before the last reply
    refused: int = 0  # * no room: all other connections were being answered
    evicted: int = 0  # * the one longest without progress made room for a newer one
    timed_out: int = 0  # * headers or a reply did not come in time
    malformed: int = 0  # * not AGI, or over a limit
    unknown: int = 0  # * an unknown script
    failed: int = 0  # of the look-ups: the answer raised, the channel got PBXD_STATUS=error
    late: int = 0  # of the look-ups: first command after the deadline
    latency_max_seconds: float = 0.0  # last header byte read to first command sent


def _send_all(commands: Sequence[AgiCommand]) -> Conversation:
    """Yield commands, whatever the replies are."""
    for command in commands:  # noqa: UP028 - `yield from` a list can't be sent replies
        yield command


def _read_some(sock: socket.socket) -> bytes | None:
    """Return the received bytes. None: nothing yet. Empty: the peer has left."""
    try:
        return sock.recv(_READ_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""


class FastAgiServer:
    """Serves `agi://HOST:PORT/lookup`. `answer` runs in the loop, so it must be quick and use memory only.

    It returns commands, or a generator that yields them and gets Asterisk's reply to each.

    If one connection more than `settings.max_connections` comes, or file descriptors run out, one connection is closed:
    `Connections` says which. A connection whose reply has been due for a very short time keeps its place; the newcomer
    is closed then.
    """

    def __init__(
        self, settings: AgiSettings, answer: Callable[[AgiRequest], Conversation | Sequence[AgiCommand]]
    ) -> None:
        self.counters = FastAgiCounters()
        self.timings = Timings()  # from the last header byte read to the first command sent
        self.ready = asyncio.Event()  # listening; `port` is known
        self.port = 0
        self.own: set[tuple[str, int]] = set()  # the addresses of our own probe, which is always admitted
        self._settings = settings
        self._limits = AgiLimits(line_bytes=settings.max_line_bytes, headers=settings.max_headers)
        self._answer = answer
        self._notes = Notes(log)
        self.connections = Connections(settings)
        self._sessions: dict[int, Session] = {}  # by file descriptor
        self._paused = False

    async def serve(self) -> None:
        """Listen and answer until cancelled.

        Raises UnavailableError if the address can't be listened on, ConfigurationError for an unknown address.
        """
        self._loop = asyncio.get_running_loop()
        with await self._listener() as self._listening, select.epoll() as self._watch:
            self.port = self._listening.getsockname()[1]
            self._queue = select.poll()
            self._queue.register(self._listening, select.POLLIN)
            self._loop.add_reader(self._watch, self._readable)
            self._loop.add_reader(self._listening, self._accept)
            self.ready.set()
            log.info("fastagi_listening", address=self._settings.listen, port=self.port)
            pause = min(_SWEEP_SECONDS, self._settings.header_timeout_seconds / 4)
            try:
                while True:  # noqa: ASYNC110 - it checks the clock
                    await asyncio.sleep(0 if self._sweep() else pause)
            finally:
                self.ready.clear()
                self._loop.remove_reader(self._listening)
                self._loop.remove_reader(self._watch)
                for session in self.connections.all():
                    self._close(session)

    @property
    def address(self) -> tuple[str, int]:
        """The address for this machine; only while `ready`."""
        host: str = self._listening.getsockname()[0]
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), self.port  # noqa: S104 - compared, not bound

    async def _listener(self) -> socket.socket:
        host, _colon, port = self._settings.listen.rpartition(":")
        try:
            found = await self._loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
            listener = socket.create_server(found[0][4][:2], family=found[0][0], backlog=_BACKLOG)
        except OSError as error:
            unknown = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
            kind = ConfigurationError if unknown else UnavailableError
            why = error.strerror or error
            raise kind(
                _("agi.listen: can't listen on {address}: {why}").format(address=self._settings.listen, why=why)
            ) from error
        listener.settimeout(0)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the connections inherit it
        # tcp(7): a connection is handed over with its first bytes, or empty after about a second: one wake-up less.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
        return listener

    def _accept(self) -> None:
        for _turn in range(_A_TURN):
            try:
                sock, address = self._listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED and not self._make_room():
                    self._pause(error)
                    return
                continue  # there is room now, or the peer has gone: accept(2) reports such errors
            self.counters.accepted += 1
            self._admit(sock, address[0], own=address[:2] in self.own)
            if not self._queue.poll(0):  # cheaper than an accept that fails
                return

    def _pause(self, error: OSError) -> None:
        """Stop accepting until the next sweep. The listener stays readable, so trying again at once would spin."""
        self._notes.write("fastagi_resources_exhausted", why=str(error))
        self._paused = True
        self._loop.remove_reader(self._listening)

    def _admit(self, sock: socket.socket, peer: str, *, own: bool) -> None:
        sock.settimeout(0)
        data = _read_some(sock)
        if data == b"":
            self.counters.empty += 1
            sock.close()
            return
        if self.connections.full and not own and not self._make_room():
            self.counters.refused += 1
            self._notes.write("fastagi_connection_refused", limit=self._settings.max_connections)
            sock.close()
            return
        session = Session(sock, peer, AgiParser(self._limits), time.monotonic())
        self.connections.add(session)
        if data:
            self._received(session, data)
        if session.open:
            self._sessions[sock.fileno()] = session
            self._watch.register(sock, select.EPOLLIN)

    def _make_room(self) -> bool:
        for _turn in range(_A_TURN):
            victim = self.connections.longest_owing()
            if victim is None:
                return False
            since = victim.since
            self._read(victim)  # its bytes may not have been read yet
            if not victim.open:
                return True
            if victim.since == since:
                return self._evict(victim)
        return False

    def _evict(self, victim: Session) -> bool:
        """Close a connection, unless its peer has had almost no time to reply."""
        if victim.commands and not self.connections.is_stalled(victim):
            return False
        self.counters.evicted += 1
        self._notes.write("fastagi_connection_evicted", limit=self._settings.max_connections)
        self._close(victim)
        return True

    def _sweep(self) -> bool:
        """Close connections that timed out; return whether some are left for the next turn."""
        if self._paused:
            self._paused = False
            self._loop.add_reader(self._listening, self._accept)
        now = time.monotonic()
        for _turn in range(_A_TURN):
            session, awaited = self.connections.overdue(now)
            if not session:
                return False
            self.counters.timed_out += 1
            self._notes.write("fastagi_timed_out", awaited=awaited)
            self._close(session)
        return True

    def readings(self) -> Iterator[Reading | Measured]:
        """Say what is counted."""
        about = "From the last byte of a look-up's headers to the first command of the answer."
        yield Measured("pbxd_agi_answer_seconds", about, lambda: self.timings)
        about = "FastAGI connections by how they ended, and look-ups that failed or were late."
        yield Reading("pbxd_agi_connections_total", about, "counter", self._counts, ("end",))

    def _counts(self) -> dict[str, float]:
        names = [name for name in self.counters.__slots__ if name != "latency_max_seconds"]
        return {name: getattr(self.counters, name) for name in names}

    def _readable(self) -> None:
        for descriptor, _events in self._watch.poll(0, _A_TURN):
            self._read(self._sessions[descriptor])

    def _read(self, session: Session) -> None:
        data = _read_some(session.sock)
        if data:
            self._received(session, data)
        elif data is not None:
            self._left(session)

    def _received(self, session: Session, data: bytes) -> None:
        session.parser.feed(data)
        try:
            while session.open and (message := session.parser.next_message()):
                self._handle(session, message)
        except ProtocolError as error:
            self.counters.malformed += 1
            self._notes.write("fastagi_malformed", why=str(error))
            self._close(session)

    def _handle(self, session: Session, message: AgiRequest | AgiReply | AgiHangup) -> None:
        match message:
            case AgiRequest():
                self._begin(session, message)
            case AgiReply():
                if message.code != 200:  # noqa: PLR2004 - AGI's only word for done
                    self._notes.write("agi_command_rejected", code=message.code, text=message.text)
                self._send_next(session, message)
            case AgiHangup():
                self._left(session)
            case _:
                assert_never(message)

    def _begin(self, session: Session, request: AgiRequest) -> None:
        started = time.monotonic()
        self.connections.begin(session)
        if request.script not in SCRIPTS:
            self.counters.unknown += 1
            self._notes.write("agi_script_unknown", script=request.script[:100])
            self._close(session)
            return
        session.commands = self._conversation(request)
        self._send_next(session)
        latency = time.monotonic() - started
        self.timings.observe(latency)
        self.counters.latency_max_seconds = max(self.counters.latency_max_seconds, latency)
        if latency > self._settings.deadline_seconds:
            self.counters.late += 1
            self._notes.write("agi_answer_late", seconds=round(latency, 4))

    def _conversation(self, request: AgiRequest) -> Conversation:
        try:
            answer = self._answer(request)
            yield from answer if isinstance(answer, Generator) else _send_all(answer)
        except Exception:  # noqa: BLE001 - a defect in the look-up may cost a call its name, never its progress
            self.counters.failed += 1
            self._notes.write("lookup_failed", logging.ERROR, channel=request.headers.get("agi_channel"), exc_info=True)
            yield from _send_all(failure_commands())

    def _send_next(self, session: Session, reply: AgiReply | None = None) -> None:
        """Send the next command. One at a time: Asterisk hangs if commands are pipelined."""
        try:
            command = session.commands.send(reply) if session.commands else None
        except StopIteration:
            command = None
        if command is None:
            self._close(session)
            self.counters.answered += 1
            return
        try:
            session.sock.sendall(command.to_bytes())  # an empty socket buffer takes a whole AGI command at once
        except OSError:
            self._left(session)
            return
        self.connections.expect_reply(session)

    def _left(self, session: Session) -> None:
        if session.commands:
            self.counters.abandoned += 1
        else:
            self.counters.empty += 1
        self._close(session)

    def _close(self, session: Session) -> None:
        descriptor = session.sock.fileno()
        session.sock.close()  # epoll then drops it too
        session.open = False
        self._sessions.pop(descriptor, None)
        self.connections.remove(session)
