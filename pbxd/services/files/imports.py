"""Imports of contacts, from the file to the book and back: a row becomes a contact, a change, or a complaint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from pbxd import i18n, rights
from pbxd.actor import Actor
from pbxd.book.companies import Company
from pbxd.errors import InvalidInputError, NotFoundError, RefusedError
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Headings, mapping
from pbxd.exchange.error_workbook import ErrorWorkbook, error_workbook
from pbxd.exchange.row_drafts import How, LeftOut, Read, ReadCompany, RowReader
from pbxd.exchange.sandbox import Reading, reading
from pbxd.i18n import _
from pbxd.services import employees
from pbxd.services.files.import_decisions import Batch, CompanyDecisions, Decisions
from pbxd.services.files.import_decisions import Policy as Policy
from pbxd.services.files.import_matching import sought
from pbxd.services.files.import_report import LISTED, RowList, row_list
from pbxd.services.files.import_report import ImportReport as ImportReport
from pbxd.services.workspace import Workspace
from pbxd.storage.access.employee_ids import known as known_actor
from pbxd.storage.engine.progress import Report, silent
from pbxd.storage.imports import companies, listing
from pbxd.storage.imports.imports import Imports, Undone
from pbxd.storage.imports.known import Known, known
from pbxd.storage.imports.listing import Import as Import
from pbxd.storage.imports.writing import Writing
from pbxd.storage.search import cursor

_Kind = TypeVar("_Kind", Read, ReadCompany)
_RowOf = tuple[int, list[str], _Kind]
Rows = list[tuple[int, list[str]]]  # with their numbers
_NOT_IN_THE_BOOK = -1  # an owner whose extension nobody has


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportContacts:
    """Which file to import, and how."""

    file: Path
    personal: bool = False  # the new contacts are the actor's own
    existing: Policy = "skip"  # what to do with a contact that is known already
    dry_run: bool = False  # change nothing, only say what would happen
    sheet: str = ""
    mapped: Sequence[str] = ()  # `Column=field`
    errors: Path | None = None  # where to write the workbook of bad rows; nothing may be there
    lenient: bool = False  # take a contact without its optional fields that can't be read
    report: Path | None = None  # where to list what became of the rows (CSV); nothing may be there
    name: str = ""  # of the file, for people; empty: as it is called
    reserved: int = 0  # the id that the import has already, of an uploaded file


async def import_contacts(
    workspace: Workspace, actor: Actor, asked: ImportContacts, *, progress: Report = silent
) -> ImportReport:
    """Import a file; `progress` is called with the number of rows done so far, and about how many there are in all.

    An update goes through them twice: it reads them, then it changes the contacts.

    Raises InvalidInputError when the file can't be read to its end; then nothing is imported.
    """
    if asked.personal and not actor.is_employee:
        raise InvalidInputError("visibility", _("whose contacts would they be? Say which employee acts, with --as"))
    headings = Headings(workspace.fields, mapping(asked.mapped, workspace.fields))
    await Imports(workspace.database).clean()
    async with reading(asked.file, language=i18n.current(), sheet=asked.sheet, headings=headings) as table:
        report = ImportReport(sheet=table.sheet, ignored=table.columns.ignored)
        report.leave_out(
            *(BadRow(row, "", _("above the headings: {text}").format(text=text)) for row, text in table.columns.above)
        )
        with (
            error_workbook(asked.errors, table.columns, headings) as errors,
            row_list(asked.report, report, workspace.fields) as rows,
        ):
            people = await employees.lookup(workspace)
            reader = RowReader(
                table.columns,
                workspace.rules,
                workspace.fields,
                people,
                How(asked.lenient, datetime.now().astimezone().date()),
            )
            me = await workspace.database.ask(known_actor, actor)
            work = _Importing(workspace, me, asked, reader, _Outcome(report, errors, rows))
            await work.run(table, progress)
        report.errors_file = errors.file
        return report


async def undo(workspace: Workspace, actor: Actor, import_id: int, *, progress: Report = silent) -> Undone:
    """Take a whole import out of the book, but for the contacts that were edited since.

    `progress` is called with the number of contacts done so far, and of all.

    Raises NotFoundError, RefusedError for anybody but who imported and administrators, ConflictError unless it is done.
    """
    imports = Imports(workspace.database)
    await imports.clean()
    return await imports.undo(import_id, actor=actor, progress=progress)


async def listed(workspace: Workspace, actor: Actor, limit: int | None = None) -> Sequence[Import]:
    """Return the imports that the actor may know of, the latest first."""
    return await listing.listed(workspace.database, actor, limit)


async def check_undo(workspace: Workspace, actor: Actor, import_id: int) -> None:
    """Raise what `undo` would raise at once."""
    found = await shown(workspace, actor, import_id)
    rights.check_undo(await workspace.database.ask(known_actor, actor), found.actor_id or 0)
    if found.state != "done" or found.undo_first:
        await undo(workspace, actor, import_id)


async def page(workspace: Workspace, actor: Actor, *, limit: int, after: str) -> ImportPage:
    """Return a page of the imports that the actor may know of, the latest first. Raises InvalidInputError (`after`)."""
    seq = await workspace.seq()
    before = cursor.read_entry("imports", after, "")
    found = await listing.listed(workspace.database, actor, limit + 1, before=before if isinstance(before, int) else 0)
    items, more = found[:limit], len(found) > limit
    return ImportPage(items, len(found), cursor.written_entry("imports", items[-1].id, "") if more else None, seq)


async def shown(workspace: Workspace, actor: Actor, import_id: int) -> Import:
    """Return an import that the actor may know of. Raises NotFoundError."""
    found = await listing.listed(workspace.database, actor, None, import_id=import_id)
    if not found:
        raise NotFoundError(_("there is no import {id}").format(id=import_id))
    return found[0]


class ImportPage(NamedTuple):
    """A page of imports. `total`: there are at least so many."""

    items: Sequence[Import]
    total: int
    next: str | None
    seq: int


class _Outcome(NamedTuple):
    """Where an import says what it does."""

    report: ImportReport
    errors: ErrorWorkbook
    rows: RowList


class _Importing:
    """One import on its way."""

    def __init__(
        self, workspace: Workspace, actor: Actor, asked: ImportContacts, reader: RowReader, outcome: _Outcome
    ) -> None:
        self._database, self._actor, self._asked = workspace.database, actor, asked
        self._imports, self._reader, self._outcome = Imports(workspace.database), reader, outcome
        self._report = outcome.report
        self._companies = CompanyDecisions(asked.existing, workspace.fields, outcome.report, outcome.rows)

    async def run(self, table: Reading, progress: Report) -> None:
        if self._asked.dry_run:
            await self._rows(table, progress, None)
            return
        visibility = "personal" if self._asked.personal else "shared"
        asks = self._asked.existing != "add"  # what is known already
        writing = await self._imports.begin(
            self._asked.name or self._asked.file.name,
            actor=self._actor,
            visibility=visibility,
            alone=asks,
            reserved=self._asked.reserved,
        )
        self._actor = writing.actor  # from here on by id: the extension may pass to somebody else on the way
        try:
            rows = await self._rows(table, progress, writing)
            self._outcome.errors.close()  # while nothing is imported yet: there may be no room for it
        except BaseException:
            await writing.drop()
            raise
        changed = max(self._report.updated, 1)
        await writing.finish(
            self._report.counts, lambda done: progress(rows + rows * min(done, changed) // changed, 2 * rows)
        )
        self._report.import_id = writing.id

    async def _rows(self, table: Reading, progress: Report, writing: Writing | None) -> int:
        """Read the rows and keep what they do; return how many there were."""
        decisions = Decisions(
            self._asked.existing, self._reader.fields, self._report, self._outcome.rows, self._actor.employee or 0
        )
        done = 0
        times = 2 if writing and self._asked.existing == "update" else 1
        async for some in table.batches:
            contacts, firms = self._read(some)
            batch = await self._decided(decisions, contacts)
            new_firms = await self._decided_companies(firms)
            self._outcome.rows.flush()
            if writing:
                await writing.add(batch.new, batch.changes, batch.adding)
                await writing.add_companies(new_firms)
            done += len(some)
            progress(done, round(times * done / table.share) if table.share else 0)
        return done

    async def _decided(self, decisions: Decisions, contacts: Sequence[_RowOf[Read]]) -> Batch:
        """Decide about some rows, in their order."""
        there = Known()
        if self._asked.existing != "add" and contacts:
            wanted = sought(read for _row, _texts, read in contacts)
            there = await known(self._database, wanted, self._actor, whole=self._asked.existing == "update")
        batch = Batch()
        for row, texts, read in contacts:
            try:
                decisions.decide(row, read, there, batch)
            except InvalidInputError as error:
                self._refuse(texts, self._reader.refused(row, texts, error.field, str(error)))
        return batch

    async def _decided_companies(self, firms: Sequence[_RowOf[ReadCompany]]) -> list[Company]:
        if not firms:
            return []
        there = await companies.known(self._database, [read.company.name for _row, _texts, read in firms])
        decided = (self._companies.decide(row, read, there) for row, _texts, read in firms)
        return [firm for firm in decided if firm]

    def _read(self, rows: Rows) -> tuple[list[_RowOf[Read]], list[_RowOf[ReadCompany]]]:
        """Return the contacts and the companies that can be read; the other rows are refused."""
        contacts: list[_RowOf[Read]] = []
        firms: list[_RowOf[ReadCompany]] = []
        for row, texts in rows:
            match self._reader.read(row, texts):
                case Read() as read:
                    self._report.leave_out(*read.left_out)
                    try:
                        contacts.append((row, texts, self._owned(read)))
                    except RefusedError as refused:
                        self._refuse(texts, self._reader.refused(row, texts, "owner", str(refused)))
                case BadRow() as bad:
                    self._refuse(texts, bad)
                case LeftOut(why):
                    self._report.leave_out(why)
                case ReadCompany() as read:
                    self._report.leave_out(*read.left_out)
                    if self._asked.personal:
                        need = _("a name is needed: a company can't be personal")
                        self._refuse(texts, self._reader.refused(row, texts, "name", need))
                    else:
                        firms.append((row, texts, read))
        return contacts, firms

    def _owned(self, read: Read) -> Read:
        """Return a contact with its owner. Raises RefusedError for a personal one of somebody else."""
        if not self._asked.personal:
            if read.draft.visibility == "personal":
                own = read.draft.owner == self._actor.extension
                rights.owner_of_personal(self._actor, read.draft.owner_id or (0 if own else _NOT_IN_THE_BOOK))
            return read
        owner = self._actor.employee or 0  # 0: a dry run of somebody whom nobody knows yet
        return replace(read, draft=replace(read.draft, visibility="personal", owner="", owner_id=owner))

    def _refuse(self, texts: list[str], bad: BadRow) -> None:
        self._report.bad += 1
        if len(self._report.errors) < LISTED:
            self._report.errors.append(bad)
        self._outcome.errors.add(self._reader.for_correction(texts), bad.message)
