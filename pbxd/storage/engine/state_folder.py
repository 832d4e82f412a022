"""The service's own folder, where root needs it before the service first started."""

from __future__ import annotations

import errno
import os
import pwd
import stat
from pathlib import Path

from pbxd.i18n import _
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


def make_empty(file: Path) -> None:
    """Make a file for its owner and group alone, where there is none; root's becomes the folder's owner's.

    What is there is left as it is, perhaps a link to a database elsewhere: nothing is made or given away through one.
    Raises OSError, also where no regular file is there that we can read and write.
    """
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660)
    except FileExistsError:
        descriptor = os.open(file, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fresh = False
    else:
        fresh = True
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, _("not a regular file"), str(file))
        if fresh and os.geteuid() == 0:  # the service must be able to write what root made in its folder
            folder = file.parent.stat()
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
            os.fchmod(descriptor, 0o660)
    finally:
        os.close(descriptor)
