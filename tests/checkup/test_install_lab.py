"""docs/install.md, followed on a bare Asterisk as a new user would: doctor prints what the page says it prints."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pbxd.checkup.checks import CHECKS, examine
from pbxd.checkup.result import Finding
from pbxd.cli.system.doctor import headline
from pbxd.settings import load
from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.processes import until

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
LOG = "/var/log/asterisk"
PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")


def page_block(pattern: str) -> str:
    found = re.search(pattern, PAGE, re.DOTALL)
    assert found, pattern
    return found[1]


def page_commands(begin: str) -> list[str]:
    """The console commands of the page's block that has this text."""
    (block,) = [text for text in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if begin in text]
    return re.findall(r'asterisk -rx "([^"]+)"', block)


class NewUser:
    """Edits Asterisk's files and runs doctor, and knows nothing but what the page and doctor say."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.etc = lab.asterisk.run / "etc"
        self.checks: dict[str, Finding] = {}
        self.daemon: Daemon = lab.prepare()
        text = page_block(r"pbxd\.toml <<'END'\n(.*?)END\n")
        self.secret = "made-by-openssl"
        agi, http = (self.daemon.config[section]["listen"] for section in ("agi", "http"))
        text = text.replace("[asterisk]\n", f"[asterisk]\nport = {lab.asterisk.ami_port}\n")
        text = text.replace("/var/lib/pbxd/", f"{self.daemon.folder}/").replace("/run/pbxd", str(self.daemon.folder))
        text = text.replace(LOG, f"{lab.asterisk.run}/log")
        self.daemon.file.write_text(f'{text}[agi]\nlisten = "{agi}"\n[http]\nlisten = "{http}"\n', encoding="utf-8")
        (self.daemon.folder / "asterisk-secret").write_text(f"{self.secret}\n")

    def edit(self, file: str, change: Callable[[str], str]) -> None:
        path = self.etc / file
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    async def doctor(self) -> str:
        """Run it; return what isn't well, with the places and the version of an installed pbxd."""
        findings = await examine(lambda: load(str(self.daemon.file)))
        self.checks = {finding.check: finding for finding in findings}
        text = "".join(f"{headline(finding)}\n" for finding in findings if finding.status != "ok")
        for real, installed in (
            (f"{self.daemon.folder}/pbxd.db", "/var/lib/pbxd/pbxd.db"),
            (f"{self.daemon.folder}/api.sock", "/run/pbxd/api.sock"),
            (f"127.0.0.1:{self.lab.asterisk.ami_port}", "127.0.0.1:5038"),
            (f"{self.lab.asterisk.run}/log", LOG),
        ):
            text = text.replace(real, installed)
        return text

    def remedy(self, check: str) -> list[str]:
        """The lines of a check's first remedy."""
        return list(self.checks[check].remedies[0].lines)


async def bare(lab: Lab) -> None:
    """Leave of the lab's Asterisk what a company has before pbxd: AMI on, a trunk, phones, a queue."""
    etc = lab.asterisk.run / "etc"
    manager = (etc / "manager.conf").read_text(encoding="utf-8")
    general, _pbxd, rest = manager.partition("\n[pbxd]\n")
    admin = rest[rest.index("\n[admin]\n") :]
    for times in ("timestampevents = no", ""):  # a reload doesn't forget what is only left out
        changed = re.sub("(?m)^timestampevents.*$", times, general)
        changed = re.sub("(?m)^channelvars.*$", "channelvars = THEIR_OWN" if times else "", changed)
        (etc / "manager.conf").write_text(changed + admin, encoding="utf-8")
        await reload(lab, "manager reload")
    dialplan = (etc / "extensions.conf").read_text(encoding="utf-8")
    dialplan = re.sub(r"Gosub\(pbxd-lookup[^\n]*", "NoOp()", re.sub("(?m)^#include.*$", "", dialplan))
    (etc / "extensions.conf").write_text(dialplan, encoding="utf-8")
    (etc / "cel.conf").write_text("[general]\nenable = no\n", encoding="utf-8")
    (etc / "queues.conf").write_text((ROOT / "config" / "queues.conf").read_text(encoding="utf-8"), encoding="utf-8")
    await reload(lab, "dialplan reload", "module reload cel", "module reload cel_manager.so")
    await reload(lab, "queue reload all")


async def reload(lab: Lab, *commands: str) -> None:
    for command in commands:
        await lab.command(command)


def said(step: int) -> str:
    """What the page says that doctor prints after a step."""
    return page_block(rf"```text doctor:{step}\n(.*?)```")


async def test_the_page_leads_from_nothing_to_a_named_call() -> None:
    async with Lab(sample_dialplan=True) as lab:
        await bare(lab)
        user = NewUser(lab)
        assert await user.doctor() == said(1) + "".join(
            f"– {check:14} not checked, because of a problem above\n" for check in CHECKS[CHECKS.index("login") + 1 :]
        )
        await give_access(user)
        assert await user.doctor() == said(2)
        await configure(user)
        assert await user.doctor() == said(3)

        await user.daemon.start()
        await until(lambda: "employees_synced" in user.daemon.log_text(), "the employees from the PBX")
        assert await user.doctor() == said(4)
        await ask_pbxd(user)
        assert await user.doctor() == ""
        shown = await user.daemon.run("doctor")
        assert (shown.status, shown.out.splitlines()[-1]) == (0, said(5).strip())
        await first_call(user)


async def give_access(user: NewUser) -> None:
    section = [line.replace("THE-SECRET-OF-PBXD", user.secret) for line in user.remedy("login")]
    user.edit("manager.conf", lambda text: text + "\n" + "\n".join(section) + "\n")
    await reload(user.lab, "manager reload")


async def configure(user: NewUser) -> None:
    times, variables, cel = ("\n".join(user.remedy(check)) + "\n" for check in ("times", "channelvars", "cel"))
    user.edit("manager.conf", lambda text: text + "\n" + times + variables)
    user.edit("cel.conf", lambda _text: cel)
    assert user.checks["dialplan"].remedies[1].lines == ('#include "/etc/asterisk/pbxd.conf"',)
    user.edit("extensions.conf", lambda text: f'{text}\n#include "{ROOT}/dialplan/pbxd.conf"\n')
    user.edit("cel_custom.conf", lambda _text: (ROOT / "config" / "cel_custom.conf").read_text(encoding="utf-8"))
    await reload(user.lab, *page_commands("dialplan/pbxd.conf /etc/asterisk"))


async def ask_pbxd(user: NewUser) -> None:
    call = user.remedy("hooks")[1].partition(",1,")[2]
    assert call == "Gosub(pbxd-lookup,s,1)"
    user.edit("extensions.conf", lambda text: text.replace("NoOp()", call))
    await reload(user.lab, "dialplan reload")


async def first_call(user: NewUser) -> None:
    name, number = re.findall(r'contacts add --name "([^"]*)" --number "([^"]*)"', PAGE)[0]
    await user.daemon.cli("contacts", "add", "--name", name, "--number", number)
    await until(lambda: known(user.daemon, "87777859954", name), "the contact in the index")
    client = user.lab.call_in("74951230001", "87777859954")
    offered = await user.lab.phone("101").incoming()
    assert offered.name == name
    client.hangup()
    await offered.until_ended()


async def known(daemon: Daemon, number: str, name: str) -> bool:
    return bool((await daemon.api(f"/api/v1/lookup?number={number}"))[1].get("name") == name)
