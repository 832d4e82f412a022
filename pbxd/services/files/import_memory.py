"""Remember what the rows of a file said of each contact, so that a later row can name what it changes. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection
from operator import attrgetter
from typing import Any, Final

from pbxd.book.company_names import company_key
from pbxd.book.contact_merging import LISTS
from pbxd.book.contacts import Contact, ContactDraft
from pbxd.book.fields import Field, Fields
from pbxd.book.texts import folded
from pbxd.exchange.row_drafts import Read

_FIELD_BITS: Final = 6
_FIELDS: Final = 1 << _FIELD_BITS
_NEW: Final = ContactDraft("")
_HASH: Final = (1 << 32 - _FIELD_BITS) - 1


class RowMemory:
    """Keeps hashes of the values: a row takes some 70 bytes, and a file may have a million of them.

    Two values in 67 million have the same hash. Then a change is written, but not named.
    """

    def __init__(self, registry: Fields) -> None:
        self._values = {field.name: _value(field, registry) for field in registry}
        self._places = {field.name: place % _FIELDS for place, field in enumerate(registry)}
        self._kept: dict[int, bytes] = {}  # by contact

    def note(self, target: int, read: Read) -> None:
        """Note the first row about a contact: what it fills in counts."""
        self._kept[target] = self._hashes(read.draft, read.given).tobytes()

    def merge(self, target: int, read: Read, card: Contact | None) -> list[str]:
        """Note a further row; return the fields that it changes. `card`: the contact as it is in the book, if it is.

        Lists add up, of other fields the later row counts.
        """
        before = array("I", self._kept.get(target, b""))
        said = {each % _FIELDS for each in before}
        before.extend(self._hashes(card or _NEW, [name for name, place in self._places.items() if place not in said]))
        there = set(before)
        new = {name: self._hashes(read.draft, [name]) for name in read.given}
        changed = [name for name, hashes in new.items() if not there.issuperset(hashes)]
        replaced = {self._places[name] for name in changed if name not in LISTS}
        kept = {each for each in there if each % _FIELDS not in replaced}
        self._kept[target] = array("I", kept.union(*(new[name] for name in changed))).tobytes()
        return changed

    def _hashes(self, card: Contact | ContactDraft, names: Collection[str]) -> array[int]:
        """Return the hash of each value, with its field in the lowest bits."""
        found: list[int] = []
        for name in names:
            place = self._places[name]
            if name in LISTS:
                found += [(hash(value) & _HASH) << _FIELD_BITS | place for value in _entries(card, name)]
            else:
                found.append((hash(self._values[name](card)) & _HASH) << _FIELD_BITS | place)
        return array("I", found)


def _entries(card: Contact | ContactDraft, name: str) -> list[Any]:
    """Return the entries of a list as they are compared."""
    if name == "numbers":
        return [(each.number, each.extension) for each in card.numbers]
    return [folded(each) for each in getattr(card, name)]


def _value(field: Field, registry: Fields) -> Callable[[Contact | ContactDraft], Any]:
    """Return what gives a field's value as it is compared."""
    if field.kind == "company":
        return lambda card: company_key(card.company)
    if field.stored == "extra":
        return lambda card: registry.value(card, field)
    return attrgetter(field.name)
