"""tools/freepbx.py on a running Asterisk whose files lie as FreePBX lays them; doctor finds nothing wrong then."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.checkup.installed import examined, installed, lines, wrong
from tests.lab import Lab

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[1]
CEL = {
    "cel.conf": "[general]\n#include cel_general_additional.conf\n#include cel_general_custom.conf\n\n"
    "#include cel_custom_post.conf\n",
    "cel_general_additional.conf": "enable=yes\napps=confbridge,meetme,mixmonitor,queue,voicemail\nevents=all\n"
    "dateformat=%F %T\n",
    "cel_general_custom.conf": "",
    "cel_custom_post.conf": "",
}


def laid_out(etc: Path) -> None:
    """Lay the lab's files as FreePBX does, with nothing of pbxd in them."""
    manager = (etc / "manager.conf").read_text()
    general, admin = manager.partition("\n[pbxd]\n")[0], manager[manager.index("\n[admin]\n") :]
    general = re.sub("(?m)^(timestampevents|channelvars).*$", "", general) + "\ntimestampevents = no\n"
    includes = "\n#include manager_additional.conf\n#include manager_custom.conf\n"
    (etc / "manager.conf").write_text(general + admin + includes)
    dialplan = re.sub(r"(?m)^#include .*dialplan/.*$", "", (etc / "extensions.conf").read_text())
    first = "#include extensions_override_freepbx.conf\n#include extensions_custom.conf\n"
    (etc / "extensions.conf").write_text(first + dialplan)
    for name in ("manager_additional", "manager_custom", "extensions_override_freepbx", "extensions_custom"):
        (etc / f"{name}.conf").write_text("")
    for name, text in CEL.items():
        (etc / name).write_text(text)


async def test_what_the_tool_applies_is_what_doctor_wants(tmp_path: Path) -> None:
    async with Lab() as lab:
        daemon = await installed(lab)
        etc = lab.asterisk.run / "etc"
        laid_out(etc)
        for command in ("manager reload", "dialplan reload", "module reload cel", "module reload cel_manager.so"):
            await lab.command(command)
        found = await examined(daemon)
        assert found["login"].status == "failed"
        root = tmp_path
        (root / "etc").mkdir()
        (root / "etc/asterisk").symlink_to(etc)
        setup = [sys.executable, str(ROOT / "tools/freepbx.py"), "--root", str(root), "--zone", "UTC", "--apply"]
        done = subprocess.run(setup, capture_output=True, text=True, check=False)  # noqa: ASYNC221 - it is quick
        assert done.returncode == 0, done
        reloads = re.findall(r'asterisk -rx "(.*?)"', done.stdout)
        assert reloads
        for told in reloads:
            await lab.command(told)
        daemon.config["asterisk"]["secret"] = (root / "etc/pbxd/asterisk-secret").read_text().strip()
        # FreePBX's dates are the local time of the machine, which Asterisk writes into this log, too.
        offset = datetime.now().astimezone().utcoffset() or timedelta()
        daemon.config["backfill"]["time_zone"] = f"Etc/GMT{-round(offset.total_seconds() / 3600):+d}"
        assert wrong(await examined(daemon)) == {}
        # pbxd's own file asks, too, which is no proof that calls come in where names are asked for.
        nobody_asks = "NoOp(nobody is asked"
        for file in ("freepbx.conf", "extensions.conf"):
            (etc / file).write_text((etc / file).read_text().replace("Gosub(pbxd-lookup,s,1", nobody_asks))
        await lab.command("dialplan reload")
        found = await examined(daemon)
        assert wrong(found) == {"hooks": "failed"}
        assert any("Custom Destinations" in told for told in lines(found["hooks"]))
