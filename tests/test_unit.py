"""The systemd unit fits the configuration it is shipped with."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pbxd import cli

ROOT = Path(__file__).parent.parent


@pytest.fixture
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # systemd's keys have capitals
    parser.read(ROOT / "systemd" / "pbxd.service", encoding="utf-8")
    return parser


def test_folders_are_those_of_the_production_configuration(unit: configparser.ConfigParser) -> None:
    text = (ROOT / "config" / "pbxd.toml").read_text(encoding="utf-8")
    production = dict(re.findall(r'^# production: (\w+) = "([^"]*)"', text, re.MULTILINE))
    service = unit["Service"]
    assert production["runtime_folder"] == f"/run/{service['RuntimeDirectory']}"
    credential, _colon, file = service["LoadCredential"].partition(":")
    assert file == f"/etc/{service['ConfigurationDirectory']}/{production['secret_file']}"
    assert credential == Path(file).name
    assert production["url"].startswith(f"sqlite+aiosqlite:////var/lib/{service['StateDirectory']}/")
    assert f"--config /etc/{service['ConfigurationDirectory']}/pbxd.toml" in service["ExecStart"]


def test_the_command_exists(unit: configparser.ConfigParser) -> None:
    program, *arguments = unit["Service"]["ExecStart"].split()
    assert Path(program).name == "pbxd"
    assert CliRunner().invoke(cli.pbxd, [*arguments, "--help"]).exit_code == 0


def test_readiness_is_told_and_a_hopeless_configuration_is_not_retried(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert (service["Type"], service["Restart"], service["RestartPreventExitStatus"]) == ("notify", "always", "2")
    assert service["User"] in (ROOT / "systemd" / "pbxd.sysusers").read_text(encoding="utf-8")


def test_one_that_hangs_is_killed_within_three_seconds_and_started_again_at_once(
    unit: configparser.ConfigParser,
) -> None:
    """`tests/asterisk/test_deadline_lab.py` plays systemd with these very values; docs/deadline.md names them."""
    service = unit["Service"]
    watchdog, restart = service["WatchdogSec"], service["RestartSec"]
    assert (watchdog, service["WatchdogSignal"], restart) == ("3", "SIGKILL", "100ms")
    assert int(service["TimeoutStopSec"]) > 5


def test_its_exposure_is_low() -> None:
    """systemd's own judgement of what a taken-over pbxd could do to the machine: 0 nothing, 10 everything."""
    command = [
        "systemd-analyze",
        "security",
        "--offline=true",
        "--threshold=20",
        str(ROOT / "systemd" / "pbxd.service"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout  # the threshold is ten times the exposure
    exposure = re.search(r"exposure level for pbxd\.service: ([\d.]+)", done.stdout)
    assert exposure
    assert float(exposure[1]) < 2.0


def test_systemd_has_nothing_to_say_against_it(tmp_path: Path) -> None:
    text = (ROOT / "systemd" / "pbxd.service").read_text(encoding="utf-8")
    copy = tmp_path / "pbxd.service"
    copy.write_text(text.replace("/opt/pbxd/bin/pbxd", str(Path(sys.executable).parent / "pbxd")), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
