"""Who may do what in the book: the only place that knows. Pure.

The actor is an employee's extension, or ADMINISTRATOR. A contact's owner is the extension whose personal contact it is,
or SHARED. Shared contacts are everybody's to see and to edit, and their creator's or an administrator's to delete or to
take away. A personal contact is there for its owner alone, in totals, duplicates and histories too; an administrator
doesn't see it either, but may erase it unseen.
"""

from __future__ import annotations

from dataclasses import dataclass

from pbxd.errors import InvalidInputError, RefusedError
from pbxd.i18n import _

ADMINISTRATOR = ""
SHARED = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who a program acts for: its own employee (`extension`), every employee that it names (`as_any`), or nobody.

    One that acts for nobody sees shared contacts alone and makes no calls.
    """

    extension: str = ""
    as_any: bool = False

    def viewer(self, parameter: str, named: str) -> str:
        """Return whose personal contacts count: the employee `named` by a request's parameter, else its own.

        Empty: nobody's. Raises RefusedError `other-employee`.
        """
        if named:
            self.check_acts_for(named, f"{parameter}={named}")
        return named or self.extension

    def agent(self, named: str | None) -> str:
        """Return whose phone a call is made with: the agent `named` in the request, else its own employee's.

        Raises RefusedError `no-employee` or `other-employee`, InvalidInputError where nobody is named.
        """
        if named:
            self.check_acts_for(named, f"agent {named}")
        elif not self.extension:
            self._check_acts(_("calls"))
            raise InvalidInputError("agent", "agent: " + _("missing"))
        return named or self.extension

    def check_acts_for(self, employee: str, what: str) -> None:
        """Raise RefusedError unless it may act for this employee; `what` names the thing refused.

        An empty `employee`: nobody knows whose the thing is, so that only who acts for any may have it.
        """
        if self.as_any or (employee and employee == self.extension):
            return
        if not employee:
            message = _("{what}: it isn't known whose it is; needed is a token made with --as-any")
            raise RefusedError("other-employee" if self.extension else "no-employee", message.format(what=what))
        self._check_acts(what)
        message = _("{what}: this token belongs to {extension}; needed is one made with --as {employee} or --as-any")
        raise RefusedError("other-employee", message.format(what=what, extension=self.extension, employee=employee))

    def _check_acts(self, what: str) -> None:
        if not self.as_any and not self.extension:
            message = _("{what}: this token belongs to no employee; needed is one made with --as EXT or --as-any")
            raise RefusedError("no-employee", message.format(what=what))


ADMINISTRATORS = Actor(as_any=True)  # on this machine's unix socket


def owners_seen(actor: str) -> tuple[str, ...]:
    """Return the owners whose contacts the actor sees."""
    return (SHARED,) if actor == ADMINISTRATOR else (SHARED, actor)


def sees(actor: str, owner: str) -> bool:
    """Tell whether the actor may know of a contact of this owner; who sees one may edit it."""
    return owner in owners_seen(actor)


def sees_personal(actor: str, owner: str) -> bool:
    """Tell whether the actor may know of a personal contact of this owner; one of nobody is nobody's to see."""
    return owner != SHARED and sees(actor, owner)


def owner_of_personal(actor: str, wanted: str) -> str:
    """Return whose a contact becomes that the actor makes personal, for `wanted` if he names somebody.

    Nobody makes one for somebody else but an administrator. Raises RefusedError.
    """
    owner = wanted or actor
    if actor not in (ADMINISTRATOR, owner):
        raise RefusedError("not-owner", _("a personal contact can only be one's own"))
    return owner


def check_delete(actor: str, owner: str, creator: str) -> None:
    """Raise RefusedError unless the actor, who sees the contact, may delete it."""
    if owner == SHARED and actor not in (ADMINISTRATOR, creator):
        raise RefusedError("not-creator", _("only its creator or an administrator may delete a shared contact"))


def check_take_away(actor: str, creator: str) -> None:
    """Raise RefusedError unless the actor may make this shared contact personal, which takes it from all others."""
    if actor not in (ADMINISTRATOR, creator):
        raise RefusedError("not-creator", _("only its creator or an administrator may make a shared contact personal"))


def check_favourites(actor: str) -> None:
    """Raise RefusedError unless the actor is somebody who can have favourites."""
    if actor == ADMINISTRATOR:
        raise RefusedError("no-employee", _("favourites are an employee's: say whose, with --as"))
