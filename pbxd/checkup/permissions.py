"""What the service's user may do with a file. doctor runs as root, who may do everything."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pbxd.settings import DEFAULT_PATH, SERVICE_USER, STATE_FOLDER, Settings

_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Account:
    """A user with their groups, as whom root can try things."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    @classmethod
    def of(cls, name: str) -> Account | None:
        """Return the user of this name, None if there is none."""
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return None
        return cls(name, entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(name, entry.pw_gid)))


def service_account(settings: Settings) -> Account | None:
    """Return the user of the service whose configuration this is.

    None for another configuration, if there is no such user, or if we are not root and can only try as ourselves.
    """
    own = settings.source == str(DEFAULT_PATH)
    return Account.of(SERVICE_USER) if own and os.geteuid() == 0 else None


@contextlib.contextmanager
def acting_as(account: Account | None) -> Iterator[None]:
    """Act as this user for a while, for files and sockets. Root only, and nothing else may run meanwhile."""
    if account is None:
        yield
        return
    groups, gid, uid = os.getgroups(), os.getegid(), os.geteuid()
    os.setgroups(account.groups)
    os.setegid(account.gid)
    os.seteuid(account.uid)
    try:
        yield
    finally:
        os.seteuid(uid)
        os.setegid(gid)
        os.setgroups(groups)


async def may(account: Account | None, right: str, path: Path) -> bool:
    """Whether the user may read (`-r`), write (`-w`) or enter (`-x`) a path; None stands for ourselves.

    It runs test(1) as that user, because access lists and read-only file systems count too.
    """
    program = shutil.which("test") or "/usr/bin/test"
    process = await asyncio.create_subprocess_exec(
        program,
        right,
        str(path),
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=account.groups if account else None,
    )
    async with asyncio.timeout(_SECONDS):
        return await process.wait() == 0


async def sealed(folder: Path) -> bool:
    """Whether systemd makes this folder read-only for the service, whatever its permissions are."""
    if folder.is_relative_to(STATE_FOLDER) or shutil.which("systemctl") is None:
        return False
    asked = ("show", "--property=ProtectSystem", "--property=ReadWritePaths", "pbxd.service")
    pipe, quiet = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec("systemctl", *asked, stdout=pipe, stderr=quiet)
    async with asyncio.timeout(_SECONDS):
        output, _errors = await process.communicate()
    values = dict(line.split("=", 1) for line in output.decode().splitlines() if "=" in line)
    writable = [Path(path.lstrip("-+")) for path in values.get("ReadWritePaths", "").split()]
    return values.get("ProtectSystem") == "strict" and not any(folder.is_relative_to(path) for path in writable)
