"""docker/compose.yaml played without an engine: both images, its mounts, and a call from the trunk to a phone.

    tests/docker/build.sh pbxd; tests/docker/build.sh asterisk; unshare --net python -m tests.docker.office

Runs in a network of its own, so that the ports are those of the shipped configuration. Prints one line a step; exit
status 0 when all were seen.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import yaml

from tests.docker.container import Container, built
from tests.lab.phone import Phone
from tests.lab.processes import until

ROOT = Path(__file__).resolve().parents[2]
SIP = ("127.0.0.1", 5060)
CLIENT, NUMBER = "Фронкин Игорь", "89161234567"
START_SECONDS = 60.0
STOP_SECONDS = 5.0
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _UP = 0x8913, 0x8914, 0x1  # netdevice(7)


def loopback_up() -> None:
    """Switch this new network's loopback on; refuse the machine's own network."""
    names = {name for _index, name in socket.if_nameindex()}
    if names != {"lo"}:
        sys.exit("run this with `unshare --net`: it uses the ports of a real installation")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        asked = struct.pack("16sh", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(control, _SIOCGIFFLAGS, asked), 16)
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _UP))


def prepared(folder: Path, phone: int, trunk: int) -> None:
    """Do what README.md tells: prepare.sh, then the places marked CHANGE-ME, here with our two phones' addresses."""
    for name in ("config", "dialplan", "docker"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("etc"))
    done = run([str(folder / "docker/prepare.sh")])
    print(done.splitlines()[-1])
    file = folder / "docker/etc/asterisk/pjsip.conf"
    text = file.read_text(encoding="utf-8")
    text = text.replace("sip:192.0.2.10", f"sip:127.0.0.1:{trunk}").replace("match = 192.0.2.10", "match = 127.0.0.1")
    text = re.sub(r"(?m)^outbound_auth = trunk$", "", text)
    text = text.replace("[101](phone-aor)", f"[101](phone-aor)\ncontact = sip:101@127.0.0.1:{phone}")
    file.write_text(text.replace("CHANGE-ME", "changed"), encoding="utf-8")


def mounts(service: dict[str, Any], folder: Path, state: Path, image_root: Path) -> list[str]:
    """Return the mounts of a service; a new named volume begins with what the image has there, as an engine does it."""
    found: list[str] = []
    for volume in service["volumes"]:
        source, target, *mode = str(volume).split(":")
        if source.startswith("."):
            place = folder / "docker" / source
            if not place.exists():
                sys.exit(f"compose.yaml mounts {source}, which prepare.sh does not make")
        else:
            place = state / source
            if not place.exists():
                run(["cp", "-a", str(image_root) + target, str(place)])
        found.append(":".join([f"bind={place.resolve()}", target, *mode]))
    return found + [f"tmpfs={entry}" for entry in service["tmpfs"]]


def run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@asynccontextmanager
async def up(name: str, service: dict[str, Any], folder: Path) -> AsyncIterator[Container]:
    image = built(name)
    log = folder / f"{name}.log"
    container = await Container.start(image, mounts(service, folder, folder / "volumes", image.root), log=log)

    async def healthy() -> bool:  # in a thread, or our phones would not answer Asterisk meanwhile
        return (await asyncio.to_thread(container.health)).status == 0

    try:
        await until(healthy, f"health of {name}", timeout=START_SECONDS, every=0.5)
        print(f"{name}: up and healthy")
        yield container
    finally:
        print(f"--- the end of {name}'s log ---\n{container.child.tail(40)}")
        await container.child.stop(grace=1)


def get(path: str, token: str = "") -> Any:  # noqa: ANN401 - whatever pbxd answers
    asked = urllib.request.Request(f"http://127.0.0.1:8573{path}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310 - our own http URL
        return json.load(answer)


async def play(folder: Path) -> None:
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text(encoding="utf-8"))["services"]
    async with AsyncExitStack() as stack:
        phone, trunk = (stack.enter_context(closing(new_phone(user))) for user in ("101", "trunk"))
        prepared(folder, phone.port, trunk.port)
        (folder / "volumes").mkdir()
        asterisk = await stack.enter_async_context(up("asterisk", compose["asterisk"], folder))
        pbxd = await stack.enter_async_context(up("pbxd", compose["pbxd"], folder))
        await until(lambda: get("/readyz")["pbx"] == "connected", "pbxd's link", timeout=START_SECONDS, every=0.5)
        print("pbxd: logged in to Asterisk")
        await knows_the_client(pbxd)
        await until(lambda: reached(asterisk, phone), "phone 101 to be reached", timeout=START_SECONDS, every=0.5)
        await call(phone, trunk)
        await until(lambda: recorded(pbxd), "the call in the history", timeout=10, every=0.2)
        print("the call is in the history: answered")
        began = time.monotonic()
        status = await pbxd.stop()
        if status != 0 or time.monotonic() - began > STOP_SECONDS:
            sys.exit(f"pbxd ended with {status} after {time.monotonic() - began:.1f} s")
        print("pbxd: stopped by SIGTERM, status 0")


def new_phone(user: str) -> Phone:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    bound.setblocking(False)
    return Phone(user, bound, SIP)


async def reached(asterisk: Container, phone: Phone) -> bool:
    told = await asyncio.to_thread(asterisk.exec, "asterisk", "-rx", "pjsip show contacts")
    return any(f":{phone.port} " in line and " Avail " in line for line in told.out.splitlines())


async def knows_the_client(pbxd: Container) -> None:
    token = json.loads(pbxd.exec("pbxd", "tokens", "create", "office", "--scope", "lookup", "--json").out)["token"]
    pbxd.exec("pbxd", "contacts", "add", "--name", CLIENT, "--number", NUMBER)
    await until(lambda: get(f"/api/v1/lookup?number={NUMBER}", token)["name"] == CLIENT, "the contact in the index")


async def call(phone: Phone, trunk: Phone) -> None:
    client = trunk.dial("74951230001", caller=NUMBER)
    offered = await phone.incoming()
    if CLIENT not in offered.name:
        sys.exit(f"phone 101 was shown {offered.name!r}")
    print(f"phone 101 is shown «{offered.name}» from queue sales")
    offered.answer()
    await client.until_talking()
    client.hangup()
    await offered.until_ended()


def recorded(pbxd: Container) -> bool:
    items = json.loads(pbxd.exec("pbxd", "calls", "list", "--json").out)["items"]
    return bool(items) and items[0]["outcome"] == "answered" and items[0]["caller"]["name"] == CLIENT


def main() -> None:
    loopback_up()
    folder = Path(tempfile.mkdtemp(prefix="pbxd-office-"))
    try:
        asyncio.run(play(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("done")


if __name__ == "__main__":
    main()
