"""Changes of a contact in words: who changed what, from what to what. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pbxd.book.fields import Fields
from pbxd.i18n import _
from pbxd.services.calls.card_text import change_text
from pbxd.services.contact_changes import Ownership
from pbxd.services.contacts import Change
from pbxd.services.past_names import owner_name
from pbxd.web.contact_fields import FIELDS, access_text, tags_text

People = Mapping[str, Sequence[Ownership]]


class FieldEdit(NamedTuple):
    """A field's name, and its value before and after; an empty text is no value."""

    title: str
    before: str
    after: str


class Edit(NamedTuple):
    """What somebody changed at once."""

    at: datetime
    who: str
    fields: Sequence[FieldEdit]


def edits_of(changes: Sequence[Change], fields: Fields, people: People) -> list[Edit]:
    """Return changes in words, in their order. `people`: who had the extensions in them."""
    return [Edit(change.at, _author(change), list(_fields(change, fields, people))) for change in changes]


def person_text(name: str, extension: str) -> str:
    """Name an employee by name and extension, as far as they have them."""
    return " · ".join(filter(None, (name, extension)))


def _author(change: Change) -> str:
    return person_text(change.actor_name, change.actor) or _("Administrator")


def _fields(change: Change, fields: Fields, people: People) -> list[FieldEdit]:
    found = []
    for name, (before, after) in change.fields.items():
        if name == "owner":  # the field `visibility` says it
            continue
        title = _(FIELDS[name]) if name in FIELDS else str(fields[name].title) if name in fields else name
        texts = (_text(name, value, fields, people, change.at) for value in (before, after))
        found.append(FieldEdit(title, *texts))
    return found


def _text(name: str, value: Any, fields: Fields, people: People, at: datetime) -> str:  # noqa: ANN401 - JSON
    kind = fields[name].kind if name in fields else "text"
    if name == "visibility":
        return _("the owner only") if value == "personal" else access_text("shared")
    if kind == "employee" and value:
        return person_text(owner_name(people.get(str(value), ()), at), str(value))
    return tags_text(value) if kind == "tags" and value else change_text(value, kind)
