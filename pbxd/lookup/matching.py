"""Match a number exactly, in one index, and name the rivals, so that every answer can be explained. Pure.

Rows are exact tuples of plain values, and numbers are integers: a million of them fit into memory. The garbage
collector does not track such tuples, so a big book does not make it delay look-ups.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self, assert_never

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.companies import Company
from pbxd.book.company_names import company_key
from pbxd.book.contacts import Contact, Listing
from pbxd.book.employees import Employee
from pbxd.lookup.naming import phone_name
from pbxd.notation import E164
from pbxd.numbers import ParsedNumber

__all__ = ["Book", "Match", "Rival", "Status", "phone_name", "phone_text"]

Status = Literal["found", "shared", "company", "employee", "unknown", "withheld", "unreadable", "error"]

# name (UTF-8: half of what a str takes), company, manager's id (0: none), VIP, owner's id (None: shared), and numbers
# (E.164 without the plus)
# with the main one first (a single one without a tuple around it)
_Row = tuple[bytes, str, int, bool, int | None, int | tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Rival:
    """Another card with the same number that the asker may see."""

    kind: Literal["contact", "company", "employee"]
    key: int | str  # the id; an employee's extension
    name: str
    company: str = ""


class Match(NamedTuple):  # a tuple, because one is made for every call and tuples are quick to make
    """Who a number belongs to, and why."""

    status: Status
    number: str | None = None  # E.164, or an extension; None if nothing could be read
    name: str = ""  # as on the card; `phone_text` returns the form for phones
    company: str = ""
    contact: int | None = None  # only if it is exactly one card
    vip: bool = False
    manager: str = ""  # the extension that the responsible employee has now
    rule: str = ""  # how the number was read: `ParsedNumber.rule`
    rivals: tuple[Rival, ...] = ()  # the other cards with this number, the nearest first
    employee: str = ""  # extension, if it is an employee

    @property
    def by_extension(self) -> bool:
        """Whether an employee was found by the extension. Anybody outside can send one, so there it means nothing."""
        return self.status == "employee" and self.number == self.employee


class Book:
    """The index. A change of a card costs as much as its own numbers."""

    def __init__(self) -> None:
        self._rows: dict[int, _Row] = {}
        self._contacts: dict[int, int | tuple[int, ...]] = {}  # number -> id, or ids in order of creation
        self._companies: dict[int, Company] = {}
        self._company_numbers: dict[int, tuple[int, ...]] = {}
        self._employees: dict[str, Employee] = {}
        self._people: dict[int, Employee] = {}  # by id, also those who have no extension any more
        self._employee_numbers: dict[int, tuple[str, ...]] = {}

    @classmethod
    def of(
        cls, contacts: Iterable[Contact], companies: Iterable[Company] = (), employees: Iterable[Employee] = ()
    ) -> Self:
        """Return an index of all of these."""
        book = cls()
        for contact in contacts:
            book.put_contact(contact)
        for company in companies:
            book.put_company(company)
        for employee in employees:
            book.put_employee(employee)
        return book

    def __len__(self) -> int:
        """Count the contacts."""
        return len(self._rows)

    def put_contact(self, contact: Contact) -> None:
        """Add a contact or replace the one with its id."""
        self.put_listings([Listing.of(contact)])

    def put_listings(self, listings: Iterable[Listing]) -> None:
        """Add contacts or replace those with their ids."""
        rows, contacts = self._rows, self._contacts
        for listing in listings:  # a million calls at the start
            contact_id = listing.id
            if contact_id in rows:
                self.drop_contact(contact_id)
            row = rows[contact_id] = _row(listing)
            for number in _own_numbers(row):
                held = contacts.setdefault(number, contact_id)
                if held != contact_id:
                    contacts[number] = tuple(sorted({*_several(held), contact_id}))

    def drop_contact(self, contact_id: int) -> None:
        """Remove a contact. An unknown id is not an error."""
        row = self._rows.pop(contact_id, None)
        for number in _own_numbers(row) if row else ():
            left = tuple(held for held in _several(self._contacts.pop(number)) if held != contact_id)
            if left:
                self._contacts[number] = left[0] if len(left) == 1 else left

    def put_company(self, company: Company) -> None:
        """Add a company or replace the one with its id."""
        self.drop_company(company.id)
        self._companies[company.id] = company
        for number in _keys(*company.numbers):
            self._company_numbers[number] = tuple(sorted({*self._company_numbers.get(number, ()), company.id}))

    def drop_company(self, company_id: int) -> None:
        """Remove a company."""
        gone = self._companies.pop(company_id, None)
        for number in _keys(*gone.numbers) if gone else ():
            left = tuple(held for held in self._company_numbers.pop(number) if held != company_id)
            if left:
                self._company_numbers[number] = left

    def put_employee(self, employee: Employee) -> None:
        """Add an employee or replace the one with this extension."""
        self.drop_employee(employee.extension)
        self._people[employee.id] = employee
        if not employee.extension:
            return
        self._employees[employee.extension] = employee
        for number in _keys(employee.mobile, employee.did):
            held = self._employee_numbers.get(number, ())
            self._employee_numbers[number] = tuple(sorted({*held, employee.extension}))

    def drop_employee(self, extension: str) -> None:
        """Remove an employee."""
        gone = self._employees.pop(extension, None)
        if gone:
            self._people.pop(gone.id, None)
        for number in _keys(gone.mobile, gone.did) if gone else ():
            left = tuple(held for held in self._employee_numbers.pop(number) if held != extension)
            if left:
                self._employee_numbers[number] = left

    def replace_employees(self, employees: Iterable[Employee]) -> None:
        """Replace all employees; there are only hundreds of them."""
        for extension in list(self._employees):
            self.drop_employee(extension)
        self._people.clear()
        for employee in employees:
            self.put_employee(employee)

    def employee(self, extension: str) -> Employee | None:
        """Return who has an extension now, also one who left (`active`), but not one known by extension only."""
        found = self._employees.get(extension)
        return found if found and found.listed else None

    def colleagues(self) -> Iterable[Employee]:
        """Return everybody who works here and has an extension."""
        return (each for each in self._employees.values() if each.listed and each.active)

    def lookup(self, parsed: ParsedNumber, actor: Actor) -> Match:
        """Return whose number it is: a contact's, else a company's, else an employee's, each by the exact number.

        The personal contacts of `actor` may be used, and win over shared ones. Personal contacts of others are never
        read, not even as rivals or for the VIP flag.
        Several contacts of equal rank are `shared`. Their name is their company with the count if all have the same
        one, in any spelling, else the name of the first contact (main number first, then the older card). `contact`
        stays None, since it is not known who calls. `vip` is set if any of them is a VIP, so that no VIP waits because
        of a colleague's card; `manager` if all agree. A number of several employees, such as a common DID, names none
        of them.
        """
        match parsed.kind:
            case "withheld" | "unreadable":
                return Match(parsed.kind, rule=parsed.rule)
            case "internal":
                return self._colleague(parsed)
            case "e164":
                return self._outside(parsed, self._known(actor))
            case _:
                assert_never(parsed.kind)

    def _colleague(self, parsed: ParsedNumber) -> Match:
        employee = self._employees.get(parsed.value)
        if employee is None or not employee.active or not employee.listed:
            return Match("unknown", parsed.value, rule=parsed.rule)
        return Match("employee", parsed.value, employee.name, rule=parsed.rule, employee=employee.extension)

    def _outside(self, parsed: ParsedNumber, actor: Actor) -> Match:
        number = int(parsed.value[1:])
        held = self._contacts.get(number)
        if isinstance(held, int) and number not in self._company_numbers and number not in self._employee_numbers:
            return self._only(parsed, held, actor)  # the usual case
        own, shared = self._clients(number, actor)
        companies = [self._companies[company_id] for company_id in self._company_numbers.get(number, ())]
        colleagues = self._colleagues(number)
        others = [Rival("company", company.id, company.name, company.name) for company in companies]
        others += [Rival("employee", colleague.extension, colleague.name) for colleague in colleagues]
        if own or shared:
            first, *rest = (own, shared) if own else (shared,)
            also = tuple(self._rival(held) for held in (*first[1:], *(rest[0] if rest else ()))) + tuple(others)
            return self._client(parsed, first, also)
        if companies:
            name = companies[0].name
            return Match("company", parsed.value, name, name, rule=parsed.rule, rivals=tuple(others[1:]))
        certain = _certain(colleagues, parsed.value)
        if certain is None:
            return Match("unknown", parsed.value, rule=parsed.rule, rivals=tuple(others))
        rivals = tuple(rival for rival in others if rival.key != certain.extension)
        return Match(
            "employee", parsed.value, certain.name, rule=parsed.rule, rivals=rivals, employee=certain.extension
        )

    def _only(self, parsed: ParsedNumber, contact_id: int, actor: Actor) -> Match:
        """Return the match of a number that only one card has."""
        name, company, manager_id, vip, owner, _numbers = self._rows[contact_id]
        if owner is not None and not rights.sees_personal(actor, owner):
            return Match("unknown", parsed.value, rule=parsed.rule)
        manager = self._extension(manager_id)
        return Match("found", parsed.value, name.decode(), company, contact_id, vip, manager, parsed.rule)

    def _clients(self, number: int, actor: Actor) -> tuple[list[int], list[int]]:
        """Return the actor's own and the shared contacts with the number, in order of rank."""
        held = sorted(
            _several(self._contacts.get(number, ())), key=lambda key: (_main_number(self._rows[key]) != number, key)
        )
        owners = [(key, self._rows[key][4]) for key in held]
        own = [key for key, owner in owners if owner is not None and rights.sees_personal(actor, owner)]
        return own, [key for key, owner in owners if owner is None]

    def _client(self, parsed: ParsedNumber, held: list[int], rivals: tuple[Rival, ...]) -> Match:
        rows = [self._rows[key] for key in held]
        name, company, manager_id, vip = rows[0][0].decode(), *rows[0][1:4]
        if len(rows) == 1:
            manager = self._extension(manager_id)
            return Match("found", parsed.value, name, company, held[0], vip, manager, parsed.rule, rivals)
        if company and len({company_key(row[1]) for row in rows}) == 1:
            name = f"{company} ({len(rows)})"
            rivals = (self._rival(held[0]), *rivals)  # none of them wins
        agreed = manager_id if all(row[2] == manager_id for row in rows) else 0
        any_vip = any(row[3] for row in rows)
        manager = self._extension(agreed)
        return Match("shared", parsed.value, name, company, None, any_vip, manager, parsed.rule, rivals)

    def _extension(self, employee_id: int) -> str:
        """Return the extension that an employee has now, empty for none."""
        employee = self._people.get(employee_id)
        return employee.extension if employee else ""

    def _known(self, actor: Actor) -> Actor:
        """Return the actor with the id of its employee."""
        if actor.employee is not None or not actor.extension:
            return actor
        employee = self._employees.get(actor.extension)
        return actor.known_as(employee.id) if employee else actor

    def _rival(self, contact_id: int) -> Rival:
        name, company = self._rows[contact_id][:2]
        return Rival("contact", contact_id, name.decode(), company)

    def _colleagues(self, number: int) -> list[Employee]:
        held = (self._employees[extension] for extension in self._employee_numbers.get(number, ()))
        return [employee for employee in held if employee.active]


def phone_text(match: Match) -> str:
    """Return the text for a phone's screen, at most 79 bytes. Empty: keep what the trunk sent."""
    return phone_name(match.name) if match.status in {"found", "shared", "company", "employee"} else ""


def _certain(colleagues: list[Employee], number: str) -> Employee | None:
    """Return the only employee with this mobile, else with this DID. None if several could call from it."""
    mobiles = [colleague for colleague in colleagues if colleague.mobile == number]
    candidates = mobiles or colleagues
    return candidates[0] if len(candidates) == 1 else None


def _row(listing: Listing) -> _Row:
    _id, name, company, manager_id, vip, owner, numbers = listing
    entries = tuple(dict.fromkeys(int(number[1:]) for number in numbers if _is_e164(number)))
    kept = entries[0] if len(entries) == 1 else entries
    return name.encode(), sys.intern(company), manager_id, vip, owner, kept


def _own_numbers(row: _Row) -> tuple[int, ...]:
    return _several(row[5])


def _main_number(row: _Row) -> int:
    return _own_numbers(row)[0]


def _several(held: int | tuple[int, ...]) -> tuple[int, ...]:
    return (held,) if isinstance(held, int) else held


def _is_e164(number: str) -> bool:
    return E164.fullmatch(number) is not None


def _keys(*numbers: str) -> set[int]:
    return {int(number[1:]) for number in numbers if _is_e164(number)}
