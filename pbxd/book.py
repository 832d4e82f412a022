"""The contact book's own words: contacts, companies and employees as plain values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

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


@dataclass(frozen=True, slots=True)
class Company:
    """A company's card; its own numbers name a call when no contact does."""

    id: int
    name: str
    numbers: tuple[str, ...] = ()  # E.164


@dataclass(frozen=True, slots=True)
class Employee:
    """One of our own people."""

    extension: str
    name: str = ""
    mobile: str = ""  # E.164
    did: str = ""  # E.164
    email: str = ""
    department: str = ""
    active: bool = True
