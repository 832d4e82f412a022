"""Contacts and changes to them as JSON, for what an import keeps of them. Extra fields stand among the others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from operator import attrgetter
from typing import Any, cast

from pbxd.book.contacts import ATTRIBUTES, Contact, ContactChanges, ContactDraft, ContactNumber
from pbxd.book.fields import BUILT_IN

_number_values = attrgetter("number", "typed", "extension", "label", "main")  # in the order of its fields
_DATES = frozenset(field.name for field in BUILT_IN if field.kind == "date")


def draft_of(contact: Contact, **other: str) -> ContactDraft:
    """Return the part of a contact that people may edit, with some `other` values."""
    values: dict[str, Any] = {name: getattr(contact, name) for name in ATTRIBUTES}
    return ContactDraft(**{**values, **other}, extra=contact.extra)


def draft_json(draft: ContactDraft) -> dict[str, Any]:
    """Return a whole contact as JSON."""
    return {name: _json(getattr(draft, name)) for name in ATTRIBUTES} | dict(draft.extra)


def draft_from(kept: Mapping[str, Any]) -> ContactDraft:
    """Return the contact that `draft_json` wrote."""
    return ContactDraft(**changes_from(kept))


def changes_json(changes: ContactChanges) -> dict[str, Any]:
    """Return some fields of a contact as JSON."""
    attributes = {name: _json(value) for name, value in changes.items() if name != "extra"}
    return attributes | dict(changes.get("extra", {}))


def changes_from(kept: Mapping[str, Any]) -> ContactChanges:
    """Return the fields that `changes_json` wrote."""
    attributes = {name: _value(name, value) for name, value in kept.items() if name in ATTRIBUTES}
    extra = {name: value for name, value in kept.items() if name not in ATTRIBUTES}
    return cast("ContactChanges", attributes | ({"extra": extra} if extra else {}))


def _json(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, tuple):
        return [list(_number_values(each)) if isinstance(each, ContactNumber) else each for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _value(name: str, kept: Any) -> Any:  # noqa: ANN401 - JSON
    if name == "numbers":
        return tuple(ContactNumber(*each) for each in kept)
    if name in _DATES:
        return date.fromisoformat(kept) if kept else None
    return tuple(kept) if isinstance(kept, list) else kept
