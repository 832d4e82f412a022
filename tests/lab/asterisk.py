"""The private Asterisk: configuration in a run folder, started in place through its own loader, stopped by id.

No chroot, mount or root: the tree from debootstrap is only read. Everything written stays in the run folder.
"""

from __future__ import annotations

import re
import secrets
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.ami import AmiSession
from tests.lab.ports import free_ports
from tests.lab.processes import Child, LabError, tail, until

CHECKOUT = Path(__file__).resolve().parents[2]
TREES = CHECKOUT / ".lab"
SUITE = "forky"  # of Debian; what is in TREES/SUITE is only read
TEMPLATES = Path(__file__).resolve().parent / "etc"
FOLDERS = ("etc", "lib", "data", "spool", "log/cdr-csv", "log/cel-custom", "cache")
# Read by modules of the package that refuse to start without their file; empty means defaults.
EMPTY = (
    "stasis.conf",
    "ccss.conf",
    "udptl.conf",
    "geolocation.conf",
    "cli.conf",
    "http.conf",
    "pjproject.conf",
)
START_SECONDS = 60
ATTEMPTS = 3


@dataclass(frozen=True)
class AmiUser:
    """An AMI account of the lab."""

    name: str
    secret: str = field(default_factory=lambda: secrets.token_hex(12))


@dataclass(frozen=True)
class PhonePorts:
    """Where the SIP phones of the lab listen."""

    phones: dict[str, list[int]]  # extension -> ports (several: several devices)
    trunk: int
    callers: list[int]  # more ports from which calls count as coming through the trunk


class Tree:
    """An Asterisk as a Debian suite has it, unpacked in a folder and only read."""

    def __init__(self, suite: str = SUITE) -> None:
        self.folder = (TREES / suite).resolve()  # modules can be reloaded by its real path only

    @property
    def libraries(self) -> Path:
        """The folder of the processor's libraries (usr/lib/x86_64-linux-gnu, usr/lib/aarch64-linux-gnu)."""
        return self._one("usr/lib/*-linux-gnu*")

    @property
    def modules(self) -> Path:
        return self._one("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules")

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs the tree's Asterisk with the tree's own loader and libraries."""
        loader = self._one("usr/lib/*-linux-gnu*/ld-linux-*", "usr/lib/*-linux-gnu*/ld-*.so")
        libraries = f"{self.libraries}:{self.folder / 'usr/lib'}"
        return [str(loader), "--library-path", libraries, str(self.folder / "usr/sbin/asterisk"), *arguments]

    def _one(self, *patterns: str) -> Path:
        for pattern in patterns:
            for found in sorted(self.folder.glob(pattern)):
                return found
        raise LabError(f"no Asterisk in {self.folder}: run `make setup` first")


def installed_version() -> str:
    """Return what the tree's Asterisk calls itself, without starting it; LabError where there is none."""
    tree = Tree()
    done = subprocess.run(tree.command("-V"), capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() or f"no version from {tree.folder}: {done.stderr.strip()}"


class Asterisk:
    """One running Asterisk with its AMI accounts: `pbxd` and `tap` with the shipped rights, `admin` with all."""

    def __init__(self, run: Path, ports: PhonePorts, company_number: str, tree: Tree) -> None:
        self.run = run
        self.tree = tree
        self.ports = ports
        self.company_number = company_number
        self.sip_port = 0
        self.ami_port = 0
        self.user = AmiUser("pbxd")
        self.tap = AmiUser("tap")
        self.admin = AmiUser("admin")
        self.phone_password = secrets.token_hex(6)
        self.version = ""
        self.child: Child | None = None
        self.log = run / "log" / "full"
        self.globals: dict[str, str] = {}
        self.sample_dialplan = False  # the shipped extensions.conf.sample instead of the lab's own

    async def start(self) -> AmiSession:
        """Start and wait until it is ready; return a session of `admin`. LabError with the log's end otherwise."""
        for attempt in range(ATTEMPTS):
            self.sip_port, self.ami_port = free_ports(1, socket.SOCK_DGRAM)[0], free_ports(1)[0]
            self.write_configuration()
            await self._launch()
            try:
                session = await self._ready()
            except LabError:
                await self.stop()
                if attempt + 1 == ATTEMPTS or not self._ports_were_taken():
                    raise
            else:
                return session
        raise AssertionError

    async def _launch(self) -> None:
        self.child = await Child.start(
            self.tree.command("-C", str(self.run / "etc/asterisk.conf"), "-f", "-n"), log=self.run / "log" / "console"
        )

    async def restart(self) -> AmiSession:
        """End it as a crash would and start it again on the same ports; return a new session of `admin`."""
        if self.child:
            await self.child.kill()
        await self._launch()
        return await self._ready()

    async def stop(self) -> None:
        if self.child:
            await self.child.stop(grace=2)
            self.child = None

    def write_configuration(self) -> None:
        for folder in FOLDERS:
            (self.run / folder).mkdir(parents=True, exist_ok=True)
        etc = self.run / "etc"
        for name in EMPTY:
            (etc / name).write_text("[general]\n")
        for template in TEMPLATES.glob("*.conf"):
            (etc / template.name).write_text(self._fill(template.read_text(encoding="utf-8")), encoding="utf-8")
        (etc / "manager.conf").write_text(self._manager(), encoding="utf-8")
        if self.sample_dialplan:
            (etc / "extensions.conf").write_text(self._sample(), encoding="utf-8")
        self._link_data()

    def _fill(self, text: str) -> str:
        included = sorted((CHECKOUT / "dialplan").glob("*.conf"))
        values = {
            "RUN": str(self.run),
            "TREE": str(self.tree.folder),
            "MODULES": str(self.tree.modules),
            "CHECKOUT": str(CHECKOUT),
            "LAB": self.run.name,
            "SIP_PORT": str(self.sip_port),
            "PHONE_PASSWORD": self.phone_password,
            "TRUNK_PORT": str(self.ports.trunk),
            "TRUNK_MATCHES": "\n".join(
                f"match = 127.0.0.1:{port}/32" for port in (self.ports.trunk, *self.ports.callers)
            ),
            "PHONES": "\n".join(_phone(extension, ports) for extension, ports in self.ports.phones.items() if ports),
            "GLOBALS": "\n".join(
                f"{key} = {value}" for key, value in {"LAB_COMPANY_NUMBER": self.company_number, **self.globals}.items()
            ),
            "INCLUDES": "\n".join(f'#include "{file}"' for file in included),
        }
        return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], text)

    def _manager(self) -> str:
        """Make manager.conf of the shipped sample: its port and secret replaced, `tap` a copy of its user."""
        sample = (CHECKOUT / "config" / "manager.conf").read_text(encoding="utf-8")
        general, marker, user = sample.partition("\n[pbxd]\n")
        if not marker:
            raise LabError("config/manager.conf has no [pbxd] section")
        general = re.sub(r"(?m)^port *=.*$", f"port = {self.ami_port}", general)
        both = [
            f"[{account.name}]\n{re.sub(r'(?m)^secret *=.*$', f'secret = {account.secret}', user)}"
            for account in (self.user, self.tap)
        ]
        admin = f"[{self.admin.name}]\nsecret = {self.admin.secret}\nread = all\nwrite = all\nwritetimeout = 10000\n"
        return "\n".join([general, *both, admin])

    def _sample(self) -> str:
        """Make extensions.conf of the shipped sample: only the paths of includes and the values of globals differ."""
        text = (CHECKOUT / "dialplan" / "extensions.conf.sample").read_text(encoding="utf-8")
        text = re.sub(r'(?m)^#include "/etc/asterisk/(.*)"', rf'#include "{CHECKOUT}/dialplan/\1"', text)
        for key, value in {"COMPANY_NUMBER": self.company_number, **self.globals}.items():
            text = re.sub(rf"(?m)^{key} *=[^;\n]*", f"{key} = {value}", text)
        return text

    def _link_data(self) -> None:
        shared = self.tree.folder / "usr/share/asterisk"
        for name in ("documentation", "rest-api", "static-http"):
            _link(self.run / "data" / name, shared / name)
        (self.run / "data" / "sounds").mkdir(exist_ok=True)
        _link(self.run / "data" / "sounds" / "en", shared / "sounds" / "en_US_f_Allison")

    async def _ready(self) -> AmiSession:
        opened: list[AmiSession] = []

        async def logged_in() -> bool:
            if self.child is None or self.child.returncode is not None:
                raise LabError(f"Asterisk ended while starting:\n{self.report()}")
            try:
                opened.append(await AmiSession.open(self.ami_port, self.admin.name, self.admin.secret))
            except OSError:
                return False
            return True

        try:
            await until(logged_in, "Asterisk's AMI", timeout=START_SECONDS, every=0.1)
            await opened[0].expect(
                lambda packet: packet.get("Event") == "FullyBooted", "FullyBooted", timeout=START_SECONDS
            )
            await self._check(opened[0])
        except LabError as error:
            for session in opened:
                await session.close()
            raise LabError(f"{error}\n{self.report()}") from error
        return opened[0]

    async def _check(self, session: AmiSession) -> None:
        settings = await session.action("CoreSettings")
        self.version = settings.get("AsteriskVersion", "")
        if self._ports_were_taken():
            raise LabError(f"Asterisk could not bind SIP port {self.sip_port}")

    def _ports_were_taken(self) -> bool:
        return "Address already in use" in self.log_text()

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def report(self) -> str:
        """Return the ends of both logs, for an error message."""
        return f"--- console ---\n{tail(self.run / 'log/console')}\n--- full ---\n{tail(self.log)}"


def _link(link: Path, target: Path) -> None:
    if not link.is_symlink():
        link.symlink_to(target)


def _phone(extension: str, ports: list[int]) -> str:
    contacts = "\n".join(f"contact = sip:{extension}@127.0.0.1:{port}" for port in ports)
    return (
        f'[{extension}](phone)\naors = {extension}\ncallerid = "Agent {extension}" <{extension}>\n'
        f"mailboxes = {extension}@default\n[{extension}](aor)\n{contacts}\n"
    )
