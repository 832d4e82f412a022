"""Who is about to write, for the audit log: their row is committed together with what they changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection

Testimony = Callable[[AsyncConnection], Awaitable[None]]  # writes the row


class Witness:
    """Has `testify` called once, in the first transaction that the block or a task begun in it commits."""

    __slots__ = ("_before", "acted", "heard", "testify")
    _before: Token[Witness | None]

    def __init__(self, testify: Testimony) -> None:
        self.testify = testify
        self.heard = False  # their row is committed
        self.acted = False  # something was done that needs one

    def __enter__(self) -> Self:
        self._before = _PRESENT.set(self)
        return self

    def __exit__(self, *_error: object) -> None:
        _PRESENT.reset(self._before)


_PRESENT: ContextVar[Witness | None] = ContextVar("witness", default=None)


def note_act() -> None:
    """Note that something was done that the database does not know of, such as a call that was made."""
    if present := _PRESENT.get():
        present.acted = True


@contextmanager
def unwitnessed() -> Iterator[None]:
    """Write what is no change of its own: the witness stays for the change."""
    before = _PRESENT.set(None)
    try:
        yield
    finally:
        _PRESENT.reset(before)


async def witness(connection: AsyncConnection) -> None:
    """Have the witness of this task testify, if there is one and it has not done so yet."""
    present = _PRESENT.get()
    if present is not None and not present.heard:
        present.heard = True
        await present.testify(connection)
