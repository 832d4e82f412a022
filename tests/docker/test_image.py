"""pbxd's image as its Dockerfile makes it, its entry point beside the lab's Asterisk."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.docker.container import Container, Image, build
from tests.lab.daemon import write_toml
from tests.lab.lab import Lab
from tests.lab.main_job import CLIENT, named
from tests.lab.processes import until

pytestmark = [pytest.mark.lab, pytest.mark.soak]
STOP_SECONDS = 5.0  # what the unit and the compose file may rely on


@pytest.fixture(scope="module")
def image() -> Image:
    return build("pbxd")


@pytest.fixture
def house(lab: Lab, image: Image) -> Iterator[Path]:
    """What an administrator mounts: etc (configuration and secret) and state, owned as docker/README.md says."""
    folder = lab.folder / "container"
    (folder / "etc").mkdir(parents=True)
    (folder / "state").mkdir()
    config = {name: dict(values) for name, values in lab.base_config().items()}
    secret = config["asterisk"].pop("secret")
    config["asterisk"]["secret_file"] = "asterisk-secret"
    config["database"] = {"url": "sqlite+aiosqlite:////var/lib/pbxd/pbxd.db"}
    config["service"] = {"runtime_folder": "/run/pbxd"}
    (folder / "etc/pbxd.toml").write_text(write_toml(config), encoding="utf-8")
    (folder / "etc/asterisk-secret").write_text(f"{secret}\n", encoding="utf-8")
    uid, gid = (int(each) for each in image.user)
    for path in (folder / "state", *(folder / "etc").iterdir()):
        os.chown(path, uid, gid)
        path.chmod(0o750 if path.is_dir() else 0o400)
    yield folder
    shutil.rmtree(folder)


@asynccontextmanager
async def running(image: Image, house: Path) -> AsyncIterator[Container]:
    uid, gid = image.user
    mounts = [
        f"bind={house}/etc:/etc/pbxd:ro",
        f"bind={house}/state:/var/lib/pbxd",
        f"tmpfs=/run/pbxd:uid={uid},gid={gid},mode=0750",
    ]
    container = await Container.start(image, mounts, log=house / "log")
    try:
        yield container
    finally:
        await container.child.stop(grace=1)


async def is_ready(container: Container, lab: Lab) -> None:
    def ready() -> bool:
        asked = container.exec("python", "-c", ASK_READYZ.format(address=lab.base_config()["http"]["listen"]))
        return asked.status == 0 and json.loads(asked.out)["pbx"] == "connected"

    await until(ready, f"readiness of the container\n{container.child.tail()}", timeout=20, every=0.2)


async def has_begun(container: Container, house: Path) -> None:
    def made() -> bool:
        container.process_one()  # or its log
        return (house / "state/pbxd.db").exists()

    await until(made, "the database in the volume")


ASK_READYZ = (
    "import urllib.request; print(urllib.request.urlopen('http://{address}/readyz', timeout=2).read().decode())"
)


async def test_a_call_is_named_by_the_image_s_pbxd_and_a_stop_is_clean(lab: Lab, image: Image, house: Path) -> None:
    port = int(str(lab.base_config()["http"]["listen"]).rpartition(":")[2])
    async with running(image, house) as container:
        await is_ready(container, lab)
        assert container.health(port=port).status == 0
        added = container.exec("pbxd", "contacts", "add", "--name", CLIENT[0], "--number", CLIENT[2], "--json")
        assert json.loads(added.out)["name"] == CLIENT[0], added.err
        found = container.exec("pbxd", "lookup", CLIENT[3], "--json")
        assert json.loads(found.out)["status"] == "found"

        async def known() -> bool:
            return CLIENT[0] in await named(lab, CLIENT[3])

        await until(known, "a named call", timeout=10)
        began = time.monotonic()
        assert await container.stop() == 0, container.child.tail()
        assert time.monotonic() - began < STOP_SECONDS
    assert "stopped" in (house / "log").read_text(encoding="utf-8")

    async with running(image, house) as container:  # a new container, the old state
        await is_ready(container, lab)
        calls = json.loads(container.exec("pbxd", "calls", "list", "--json").out)
        assert calls["items"][0]["caller"]["name"] == CLIENT[0]
        asked = container.exec("pbxd", "queues", "--json")  # over the socket in /run/pbxd
        assert asked.status == 0, asked.err


async def test_it_runs_without_rights_on_a_read_only_root(image: Image, house: Path) -> None:
    async with running(image, house) as container:
        await has_begun(container, house)
        status = container.status()
        assert status["Uid"].split() == [image.user[0]] * 4
        assert status["Gid"].split() == [image.user[1]] * 4
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert status["NSpid"].split()[-1] == "1"
        assert status["Name"] == "pbxd"
        for place in ("/etc", "/opt/pbxd", "/tmp", "/etc/pbxd", "/"):  # noqa: S108 - of the container
            assert container.exec("touch", f"{place}/x").status != 0
        assert container.exec("touch", "/var/lib/pbxd/x").status == 0


async def test_a_configuration_that_cannot_work_ends_with_status_2_and_one_line(image: Image, house: Path) -> None:
    (house / "etc/pbxd.toml").write_text("[asterisk]\nnonsense = 1\n", encoding="utf-8")
    async with running(image, house) as container:
        assert await container.child.wait() == 2
    line = (house / "log").read_text(encoding="utf-8").strip()
    assert "\n" not in line
    assert "asterisk.nonsense" in line


async def test_cyrillic_and_times_are_the_image_s(image: Image, house: Path) -> None:
    async with running(image, house) as container:
        await has_begun(container, house)
        told = await asyncio.to_thread(container.exec, "python", "-c", "import time; print('Ёж', time.tzname[0])")
        assert told.out == "Ёж UTC\n"


def test_the_image_holds_what_runs_and_nothing_to_build_with(image: Image) -> None:
    packages = {
        path.name.partition("-")[0] for path in image.root.glob("opt/pbxd/lib/python3*/site-packages/*.dist-info")
    }
    assert {"pbxd", "aiohttp", "panoramisk"} <= packages
    assert not packages & {"pip", "setuptools", "hatchling", "pytest"}
    assert not list((image.root / "var/lib/apt/lists").iterdir())
    assert not (image.root / "source").exists()
    assert list(image.root.glob("opt/pbxd/lib/python3*/site-packages/pbxd/locale/ru/LC_MESSAGES/pbxd.mo"))
