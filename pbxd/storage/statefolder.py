"""The service's own folder, where root needs it before the service first started."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from pbxd.settings import SERVICE_USER, STATE_FOLDER


def made_for_service(folder: Path, own: Path = STATE_FOLDER, user: str = SERVICE_USER) -> bool:
    """Make the service's own folder for root, as systemd does when the service first starts; return whether it was."""
    if folder != own or os.geteuid() != 0:
        return False
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return False
    folder.mkdir()
    os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(0o770)
    return True
