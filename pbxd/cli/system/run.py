"""`pbxd run`: the daemon."""

from __future__ import annotations

import gc

import uvloop

from pbxd import daemon, logs
from pbxd.cli.groups import command
from pbxd.cli.session import Session, pass_session


@command("run")
@pass_session
def run(session: Session) -> None:
    """Run until a signal ends it."""
    settings = session.settings
    logs.configure(settings.logs)
    gc.enable()
    uvloop.run(daemon.run(settings))
