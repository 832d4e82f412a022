"""What somebody says of a new contact, or wants changed in one, made into what the book keeps. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from datetime import date
from typing import Any, cast

from pbxd.book.contacts import Contact, ContactChanges, ContactDraft, ContactNumber, check_reachable
from pbxd.book.dates import refuse_future
from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.external_ids import checked_external
from pbxd.book.field_kinds import checked_value, extra_json, typed_value
from pbxd.book.fields import Field, Fields
from pbxd.book.texts import folded, is_extension
from pbxd.errors import InvalidInputError, Mistakes, NotFoundError
from pbxd.i18n import _
from pbxd.numbers import NumberRules
from pbxd.services.number_input import contact_number


@dataclass(frozen=True, slots=True)
class TypedNumber:
    """A number as a program sends it. None: as the text of the number says."""

    number: str  # in any notation, also with the client's extension
    extension: str | None = None
    label: str = ""
    main: bool = False


Typed = str | bool | Sequence[str | TypedNumber]  # a field's value as it is typed: a text, a flag, several texts
External = Mapping[str, str | None]  # what other programs call the contact, by system; None takes one away


@dataclass(frozen=True, slots=True, kw_only=True)
class AddContact:
    """A new contact. Numbers are in any notation, each with the client's extension if there is one."""

    values: Mapping[str, Typed]  # by field
    labels: Sequence[tuple[str, str]] = ()  # one of the numbers, and its label
    external: External = attribute(default_factory=dict)


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
    external: External = attribute(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """How what is typed becomes values."""

    rules: NumberRules
    fields: Fields
    today: date  # no later day is a date of birth
    people: EmployeeLookup | None = None  # finds employees by name; None: only extensions are typed
    known_people: bool = False  # refuse an extension that nobody has; otherwise its employee is made on the spot


def draft(asked: AddContact, reading: Reading) -> ContactDraft:
    """Return the new contact.

    Raises InvalidInputError with everything that is wrong, and NotFoundError for a label of a number it doesn't have.
    """
    values = checked_values({"name": "", **asked.values}, asked.external, reading, whole=True)
    return ContactDraft(**values | {"numbers": _labelled(values.get("numbers", ()), asked.labels, reading.rules)})


def changes(contact: Contact, asked: EditContact, reading: Reading) -> ContactChanges:
    """Return what changes in this contact. Raises InvalidInputError, NotFoundError."""
    lists = {
        name: _texts(
            reading.fields.value(contact, _known(name, reading.fields)),
            asked.added.get(name, ()),
            asked.removed.get(name, ()),
        )
        for name in {*asked.added, *asked.removed} - {"numbers"}
    }
    changed = checked_values({**asked.values, **lists}, asked.external, reading)
    if "numbers" in {*asked.added, *asked.removed} or asked.main_number or asked.labels:
        changed["numbers"] = _numbers(changed.get("numbers", contact.numbers), asked, reading.rules)
    if {"numbers", "emails"} & changed.keys():
        kept = {name: changed.get(name, getattr(contact, name)) for name in ("numbers", "emails")}
        check_reachable(replace(contact, **kept))
    return cast("ContactChanges", changed)


def checked_values(
    typed: Mapping[str, Typed], external: External, reading: Reading, *, whole: bool = False
) -> dict[str, Any]:
    """Return values by the attribute of a draft; fields without one are together in `extra`.

    `whole`: they are a whole contact, which must be reachable. Raises InvalidInputError with everything that is wrong.
    """
    values, mistakes = dict[str, Any](), Mistakes()
    for name, value in typed.items():
        with mistakes.collected():
            field = _known(name, reading.fields)
            if field.stored == "extra":
                values.setdefault("extra", {})[name] = extra_json(_value(field, value, reading))
            elif field.kind == "employee":
                values |= _employee(field, value, reading)
            else:
                values[name] = _value(field, value, reading)
    with mistakes.collected():
        refuse_future("birth_date", values.get("birth_date"), reading.today)
    if whole and not any(map(mistakes.names, ("numbers", "emails"))):
        with mistakes.collected():
            check_reachable(ContactDraft("", numbers=values.get("numbers", ()), emails=values.get("emails", ())))
    with mistakes.collected():
        checked_external(external)
    mistakes.refuse(typed)
    return values


def _known(name: str, fields: Fields) -> Field:
    if name not in fields:
        raise InvalidInputError(name, _("{field}: a contact has no such field").format(field=name))
    return fields[name]


def _value(field: Field, typed: Typed, reading: Reading) -> Any:  # noqa: ANN401 - a value of the field's kind
    value: Any = typed
    if isinstance(typed, str):
        value = typed_value(field.name, field.kind, typed)
    elif not isinstance(typed, bool):
        mistakes, several = Mistakes(), list[Any]()
        for place, each in enumerate(typed):
            with mistakes.collected():
                several.append(_one_of_several(field, each, place, reading.rules))
        mistakes.refuse()
        value = tuple(several)
    return checked_value(field.name, field.kind, value)  # also of its type: a program may send anything


def _one_of_several(field: Field, typed: str | TypedNumber, place: int, rules: NumberRules) -> str | ContactNumber:
    """Return one of several values; a mistake in it says which one it is."""
    at: tuple[int | str, ...] = (place, "number") if isinstance(typed, TypedNumber) else (place,)
    try:
        one = _number(typed, rules) if field.kind == "numbers" else typed
        checked_value(field.name, field.kind, (one,))
    except InvalidInputError as error:
        raise InvalidInputError(field.name, str(error), at=at, code=error.code) from error
    return cast("str | ContactNumber", one)


def _number(typed: str | TypedNumber, rules: NumberRules) -> ContactNumber:
    if isinstance(typed, str):
        return contact_number(typed, rules)
    read = contact_number(typed.number, rules)
    extension = read.extension if typed.extension is None else typed.extension
    return replace(read, extension=extension, label=typed.label, main=typed.main)


def _employee(field: Field, typed: Typed, reading: Reading) -> dict[str, Any]:
    """Return an employee's extension, and their id if the book knows them."""
    text = cast("str", _checked_type(field, typed)).strip()
    if not text or reading.people is None:
        return {field.name: checked_value(field.name, field.kind, text)}
    try:
        person = reading.people.find(field.name, text)
    except InvalidInputError:
        if reading.known_people or not is_extension(text):
            raise
        return {field.name: text}
    return {field.name: person.extension, f"{field.name}_id": person.id}


def _checked_type(field: Field, typed: Typed) -> Typed:
    return typed if isinstance(typed, str) else checked_value(field.name, field.kind, typed)


def _numbers(numbers: Sequence[ContactNumber], asked: EditContact, rules: NumberRules) -> tuple[ContactNumber, ...]:
    kept = list(numbers)
    for text in asked.removed.get("numbers", ()):
        gone = _exact(text, kept, rules)
        kept = [number for number in kept if number is not gone]
    kept += [contact_number(text, rules) for text in asked.added.get("numbers", ())]
    if asked.main_number:
        main = _meant(asked.main_number, kept, rules)
        kept = [replace(number, main=number is main) for number in kept]
    return _labelled(kept, asked.labels, rules)


def _labelled(
    numbers: Sequence[ContactNumber], labels: Sequence[tuple[str, str]], rules: NumberRules
) -> tuple[ContactNumber, ...]:
    """Return the numbers with their labels; an empty one takes a label away."""
    found = list(numbers)
    for text, label in labels:
        meant = _meant(text, found, rules)
        found = [replace(each, label=label) if each is meant else each for each in found]
    return tuple(found)


def _exact(text: str, numbers: Sequence[ContactNumber], rules: NumberRules) -> ContactNumber:
    """Return the contact's number that `text` names, with exactly its extension.

    Raises NotFoundError. If the contact has the number with other extensions, the message lists those.
    """
    wanted = contact_number(text, rules)
    same = [number for number in numbers if number.number == wanted.number]
    for number in same:
        if number.extension == wanted.extension:
            return number
    if not same:
        raise NotFoundError(_("the contact has no number {text}").format(text=text))
    message = _("the contact has no number {text}, but: {numbers}. Name the one you mean, with its extension.")
    raise NotFoundError(message.format(text=text, numbers=", ".join(map(_shown, same))))


def _meant(text: str, numbers: Sequence[ContactNumber], rules: NumberRules) -> ContactNumber:
    """Return the number that `text` names. An extension may be left out where only one number can be meant."""
    wanted = contact_number(text, rules)
    same = [number for number in numbers if number.number == wanted.number]
    return same[0] if len(same) == 1 and not wanted.extension else _exact(text, numbers, rules)


def _shown(number: ContactNumber) -> str:
    if not number.extension:
        return number.number
    return _("{number} ext. {extension}").format(number=number.number, extension=number.extension)


def _texts(texts: Sequence[str], added: Sequence[str], removed: Sequence[str]) -> tuple[str, ...]:
    gone = {folded(text) for text in removed}
    missing = gone - {folded(text) for text in texts}
    if missing:
        raise NotFoundError(_("the contact has no {text}").format(text=", ".join(sorted(missing))))
    return (*(text for text in texts if folded(text) not in gone), *added)
