"""What somebody says of a new contact, or wants changed in one, made into what the book keeps. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from typing import Any, cast

from pbxd.book.contacts import Contact, ContactChanges, ContactDraft, ContactNumber, check_reachable
from pbxd.book.field_kinds import checked_value, extra_json, typed_value
from pbxd.book.fields import Field, Fields
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.i18n import _
from pbxd.numbers import NumberRules
from pbxd.services.number_input import contact_number

Typed = str | bool | Sequence[str]  # a field's value as a person types it: a text, a flag, several texts


@dataclass(frozen=True, slots=True, kw_only=True)
class AddContact:
    """A new contact. Numbers are in any notation, each with the client's extension if there is one."""

    values: Mapping[str, Typed]  # by field
    labels: Sequence[tuple[str, str]] = ()  # one of the numbers, and its label


@dataclass(frozen=True, slots=True, kw_only=True)
class EditContact:
    """Changes of one contact; what isn't named stays."""

    contact_id: int
    version: int | None = None  # refuse unless the contact is at this version
    values: Mapping[str, Typed] = attribute(default_factory=dict)  # by field, replaced whole; an empty text clears it
    added: Mapping[str, Sequence[str]] = attribute(default_factory=dict)  # to a field with several texts
    removed: Mapping[str, Sequence[str]] = attribute(default_factory=dict)  # from such a field
    main_number: str = ""
    labels: Sequence[tuple[str, str]] = ()  # as above; an empty label takes one away


def draft(asked: AddContact, rules: NumberRules, fields: Fields) -> ContactDraft:
    """Return the new contact. Raises InvalidInputError, and NotFoundError for a label of a number it doesn't have."""
    values = {"name": ""} | _values(asked.values, rules, fields)
    return ContactDraft(**values | {"numbers": _labelled(values.get("numbers", ()), asked.labels, rules)})


def changes(contact: Contact, asked: EditContact, rules: NumberRules, fields: Fields) -> ContactChanges:
    """Return what changes in this contact. Raises InvalidInputError, NotFoundError."""
    lists = {
        name: _texts(
            fields.value(contact, _known(name, fields)), asked.added.get(name, ()), asked.removed.get(name, ())
        )
        for name in {*asked.added, *asked.removed} - {"numbers"}
    }
    changed = _values({**asked.values, **lists}, rules, fields)
    if "numbers" in {*asked.added, *asked.removed} or asked.main_number or asked.labels:
        changed["numbers"] = _numbers(changed.get("numbers", contact.numbers), asked, rules)
    if {"numbers", "emails"} & changed.keys():
        kept = {name: changed.get(name, getattr(contact, name)) for name in ("numbers", "emails")}
        check_reachable(replace(contact, **kept))
    return cast("ContactChanges", changed)


def _values(typed: Mapping[str, Typed], rules: NumberRules, fields: Fields) -> dict[str, Any]:
    """Return values by the attribute of a draft; fields without one are together in `extra`."""
    values: dict[str, Any] = {}
    for name, value in typed.items():
        field = _known(name, fields)
        if field.stored == "extra":
            values.setdefault("extra", {})[name] = extra_json(_value(field, value, rules))
        else:
            values[name] = _value(field, value, rules)
    return values


def _known(name: str, fields: Fields) -> Field:
    if name not in fields:
        raise InvalidInputError(name, _("{field}: a contact has no such field").format(field=name))
    return fields[name]


def _value(field: Field, typed: Typed, rules: NumberRules) -> Any:  # noqa: ANN401 - a value of the field's kind
    value: Any = typed
    if isinstance(typed, str):
        value = typed_value(field.name, field.kind, typed)
    elif not isinstance(typed, bool):
        value = tuple(contact_number(text, rules) for text in typed) if field.kind == "numbers" else tuple(typed)
    return checked_value(field.name, field.kind, value)  # also of its type: a program may send anything


def _numbers(numbers: Sequence[ContactNumber], asked: EditContact, rules: NumberRules) -> tuple[ContactNumber, ...]:
    kept = list(numbers)
    for text in asked.removed.get("numbers", ()):
        gone = _meant(text, kept, rules)
        kept = [number for number in kept if number not in gone]
    kept += [contact_number(text, rules) for text in asked.added.get("numbers", ())]
    if asked.main_number:
        main = _meant(asked.main_number, kept, rules)[0]
        kept = [replace(number, main=number is main) for number in kept]
    return _labelled(kept, asked.labels, rules)


def _labelled(
    numbers: Sequence[ContactNumber], labels: Sequence[tuple[str, str]], rules: NumberRules
) -> tuple[ContactNumber, ...]:
    """Return the numbers with their labels; an empty one takes a label away."""
    found = list(numbers)
    for text, label in labels:
        meant = _meant(text, found, rules)
        found = [replace(each, label=label) if each in meant else each for each in found]
    return tuple(found)


def _meant(text: str, numbers: Sequence[ContactNumber], rules: NumberRules) -> list[ContactNumber]:
    """Return the contact's numbers that `text` names: with an extension that pair, without one all of that number."""
    wanted = contact_number(text, rules)
    found = [
        number for number in numbers if number.number == wanted.number and wanted.extension in ("", number.extension)
    ]
    if not found:
        raise NotFoundError(_("the contact has no number {text}").format(text=text))
    return found


def _texts(texts: Sequence[str], added: Sequence[str], removed: Sequence[str]) -> tuple[str, ...]:
    gone = {folded(text) for text in removed}
    missing = gone - {folded(text) for text in texts}
    if missing:
        raise NotFoundError(_("the contact has no {text}").format(text=", ".join(sorted(missing))))
    return (*(text for text in texts if folded(text) not in gone), *added)
