"""A company's card, and what may stand in it. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, TypedDict

from pbxd.book.texts import (
    EMAILS_LIMIT,
    NAME_LIMIT,
    NUMBERS_LIMIT,
    checked_e164,
    checked_email,
    checked_line,
    checked_name,
    without_repeats,
)
from pbxd.errors import InvalidInputError
from pbxd.i18n import _


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
    """The fields of a company that an edit replaces. Fields that are not there stay as they are."""

    name: str
    numbers: tuple[str, ...]
    address: str
    site: str
    emails: tuple[str, ...]


ADDRESS_LIMIT = 500


def company_json(company: Company) -> dict[str, Any]:
    """Return a company's public form."""
    return asdict(company) | {"numbers": list(company.numbers), "emails": list(company.emails)}


def checked_company(company: Company) -> Company:
    """Return the company as it may be kept. Raises InvalidInputError naming the field."""
    numbers = sorted({checked_e164("numbers", number) for number in company.numbers})
    if len(numbers) > NUMBERS_LIMIT:
        raise InvalidInputError("numbers", _("{field}: more than {limit}").format(field="numbers", limit=NUMBERS_LIMIT))
    return replace(
        company,
        name=checked_name("company", company.name),
        numbers=tuple(numbers),
        address=checked_line("address", company.address, ADDRESS_LIMIT),
        site=checked_line("site", company.site, NAME_LIMIT),
        emails=without_repeats("emails", (checked_email(email) for email in company.emails), EMAILS_LIMIT),
    )
