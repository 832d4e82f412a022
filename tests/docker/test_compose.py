"""The compose file, played: its services, its mounts, its limits, and a call through both."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docker.container import build

ROOT = Path(__file__).resolve().parents[2]
PLAY_SECONDS = 240


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker/compose.yaml").read_text(encoding="utf-8"))["services"]
    return found


@pytest.mark.soak
@pytest.mark.lab
def test_a_call_from_the_trunk_is_named_by_the_two_containers() -> None:
    for what in ("asterisk", "pbxd"):
        build(what)
    command = ["unshare", "--net", sys.executable, "-m", "tests.docker.office"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PLAY_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "phone 101 is shown «Фронкин Игорь»" in done.stdout
    assert done.stdout.endswith("done\n")


def test_no_container_may_do_more_than_it_needs(services: dict[str, Any]) -> None:
    assert services.keys() == {"asterisk", "pbxd"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "cap_add", "user"} & service.keys()


def test_the_secret_and_the_state_are_mounted_and_never_in_an_image(services: dict[str, Any]) -> None:
    assert "./etc/pbxd:/etc/pbxd:ro" in services["pbxd"]["volumes"]
    assert "pbxd-state:/var/lib/pbxd" in services["pbxd"]["volumes"]
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert sent[0] == "*"
    assert not [line for line in sent if line.startswith(("!docker", "!config"))]
    assert "docker/etc/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_users_have_the_numbers_their_folders_are_made_for(services: dict[str, Any]) -> None:
    prepare = (ROOT / "docker/prepare.sh").read_text(encoding="utf-8")
    for name, file, variable in (
        ("pbxd", "docker/Dockerfile", "PBXD"),
        ("asterisk", "docker/asterisk/Dockerfile", "ASTERISK"),
    ):
        number = next(entry for entry in services[name]["tmpfs"] if "uid=" in entry).partition("uid=")[2].split(",")[0]
        assert f"--uid {number} " in (ROOT / file).read_text(encoding="utf-8")
        assert f"{variable}={number}" in prepare


def test_every_part_of_the_dialplan_is_mounted(services: dict[str, Any]) -> None:
    """Asterisk loads no dialplan at all when an included file is missing."""
    sample = (ROOT / "dialplan/extensions.conf.sample").read_text(encoding="utf-8")
    included = set(re.findall(r'(?m)^#include "/etc/asterisk/(.*)"', sample))
    assert included
    mounted = {volume.split(":")[1].removeprefix("/etc/asterisk/") for volume in services["asterisk"]["volumes"]}
    ours = {file.name for file in (ROOT / "dialplan").glob("*.conf")} - {"pbxd-freepbx.conf"}  # this is no FreePBX
    assert included | ours <= mounted
    prepare = (ROOT / "docker/prepare.sh").read_text(encoding="utf-8")
    assert all(re.search(rf"\b{file.removesuffix('.conf')}\b", prepare) for file in included)
