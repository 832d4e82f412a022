"""click's commands, with help in the user's language and modules that are imported when they are needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from typing import NamedTuple

import click

from pbxd.cli.output import printable
from pbxd.cli.session import Session
from pbxd.errors import ConfigurationError, PbxdError
from pbxd.i18n import _


class _Translated:
    """A `help` that is translated when it is read: the language isn't known yet when a command is defined."""

    _help: str | None = None

    def _translated(self) -> str | None:
        return _(self._help) if self._help else None

    def _set(self, text: str | None) -> None:
        self._help = text

    help = property(_translated, _set)


class Command(_Translated, click.Command):
    """A command whose help is in the user's language."""


class Option(_Translated, click.Option):
    """An option whose help is in the user's language."""


class Later(NamedTuple):
    """A command that stands in another module: SQLAlchemy and aiohttp take a third of a second each to import."""

    module: str  # below `pbxd.cli`
    variable: str
    help: str  # one line for the list of commands; a command without its own help shows it too


class Group(_Translated, click.Group):
    """A group of commands; those of `later` are imported when they are asked for."""

    command_class = Command

    @cached_property
    def later(self) -> dict[str, Later]:
        """The commands that stand in other modules, by name."""
        return {}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Return the commands in the order in which they are defined."""
        return [*self.later, *(name for name in self.commands if name not in self.later)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported if need be."""
        if cmd_name in self.later and cmd_name not in self.commands:
            place = self.later[cmd_name]
            found: click.Command = getattr(import_module(f"pbxd.cli.{place.module}"), place.variable)
            found.help = found.help or place.help
            self.add_command(found, cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        listed = [
            (name, Command(name, help=self.later[name].help) if name in self.later else self.commands[name])
            for name in self.list_commands(ctx)
        ]
        width = formatter.width - 6 - max(len(name) for name, _command in listed)
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, command.get_short_help_str(width)) for name, command in listed])


def command(name: str, about: str = "") -> Callable[[Callable[..., None]], Command]:
    """Declare a command that a group's `later` names; `about` is its help, if it says more than the group's line."""
    return click.command(name, cls=Command, help=about)


def group(name: str) -> Callable[[Callable[..., None]], Group]:
    """Declare a group that the program's `later` names."""
    return click.group(name, cls=Group, help="")


class Program(Group):
    """The whole program: turns pbxd's errors into one line and an exit status."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (PbxdError, BaseExceptionGroup) as error:
            expected = _expected(error)
            if expected is None:
                raise
            click.echo(f"pbxd: {printable(_line(expected, ctx.obj))}", err=True)
            ctx.exit(expected.exit_status)
        except PermissionError as error:
            message = _("no right to use {file}: members of the group pbxd may (usermod -aG pbxd NAME)")
            click.echo(f"pbxd: {printable(message.format(file=error.filename))}", err=True)
            ctx.exit(1)


def _expected(error: BaseException) -> PbxdError | None:
    """Return the failure to report when nothing but pbxd's own errors happened, also in tasks that ran side by side."""
    if isinstance(error, BaseExceptionGroup):
        found = [_expected(each) for each in error.exceptions]
        return found[0] if all(found) else None
    return error if isinstance(error, PbxdError) else None


def _line(error: PbxdError, session: object) -> str:
    """Return the error's line. A configuration error knows the key that is wrong, but not in which file."""
    text = str(error)
    source = session.source if isinstance(session, Session) else ""
    return f"{source}: {text}" if isinstance(error, ConfigurationError) and not text.startswith(source) else text
