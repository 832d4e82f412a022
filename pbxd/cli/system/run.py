"""`pbxd run`: the daemon."""

from __future__ import annotations

import sys

import click

from pbxd.cli.groups import Command
from pbxd.cli.session import Session, pass_session


@click.command("run", cls=Command)
@pass_session
def run(session: Session) -> None:
    """Run until a signal ends it."""
    load()
    import uvloop  # noqa: PLC0415 - only the daemon is worth a faster loop and the modules of the whole service

    from pbxd import daemon, logs  # noqa: PLC0415 - likewise

    settings = session.settings
    logs.configure(settings.logs)
    uvloop.run(daemon.run(settings))


def load() -> None:
    """Load the daemon's modules, without what would only take memory."""
    # structlog would load it, and with it pygments, for tracebacks in colour: 4 MB, and ours are plain text.
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        from pbxd import daemon  # noqa: F401, PLC0415 - as in `run`
    finally:
        del sys.modules["rich"]  # a process that goes on may print tables
