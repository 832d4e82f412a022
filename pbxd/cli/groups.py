"""click's commands, with help in the user's language and modules that are imported when they are needed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import click
from click.exceptions import NoSuchCommand

from pbxd.book.fields import BUILT_IN, Fields
from pbxd.cli.examples import EXAMPLES
from pbxd.cli.output import printable, styled
from pbxd.cli.session import Session
from pbxd.errors import ConfigurationError, InvalidInputError, PbxdError
from pbxd.i18n import _

if TYPE_CHECKING:
    from click.types import OptionHelpExtra


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

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return what stands behind the name, such as [OPTIONS]."""
        return [_(piece) for piece in super().collect_usage_pieces(ctx)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples of the command below its help, where it has some."""
        lines = EXAMPLES.get(ctx.command_path.partition(" ")[2], ())
        if lines:
            with formatter.section(_("Examples")):
                for line in lines:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error about one of its options or arguments says which."""
        try:
            return super().invoke(ctx)
        except InvalidInputError as error:
            fields = ctx.obj.fields if isinstance(ctx.obj, Session) else BUILT_IN
            said = named(error.field, str(error), self.get_params(ctx), fields)
            raise InvalidInputError(error.field, said) from error


class Option(_Translated, click.Option):
    """An option whose help is in the user's language."""

    def make_metavar(self, ctx: click.Context) -> str:
        """Return what its value is called."""
        return _(super().make_metavar(ctx))

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        """Return what is added to its help: not the limits of a number, which are there for the database only."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


class Argument(click.Argument):
    """An argument whose name is in the user's language."""

    def make_metavar(self, ctx: click.Context) -> str:
        """Return what it is called."""
        return _(super().make_metavar(ctx))


def named(field: str, message: str, parameters: Iterable[click.Parameter], fields: Fields) -> str:
    """Return a message that begins with a field's name in JSON with the name that people know instead.

    That is the option or the argument that gave the field, else the field's title.
    """
    said = message.removeprefix(f"{field}: ")
    if said == message:
        return message
    for each in parameters:
        long = [name for name in each.opts if name.startswith("--")]
        if field == each.name or f"--{field}" in long or field == f"{each.name}s":
            name = long[0] if long else each.make_metavar(click.get_current_context()).strip("[]")
            return f"{name}: {said}"
    return f"{fields[field].title}: {said}" if field in fields else message


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

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return what stands behind the name, such as [OPTIONS] COMMAND [ARGS]...."""
        return [_(piece) for piece in super().collect_usage_pieces(ctx)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is meant; a mistyped one gets similar ones suggested."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            raise NoSuchCommand(error.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None

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
            _report(_line(expected, ctx.obj))
            ctx.exit(expected.exit_status)
        except PermissionError as error:
            message = _("no right to use {file}: members of the group pbxd may (usermod -aG pbxd NAME)")
            _report(message.format(file=error.filename))
            ctx.exit(1)


def _report(line: str) -> None:
    click.echo(f"{styled('pbxd:', sys.stderr, fg='red', bold=True)} {printable(line)}", err=True)


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
