"""A TCP server that speaks AMI bytes, for tests of how the client takes what a real Asterisk does only now and then."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pbxd.asterisk.ami.packets import Packet

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
SECRET = "пароль"


def pack(*lines: str) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Session:
    """One connection of a client: what it asked, in order, and a way to answer it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.lines: list[bytes] = []
        self.actions: list[Packet] = []

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def respond(self, action: Packet, *lines: str, status: str = "Success") -> None:
        self.send(pack(f"Response: {status}", f"ActionID: {action['ActionID']}", *lines))

    def reset(self) -> None:
        """Close with a RST instead of a FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Answer = Callable[[Session, Packet], None]


class AmiServer:
    """Answers Login and Ping as Asterisk does; `on` decides about the other actions and may replace those two."""

    def __init__(self) -> None:
        self.banner = BANNER
        self.booted = True
        self.on: dict[str, Answer] = {"Login": self.login, "Ping": self.ping}
        self.sessions: list[Session] = []
        self.port = 0

    @property
    def asked(self) -> list[str]:
        """The names of all actions of all sessions, without logins and pings."""
        names = [action["Action"] for session in self.sessions for action in session.actions]
        return [name for name in names if name not in {"Login", "Ping"}]

    def login(self, session: Session, action: Packet) -> None:
        if action["Secret"] != SECRET:
            session.respond(action, "Message: Authentication failed", status="Error")
            session.writer.close()
            return
        session.respond(action, "Message: Authentication accepted")
        if self.booted:
            session.send(pack("Event: FullyBooted", "Privilege: system,all", "Status: Fully Booted"))

    @staticmethod
    def ping(session: Session, action: Packet) -> None:
        session.respond(action, "Ping: Pong", "Timestamp: 1732231234.500000")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(writer)
        self.sessions.append(session)
        session.send(self.banner)
        try:
            while True:
                data = await reader.readuntil(b"\r\n\r\n")
                session.lines.extend(data.split(b"\r\n")[:-2])
                action = dict(line.split(": ", 1) for line in data.decode().split("\r\n")[:-2])
                session.actions.append(action)
                answer = self.on.get(action["Action"])
                if answer is not None:
                    answer(session, action)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[AmiServer]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for session in self.sessions:
                session.writer.transport.abort()
            await server.wait_closed()
