"""What every command shares: help in the user's language, the settings, and errors as one line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pbxd import i18n
from pbxd.actor import Actor
from pbxd.book.texts import checked_extension
from pbxd.cli.output import printable
from pbxd.errors import ConfigurationError, InvalidInputError, PbxdError
from pbxd.i18n import _
from pbxd.settings import Settings, load

if TYPE_CHECKING:
    from pbxd.storage.engine.database import Database

_SIGNALLED = 128  # and the signal's number: the exit status of a command that a signal ended, as shells tell it

Answer = TypeVar("Answer")
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark a text for the catalogue; help is translated when it is shown, for the language isn't known on import."""
    return text


class _Translated:
    """A `help` that is translated whenever it is read."""

    _help: str | None = None

    @property
    def help(self) -> str | None:
        return _(self._help) if self._help else None

    @help.setter  # noqa: A003 - click's own name
    def help(self, text: str | None) -> None:
        self._help = text


class Command(_Translated, click.Command):
    """A command whose help is in the user's language."""


class Option(_Translated, click.Option):
    """An option whose help is in the user's language."""


class Group(_Translated, click.Group):
    """A group of such commands; `group_class = type` makes nested groups of this very class."""

    command_class = Command
    group_class = type


class Root(Group):
    """The whole program: finds commands in their modules, turns pbxd's errors into one line and an exit status."""

    def __init__(self, *arguments: Any, modules: Mapping[str, str], **attributes: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*arguments, **attributes)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Return the commands in the order of the help."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        """Import the module of a command; the command's variable there bears its name."""
        if cmd_name not in self._modules:
            return None
        found: click.Command = getattr(import_module(self._modules[cmd_name]), cmd_name)
        return found

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (PbxdError, BaseExceptionGroup) as error:
            expected = _expected(error)
            if expected is None:
                raise
            click.echo(f"pbxd: {printable(_told(expected, ctx.obj))}", err=True)
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


def _told(error: PbxdError, session: object) -> str:
    """Return the error's line; the parts of the program know the key that is wrong, but not in which file."""
    text = str(error)
    source = session.source if isinstance(session, Session) else ""
    return f"{source}: {text}" if isinstance(error, ConfigurationError) and not text.startswith(source) else text


class Text(click.ParamType[str]):
    """Text from the command line; bytes that are no UTF-8 are a usage error rather than a traceback later."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's own signature
        """Return the text as it is."""
        text = str(value)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            self.fail(_("not valid UTF-8"), param, ctx)
        return text


class Extension(Text):
    """An employee's extension; one that can't be any is a usage error."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's own signature
        """Return the extension as it is."""
        try:
            return checked_extension("as", super().convert(value, param, ctx))
        except InvalidInputError as error:
            self.fail(printable(str(error)), param, ctx)


class Acting(Extension):
    """Who acts: the employee with the extension that is given, else an administrator."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's own signature
        """Return the actor."""
        extension = super().convert(value, param, ctx)
        return Actor.agent(extension, "cli") if extension else Actor.administrator("cli")


TEXT = Text()
EXTENSION = Extension()
ACTOR = Acting()
_LARGEST = 2**31 - 1  # what every database takes as a number of rows
LIMIT = click.IntRange(1, _LARGEST)
OFFSET = click.IntRange(0, _LARGEST)


def option(*names: str, help: str, **attributes: Any) -> Callable[[Decorated], Decorated]:  # noqa: A002, ANN401 - click's own words
    """Declare an option that takes a value, text unless said otherwise."""
    attributes.setdefault("type", TEXT)
    return click.option(*names, cls=Option, help=help, **attributes)


def flag(*names: str, help: str, default: bool | None = False) -> Callable[[Decorated], Decorated]:  # noqa: A002 - click's own words
    """Declare an option without a value; with `default=None` it is known whether it was given."""
    return click.option(*names, cls=Option, help=help, default=default, is_flag=True)


def argument(name: str, **attributes: Any) -> Callable[[Decorated], Decorated]:  # noqa: ANN401 - click's own words
    """Declare an argument; text unless said otherwise."""
    attributes.setdefault("type", TEXT)
    return click.argument(name, **attributes)


json_option = flag("--json", "as_json", help=N_("Print JSON."))
actor_option = option("--as", "actor", type=ACTOR, default="", metavar="EXT", help=N_("Act as this employee."))


class Session:
    """One run of the program: the configuration, read when a command first needs it."""

    def __init__(self, config: str | None) -> None:
        self.config = config
        self.source = ""  # the configuration file's name for messages, once it was read

    @cached_property
    def settings(self) -> Settings:
        """The configuration. Raises ConfigurationError."""
        settings = load(self.config)
        self.source = settings.source
        return settings

    def use_language(self) -> None:
        """Speak the configured language, else the locale's. Raises ConfigurationError."""
        i18n.use(language(self.settings.service.language))

    async def database(self) -> Database:
        """Open the database, which is never created here. Raises UnavailableError with the command that creates it."""
        from pbxd.storage.engine.database import Database  # noqa: PLC0415 - SQLAlchemy takes 0.3 s; not every command needs it

        return await Database.open(self.settings.database_url, create=False)


pass_session = click.make_pass_decorator(Session)


def language(configured: str = "") -> str:
    """Return the language of messages: the configured one, else the locale's."""
    return i18n.preferred(configured, *(os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG")))


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a command's asynchronous part to its end; SIGTERM and SIGHUP break it off as Ctrl-C does: it cleans up."""
    told: list[signal.Signals] = []

    async def stoppable() -> Answer:
        for number in _stopping():
            asyncio.get_running_loop().add_signal_handler(number, _stop, asyncio.current_task(), told, number)
        return await work

    try:
        return asyncio.run(stoppable())
    except asyncio.CancelledError:
        if not told:
            raise
        sys.exit(_SIGNALLED + told[0])


def _stopping() -> list[signal.Signals]:
    """Return the signals that end a command: not SIGHUP under `nohup`, and none outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL]


def _stop(task: asyncio.Task[Any] | None, told: list[signal.Signals], number: signal.Signals) -> None:
    told.append(number)
    if task is not None:
        task.cancel()
