"""What an import does with each row: make a contact, change one, leave one as it is, or make a company."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Literal

from pbxd.book.companies import Company
from pbxd.book.company_names import company_key
from pbxd.book.contact_merging import LISTS, differing, united
from pbxd.book.contacts import ATTRIBUTES, ContactChanges, ContactDraft, changes_to
from pbxd.book.employee_lookup import unknown_extension
from pbxd.book.fields import Fields
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.exchange.cells import BadRow
from pbxd.exchange.row_drafts import Read, ReadCompany
from pbxd.i18n import _
from pbxd.services.files.import_matching import NOBODY, Matcher
from pbxd.services.files.import_memory import RowMemory
from pbxd.services.files.import_report import ImportReport, RowDone, RowList, What
from pbxd.storage.imports.companies import added
from pbxd.storage.imports.known import Known

_attributes = attrgetter(*ATTRIBUTES)
_ROW_BITS = 32

Policy = Literal["skip", "update", "add"]


@dataclass(slots=True)
class Batch:
    """What some rows do, as `storage.imports.Writing.add` takes it."""

    new: list[ContactDraft] = field(default_factory=list)
    changes: dict[int, ContactChanges] = field(default_factory=dict)  # by contact
    adding: dict[int, set[str]] = field(default_factory=dict)  # lists that are added to what the contact has


class Decisions:
    """Decides about the rows of one import, in their order."""

    def __init__(self, policy: Policy, registry: Fields, report: ImportReport, rows: RowList, manager_id: int) -> None:
        self._policy, self._registry, self._report, self._rows = policy, registry, report, rows
        self._manager_id = manager_id  # of contacts for whom the file names none
        self._matcher = Matcher(registry)
        self._memory = RowMemory(registry)
        self._made_by_row = array("q")  # the rows of new contacts, in order
        self._said: dict[int, int] = {}  # by contact: what the last row about it says, hashed, and in 32 bits which row

    def decide(self, row: int, read: Read, known: Known, batch: Batch) -> None:
        """Decide about one row. Raises InvalidInputError for a row that contradicts an earlier one or the book."""
        target = NOBODY if self._policy == "add" else self._matcher.find(row, read, known)
        if target > 0 and read.draft.manager and not read.draft.manager_id:  # mistyped in an export of this very book
            raise InvalidInputError("manager", unknown_extension(read.draft.manager))
        said = _hashed(read) if self._policy == "update" else 0
        if target == NOBODY:
            self._create(row, read, batch)
            target = -len(self._made_by_row)
            if said:
                self._memory.note(target, read)
        elif said and self._said.get(target, 0) >> _ROW_BITS == said:
            self._repeat(row, read, target, known)
        elif self._policy == "skip":
            self._report.skipped += 1
            self._list(row, "skipped", read, target, known)
        elif self._matcher.is_met(target):
            self._merge(row, read, target, known, batch)
        else:
            self._update(row, read, target, known, batch)
            self._memory.note(target, read)
        if said:
            self._said[target] = said << _ROW_BITS | row

    def _create(self, row: int, read: Read, batch: Batch) -> None:
        self._report.created += 1
        self._made_by_row.append(row)
        draft = read.draft
        if self._manager_id and not (draft.manager_id or draft.manager or read.card):  # of our own: it had no manager
            draft = replace(draft, manager_id=self._manager_id)
        batch.new.append(draft)
        if self._policy != "add":
            self._matcher.note(-len(self._made_by_row), read)

    def _update(self, row: int, read: Read, target: int, known: Known, batch: Batch) -> None:
        card = known.cards.get(target)
        if card is None:  # deleted since it was found
            self._create(row, read, batch)
            return
        changes = differing(card, read.draft, read.given, self._registry)
        self._matcher.note(target, read, renamed=folded(card.name) != folded(read.draft.name))
        if not changes:
            self._report.unchanged += 1
            return
        batch.changes[target] = changes
        self._report.updated += 1
        self._list(row, "updated", read, target, known, _names(changes))

    def _merge(self, row: int, read: Read, target: int, known: Known, batch: Batch) -> None:
        """Add a row to the contact of an earlier row: lists add up, of other fields this row's count."""
        changes = changes_to(read.draft, read.given, self._registry)
        pending = batch.changes.get(target, {})
        batch.adding.setdefault(target, set()).update(name for name in LISTS if name in changes and name not in pending)
        batch.changes[target] = united(pending, changes)
        self._matcher.note(target, read)
        changed = self._memory.merge(target, read, known.cards.get(target))
        if not changed:
            self._repeat(row, read, target, known)
            return
        self._report.updated += 1
        self._list(row, "merged", read, target, known, changed)

    def _repeat(self, row: int, read: Read, target: int, known: Known) -> None:
        """Name a row that says nothing but what rows before about the same contact say."""
        self._report.unchanged += 1
        card, earlier = known.cards.get(target), self._said[target] % (1 << _ROW_BITS)
        name = card.name if card else read.draft.name
        self._rows.add(RowDone(row, "repeated", name, target if target > 0 else None, earlier))

    def _list(
        self,
        row: int,
        what: Literal["skipped", "updated", "merged"],
        read: Read,
        target: int,
        known: Known,
        fields: Iterable[str] = (),
    ) -> None:
        card = known.cards.get(target)
        name = card.name if card else read.draft.name
        made_by = self._made_by_row[-1 - target] if target < 0 else None
        self._rows.add(RowDone(row, what, name, target if target > 0 else None, made_by, tuple(sorted(fields))))


class CompanyDecisions:
    """Decides about the rows that are companies: one company a name."""

    def __init__(self, policy: Policy, registry: Fields, report: ImportReport, rows: RowList) -> None:
        self._policy, self._registry, self._report, self._rows = policy, registry, report, rows
        self._made: dict[str, tuple[int, Company]] = {}  # by the name's key: the row, and what rows made of it

    def decide(self, row: int, read: ReadCompany, known: Mapping[str, Company]) -> Company | None:
        """Return the company to make, or to add numbers and e-mails to; None: there is nothing to do."""
        firm, name = read.company, company_key(read.company.name)
        there, (first, earlier) = known.get(folded(firm.name)), self._made.get(name, (None, None))
        if there or first:
            self._name_lost(row, read)
        if self._policy != "update" and (there or first):
            self._report.skipped += 1
            self._rows.add(RowDone(row, "skipped", firm.name, same_as_row=first))
            return None
        before = earlier or there
        after = added(before, firm.numbers, firm.emails) if before else firm
        self._name_cut(row, firm, after)
        if before == after:
            self._report.unchanged += 1
            if first:
                self._rows.add(RowDone(row, "repeated", firm.name, same_as_row=first))
            return None
        self._made[name] = first or row, after
        if before:
            self._report.updated += 1
            changed = tuple(name for name in ("emails", "numbers") if getattr(after, name) != getattr(before, name))
            what: What = "merged" if first else "updated"
            self._rows.add(RowDone(row, what, firm.name, same_as_row=first, fields=changed))
        else:
            self._report.companies += 1
            self._rows.add(RowDone(row, "company", firm.name, fields=read.lost))
        return replace(firm, id=there.id if there else 0)

    def _name_cut(self, row: int, firm: Company, after: Company) -> None:
        """Name the numbers and e-mails that a company has no room for."""
        for name, listed, kept in (("numbers", firm.numbers, after.numbers), ("emails", firm.emails, after.emails)):
            there = set(map(folded, kept))
            for text in (each for each in listed if folded(each) not in there):
                why = _("the company has {limit} already: {text}").format(limit=len(kept), text=text)
                self._report.leave_out(BadRow(row, self._registry[name].column, why))

    def _name_lost(self, row: int, read: ReadCompany) -> None:
        """Name the fields that a company doesn't have; the list of rows names those of a new one."""
        for lost in (self._registry[name] for name in read.lost):
            why = _("a company has no such field: {field}").format(field=lost.title)
            self._report.leave_out(BadRow(row, lost.column, why))


def _names(changes: ContactChanges) -> list[str]:
    """Return the names of the changed fields, extra ones among the others."""
    names = [name for name in changes if name != "extra" and not name.endswith("_id")]
    return [*names, *changes.get("extra", {})]


def _hashed(read: Read) -> int:
    """Return a number that is the same for rows that say the same, and hardly ever for others; never 0."""
    draft = read.draft
    return hash((_attributes(draft), repr(draft.extra), read.given)) or 1  # may be negative: `>>` keeps the sign
