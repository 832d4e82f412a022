"""One run of the program: what its options say about all commands, and how commands ask the services."""

from __future__ import annotations

import asyncio
import gc
import getpass
import os
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from pbxd.actor import Actor
from pbxd.book.fields import BUILT_IN, Fields
from pbxd.cli.language import chosen, speak
from pbxd.cli.output import print_json, print_line
from pbxd.cli.questions import agrees
from pbxd.errors import RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.numbers import rules_from
from pbxd.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pbxd.services.workspace import Workspace
    from pbxd.storage.access.audit import Deed

_SIGNALLED = 128  # and the signal's number: the exit status of a command that a signal ended, as shells have it
_SOURCE = "cli"
# How seldom Python looks for cycles of objects. Imports and exports make hundreds of thousands of objects and hardly
# any cycle; at the usual 700 new ones the search takes a third of their time, at 20,000 a sixth of a dry run's.
_COLLECT = (100_000, 20, 20)

Answer = TypeVar("Answer")
Rest = ParamSpec("Rest")


class Session:
    """One run of the program."""

    def __init__(self, config: str | None, fields: Fields = BUILT_IN) -> None:
        self.config = config
        self.source = ""  # the configuration file's name for messages, once it was read
        self.as_json = False  # --json
        self.agreed = False  # --yes
        self.employee = ""  # --as: an extension
        self.fields = fields  # that contacts have

    @cached_property
    def settings(self) -> Settings:
        """The configuration, read when a command first needs it. Raises ConfigurationError."""
        settings = load(self.config)
        self.source = settings.source
        return settings

    @property
    def language(self) -> str:
        """The configured language, else the locale's. Raises ConfigurationError."""
        return chosen(self.settings.service.language)

    def speak(self) -> None:
        """Speak the configured language, else the locale's. Raises ConfigurationError."""
        speak(self.language)

    @property
    def actor(self) -> Actor:
        """Who acts: the employee of `--as`, else an administrator."""
        if not self.employee:
            return Actor.administrator(_SOURCE)
        return Actor.agent(self.employee, _SOURCE).seeing(self.settings.users.sights)

    @asynccontextmanager
    async def workspace(self) -> AsyncIterator[Workspace]:
        """Open what services work with. The database is never created here.

        Raises UnavailableError with the command that creates it.
        """
        from pbxd.services.workspace import Workspace  # noqa: PLC0415 - SQLAlchemy: 0.3 s that not every command needs
        from pbxd.storage.access.audit import Audit, audited  # noqa: PLC0415 - the same
        from pbxd.storage.engine.database import Database  # noqa: PLC0415 - the same

        rules = rules_from(self.settings)
        gc.set_threshold(*_COLLECT)
        async with await Database.open(self.settings.database_url, create=False, fields=self.fields) as database:
            try:
                with audited(self._deed):
                    yield Workspace(database, rules)
            except RefusedError as error:
                with suppress(UnavailableError):
                    await Audit(database).add([replace(self._deed(), result="refused", reason=error.reason)])
                raise

    def _deed(self) -> Deed:
        """Say for the audit log which command this is, and about what: ids, never names or numbers."""
        from pbxd.storage.access.audit import Deed  # noqa: PLC0415 - SQLAlchemy, as above

        context = click.get_current_context()
        ids = [str(value) for value in context.params.values() if type(value) is int]
        action = context.command_path.partition(" ")[2]
        return Deed(source=_SOURCE, action=action, subject=" ".join(ids), address=_login(), extension=self.employee)

    def ask(
        self,
        service: Callable[Concatenate[Workspace, Actor, Rest], Awaitable[Answer]],
        *request: Rest.args,
        **further: Rest.kwargs,
    ) -> Answer:
        """Call a service as who acts, with the database open, and return its answer."""

        async def work() -> Answer:
            async with self.workspace() as workspace:
                return await service(workspace, self.actor, *request, **further)

        return run(work())

    def extension_of(self, field: str, text: str) -> str:
        """Return the extension of the employee that a text names by extension or full name; see `services.employees`.

        Raises InvalidInputError.
        """
        from pbxd.services import employees  # noqa: PLC0415 - SQLAlchemy, as above

        async def work() -> str:
            async with self.workspace() as workspace:
                return await employees.extension_of(workspace, field, text)

        return run(work())

    def each(
        self,
        service: Callable[Concatenate[Workspace, Actor, Rest], AsyncGenerator[Answer, None]],
        show: Callable[[Answer], None],
        *request: Rest.args,
        **further: Rest.kwargs,
    ) -> None:
        """Call a service that answers in parts, and show each part when it comes."""

        async def work() -> None:
            async with (
                self.workspace() as workspace,
                aclosing(service(workspace, self.actor, *request, **further)) as parts,
            ):
                async for part in parts:
                    show(part)

        run(work())

    def confirm(self, question: str) -> None:
        """Ask on a terminal whether it is meant; a no ends the command. Anywhere else --yes has to say so.

        Raises RefusedError without a terminal and without --yes.
        """
        if self.agreed:
            return
        if not sys.stdin.isatty():
            said = _("{question} Nobody can be asked here: repeat the command with --yes").format(question=question)
            raise RefusedError("not-confirmed", said)
        if not agrees(question):
            raise click.Abort

    def confirm_at_terminal(self, question: str) -> None:
        """Ask for confirmation only if stdin is a terminal; scripts proceed without a question."""
        if sys.stdin.isatty():
            self.confirm(question)

    def report(self, form: dict[str, Any], line: str) -> None:
        """Say what was done: `form` to a program, `line` to a person."""
        if self.as_json:
            print_json(form)
        else:
            print_line(line)


pass_session = click.make_pass_decorator(Session)


def current_fields(ctx: click.Context) -> Fields:
    """Return the fields of the session; the built-in ones where there is none, as for the shell's completion."""
    session = ctx.find_root().obj
    return session.fields if isinstance(session, Session) else BUILT_IN


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a command's asynchronous part to its end; SIGTERM and SIGHUP break it off as Ctrl-C does: it cleans up."""
    received: list[signal.Signals] = []

    async def stoppable() -> Answer:
        for number in _stopping():
            asyncio.get_running_loop().add_signal_handler(number, _stop, asyncio.current_task(), received, number)
        return await work

    gc.freeze()  # what was imported stays: the collector need not go through it again and again
    gc.enable()
    try:
        return asyncio.run(stoppable())
    except asyncio.CancelledError:
        if not received:
            raise
        sys.exit(_SIGNALLED + received[0])


def _stopping() -> list[signal.Signals]:
    """Return the signals that end a command: not SIGHUP under `nohup`, and none outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL]


def _stop(task: asyncio.Task[Any] | None, received: list[signal.Signals], number: signal.Signals) -> None:
    received.append(number)
    if task is not None:
        task.cancel()


def _login() -> str:
    """Return the user of the operating system who acts; behind sudo the one who called it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
