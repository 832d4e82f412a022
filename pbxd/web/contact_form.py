"""The form of a client's card in its states: empty, filled in, refused, and met by somebody else's change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Self

from pbxd.book.contacts import Contact
from pbxd.book.employees import Employee
from pbxd.i18n import _
from pbxd.numbers import NumberRules
from pbxd.web import contact_fields
from pbxd.web.contact_fields import FIELDS, Reader, Values
from pbxd.web.frame import RESUMED

_MORE = {"more_numbers": "number", "more_emails": "email"}


@dataclass(frozen=True, slots=True)
class Clash:
    """A field that somebody else changed while the form was open, with both values.

    `both`: here too it was changed, so that one has to choose. Otherwise the form has their value already.
    """

    field: str
    mine: str
    theirs: str
    both: bool

    @property
    def title(self) -> str:
        """The field's name."""
        return _(FIELDS[self.field])


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the template shows. `version` and `was` say which state of the card `values` began with."""

    values: Values
    rules: NumberRules
    people: Mapping[int, Employee]
    contact: Contact | None = None  # None: a new one
    version: str = ""
    was: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    alert: str = ""
    clashes: tuple[Clash, ...] = ()
    focus: str = ""  # the input that has the focus
    status: HTTPStatus = HTTPStatus.OK

    @classmethod
    def empty(cls, values: Values, rules: NumberRules, people: Mapping[int, Employee]) -> Self:
        """Return the form of a new contact."""
        return cls(values={"main": "0", "number-0": "", "visibility": "shared"} | values, rules=rules, people=people)

    @classmethod
    def of(cls, contact: Contact, rules: NumberRules, people: Mapping[int, Employee]) -> Self:
        """Return the form of a contact as it is."""
        made = cls(values=contact_fields.of_contact(contact, rules), rules=rules, people=people, contact=contact)
        return made.upon_card()

    @classmethod
    def sent(
        cls, values: Values, rules: NumberRules, people: Mapping[int, Employee], contact: Contact | None = None
    ) -> Self:
        """Return a form that was sent."""
        version, was = values.get("version", ""), values.get("was", "")
        return cls(values=values, rules=rules, people=people, contact=contact, version=version, was=was)

    @property
    def card(self) -> Values:
        """The card's values as they are now."""
        return contact_fields.of_contact(self.contact, self.rules) if self.contact else {}

    @property
    def reader(self) -> Reader:
        """How its texts are read."""
        return Reader(self.rules, self.people)

    @property
    def numbers(self) -> list[int]:
        """The rows of numbers; there is always one."""
        return contact_fields.rows(self.values, "number") or [0]

    @property
    def emails(self) -> list[int]:
        """The rows of e-mails; there is always one."""
        return contact_fields.rows(self.values, "email") or [0]

    @property
    def main(self) -> int:
        """The row of the main number."""
        chosen = self.values.get("main", "")
        return next((row for row in self.numbers if str(row) == chosen), self.numbers[0])

    @property
    def changed(self) -> set[str]:
        """The fields that differ from the card as it is now."""
        return contact_fields.changed(self.values, contact_fields.marks_of(self.card, self.reader), self.reader)

    def upon_card(self) -> Self:
        """Return the form as one that begins with the card as it is now."""
        if self.contact is None:
            return self
        marks = contact_fields.marks_of(self.card, self.reader)
        return replace(self, version=str(self.contact.version), was=marks)

    def refused(self, errors: Mapping[str, str]) -> Self:
        """Return the form with what is wrong."""
        return replace(self, errors=errors, status=HTTPStatus.UNPROCESSABLE_ENTITY)

    def waiting(self, alert: str) -> Self:
        """Return the form as one that is still being saved."""
        return replace(self, alert=alert, status=HTTPStatus.CONFLICT)

    def rearranged(self) -> Self | None:
        """Return the form with what one of its buttons for rows adds, or as it was before a session ended.

        None: it is to be saved.
        """
        if "make_main" in self.values:
            main = self.values["make_main"]
            return replace(self, values={**self.values, "main": main}, focus=f"number-{main}")
        for button, kind in _MORE.items():
            if button in self.values:
                row = max(contact_fields.rows(self.values, kind), default=0) + 1
                return replace(self, values={**self.values, f"{kind}-{row}": ""}, focus=f"{kind}-{row}")
        return self if RESUMED in self.values else None

    def met(self) -> Self:
        """Return the form with the card as somebody else saved it after the form was opened.

        A field that only they changed is taken from the card. Every field that they changed to another value than it
        has here is a clash; there the form still has one's own value if one changed it too.
        """
        if self.contact is None:
            return self
        if self.version == str(self.contact.version):
            wanted = [name for name in FIELDS if self.values.get(f"take-{name}") == "theirs"]
            return replace(self, values=contact_fields.taken(self.values, self.card, wanted))
        reader, here = self.reader, contact_fields.texts(self.values, self.reader)
        there = contact_fields.texts(self.card, reader)
        mine = contact_fields.changed(self.values, self.was, reader)
        theirs = contact_fields.changed(self.card, self.was, reader)
        differing = [name for name in FIELDS if name in theirs and here[name] != there[name]]
        clashes = tuple(Clash(name, here[name], there[name], name in mine) for name in differing)
        values = contact_fields.taken(self.values, self.card, [each.field for each in clashes if not each.both])
        made = replace(self, values=values, clashes=clashes).upon_card()
        if not clashes:
            return made
        alert = _("Somebody else changed this contact while you were editing it. Look at both and save again.")
        return replace(made, alert=alert, status=HTTPStatus.CONFLICT)

    def gone(self) -> Self:
        """Return the form as that of a new contact: the old one was deleted meanwhile."""
        alert = _("This contact has been deleted. What you typed is here: you can save it as a new contact.")
        return replace(self, contact=None, version="", was="", alert=alert, status=HTTPStatus.NOT_FOUND)
