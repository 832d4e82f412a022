"""The contact book's own words: contacts, companies and employees as plain values, and what may stand in them. Pure.

Long because a field and its rule belong side by side: a few lines each.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Self, TypedDict

from pbxd import notation
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
class Company:
    """A company's card; its own numbers name a call when no contact does."""

    id: int
    name: str
    numbers: tuple[str, ...] = ()  # E.164
    address: str = ""
    site: str = ""
    emails: tuple[str, ...] = ()
    version: int = 1


class CompanyChanges(TypedDict, total=False):
    """The fields of a company that an edit replaces; those left out stay as they are."""

    name: str
    numbers: tuple[str, ...]
    address: str
    site: str
    emails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Employee:
    """One of our own people."""

    extension: str
    name: str = ""
    mobile: str = ""  # E.164
    did: str = ""  # E.164
    email: str = ""
    department: str = ""  # as a list names it
    active: bool = True  # False: has left; kept, for the history refers to him
    queues: tuple[str, ...] = ()  # he is a member of, as the PBX tells

    @property
    def departments(self) -> tuple[str, ...]:
        """All of them: those the list names, separated by `;`, and the queues."""
        return _several("department", (*map(str.strip, self.department.split(";")), *self.queues), NAME_LIMIT)


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


ADDRESS_LIMIT = 500
NAME_LIMIT = 200  # characters; likewise of a company's name and a position
LABEL_LIMIT = 50
TYPED_LIMIT = 100
COMMENT_LIMIT = 10_000
TAG_LIMIT = 50
EMAIL_LIMIT = 254  # RFC 5321, 4.5.3.1.3
NUMBERS_LIMIT = 50  # how many of each one contact may have
EMAILS_LIMIT = 20
TAGS_LIMIT = 50
QUEUES_LIMIT = 200

_EXTENSION = re.compile(r"[0-9A-Za-z_.*#+-]{1,32}")  # of an employee: as endpoints are named
_EMAIL = re.compile(r"[^\s@,;:<>()\"\\]+@[^\s@,;:<>()\"\\.]+(\.[^\s@,;:<>()\"\\.]+)+")
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


def company_json(company: Company) -> dict[str, Any]:
    """Return a company's public form."""
    return asdict(company) | {"numbers": list(company.numbers), "emails": list(company.emails)}


def employee_json(employee: Employee) -> dict[str, Any]:
    """Return an employee's public form; `departments` are all of them, `department` is what a list says."""
    return asdict(employee) | {"queues": list(employee.queues), "departments": list(employee.departments)}


@lru_cache(maxsize=512)
def folded(text: str) -> str:
    """Return the form in which texts are compared and searched; of one card the same ones are asked several times.

    Case, compatibility forms, the dots of ё and the amount of white space make no difference.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").split())


def number_matches(number: str, text: str) -> bool:
    """Tell whether an E.164 number has the fragment."""
    return any(fragment in number for fragment in notation.fragments(text))


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
        company=_line("company", draft.company, NAME_LIMIT),
        position=_line("position", draft.position, NAME_LIMIT),
        numbers=_numbers(draft.numbers),
        emails=_several("emails", (_email(email) for email in draft.emails), EMAILS_LIMIT),
        manager=checked_extension("manager", draft.manager),
        comment=_line("comment", draft.comment.replace("\r\n", "\n"), COMMENT_LIMIT, allowed=_BREAKS),
        tags=_several("tags", (_line("tags", tag, TAG_LIMIT) for tag in draft.tags), TAGS_LIMIT),
        owner=checked_extension("owner", draft.owner),
    )


def checked_name(field: str, name: str) -> str:
    """Return a name of a person or a company, trimmed; raises InvalidInputError when there is none."""
    name = _line(field, name, NAME_LIMIT)
    if not name:
        raise InvalidInputError(field, _("a name is needed"))
    return name


def checked_e164(field: str, number: str) -> str:
    """Return a number as it is when it is written in E.164 with the plus; raises InvalidInputError."""
    if not notation.E164.fullmatch(number):
        raise InvalidInputError(
            field, _("not an international number: {number}").format(number=ascii(number[:TYPED_LIMIT]))
        )
    return number


def checked_company(company: Company) -> Company:
    """Return the company as it may be kept; raises InvalidInputError naming the field."""
    numbers = sorted({checked_e164("numbers", number) for number in company.numbers})
    if len(numbers) > NUMBERS_LIMIT:
        raise InvalidInputError("numbers", _("{field}: more than {limit}").format(field="numbers", limit=NUMBERS_LIMIT))
    return replace(
        company,
        name=checked_name("company", company.name),
        numbers=tuple(numbers),
        address=_line("address", company.address, ADDRESS_LIMIT),
        site=_line("site", company.site, NAME_LIMIT),
        emails=_several("emails", (_email(email) for email in company.emails), EMAILS_LIMIT),
    )


def employee_matches(employee: Employee, text: str) -> bool:
    """Tell whether each word of the text occurs in the employee's card, or the digits of all in one of his numbers."""
    words = folded(text).split()
    fields = (employee.extension, employee.name, employee.email, *employee.departments)
    known = folded("\n".join((*fields, employee.mobile, employee.did)))
    if all(word in known for word in words):
        return True
    return any(number and number_matches(number, text) for number in (employee.mobile, employee.did))


def checked_employee(employee: Employee) -> Employee:
    """Return the employee as he may be kept; raises InvalidInputError naming the field."""
    if not employee.extension:
        raise InvalidInputError("extension", _("an employee needs an extension"))
    email = _line("email", employee.email, EMAIL_LIMIT)
    return replace(
        employee,
        queues=_several("queues", (_line("queues", queue, NAME_LIMIT) for queue in employee.queues), QUEUES_LIMIT),
        extension=checked_extension("extension", employee.extension),
        name=_line("name", employee.name, NAME_LIMIT),
        mobile=checked_e164("mobile", employee.mobile) if employee.mobile else "",
        did=checked_e164("did", employee.did) if employee.did else "",
        email=_email(email) if email else "",
        department=_line("department", employee.department, NAME_LIMIT),
    )


def _line(field: str, text: str, longest: int, *, allowed: frozenset[str] = frozenset()) -> str:
    text = text.strip()
    if len(text) > longest:
        raise InvalidInputError(field, _("{field}: longer than {limit} characters").format(field=field, limit=longest))
    for character in () if text.isprintable() else text:
        # Cc: control characters, NUL among them, which PostgreSQL can't keep; Cs: halves of a pair, no text in UTF-8.
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in allowed:
            raise InvalidInputError(
                field, _("{field}: a control character (U+{code})").format(field=field, code=f"{ord(character):04X}")
            )
    return text


def checked_extension(field: str, extension: str) -> str:
    """Return the extension, or an empty one, as it is; raises InvalidInputError."""
    if extension and not _EXTENSION.fullmatch(extension):
        raise InvalidInputError(field, _("not an extension: {text}").format(text=ascii(extension[:TYPED_LIMIT])))
    return extension


def _email(email: str) -> str:
    email = _line("emails", email, EMAIL_LIMIT)
    if not _EMAIL.fullmatch(email):
        raise InvalidInputError("emails", _("not an e-mail address: {text}").format(text=email))
    return email


def _several(field: str, entries: Iterable[str], most: int) -> tuple[str, ...]:
    """Drop empty entries and those that differ from an earlier one in case only."""
    kept: dict[str, str] = {}
    for entry in entries:
        if entry:
            kept.setdefault(folded(entry), entry)
    if len(kept) > most:
        raise InvalidInputError(field, _("{field}: more than {limit}").format(field=field, limit=most))
    return tuple(kept.values())


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
        _line("numbers", number.typed, TYPED_LIMIT),
        number.extension,
        _line("numbers", number.label, LABEL_LIMIT),
        number.main,
    )
