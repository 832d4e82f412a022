"""pbxd as a separate process: its configuration file, readiness, command line and log."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.settings import load
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR
from tests.lab.forked import ForkedProcess
from tests.lab.processes import Child, LabError, stopped, until

Config = Mapping[str, Mapping[str, object]]
START_SECONDS = 60


@dataclass(frozen=True)
class Result:
    """A finished command line."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command prints
        return json.loads(self.out)


def program() -> str:
    """Return the path of the pbxd script beside the running interpreter."""
    return str(Path(sys.executable).parent / "pbxd")


def write_toml(sections: Config) -> str:
    """Write sections of plain values (str, int, float, bool, lists of them) as TOML."""
    lines: list[str] = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
        lines.append("")
    return "\n".join(lines)


def merged(base: Config, changes: Config) -> dict[str, dict[str, object]]:
    return {name: {**base.get(name, {}), **changes.get(name, {})} for name in {**base, **changes}}


class ServiceManager:
    """The receiving end of sd_notify(3): what systemd would hear."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[str] = []  # "READY=1", "STATUS=…", in order
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self.path.unlink(missing_ok=True)

    def _readable(self) -> None:
        try:
            self.heard += self._socket.recv(65536).decode().splitlines()
        except BlockingIOError:
            return


class Daemon:
    """One pbxd with its own folder (configuration, database, socket, log)."""

    def __init__(self, folder: Path, config: Config, *, forked: bool = False) -> None:
        """With `forked` it begins with its modules imported, which takes a third of the processor time."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config = {name: dict(values) for name, values in config.items()}
        self.file = folder / "pbxd.toml"
        self.log = folder / "pbxd.log"
        self.child: Child | None = None
        self.manager: ServiceManager | None = None
        self._forked = forked
        self._commands = 0  # that were run so far
        self._logged_before = 0  # characters in the log when the process of now was started
        self.write()

    def write(self) -> None:
        """Write pbxd.toml again after `config` was changed."""
        self.file.write_text(write_toml(self.config), encoding="utf-8")
        self.file.chmod(0o600)

    @property
    def url(self) -> str:
        return f"http://{self.config['http']['listen']}"

    async def start(
        self, *, env: Mapping[str, str] | None = None, ready: bool = True, timeout: float = START_SECONDS
    ) -> None:
        """Start `pbxd run`; with `ready` wait until /readyz says 200."""
        self._forget_manager()
        self._logged_before = len(self.log_text())
        self.manager = ServiceManager(self.folder / "notify")
        environment = self._environment({"NOTIFY_SOCKET": str(self.manager.path), **(env or {})})
        arguments = ["--config", str(self.file), "run"]
        if self._forked and not env:  # Python itself reads its environment when it begins
            process = await ForkedProcess.start(
                arguments, output=self.log, errors=self.log, env=environment, cwd=self.folder
            )
            self.child = Child(process, "pbxd", self.log)
        else:
            self.child = await Child.start([program(), *arguments], log=self.log, env=environment, cwd=self.folder)
        if ready:
            await self.until_ready(timeout=timeout)

    async def until_ready(self, *, timeout: float = START_SECONDS) -> None:
        async def answers() -> bool:
            if self.child is None or self.child.returncode is not None:
                raise LabError(f"pbxd ended while starting\n{self.report()}")
            return await self.get_status("/readyz") == 200

        try:
            await until(answers, "pbxd's /readyz", timeout=timeout, every=0.05)
        except LabError as error:
            raise LabError(f"{error}\n{self.report()}") from error

    async def until_in_step(self) -> None:
        """Wait until this process (not one before it) follows Asterisk and hears every call from its beginning."""
        try:
            await until(lambda: "resync_done" in self.log_text()[self._logged_before :], "pbxd in step")
        except LabError as error:
            raise LabError(f"{error}\n{self.report()}") from error

    async def get_status(self, path: str) -> int:
        """GET a path; the HTTP status, 0 when nobody listens."""
        return await asyncio.to_thread(_status, self.url + path)

    async def api(
        self, path: str, *, method: str = "GET", body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Ask the HTTP API over the unix socket (no token); return the status and the parsed JSON."""
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.folder / "api.sock"))) as session,
            session.request(method, f"http://pbxd{path}", json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    async def run(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
        stdin: str | None = None,
    ) -> Result:
        """Run a command line with this daemon's configuration, wherever it leads (any exit status)."""
        if self._forked and not env and stdin is None:
            return await self._run_forked(arguments, timeout)
        process = await asyncio.create_subprocess_exec(
            program(), "--config", str(self.file), *arguments,
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=self._environment(env), cwd=self.folder,
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout):
                out, err = await process.communicate(stdin.encode() if stdin is not None else None)
        except TimeoutError as error:
            raise LabError(f"pbxd {' '.join(arguments)} took longer than {timeout} s\n{self.report()}") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Result(process.returncode or 0, out.decode(), err.decode())

    async def _run_forked(self, arguments: Sequence[str], timeout: float) -> Result:
        self._commands += 1
        output, errors = (self.folder / f"{self._commands}.{name}" for name in ("out", "err"))
        process = await ForkedProcess.start(
            ["--config", str(self.file), *arguments],
            output=output, errors=errors, env=self._environment(None), cwd=self.folder,
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout):
                status = await process.wait()
        except TimeoutError as error:
            raise LabError(f"pbxd {' '.join(arguments)} took longer than {timeout} s\n{self.report()}") from error
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
                await process.wait()
        result = Result(status, output.read_text("utf-8"), errors.read_text("utf-8"))
        output.unlink()
        errors.unlink()
        return result

    async def cli(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever the command prints
        """Run a command with --json and return what it printed; LabError when it fails."""
        result = await self.run(*arguments, "--json")
        if result.status != 0:
            raise LabError(f"pbxd {' '.join(arguments)} → {result.status}: {result.err.strip()}\n{self.report()}")
        return result.json

    async def calls(self) -> list[dict[str, Any]]:
        """Return the history as the HTTP API tells it, newest first."""
        status, answer = await self.api("/api/v1/calls?limit=500")
        if status != 200:
            raise LabError(f"no history: {status} {answer}")
        items: list[dict[str, Any]] = answer["items"]
        return items

    async def add_employees(self, employees: Sequence[Employee]) -> None:
        """Put employees into the book."""
        async with await Database.open(load(str(self.file)).database_url, create=False) as database:
            await Employees(database).upsert(employees, source="list")

    async def add_contact(
        self, name: str, number: str, *, company: str = "", manager: str = "", vip: bool = False, owner: str = ""
    ) -> int:
        """Put a client (a number as the trunk writes it, 8…) into the book; return its id.

        As another process does it, without the second that a command line takes. With `owner` it is personal.
        """
        draft = ContactDraft(
            name=name,
            numbers=(ContactNumber(f"+7{number[1:]}", main=True),),
            company=company,
            manager=manager,
            vip=vip,
            visibility="personal" if owner else "shared",
            owner=owner,
        )
        async with await Database.open(load(str(self.file)).database_url, create=self.child is None) as database:
            contact = await Contacts(database).add(draft, actor=ADMINISTRATOR)
        return contact.id

    async def spawn(self, *arguments: str, log: str = "cli.log") -> Child:
        """Start a command that keeps running (`call`, which prints states and hangs up on SIGINT)."""
        command = [program(), "--config", str(self.file), *arguments]
        return await Child.start(command, log=self.folder / log, env=self._environment(None), cwd=self.folder)

    async def stop(self) -> int | None:
        """End it as systemd would; the exit status."""
        self._forget_manager()
        if self.child is None:
            return None
        await self.child.stop(grace=10)
        status, self.child = self.child.returncode, None
        return status

    def _forget_manager(self) -> None:
        if self.manager:
            self.manager.close()

    async def kill(self) -> None:
        """End it as a crash would."""
        if self.child:
            await self.child.kill()
            self.child = None

    def freeze(self) -> None:
        """Make it hang, every thread of it: the kernel still accepts connections for it."""
        self._signal(signal.SIGSTOP)
        assert self.child
        deadline = time.monotonic() + 10
        while not stopped(self.child.pid):
            if time.monotonic() > deadline:
                raise LabError("pbxd does not stand still")
            time.sleep(0.001)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def report(self) -> str:
        return f"--- {self.log} ---\n" + "\n".join(self.log_text().splitlines()[-40:])

    def _signal(self, number: signal.Signals) -> None:
        if self.child is None:
            raise LabError("pbxd is not running")
        self.child.send(number)

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        own = {key: value for key, value in os.environ.items() if not key.startswith("PBXD_")}
        return {**own, "PYTHONUNBUFFERED": "1", "LANGUAGE": "en", **(more or {})}


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own http URL
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0
