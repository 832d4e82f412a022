"""Contacts and changes to them as JSON, for what an import keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, fields
from datetime import date
from typing import Any, cast

from pbxd.book.contacts import Contact, ContactChanges, ContactDraft, ContactNumber

_FIELDS = tuple(field.name for field in fields(ContactDraft))


def draft_of(contact: Contact) -> ContactDraft:
    """Return what a person may say about a contact."""
    return ContactDraft(**{name: getattr(contact, name) for name in _FIELDS})


def draft_words(draft: ContactDraft) -> dict[str, Any]:
    """Write a whole contact."""
    return {name: _words(getattr(draft, name)) for name in _FIELDS}


def draft_from(words: Mapping[str, Any]) -> ContactDraft:
    """Read a whole contact."""
    return ContactDraft(**changes_from(words))


def changes_words(changes: ContactChanges) -> dict[str, Any]:
    """Write some fields of a contact."""
    return {name: _words(value) for name, value in changes.items()}


def changes_from(words: Mapping[str, Any]) -> ContactChanges:
    """Read some fields of a contact."""
    return cast("ContactChanges", {name: _value(name, value) for name, value in words.items()})


def _words(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, tuple):
        return [list(astuple(each)) if isinstance(each, ContactNumber) else each for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _value(name: str, words: Any) -> Any:  # noqa: ANN401 - JSON
    if name == "numbers":
        return tuple(ContactNumber(*each) for each in words)
    if name == "birth_date":
        return date.fromisoformat(words) if words else None
    return tuple(words) if isinstance(words, list) else words
