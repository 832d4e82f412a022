"""The index of the whole book in memory, kept fresh from the feed: a look-up never waits for the database."""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import structlog

from pbxd.actor import Actor
from pbxd.book.employees import Employee
from pbxd.errors import LostError, ReplacedError, UnavailableError
from pbxd.lookup.matching import Book, Match
from pbxd.numbers import NumberRules, parse
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts, Snapshot
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, FeedRow
from pbxd.storage.imports.imports import Imports

POLL_SECONDS = 0.25
_STEP_SECONDS = 10.0  # for one reading step; after that a database that hangs is asked again
_IMPORT_SECONDS = 600.0  # the same for a whole import: some tens of seconds for a hundred thousand changed cards
_SLICE_SECONDS = 0.001  # that a change of the index may hold the event loop: look-ups wait so long
_CARDS_BETWEEN_GLANCES = 20  # items between two looks at the clock; a card takes a few microseconds
_PAGE = 200  # feed rows read at once
_CARDS = 20  # whole cards read at once: each holds the event loop for some 50 microseconds, up to 100 with an overlay

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class Directory:
    """Look-ups from memory.

    While the database cannot be read, the last good index answers; `age_seconds` is its age. `on_change` is called on
    the event loop after each change of the index.
    """

    def __init__(self, database: Database, rules: NumberRules, *, on_change: Callable[[], None] = lambda: None) -> None:
        self._rules = rules
        self._on_change = on_change
        self._contacts = Contacts(database)
        self._companies = Companies(database)
        self._employees = Employees(database)
        self._imports = Imports(database)
        self._feed = Feed(database)
        self._book = Book()
        self._cursor: int | None = None  # the cursor in the feed; None: nothing loaded
        self._behind = True  # there may be unread rows: `Feed.changed` reports them once
        self._checked = -math.inf
        self._failing = False
        self._turn = asyncio.Lock()  # for loading and catching up, which both move the cursor

    def lookup(self, text: str, actor: Actor) -> Match:
        """Return who has this number, in any notation. Never waits.

        The personal contacts of `actor` may be used. Before the first load the status is `error`, since nobody
        can be called unknown yet.
        """
        if self._cursor is None:
            return Match("error")
        return self._book.lookup(parse(text, self._rules), actor)

    def employee(self, extension: str) -> Employee | None:
        """Return an employee, also one who left (`active`)."""
        return self._book.employee(extension)

    def colleagues(self) -> Iterable[Employee]:
        """Return everybody who works here and has an extension."""
        return self._book.colleagues()

    @property
    def age_seconds(self) -> float:
        """Seconds since the index was last known to equal the database. Infinite before the first load."""
        return time.monotonic() - self._checked

    async def load(self) -> None:
        """Read the whole book into a new index; the old one answers meanwhile. Raises UnavailableError."""
        async with self._turn:
            began = time.monotonic()
            with _collector_at_rest():
                async with self._contacts.snapshot() as snapshot:
                    book = await _built(snapshot)
            self._book, self._cursor, self._behind, self._checked = book, snapshot.cursor, True, began
        _log.info("directory_loaded", contacts=len(book), seconds=round(time.monotonic() - began, 3))
        self._on_change()

    async def follow(self) -> None:
        """Keep the index fresh until cancelled: changes by any process appear within a second.

        While the database cannot be read, or is gone, the last good index answers. Raises ReplacedError if another
        database is in its place: the index cannot follow it.
        """
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._refresh()
            except ReplacedError:
                raise
            except (UnavailableError, TimeoutError) as error:
                self._failed(error)
            else:
                self._recovered()

    async def _refresh(self) -> None:
        if self._cursor is None:
            await self.load()
        began = time.monotonic()
        async with asyncio.timeout(_STEP_SECONDS):
            self._behind = await self._feed.changed() or self._behind
        if self._behind:
            async with self._turn:
                await self._catch_up()
        self._checked = began

    async def _catch_up(self) -> None:
        """Apply the feed up to its end, a page at a time. After an interruption the next call continues."""
        changed = False
        try:
            while True:
                async with asyncio.timeout(_STEP_SECONDS):
                    rows = await self._feed.read(self._cursor or 0, _PAGE)
                async with asyncio.timeout(_IMPORT_SECONDS):
                    changed = await self._expand(rows) or changed
                async with asyncio.timeout(_STEP_SECONDS):
                    changed = await self._apply(rows) or changed
                if len(rows) < _PAGE:
                    break
            self._behind = False
        finally:
            if changed:
                self._on_change()

    async def _expand(self, rows: Sequence[FeedRow]) -> bool:
        """Apply the imports and undos among the rows. Return whether there were any."""
        told = [row for row in rows if row.kind.startswith("import.")]
        for row in told:
            if row.data["first"] is not None:
                await self._read_again(row.data["first"], row.data["last"])
            changed = await self._imports.changed(int(row.subject))
            await self._load(changed)
        return bool(told)

    async def _read_again(self, first: int, last: int) -> None:
        """Read the contacts with these ids, and all between, from the database again."""
        there: set[int] = set()
        async with self._imports.created(first, last) as parts:
            async for listings in parts:
                self._book.put_listings(listings)
                there.update(listing.id for listing in listings)
        async for contact_id in _unhurried(range(first, last + 1)):
            if contact_id not in there:
                self._book.drop_contact(contact_id)

    async def _apply(self, rows: Sequence[FeedRow]) -> bool:
        """Read every card that the rows name. Return whether there were any.

        The cards are read after the rows, so they may be newer than their row. A later row then names the same card
        again, which does no harm.
        """
        contact_ids = _subjects(rows, "contact.")
        company_ids = _subjects(rows, "company.")
        companies = await self._companies.load(company_ids) if company_ids else {}
        employees = await self._employees.everybody() if any(row.kind.startswith("employee.") for row in rows) else None
        await self._load(contact_ids)
        for company_id in company_ids:
            if company := companies.get(company_id):
                self._book.put_company(company)
            else:
                self._book.drop_company(company_id)
        if employees is not None:
            self._book.replace_employees(employees)
        if rows:
            self._cursor = rows[-1].seq
        return bool(contact_ids or company_ids or employees is not None)

    async def _load(self, contact_ids: Sequence[int]) -> None:
        """Read these contacts again, a few at a time."""
        for start in range(0, len(contact_ids), _CARDS):
            part = contact_ids[start : start + _CARDS]
            found = await self._contacts.load(part)
            for contact_id in part:
                if contact := found.get(contact_id):
                    self._book.put_contact(contact)
                else:
                    self._book.drop_contact(contact_id)

    def _failed(self, error: Exception) -> None:
        if not self._failing:
            event = "database_lost" if isinstance(error, LostError) else "directory_not_fresh"
            _log.error(event, why=str(error) or "timeout", contacts=len(self._book))
        self._failing = True

    def _recovered(self) -> None:
        if self._failing:
            _log.info("directory_fresh_again", contacts=len(self._book))
        self._failing = False


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Stop the garbage collector while the index grows, and exclude the index from it afterwards.

    One full collection with a book of 20,000 contacts held the event loop for 70 ms here. The index has no cyclic
    garbage: an old one is freed by its reference count, frozen or not.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


async def _built(snapshot: Snapshot) -> Book:
    book = Book()
    async for listings in snapshot.contacts:  # a reading step is short: no pause within it
        book.put_listings(listings)
    async for company in _unhurried(snapshot.companies):
        book.put_company(company)
    async for employee in _unhurried(snapshot.employees):
        book.put_employee(employee)
    return book


def _subjects(rows: Iterable[FeedRow], kinds: str) -> list[int]:
    """Return the subjects of these kinds of rows, each once, in order."""
    return list(dict.fromkeys(int(row.subject) for row in rows if row.kind.startswith(kinds)))


async def _unhurried(items: Iterable[_T]) -> AsyncIterator[_T]:
    """Yield the items, and let the event loop run after each slice of time."""
    until = time.monotonic() + _SLICE_SECONDS
    for place, item in enumerate(items):
        yield item
        if place % _CARDS_BETWEEN_GLANCES == 0 and time.monotonic() > until:
            await asyncio.sleep(0)
            until = time.monotonic() + _SLICE_SECONDS
