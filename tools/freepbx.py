#!/usr/bin/env python3
"""Put pbxd's lines into FreePBX's custom configuration files; change no file that FreePBX writes itself.

    python3 tools/freepbx.py --area-code 495            prints what it would change
    python3 tools/freepbx.py --area-code 495 --apply    changes it; a second run changes nothing

Run it as root on the PBX, from the checkout, after step 1 of docs/install.md (program and user). Each change is a block
between two marks, which can be removed by hand. With --root FOLDER it works on FOLDER/etc and runs nothing.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
BEGIN, END = "; >>> pbxd (tools/freepbx.py)", "; <<< pbxd"
_BLOCK = re.compile(rf"{re.escape(BEGIN)}\n.*?{re.escape(END)}\n", re.DOTALL)
_CHANNELVARS = re.compile(r"(?m)^\s*channelvars\s*=>?\s*([^;\n]+)")
OWN_VARIABLES = ("PBXD_END_OF_CHANNEL", "MIXMONITOR_FILENAME")
DIALPLAN = ("pbxd.conf", "pbxd-manager.conf")
PERSONAL = "pbxd-freepbx.conf"
HOOKS = ("[macro-dialout-one-predial-hook]", "[func-apply-sipheaders]")
OVERRIDE = "extensions_override_freepbx.conf"
SECRET = "asterisk-secret"  # noqa: S105 - the name of a file
SOCKET = "/run/mysqld/mysqld.sock"
GRANT = (
    "CREATE USER IF NOT EXISTS pbxd@localhost IDENTIFIED VIA unix_socket;",
    "GRANT SELECT ON asteriskcdrdb.cel TO pbxd@localhost;",
    "GRANT SELECT ON asteriskcdrdb.cdr TO pbxd@localhost;",
)
RELOADS = (
    "manager reload", "module reload cel", "module reload cel_manager.so", "dialplan reload",
)  # fmt: skip
TOML = """[asterisk]
secret_file = "asterisk-secret"
[numbers]
region = "RU"
area_code = "{area_code}"
[database]
url = "sqlite+aiosqlite:////var/lib/pbxd/pbxd.db"
[backfill]
cel = "mysql+aiomysql://pbxd@localhost/asteriskcdrdb?unix_socket={socket}"
time_zone = "{zone}"
[dialing]
device = "Local/{{extension}}@pbxd-agent/n"
internal = "PJSIP/{{number}}"
trunk = "Local/{{number}}@from-internal/n"
number_format = "national"
[service]
runtime_folder = "/run/pbxd"
"""


@dataclass(frozen=True)
class Change:
    """A file's text before (None: it does not exist) and after."""

    file: Path
    before: str | None
    after: str
    mode: int = 0o664

    def shown(self) -> str:
        """Return the difference, without the secret."""
        if self.file.name == SECRET:
            return f"+++ {self.file}: a new secret"
        if self.file.name in (*DIALPLAN, PERSONAL):
            return f"+++ {self.file}: as dialplan/{self.file.name}"
        lines = difflib.unified_diff(
            (self.before or "").splitlines(), self.after.splitlines(), str(self.file), str(self.file), lineterm="", n=1
        )
        shown = re.sub(r"(?m)^([ +-]secret = ).*$", r"\1…", "\n".join(lines))
        return shown or f"+++ {self.file}: mode {self.mode:o}"

    @property
    def open_to_others(self) -> bool:
        """Whether the file has a secret and more people can use it than should."""
        return self.before is not None and bool(self._secret and self.file.lstat().st_mode & 0o777 & ~self.mode)

    @property
    def _secret(self) -> bool:
        return not self.mode & 0o007

    def write(self) -> None:
        """Write the whole file or nothing; a new file gets its folder's owner, an existing one keeps owner and mode.

        An existing file with a secret loses the rights that a new one would not have; programs that read it as others
        read it by the folder's group. No step uses a name that the folder's owner could replace by a link.
        """
        folder = self.file.parent.stat()
        like = folder if self.before is None else self.file.lstat()
        mode = self.mode if self.before is None else like.st_mode & 0o777
        group = folder.st_gid if self._secret and mode & 0o004 else like.st_gid
        descriptor, fresh = tempfile.mkstemp(prefix=f".{self.file.name}.", dir=self.file.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(self.after)
                os.fchown(descriptor, like.st_uid, group)
                os.fchmod(descriptor, mode & self.mode if self._secret else mode)
            Path(fresh).replace(self.file)
        except BaseException:
            Path(fresh).unlink(missing_ok=True)
            raise


def own_text(file: Path) -> str | None:
    """Return the text of a file that we write, None if it does not exist; a link, a pipe or a folder ends the run."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = "a link" if file.is_symlink() else error.strerror
        raise SystemExit(f"freepbx.py: {file}: {why}; a regular file is needed; nothing was changed") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SystemExit(f"freepbx.py: {file}: no regular file; nothing was changed")
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        return stream.read()


def text_of(file: Path) -> str | None:
    """Return a file's text, None if it does not exist."""
    return file.read_text(encoding="utf-8") if file.exists() else None


def with_block(text: str | None, lines: list[str], *, first: bool = False) -> str:
    """Return the text with our block: in the old block's place, else at the end or at the beginning."""
    block = "\n".join([BEGIN, *lines, END]) + "\n"
    if text and _BLOCK.search(text):
        return _BLOCK.sub(lambda _found: block, text, count=1)
    if first:
        return block + (text or "")
    return (text.rstrip("\n") + "\n" if text and text.strip() else "") + block


def manager(etc: Path, secret: str) -> list[str]:
    """Return the lines for manager_custom.conf: those of config/manager.conf, added to the general section."""
    shipped = (CHECKOUT / "config" / "manager.conf").read_text(encoding="utf-8").partition("\n[pbxd]\n")[2]
    bare = [re.sub(r"\s*;.*$", "", line).strip() for line in shipped.splitlines()]
    user = [line if not line.startswith("secret") else f"secret = {secret}" for line in bare if line]
    others = [_BLOCK.sub("", text_of(file) or "") for file in sorted(etc.glob("manager*.conf"))]
    named = [name.strip() for found in _CHANNELVARS.findall("\n".join(others)) for name in found.split(",")]
    variables = ",".join(dict.fromkeys([*named, *OWN_VARIABLES]))
    return ["[general](+)", "timestampevents = yes", f"channelvars = {variables}", "", "[pbxd]", *user]


def cel() -> list[str]:
    """Return the general lines of config/cel.conf; FreePBX includes the file inside its own [general]."""
    text = (CHECKOUT / "config" / "cel.conf").read_text(encoding="utf-8")
    general = text.partition("[general]\n")[2].partition("\n[")[0]
    return [line for line in general.splitlines() if line and not line.startswith(";")]


def changes(root: Path, area_code: str, zone: str) -> tuple[list[Change], list[str]]:
    """Return the changes to make, and what a person must do."""
    etc, own = root / "etc/asterisk", root / "etc/pbxd"
    kept = (text_of(own / SECRET) or "").strip()
    secret = kept or secrets.token_hex(16)
    todo = []

    def block_in(name: str, lines: list[str], *, first: bool = False) -> str:
        return with_block(own_text(etc / name), lines, first=first)

    files = list(DIALPLAN)
    wanted = {
        etc / "manager_custom.conf": (block_in("manager_custom.conf", manager(etc, secret)), 0o640),
        etc / "cel_general_custom.conf": (block_in("cel_general_custom.conf", cel(), first=True), 0o664),
        etc / "cel_custom_post.conf": (block_in("cel_custom_post.conf", ["[manager]", "enabled = yes"]), 0o664),
        etc / "extensions_custom.conf": (
            block_in("extensions_custom.conf", [f"#include {name}" for name in files], first=True), 0o664
        ),
    }  # fmt: skip
    if not kept:
        wanted[own / SECRET] = secret + "\n", 0o600
    own_lines = "".join(_BLOCK.sub("", text_of(etc / name) or "") for name in (OVERRIDE, "extensions_custom.conf"))
    if any(hook in own_lines for hook in HOOKS):
        todo.append(
            f"{' or '.join(HOOKS)} of your own: for personal names put the lines of dialplan/{PERSONAL} into it"
        )
    else:
        files.append(PERSONAL)
        wanted[etc / OVERRIDE] = block_in(OVERRIDE, [f"#include {PERSONAL}"], first=True), 0o664
    wanted |= {etc / name: (text_of(CHECKOUT / "dialplan" / name) or "", 0o644) for name in files}
    toml = text_of(own / "pbxd.toml")
    made = TOML.format(area_code=area_code, zone=zone, socket=SOCKET)
    if toml is None:
        wanted[own / "pbxd.toml"] = (made, 0o644)
    elif missing := [name for name in ("backfill", "dialing") if f"[{name}]" not in toml]:
        sections = re.findall(r"(?ms)^\[\w+\]\n.*?(?=^\[|\Z)", made)
        lines = "".join(each for each in sections if each.partition("]")[0][1:] in missing)
        todo.append(f"{own / 'pbxd.toml'} lacks sections; it is yours, so add them yourself:\n{lines}")
    found = [Change(file, own_text(file), *after) for file, after in wanted.items()]
    return [change for change in found if change.before != change.after or change.open_to_others], todo


def unlike_freepbx(etc: Path) -> str:
    """Return why this is not a FreePBX as docs/freepbx.md describes; empty if it is."""
    for file, include in {
        "manager.conf": "manager_custom.conf",
        "extensions.conf": "extensions_custom.conf",
        "cel.conf": "cel_general_custom.conf",
    }.items():
        if not re.search(rf"(?m)^\s*#include\s+[\"<]?{include}", text_of(etc / file) or ""):
            return f"{etc / file} doesn't include {include}: not the FreePBX that docs/freepbx.md is about"
    return ""


def local_zone(root: Path) -> str:
    """Return the machine's time zone, in which FreePBX writes its times."""
    target = os.path.realpath(root / "etc/localtime")
    return target.partition("zoneinfo/")[2] or "UTC"


def run(*command: str, text: str = "") -> None:
    """Run a command; print its failure and go on."""
    print("#", " ".join(command))
    if shutil.which(command[0]) is None:
        print(f"  {command[0]} is not installed here: run it where it is")
        return
    subprocess.run(command, input=text, text=True, check=False)


def main() -> int:
    """Show the changes; make them with --apply."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--apply", action="store_true", help="make the changes, do not only print them")
    parser.add_argument("--root", type=Path, default=Path("/"), help="work on the files under this folder; run nothing")
    parser.add_argument("--area-code", default="", help="for numbers that are written without one, such as 495")
    parser.add_argument("--zone", default="", help="time zone of the times in MariaDB; default: the machine's")
    given = parser.parse_args()
    if why := unlike_freepbx(given.root / "etc/asterisk"):
        print(f"freepbx.py: {why}", file=sys.stderr)
        return 1
    found, todo = changes(given.root, given.area_code, given.zone or local_zone(given.root))
    for change in found:
        print(change.shown())
        if given.apply:
            change.file.parent.mkdir(parents=True, exist_ok=True)
            change.write()
    print(f"{len(found)} files {'changed' if given.apply else 'to change'}" if found else "nothing to change")
    for each in todo:
        print(f"to do: {each}")
    if given.apply and given.root == Path("/"):
        run("mariadb", text="\n".join(GRANT))
        for command in RELOADS:
            run("asterisk", "-rx", command)
    else:
        print("\n".join(("then, in MariaDB:", *GRANT, "then:", *(f'asterisk -rx "{command}"' for command in RELOADS))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
