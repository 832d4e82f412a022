"""What the options of `contacts add` and `contacts edit` mean for a card. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import date, datetime
from typing import Any, cast

from pbxd.book.contacts import Contact, ContactChanges, ContactDraft, ContactNumber
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.i18n import _
from pbxd.numbers import NumberRules
from pbxd.services.number_input import contact_number
from pbxd.storage.search.filters import ContactFilter

_PLAIN = ("name", "company", "position", "manager", "comment", "vip", "owner")
_DATE_FORMS = ("%Y-%m-%d", "%d.%m.%Y")


def draft(given: Mapping[str, Any], rules: NumberRules) -> ContactDraft:
    """Return the new contact that the options describe. Raises InvalidInputError."""
    return ContactDraft(
        **{key: given[key] for key in _PLAIN if given.get(key) is not None},
        numbers=_labelled([contact_number(text, rules) for text in given["numbers"]], given["labels"], rules),
        emails=tuple(given["emails"]),
        tags=tuple(given["tags"]),
        birth_date=birth_date(given["birth_date"]),
        visibility="personal" if given["personal"] else "shared",
    )


def changes(contact: Contact, given: Mapping[str, Any], rules: NumberRules) -> ContactChanges:
    """Return what the options change in this contact. Raises InvalidInputError, NotFoundError."""
    changed: dict[str, Any] = {key: given[key] for key in _PLAIN if given.get(key) is not None}
    if given["shared"] is not None:
        changed["visibility"] = "shared" if given["shared"] else "personal"
    if given["birth_date"] is not None:
        changed["birth_date"] = birth_date(given["birth_date"])
    if any(given[name] for name in ("add_number", "remove_number", "main_number", "labels")):
        changed["numbers"] = _numbers(contact.numbers, given, rules)
    for field, one in (("emails", "email"), ("tags", "tag")):
        if given[f"add_{one}"] or given[f"remove_{one}"]:
            changed[field] = _texts(getattr(contact, field), given[f"add_{one}"], given[f"remove_{one}"])
    return cast("ContactChanges", changed)


def wanted(given: Mapping[str, Any], rules: NumberRules) -> ContactFilter:
    """Return the filter that the options of `contacts list` describe. Raises InvalidInputError."""
    number = contact_number(given["number"], rules).number if given["number"] else ""
    named = {field.name: given[field.name] for field in fields(ContactFilter)}
    return ContactFilter(**named | {"number": number})


def birth_date(text: str | None) -> date | None:
    """Read 1980-12-31 or 31.12.1980; empty means none. Raises InvalidInputError."""
    for form in _DATE_FORMS if text else ():
        try:
            return datetime.strptime(str(text), form).date()  # noqa: DTZ007 - a birthday has no time zone
        except ValueError:
            continue
    if text:
        raise InvalidInputError("birth_date", _("not a date: {text}").format(text=text))
    return None


def _numbers(
    numbers: Sequence[ContactNumber], given: Mapping[str, Any], rules: NumberRules
) -> tuple[ContactNumber, ...]:
    kept = list(numbers)
    for text in given["remove_number"]:
        gone = _meant(text, kept, rules)
        kept = [number for number in kept if number not in gone]
    kept += [contact_number(text, rules) for text in given["add_number"]]
    if given["main_number"]:
        main = _meant(given["main_number"], kept, rules)[0]
        kept = [replace(number, main=number is main) for number in kept]
    return _labelled(kept, given["labels"], rules)


def _labelled(numbers: Sequence[ContactNumber], labels: Sequence[str], rules: NumberRules) -> tuple[ContactNumber, ...]:
    """Return the numbers with the labels that `NUMBER=LABEL` gives them; an empty one takes a label away."""
    found = list(numbers)
    for text in labels:
        number, equals, label = text.partition("=")
        if not equals:
            raise InvalidInputError("label", _("not NUMBER=LABEL: {text}").format(text=text))
        meant = _meant(number, found, rules)
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
