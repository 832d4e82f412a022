"""What a row of a file changes in a contact that is there already. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final, cast

from pbxd.book.company_names import company_key
from pbxd.book.contact_numbers import ContactNumber
from pbxd.book.contacts import Contact, ContactChanges, ContactDraft, changes_to
from pbxd.book.fields import Field, Fields

LISTS: Final = ("numbers", "emails", "tags")  # what several rows about one contact add up to


def differing(card: Contact, draft: ContactDraft, names: Collection[str], registry: Fields) -> ContactChanges:
    """Return those of the named fields of a draft in which the card differs.

    How a number was typed or a company is spelled is no difference. A number without a label keeps the one that the
    card has.
    """
    labelled = replace(draft, numbers=_labelled(card.numbers, draft.numbers))
    differ = [
        name for name in names if _value(registry[name], card, registry) != _value(registry[name], labelled, registry)
    ]
    return changes_to(labelled, differ, registry)


def conflicts(card: Contact, draft: ContactDraft, names: Collection[str], registry: Fields) -> int:
    """Return in how many fields, lists apart, both have a value and not the same one."""
    changed = {*differing(card, draft, names, registry)} & {*names} - {*LISTS}
    return sum(1 for name in changed if registry.value(card, registry[name]))


def united(earlier: ContactChanges, later: ContactChanges) -> ContactChanges:
    """Return the changes of two rows about one contact as one: lists add up, of other fields the later one counts."""
    both: dict[str, Any] = {**earlier, **later}
    if "manager" in later and "manager_id" not in later:
        both.pop("manager_id", None)
    if extra := {**earlier.get("extra", {}), **later.get("extra", {})}:
        both["extra"] = extra
    for name in LISTS:
        if name in earlier and name in later:
            first, second = cast("dict[str, Any]", earlier)[name], cast("dict[str, Any]", later)[name]
            both[name] = (*first, *_no_main(second)) if name == "numbers" else (*first, *second)
    return cast("ContactChanges", both)


def _no_main(numbers: Collection[ContactNumber]) -> list[ContactNumber]:
    """Return further numbers: the main one stays."""
    return [replace(number, main=False) for number in numbers]


def _labelled(known: Collection[ContactNumber], numbers: Collection[ContactNumber]) -> tuple[ContactNumber, ...]:
    labels = {(each.number, each.extension): each.label for each in known}
    return tuple(
        each if each.label else replace(each, label=labels.get((each.number, each.extension), "")) for each in numbers
    )


def _value(field: Field, card: Contact | ContactDraft, registry: Fields) -> Any:  # noqa: ANN401 - a value of the field's kind
    if field.stored == "employee":
        return getattr(card, f"{field.name}_id")
    if field.kind == "company":
        return company_key(card.company)
    if field.name == "numbers":
        return [(each.number, each.extension, each.label, each.main) for each in card.numbers]
    return registry.value(card, field)
