"""The service's own folder, for root before the service first starts."""

from __future__ import annotations

import errno
import os
import pwd
import stat
from pathlib import Path

from pbxd.i18n import _
from pbxd.settings import SERVICE_USER, STATE_FOLDER


def made_for_service(folder: Path, own: Path = STATE_FOLDER, user: str = SERVICE_USER) -> bool:
    """Create the service's own folder as systemd does at the service's first start. Return whether it was created."""
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
    """Create a file for its owner and group only, unless there is one. If root creates it, the folder's owner gets it.

    An existing file is left as it is, perhaps a link to a database elsewhere: nothing is created or given away through
    a link. Raises OSError, also if there is no regular file that we can read and write.
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
        if fresh and os.geteuid() == 0:  # the service must be able to write what root creates in its folder
            folder = file.parent.stat()
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
            os.fchmod(descriptor, 0o660)
    finally:
        os.close(descriptor)
