"""A private MariaDB on a unix socket in a short temporary folder, for FreePBX's logs; ended by its process id.

mariadbd refuses root: root runs it as `mysql` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

START_SECONDS = 60
TABLES = (Path(__file__).parent / "freepbx.sql").read_text(encoding="utf-8")


@dataclass
class Server:
    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    def run(self, statements: str, user: str = "dba") -> str:
        """Run SQL as the server's administrator; `root` may become one that a test makes."""
        client = [
            "mariadb",
            "--no-defaults",
            f"--socket={self.socket}",
            f"--user={user}",
            "--batch",
            "--skip-column-names",
        ]
        done = subprocess.run(client, input=statements, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (statements[:500], done.stderr)
        return done.stdout

    def url(self, user: str, password: str = "", driver: str = "mysql+aiomysql") -> str:
        secret = f":{password}" if password else ""
        return f"{driver}://{user}{secret}@localhost/asteriskcdrdb?unix_socket={self.socket}"


def other_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "mysql" if "mysql" in names else "nobody"


@contextmanager
def server() -> Iterator[Server]:
    if shutil.which("mariadbd") is None:
        pytest.fail("these tests need MariaDB's server program (Debian: mariadb-server-core)")
    running = Server(Path(tempfile.mkdtemp(prefix="pbxd-my-", dir="/tmp")))
    data = running.folder / "data"
    data.mkdir()
    who = [f"--user={other_user()}"] if os.geteuid() == 0 else []
    if who:
        for path in (running.folder, data):
            shutil.chown(path, other_user())
    running.folder.chmod(0o755)
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
    process = None
    try:
        made = subprocess.run([*install, "--skip-test-db", *who], capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr
        options = [
            f"--datadir={data}",
            f"--socket={running.socket}",
            "--skip-networking",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        small = ["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", f"--pid-file={running.folder}/pid"]
        with (running.folder / "log").open("wb") as log:
            process = subprocess.Popen(["mariadbd", "--no-defaults", *options, *small, *who], stdout=log, stderr=log)
        until_ready(running, process)
        running.run("CREATE USER dba@localhost; GRANT ALL ON *.* TO dba@localhost WITH GRANT OPTION", "root")
        yield running
    finally:
        if process is not None:
            process.terminate()
            process.wait(START_SECONDS)
        shutil.rmtree(running.folder, ignore_errors=True)


def until_ready(running: Server, process: subprocess.Popen[bytes]) -> None:
    client = ["mariadb", "--no-defaults", f"--socket={running.socket}", "--user=root", "--execute=SELECT 1"]
    end = time.monotonic() + START_SECONDS
    while subprocess.run(client, capture_output=True, check=False).returncode:
        log = (running.folder / "log").read_text(errors="replace")
        assert process.poll() is None, log
        assert time.monotonic() < end, log
        time.sleep(0.1)
