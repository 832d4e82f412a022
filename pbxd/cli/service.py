"""`pbxd run`: the daemon."""

from __future__ import annotations

from collections.abc import Iterator

import click

from pbxd.cli.command import N_, Command, Session, pass_session
from pbxd.errors import PbxdError


@click.command("run", cls=Command, help=N_("Run the daemon in the foreground."))
@pass_session
def run(session: Session) -> None:
    """Run until a signal ends it; what ended a part of the daemon is reported in one line, if it was expected."""
    import uvloop  # noqa: PLC0415 - only the daemon is worth a faster loop and the modules of the whole service

    from pbxd import logs, service  # noqa: PLC0415 - likewise

    settings = session.settings
    logs.configure(settings.logs)
    try:
        uvloop.run(service.run(settings))
    except BaseExceptionGroup as group:
        causes = list(_causes(group))
        if not all(isinstance(cause, PbxdError) for cause in causes):
            raise
        raise causes[0] from group


def _causes(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _causes(error)
        else:
            yield error
