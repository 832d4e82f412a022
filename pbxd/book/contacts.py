"""A contact, the client's card, as plain values, and what may stand in it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from typing import Any, Final, Literal, NamedTuple, Self, TypedDict, cast

from pbxd.book.contact_numbers import ContactNumber as ContactNumber
from pbxd.book.field_kinds import Json, check_of, extra_json, value_json
from pbxd.book.fields import BUILT_IN, Fields
from pbxd.errors import InvalidInputError
from pbxd.i18n import _

Visibility = Literal["shared", "personal"]


@dataclass(frozen=True, slots=True)
class Contact:
    """A client's card."""

    id: int
    name: str
    company: str = ""
    position: str = ""
    numbers: tuple[ContactNumber, ...] = ()
    emails: tuple[str, ...] = ()
    manager: str = ""  # extension that the responsible employee has now
    vip: bool = False
    comment: str = ""
    tags: tuple[str, ...] = ()
    birth_date: date | None = None
    visibility: Visibility = "shared"
    owner: str = ""  # of a personal contact: the extension that its owner has now
    created_by: str = ""
    version: int = 1
    extra: Mapping[str, Json] = field(default_factory=dict)  # fields without an attribute here; empty ones are left out
    manager_id: int = 0  # the employees themselves; 0: none
    owner_id: int = 0
    created_by_id: int = 0
    manager_name: str = ""
    created_by_name: str = ""
    created: datetime | None = field(default=None, compare=False)  # None: not read from the book, like `changed`
    changed: datetime | None = field(default=None, compare=False)


class Listing(NamedTuple):
    """The part of a contact that a look-up needs. It is small, because the daemon keeps a million of them in memory."""

    id: int
    name: str
    company: str
    manager: int  # the employee's id; 0: none
    vip: bool
    owner: int | None  # the employee's id; None: shared
    numbers: tuple[str, ...]  # E.164, the main one first

    @classmethod
    def of(cls, contact: Contact) -> Self:
        """Return the listing of a whole contact."""
        numbers = sorted(contact.numbers, key=lambda number: not number.main)
        return cls(
            contact.id,
            contact.name,
            contact.company,
            contact.manager_id,
            contact.vip,
            contact.owner_id if contact.visibility == "personal" else None,
            tuple(number.number for number in numbers),
        )


@dataclass(frozen=True, slots=True)
class ContactDraft:
    """The part of a contact that people fill in; the book adds the rest."""

    name: str
    company: str = ""
    position: str = ""
    numbers: tuple[ContactNumber, ...] = ()
    emails: tuple[str, ...] = ()  # the first is the main one
    manager: str = ""  # extension; likewise the owner
    vip: bool = False
    comment: str = ""
    tags: tuple[str, ...] = ()
    birth_date: date | None = None
    visibility: Visibility = "shared"
    owner: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)
    manager_id: int = 0  # the employees themselves; storage finds out whom an extension means
    owner_id: int = 0


class ContactChanges(TypedDict, total=False):
    """The fields of a draft that an edit replaces. Fields that are not there stay as they are, in `extra` too."""

    name: str
    company: str
    position: str
    numbers: tuple[ContactNumber, ...]
    emails: tuple[str, ...]
    manager: str
    vip: bool
    comment: str
    tags: tuple[str, ...]
    birth_date: date | None
    visibility: Visibility
    owner: str
    extra: Mapping[str, Json]
    manager_id: int
    owner_id: int


ATTRIBUTES: Final = tuple(each.name for each in fields(ContactDraft) if each.name != "extra")


def contact_json(contact: Contact, registry: Fields) -> dict[str, Any]:
    """Return a contact's public form."""
    known = {each.name: value_json(registry.value(contact, each)) for each in registry}
    return {"id": contact.id, **known, **_people_json(contact), "version": contact.version}


def _people_json(contact: Contact) -> dict[str, Any]:
    """Return the employees of a contact: by extension, null where they have none any more, and by id."""
    people = {
        "manager": (contact.manager, contact.manager_id),
        "owner": (contact.owner, contact.owner_id),
        "created_by": (contact.created_by, contact.created_by_id),
    }
    extensions = {name: extension or (None if key else "") for name, (extension, key) in people.items()}
    keys = {f"{name}_id": key or None for name, (_extension, key) in people.items()}
    return extensions | keys | {"manager_name": contact.manager_name}


def checked(draft: ContactDraft, registry: Fields = BUILT_IN) -> ContactDraft:
    """Return the draft as it may be kept: trimmed, repeated entries dropped, exactly one main number.

    Raises InvalidInputError naming the field, also for one that the registry does not have. `rights` checks the owner.
    """
    good = checked_attributes(draft)
    return replace(good, extra=registry.checked_extra(draft.extra)) if draft.extra else good


def checked_attributes(draft: ContactDraft, names: Collection[str] = ATTRIBUTES) -> ContactDraft:
    """Do the same with these attributes alone: the others and the extra fields were checked before."""
    values: dict[str, Any] = {name: check(name, getattr(draft, name)) for name, check in _CHECKS if name in names}
    if (draft.visibility == "personal") != bool(draft.owner or draft.owner_id):
        raise InvalidInputError("owner", _("a personal contact needs an owner, a shared one has none"))
    return replace(draft, **values)


def check_reachable(draft: ContactDraft | Contact) -> None:
    """Raise InvalidInputError unless the contact has a number or an e-mail."""
    if not draft.numbers and not draft.emails:
        raise InvalidInputError("numbers", _("a contact needs a phone number or an e-mail"))


def with_changes(draft: ContactDraft, changes: ContactChanges) -> ContactDraft:
    """Return the draft with the changes. An empty value of an extra field takes the value away."""
    extra = {**draft.extra, **changes.get("extra", {})}
    kept: ContactChanges = {**changes, "extra": {name: value for name, value in extra.items() if value}}
    if "manager" in changes and "manager_id" not in changes:
        kept["manager_id"] = 0
    if "owner" in changes and "owner_id" not in changes:
        kept["owner_id"] = 0
    return replace(draft, **kept)


def changes_to(draft: ContactDraft, names: Collection[str], registry: Fields) -> ContactChanges:
    """Return the changes that give another contact these fields of the draft."""
    changed: dict[str, Any] = {}
    for each in map(registry.__getitem__, names):
        if each.stored == "extra":
            changed.setdefault("extra", {})[each.name] = extra_json(registry.value(draft, each))
        else:
            changed[each.name] = getattr(draft, each.name)
            key = getattr(draft, f"{each.name}_id") if each.stored == "employee" else None
            if key or (key == 0 and not changed[each.name]):  # else an extension that nobody has yet
                changed[f"{each.name}_id"] = key
    return cast("ContactChanges", changed)


_CHECKS = tuple(
    (each.name, check) for each in BUILT_IN if each.stored != "extra" and (check := check_of(each.kind)) is not None
)
