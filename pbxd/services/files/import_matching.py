"""Whom a row of an import is about: a contact of the book, a contact of an earlier row, or nobody who is known. Pure.

The same are two contacts with one number (and its extension) and one name; where one of them has no number, with one
e-mail and one name. Contacts whose names differ are never the same. The `pbxd ID` of our own exports names a contact
whatever its name is, so that a file can rename it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pbxd.book.card_marks import card_mark, marked_id
from pbxd.book.contact_merging import conflicts
from pbxd.book.contacts import ContactDraft
from pbxd.book.fields import Fields
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.exchange.row_drafts import Read
from pbxd.i18n import _
from pbxd.storage.imports.known import EmailKey, Known, NumberKey, Sought

NOBODY: Final = 0


class Matcher:
    """Finds the contact of each row, and remembers the contacts of earlier rows.

    A contact of the book is named by its id, a new one of this file by -1 - n, the n-th from 0.
    """

    def __init__(self, registry: Fields) -> None:
        self._registry = registry
        self._earlier: dict[NumberKey | EmailKey, int] = {}
        self._met: set[int] = set()  # contacts that rows were about
        self._numbered: set[int] = set()  # those of them that got numbers
        self._renamed: dict[int, str] = {}  # their new names, folded
        self._marked: dict[int, tuple[int, str]] = {}  # by id: the row that named it, and its name

    def is_met(self, target: int) -> bool:
        """Tell whether an earlier row was about this contact."""
        return target in self._met

    def find(self, row: int, read: Read, known: Known) -> int:
        """Return the contact that a row is about, or NOBODY. Raises InvalidInputError for a second row with one ID."""
        name = folded(read.draft.name)
        if target := self._by_mark(row, read.card, name, known):
            return target
        candidates = list(self._candidates(read.draft, name, known))
        if not candidates:
            return NOBODY
        votes = Counter(candidates)
        found = [target for target in votes if self._renamed.get(target, name) == name]
        if len(found) <= 1:
            return found[0] if found else NOBODY
        return min(
            found, key=lambda target: (-votes[target], self._conflicts(target, read, known), self.is_met(target))
        )

    def note(self, target: int, read: Read, *, renamed: bool = False) -> None:
        """Note that a row was written to this contact."""
        name = folded(read.draft.name)
        self._met.add(target)
        for number in number_keys(read.draft, name):
            self._earlier.setdefault(number, target)
        for email in email_keys(read.draft, name):
            self._earlier.setdefault(email, target)
        if read.draft.numbers:
            self._numbered.add(target)
        if renamed:
            self._renamed[target] = name

    def _by_mark(self, row: int, mark: str, name: str, known: Known) -> int:
        """Return the contact that the ID of our own exports names, if it is in this book and the actor sees it."""
        key = marked_id(mark) if mark else 0
        created = known.created.get(key)
        if created is None or card_mark(key, created) != mark:
            return NOBODY
        first, first_name = self._marked.setdefault(key, (row, name))
        if first_name != name:
            message = _("row {row} has the same ID and another name: leave the ID of a new contact empty")
            raise InvalidInputError("id", message.format(row=first))
        return key

    def _candidates(self, draft: ContactDraft, name: str, known: Known) -> Iterator[int]:
        """Yield who shares a number or an e-mail with the draft, once for each of them; first those of the book."""
        for number in number_keys(draft, name):
            yield from _with_earlier(known.by_number.get(number, ()), self._earlier.get(number))
        for email in email_keys(draft, name):
            for target in _with_earlier(known.by_email.get(email, ()), self._earlier.get(email)):
                if not draft.numbers or not self._has_numbers(target, known):
                    yield target

    def _has_numbers(self, target: int, known: Known) -> bool:
        return target in self._numbered or (target > 0 and target not in known.without_numbers)

    def _conflicts(self, target: int, read: Read, known: Known) -> int:
        card = known.cards.get(target)
        return conflicts(card, read.draft, read.given, self._registry) if card else 0


def sought(reads: Iterable[Read]) -> Sought:
    """Return what to ask the book for, to find the contacts of some rows."""
    numbers, emails, names, ids = set[str](), set[str](), set[str](), set[int]()
    for read in reads:
        draft = read.draft
        names.add(folded(draft.name))
        for number in draft.numbers:
            numbers.add(number.number)
        for email in draft.emails:
            emails.add(folded(email))
        if read.card:
            ids.add(marked_id(read.card))
    return Sought(numbers, emails, names, ids - {0})


def number_keys(draft: ContactDraft, name: str) -> list[NumberKey]:
    """Return what finds a contact by its numbers; the name is folded."""
    return [NumberKey(each.number, each.extension, name) for each in draft.numbers]


def email_keys(draft: ContactDraft, name: str) -> list[EmailKey]:
    """Return what finds a contact by its e-mails; the name is folded."""
    return [EmailKey(folded(email), name) for email in draft.emails]


def _with_earlier(ids: Sequence[int], earlier: int | None) -> Sequence[int]:
    return ids if earlier is None or earlier in ids else [*ids, earlier]
