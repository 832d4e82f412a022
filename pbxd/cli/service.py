"""`pbxd run`: the daemon."""

from __future__ import annotations

import click

from pbxd.cli.command import N_, Command, Session, pass_session


@click.command("run", cls=Command, help=N_("Run the daemon in the foreground."))
@pass_session
def run(session: Session) -> None:
    """Run until a signal ends it."""
    import uvloop  # noqa: PLC0415 - only the daemon is worth a faster loop and the modules of the whole service

    from pbxd import logs, service  # noqa: PLC0415 - likewise

    settings = session.settings
    logs.configure(settings.logs)
    uvloop.run(service.run(settings))
