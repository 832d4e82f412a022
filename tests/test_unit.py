"""The systemd unit fits the configuration it is shipped with."""

import configparser
import re
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
    assert production["url"].startswith(f"sqlite+aiosqlite:////var/lib/{service['StateDirectory']}/")
    assert f"--config /etc/{service['ConfigurationDirectory']}/pbxd.toml" in service["ExecStart"]


def test_the_command_exists(unit: configparser.ConfigParser) -> None:
    program, *arguments = unit["Service"]["ExecStart"].split()
    assert Path(program).name == "pbxd"
    assert CliRunner().invoke(cli.pbxd, [*arguments, "--help"]).exit_code == 0


def test_readiness_is_told_and_a_hopeless_configuration_is_not_retried(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert (service["Type"], service["Restart"], service["RestartPreventExitStatus"]) == ("notify", "on-failure", "2")
    assert service["User"] in (ROOT / "systemd" / "pbxd.sysusers").read_text(encoding="utf-8")
