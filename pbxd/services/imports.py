"""Imports of contacts, from the file to the book and back: a row becomes a contact, a change, or a complaint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pbxd import i18n
from pbxd.actor import Actor
from pbxd.book.contacts import ContactChanges, ContactDraft, changes_to, merged_changes
from pbxd.errors import InvalidInputError
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Headings, mapping
from pbxd.exchange.error_workbook import ErrorWorkbook, error_workbook
from pbxd.exchange.row_drafts import Read, RowReader
from pbxd.exchange.sandbox import reading
from pbxd.i18n import _
from pbxd.services.workspace import Workspace
from pbxd.storage.access.employee_ids import known
from pbxd.storage.imports.imports import Imports, Key, Report, Undone, Writing

_ERRORS_TOLD = 10_000  # rows; all are counted, and all stand in the error workbook

Policy = Literal["skip", "update", "add"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportContacts:
    """Which file to import, and how."""

    file: Path
    personal: bool = False  # the new contacts are the actor's own
    existing: Policy = "skip"  # what to do where a number is known already
    dry_run: bool = False  # change nothing, only say what would happen
    sheet: str = ""
    mapped: Sequence[str] = ()  # `Column=field`
    errors: Path | None = None  # where to write the workbook of bad rows; nothing may be there


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do."""

    import_id: int | None = None  # None: a dry run
    created: int = 0
    updated: int = 0
    skipped: int = 0
    bad: int = 0
    errors: list[BadRow] = field(default_factory=list)
    errors_file: Path | None = None  # None: there was no bad row, or nobody wanted it
    sheet: str = ""
    ignored: list[str] = field(default_factory=list)  # headings of the columns that nothing was taken from

    @property
    def counts(self) -> dict[str, int]:
        """How many rows came to what."""
        return {"created": self.created, "updated": self.updated, "skipped": self.skipped, "bad": self.bad}


async def import_contacts(
    workspace: Workspace, actor: Actor, asked: ImportContacts, *, progress: Callable[[int], None] = lambda _rows: None
) -> ImportReport:
    """Import a file; `progress` is called with the number of rows done so far.

    Raises InvalidInputError when the file can't be read to its end; then nothing is imported.
    """
    if asked.personal and not actor.is_employee:
        raise InvalidInputError("visibility", _("whose contacts would they be? Say which employee acts, with --as"))
    headings = Headings(workspace.fields, mapping(asked.mapped, workspace.fields))
    await Imports(workspace.database).clean()
    async with reading(asked.file, language=i18n.current(), sheet=asked.sheet, headings=headings) as table:
        report = ImportReport(sheet=table.sheet, ignored=table.columns.ignored)
        with error_workbook(asked.errors, table.columns, headings) as errors:
            reader = RowReader(table.columns, workspace.rules, workspace.fields)
            me = await workspace.database.ask(known, actor)
            work = _Importing(Imports(workspace.database), me, asked, reader, report, errors)
            await work.run(table.batches, progress)
        report.errors_file = errors.file
        return report


async def undo(
    workspace: Workspace, actor: Actor, import_id: int, *, progress: Report = lambda _done, _total: None
) -> Undone:
    """Take a whole import out of the book, but for the contacts that were edited since.

    `progress` is called with the number of contacts done so far, and of all.

    Raises NotFoundError, RefusedError for anybody but who imported and administrators, ConflictError unless it is done.
    """
    imports = Imports(workspace.database)
    await imports.clean()
    return await imports.undo(import_id, actor=actor, progress=progress)


class _Importing:
    """One import on its way."""

    def __init__(
        self,
        imports: Imports,
        actor: Actor,
        asked: ImportContacts,
        reader: RowReader,
        report: ImportReport,
        errors: ErrorWorkbook,
    ) -> None:
        self._imports, self._actor, self._asked = imports, actor, asked
        self._reader, self._report, self._errors = reader, report, errors
        self._mine: dict[Key, int] = {}  # numbers of this file's new contacts -> -1 - place

    async def run(self, batches: AsyncIterator[list[tuple[int, list[str]]]], progress: Callable[[int], None]) -> None:
        if self._asked.dry_run:
            await self._rows(batches, progress, None)
            return
        visibility = "personal" if self._asked.personal else "shared"
        asks = self._asked.existing != "add"  # what is known already
        writing = await self._imports.begin(self._asked.file.name, actor=self._actor, visibility=visibility, alone=asks)
        self._actor = writing.actor  # from here on by id: the extension may pass to somebody else on the way
        try:
            await self._rows(batches, progress, writing)
            self._errors.close()  # while nothing is imported yet: there may be no room for it
        except BaseException:
            await writing.drop()
            raise
        await writing.finish(self._report.counts)
        self._report.import_id = writing.id

    async def _rows(
        self,
        batches: AsyncIterator[list[tuple[int, list[str]]]],
        progress: Callable[[int], None],
        writing: Writing | None,
    ) -> None:
        done = 0
        async for batch in batches:
            good = list(self._good(batch))
            keys = {key for each in good for key in _keys(each.draft)} if self._asked.existing != "add" else set[Key]()
            there = await self._imports.known(keys, self._actor) if keys else {}
            new, changes = self._decided(good, there)
            if writing:
                await writing.add(new, changes)
            done += len(batch)
            progress(done)

    def _good(self, batch: Iterable[tuple[int, list[str]]]) -> Iterable[Read]:
        """Give the rows that can be read; the others are complained of."""
        for row, texts in batch:
            read = self._reader.read(row, texts)
            if isinstance(read, BadRow):
                self._report.bad += 1
                if len(self._report.errors) < _ERRORS_TOLD:
                    self._report.errors.append(read)
                self._errors.add(texts, read.message)
            elif self._asked.personal:
                owner = self._actor.employee or 0  # 0: a dry run of somebody whom nobody knows yet
                yield Read(replace(read.draft, visibility="personal", owner="", owner_id=owner), read.given)
            else:
                yield read

    def _decided(
        self, good: Iterable[Read], in_book: dict[Key, int]
    ) -> tuple[list[ContactDraft], dict[int, ContactChanges]]:
        """Say what is new and what changes what, by the importer's policy; see `Writing.add` for the keys."""
        new: list[ContactDraft] = []
        changes: dict[int, ContactChanges] = {}
        for each in good:
            there = self._there(each.draft, in_book)
            if there is None:
                self._report.created += 1
                for key in _keys(each.draft):
                    self._mine.setdefault(key, -self._report.created)
                mine = each.draft if each.draft.manager else replace(each.draft, manager_id=self._actor.employee or 0)
                new.append(mine)
            elif self._asked.existing == "update":
                self._report.updated += 1
                changed = changes_to(each.draft, each.given, self._reader.fields)
                changes[there] = merged_changes(changes.get(there, {}), changed)
            else:
                self._report.skipped += 1
        return new, changes

    def _there(self, each: ContactDraft, in_book: dict[Key, int]) -> int | None:
        """Return which contact has one of the numbers already: of the book, else of this file."""
        if self._asked.existing == "add":
            return None
        found = (in_book.get(key, self._mine.get(key)) for key in _keys(each))
        return next((there for there in found if there is not None), None)


def _keys(each: ContactDraft) -> list[Key]:
    return [(number.number, number.extension) for number in each.numbers]
