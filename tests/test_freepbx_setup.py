"""tools/freepbx.py on files shaped like FreePBX's: what it would change, what it changes, and never twice."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pbxd.checkup import asterisk_conf, event_filters
from pbxd.settings import load

ROOT = Path(__file__).parents[1]
FILES = {
    "manager.conf": "[general]\nenabled = yes\nport = 5038\nchannelvars = OTHER\n\n[admin]\nsecret = amp\n\n"
    "#include manager_additional.conf\n#include manager_custom.conf\n",
    "manager_additional.conf": "[crm]\nsecret = x\n",
    "manager_custom.conf": "[mine]\nsecret = y\n",
    "cel.conf": "[general]\n#include cel_general_additional.conf\n#include cel_general_custom.conf\n\n"
    "#include cel_custom_post.conf\n",
    "cel_general_additional.conf": "enable=yes\napps=confbridge,queue,voicemail\nevents=all\ndateformat=%F %T\n",
    "extensions.conf": "#include extensions_override_freepbx.conf\n#include extensions_additional.conf\n"
    "#include extensions_custom.conf\n[from-trunk]\ninclude => from-pstn\n",
    "extensions_additional.conf": "[customdests]\nexten => dest-1,1,NoOp()\n",
    "extensions_custom.conf": "[from-internal-custom]\nexten => 777,1,NoOp(mine)\n",
}


@pytest.fixture
def freepbx(tmp_path: Path) -> Path:
    etc = tmp_path / "etc/asterisk"
    etc.mkdir(parents=True)
    for name, text in FILES.items():
        (etc / name).write_text(text)
    (etc / "manager_custom.conf").chmod(0o640)
    return tmp_path


def tool(root: Path, *arguments: str) -> str:
    command = [
        sys.executable,
        str(ROOT / "tools/freepbx.py"),
        "--root",
        str(root),
        "--zone",
        "Europe/Moscow",
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def kept(root: Path) -> dict[str, str]:
    return {str(file.relative_to(root)): file.read_text() for file in root.rglob("*") if file.is_file()}


def test_without_apply_it_only_prints(freepbx: Path) -> None:
    before = kept(freepbx)
    told = tool(freepbx, "--area-code", "495")
    assert kept(freepbx) == before
    assert "10 files to change" in told
    assert "+[general](+)" in told
    assert "+secret = …" in told
    assert not re.search("[0-9a-f]{32}", told)  # the secret
    assert 'asterisk -rx "module reload cel_manager.so"' in told
    assert "GRANT SELECT ON asteriskcdrdb.cel TO pbxd@localhost;" in told


def test_applied_twice_it_changes_once_and_no_file_of_freepbxs_own(freepbx: Path) -> None:
    before = kept(freepbx)
    tool(freepbx, "--area-code", "495", "--apply")
    after = kept(freepbx)
    assert "nothing to change" in tool(freepbx, "--area-code", "495", "--apply")
    assert kept(freepbx) == after
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"etc/asterisk/manager_custom.conf", "etc/asterisk/extensions_custom.conf"}
    etc = freepbx / "etc/asterisk"
    sections = asterisk_conf.read(etc, "manager.conf")
    assert sections["general"]["timestampevents"] == "yes"
    assert sections["general"]["channelvars"] == "OTHER,PBXD_END_OF_CHANNEL,MIXMONITOR_FILENAME"
    assert sections["pbxd"]["secret"] == after["etc/pbxd/asterisk-secret"].strip()
    assert {"admin", "crm", "mine"} <= sections.keys()
    assert event_filters.hidden(asterisk_conf.entries(etc, "manager.conf")["pbxd"]) == []
    cel = asterisk_conf.entries(etc, "cel.conf")
    assert dict(cel["manager"]) == {"enabled": "yes"}
    assert "dial" in [value for key, value in cel["general"] if key == "apps"][-1]
    assert "pbxd-lookup" in asterisk_conf.entries(etc, "extensions.conf")
    assert "func-apply-sipheaders" in asterisk_conf.entries(etc, "extensions.conf")
    assert "from-internal-custom" in asterisk_conf.entries(etc, "extensions.conf")
    assert (etc / "manager_custom.conf").stat().st_mode & 0o777 == 0o640
    assert (freepbx / "etc/pbxd/asterisk-secret").stat().st_mode & 0o777 == 0o600
    settings = load(str(freepbx / "etc/pbxd/pbxd.toml"))
    assert settings.backfill.cel.startswith("mysql+aiomysql://pbxd@localhost/asteriskcdrdb?unix_socket=")
    assert (settings.backfill.time_zone, settings.numbers.area_code) == ("Europe/Moscow", "495")


def test_what_an_administrator_made_stays(freepbx: Path) -> None:
    etc, own = freepbx / "etc/asterisk", freepbx / "etc/pbxd"
    own.mkdir()
    (own / "asterisk-secret").write_text("good")
    (own / "pbxd.toml").write_text("[asterisk]\n")
    with (etc / "extensions_custom.conf").open("a") as stream:
        stream.write("[macro-dialout-one-predial-hook]\nexten => s,1,Return()\n")
    told = tool(freepbx, "--apply")
    assert "lacks sections" in told
    assert "[backfill]" in told
    assert "personal names" in told
    assert (own / "asterisk-secret").read_text().strip() == "good"
    assert (own / "pbxd.toml").read_text() == "[asterisk]\n"
    assert asterisk_conf.read(etc, "manager.conf")["pbxd"]["secret"] == "good"
    assert not (etc / "extensions_override_freepbx.conf").exists()


def test_where_the_secret_is_written_nobody_else_reads_it(freepbx: Path) -> None:
    """FreePBX's own files have the mode 0664."""
    file, other = freepbx / "etc/asterisk/manager_custom.conf", freepbx / "etc/asterisk/extensions_custom.conf"
    file.chmod(0o664)
    other.chmod(0o666)
    tool(freepbx, "--apply")
    assert (file.stat().st_mode & 0o777, other.stat().st_mode & 0o777) == (0o640, 0o666)
    file.chmod(0o664)  # as `fwconsole chown` does
    assert "1 files changed" in tool(freepbx, "--apply")
    assert file.stat().st_mode & 0o777 == 0o640
    file.chmod(0o600)
    assert "nothing to change" in tool(freepbx, "--apply")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who may give files away")
def test_asterisk_still_reads_a_file_of_roots_with_the_secret(freepbx: Path) -> None:
    file = freepbx / "etc/asterisk/manager_custom.conf"
    file.chmod(0o644)
    os.chown(file.parent, 4567, 4568)
    tool(freepbx, "--apply")
    found = file.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, 4568, 0o640)
    made = (freepbx / "etc/asterisk/cel_custom_post.conf").stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (4567, 4568, 0o664)


def test_no_link_is_written_through(freepbx: Path) -> None:
    """Asterisk's user can make them in its folder, and root runs the tool."""
    etc, victim = freepbx / "etc/asterisk", freepbx / "victim"
    victim.write_text("mine")
    victim.chmod(0o604)
    for name in ("manager_custom.conf", "pbxd.conf"):
        (etc / f".{name}.pbxd").symlink_to(victim)
    tool(freepbx, "--apply")
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("mine", 0o604)
    assert not (etc / "manager_custom.conf").is_symlink()
    assert not [file for file in etc.glob(".*") if not file.is_symlink()]


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe"])
def test_what_is_no_regular_file_is_refused_before_anything_is_changed(freepbx: Path, kind: str) -> None:
    victim, file = freepbx / "victim", freepbx / "etc/asterisk/cel_custom_post.conf"
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(victim)
    if kind == "link":
        victim.write_text("mine")
    before = kept(freepbx)
    command = [sys.executable, str(ROOT / "tools/freepbx.py"), "--root", str(freepbx), "--apply"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, f"{file}: " in done.stderr) == (1, True), done
    assert "Traceback" not in done.stderr
    assert kept(freepbx) == before


def test_what_is_no_freepbx_is_left_alone(freepbx: Path) -> None:
    (freepbx / "etc/asterisk/cel.conf").write_text("[general]\n")
    command = [sys.executable, str(ROOT / "tools/freepbx.py"), "--root", str(freepbx), "--apply"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "cel_general_custom.conf" in done.stderr) == (1, True)
    assert not (freepbx / "etc/pbxd").exists()


def test_the_page_and_the_tool_grant_the_same() -> None:
    page = (ROOT / "docs/freepbx.md").read_text(encoding="utf-8")
    tool_text = (ROOT / "tools/freepbx.py").read_text(encoding="utf-8")
    for line in re.findall(r"```sql\n(.*?)```", page, re.DOTALL)[0].splitlines():
        assert f'"{line}"' in tool_text
