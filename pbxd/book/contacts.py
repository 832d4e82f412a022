"""A contact, the client's card, as plain values, and what may stand in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, NamedTuple, Self, TypedDict

from pbxd import notation
from pbxd.book.texts import (
    EMAILS_LIMIT,
    NAME_LIMIT,
    NUMBERS_LIMIT,
    TYPED_LIMIT,
    checked_e164,
    checked_email,
    checked_extension,
    checked_line,
    checked_name,
    without_repeats,
)
from pbxd.errors import InvalidInputError
from pbxd.i18n import _

Visibility = Literal["shared", "personal"]


@dataclass(frozen=True, slots=True)
class ContactNumber:
    """One number of a contact."""

    number: str  # E.164 with the plus
    typed: str = ""  # as it was entered
    extension: str = ""  # the client's extension behind a company's main number: digits, *, #, w, W
    label: str = ""
    main: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """A client's card."""

    id: int
    name: str
    company: str = ""
    position: str = ""
    numbers: tuple[ContactNumber, ...] = ()
    emails: tuple[str, ...] = ()
    manager: str = ""  # extension of the responsible employee
    vip: bool = False
    comment: str = ""
    tags: tuple[str, ...] = ()
    birth_date: date | None = None
    visibility: Visibility = "shared"
    owner: str = ""  # extension; set for a personal contact
    created_by: str = ""
    version: int = 1


class Listing(NamedTuple):
    """What a look-up needs of a contact: a light form of it, for a million of them are read at a start."""

    id: int
    name: str
    company: str
    manager: str
    vip: bool
    owner: str | None  # None: shared
    numbers: tuple[str, ...]  # E.164, the main one first

    @classmethod
    def of(cls, contact: Contact) -> Self:
        """Make one of a whole card."""
        numbers = sorted(contact.numbers, key=lambda number: not number.main)
        return cls(
            contact.id,
            contact.name,
            contact.company,
            contact.manager,
            contact.vip,
            contact.owner if contact.visibility == "personal" else None,
            tuple(number.number for number in numbers),
        )


@dataclass(frozen=True, slots=True)
class ContactDraft:
    """What a person says about a contact; the rest of a card is the book's own doing."""

    name: str
    company: str = ""
    position: str = ""
    numbers: tuple[ContactNumber, ...] = ()
    emails: tuple[str, ...] = ()  # the first is the main one
    manager: str = ""
    vip: bool = False
    comment: str = ""
    tags: tuple[str, ...] = ()
    birth_date: date | None = None
    visibility: Visibility = "shared"
    owner: str = ""


class ContactChanges(TypedDict, total=False):
    """The fields of a draft that an edit replaces; those left out stay as they are."""

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


LABEL_LIMIT = 50


COMMENT_LIMIT = 10_000


TAG_LIMIT = 50


TAGS_LIMIT = 50


_BREAKS = frozenset("\n\t")


def contact_json(contact: Contact) -> dict[str, Any]:
    """Return a contact's public form."""
    numbers = [
        {"number": each.number, "extension": each.extension, "label": each.label, "main": each.main}
        for each in contact.numbers
    ]
    return {
        "id": contact.id,
        "name": contact.name,
        "company": contact.company,
        "position": contact.position,
        "numbers": numbers,
        "emails": list(contact.emails),
        "manager": contact.manager,
        "vip": contact.vip,
        "comment": contact.comment,
        "tags": list(contact.tags),
        "birth_date": contact.birth_date.isoformat() if contact.birth_date else None,
        "visibility": contact.visibility,
        "owner": contact.owner,
        "created_by": contact.created_by,
        "version": contact.version,
    }


def checked(draft: ContactDraft) -> ContactDraft:
    """Return the draft as it may be kept: trimmed, repeated entries dropped, exactly one main number.

    Raises InvalidInputError naming the field. Whose contact it is, is judged where the actor is known.
    """
    if draft.visibility not in {"shared", "personal"}:
        raise InvalidInputError("visibility", _("visibility must be shared or personal"))
    if (draft.visibility == "personal") != bool(draft.owner):
        raise InvalidInputError("owner", _("a personal contact needs an owner, a shared one has none"))
    return replace(
        draft,
        name=checked_name("name", draft.name),
        company=checked_line("company", draft.company, NAME_LIMIT),
        position=checked_line("position", draft.position, NAME_LIMIT),
        numbers=_numbers(draft.numbers),
        emails=without_repeats("emails", (checked_email(email) for email in draft.emails), EMAILS_LIMIT),
        manager=checked_extension("manager", draft.manager),
        comment=checked_line("comment", draft.comment.replace("\r\n", "\n"), COMMENT_LIMIT, allowed=_BREAKS),
        tags=without_repeats("tags", (checked_line("tags", tag, TAG_LIMIT) for tag in draft.tags), TAGS_LIMIT),
        owner=checked_extension("owner", draft.owner),
    )


def _numbers(numbers: Sequence[ContactNumber]) -> tuple[ContactNumber, ...]:
    """Check each number, join repeated ones, and make exactly one the main one: the first unless one is flagged."""
    kept: dict[tuple[str, str], ContactNumber] = {}
    for number in map(_number, numbers):
        key = number.number, number.extension
        earlier = kept.setdefault(key, number)
        if earlier is not number:
            kept[key] = replace(earlier, label=earlier.label or number.label, main=earlier.main or number.main)
    if len(kept) > NUMBERS_LIMIT:
        raise InvalidInputError("numbers", _("{field}: more than {limit}").format(field="numbers", limit=NUMBERS_LIMIT))
    flagged = [key for key, number in kept.items() if number.main]
    if len(flagged) > 1:
        raise InvalidInputError("numbers", _("only one number can be the main one"))
    main = flagged[0] if flagged else next(iter(kept), None)
    if main:
        kept[main] = replace(kept[main], main=True)
    return tuple(kept.values())


def _number(number: ContactNumber) -> ContactNumber:
    if number.extension and not notation.EXTENSION.fullmatch(number.extension):
        raise InvalidInputError(
            "numbers",
            _("an extension may have up to 32 of the characters 0-9 * # A-D w W: {text}").format(
                text=ascii(number.extension[:TYPED_LIMIT])
            ),
        )
    return ContactNumber(
        checked_e164("numbers", number.number),
        checked_line("numbers", number.typed, TYPED_LIMIT),
        number.extension,
        checked_line("numbers", number.label, LABEL_LIMIT),
        number.main,
    )
