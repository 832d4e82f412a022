"""Importing contacts: a file's rows become new contacts, changes to known ones, or complaints."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pbxd.actor import Actor
from pbxd.book.contacts import ContactChanges, ContactDraft, changes_to, merged_changes
from pbxd.errors import InvalidInputError
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Headings, mapping
from pbxd.exchange.error_workbook import ErrorWorkbook, error_workbook
from pbxd.exchange.row_drafts import Read, RowReader
from pbxd.exchange.sandbox import reading
from pbxd.i18n import _
from pbxd.numbers import NumberRules
from pbxd.storage.engine.database import Database
from pbxd.storage.imports.imports import Imports, Key, Writing

_ERRORS_TOLD = 10_000  # rows; all are counted, and all stand in the error workbook

Policy = Literal["skip", "update", "add"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What an importer asks for."""

    file: Path
    actor: Actor
    personal: bool = False
    existing: Policy = "skip"
    dry_run: bool = False
    sheet: str = ""
    mapped: Sequence[str] = ()  # `Column=field`
    errors: Path | None = None  # where the bad rows go
    language: str = "en"


@dataclass(slots=True)
class Report:
    """What an import did, or would do."""

    import_id: int | None = None
    created: int = 0
    updated: int = 0
    skipped: int = 0
    bad: int = 0
    errors: list[BadRow] = field(default_factory=list)
    errors_file: Path | None = None
    sheet: str = ""
    ignored: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows came to what."""
        return {"created": self.created, "updated": self.updated, "skipped": self.skipped, "bad": self.bad}


async def import_contacts(
    database: Database, wish: Wish, rules: NumberRules, *, told: Callable[[int], None] = lambda _rows: None
) -> Report:
    """Import a file; `told` is called with the number of rows done so far.

    Raises InvalidInputError when the file can't be read to its end; then nothing is imported.
    """
    if wish.personal and not wish.actor.is_employee:
        raise InvalidInputError("visibility", _("--visibility me needs --as: whose contacts would they be?"))
    headings = Headings(database.fields, mapping(wish.mapped, database.fields))
    imports = Imports(database)
    await imports.clean()
    async with reading(wish.file, language=wish.language, sheet=wish.sheet, headings=headings) as table:
        report = Report(sheet=table.sheet, ignored=table.columns.ignored)
        with error_workbook(wish.errors, table.columns, headings) as errors:
            reader = RowReader(table.columns, rules, database.fields)
            work = _Importing(imports, wish, reader, report, errors)
            await work.run(table.batches, told)
        report.errors_file = errors.file
        return report


class _Importing:
    """One import on its way."""

    def __init__(
        self,
        imports: Imports,
        wish: Wish,
        reader: RowReader,
        report: Report,
        errors: ErrorWorkbook,
    ) -> None:
        self._imports, self._wish, self._reader = imports, wish, reader
        self._report, self._errors = report, errors
        self._mine: dict[Key, int] = {}  # numbers of this file's new contacts -> -1 - place

    async def run(self, batches: AsyncIterator[list[tuple[int, list[str]]]], told: Callable[[int], None]) -> None:
        if self._wish.dry_run:
            await self._rows(batches, told, None)
            return
        visibility = "personal" if self._wish.personal else "shared"
        asks = self._wish.existing != "add"  # what is known already
        writing = await self._imports.begin(
            self._wish.file.name, actor=self._wish.actor, visibility=visibility, alone=asks
        )
        try:
            await self._rows(batches, told, writing)
            self._errors.close()  # while nothing is imported yet: there may be no room for it
        except BaseException:
            await writing.drop()
            raise
        await writing.finish(self._report.counts)
        self._report.import_id = writing.id

    async def _rows(
        self,
        batches: AsyncIterator[list[tuple[int, list[str]]]],
        told: Callable[[int], None],
        writing: Writing | None,
    ) -> None:
        done = 0
        async for batch in batches:
            good = list(self._good(batch))
            keys = {key for each in good for key in _keys(each.draft)} if self._wish.existing != "add" else set[Key]()
            known = await self._imports.known(keys, self._wish.actor) if keys else {}
            new, changes = self._decided(good, known)
            if writing:
                await writing.add(new, changes)
            done += len(batch)
            told(done)

    def _good(self, batch: Iterable[tuple[int, list[str]]]) -> Iterable[Read]:
        """Give the rows that can be read; the others are complained of."""
        wish = self._wish
        for row, texts in batch:
            read = self._reader.read(row, texts)
            if isinstance(read, BadRow):
                self._report.bad += 1
                if len(self._report.errors) < _ERRORS_TOLD:
                    self._report.errors.append(read)
                self._errors.add(texts, read.message)
            elif wish.personal:
                yield Read(replace(read.draft, visibility="personal", owner=wish.actor.extension), read.given)
            else:
                yield read

    def _decided(
        self, good: Iterable[Read], known: dict[Key, int]
    ) -> tuple[list[ContactDraft], dict[int, ContactChanges]]:
        """Say what is new and what changes what, by the importer's policy; see `Writing.add` for the keys."""
        new: list[ContactDraft] = []
        changes: dict[int, ContactChanges] = {}
        for each in good:
            there = self._there(each.draft, known)
            if there is None:
                self._report.created += 1
                for key in _keys(each.draft):
                    self._mine.setdefault(key, -self._report.created)
                new.append(replace(each.draft, manager=each.draft.manager or self._wish.actor.extension))
            elif self._wish.existing == "update":
                self._report.updated += 1
                said = changes_to(each.draft, each.given, self._reader.fields)
                changes[there] = merged_changes(changes.get(there, {}), said)
            else:
                self._report.skipped += 1
        return new, changes

    def _there(self, each: ContactDraft, known: dict[Key, int]) -> int | None:
        """Return which contact has one of the numbers already: of the book, else of this file."""
        if self._wish.existing == "add":
            return None
        found = (known.get(key, self._mine.get(key)) for key in _keys(each))
        return next((there for there in found if there is not None), None)


def _keys(each: ContactDraft) -> list[Key]:
    return [(number.number, number.extension) for number in each.numbers]
