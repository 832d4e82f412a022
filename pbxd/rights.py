"""Who may do what. No other module decides this; the table of it is in `pbxd.roles`. Pure.

A contact's owner is the id of the employee whose personal contact it is, or SHARED. It is never an extension, because
an extension can pass to somebody else. Everybody sees and edits shared contacts; their creator or an administrator may
delete them or make them personal. Only its owner sees a personal contact, also in totals, duplicates and histories. An
administrator does not see it either, but may erase it unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from pbxd.actor import Actor
from pbxd.errors import InvalidInputError, RefusedError
from pbxd.i18n import _
from pbxd.roles import TABLE, Role, Sight, role_needed, scopes_of
from pbxd.scopes import Scope

SHARED = 0


@dataclass(frozen=True, slots=True)
class ContactSight:
    """Which contacts somebody sees, by a contact's owner and its manager."""

    owners: tuple[int, ...] = (SHARED,)
    managers: frozenset[int] | None = None  # of shared ones; None: everybody's

    def has(self, owner: int, manager: int) -> bool:
        """Tell whether a contact of this owner and with this manager (0: none) is seen."""
        return owner in self.owners and (owner != SHARED or self.managers is None or manager in self.managers)


class ScopeError(RefusedError):
    """The actor lacks the scope that the operation wants (RFC 6750, `insufficient_scope`)."""

    def __init__(self, scope: Scope) -> None:
        super().__init__("insufficient-scope", _("the token needs the scope {scope}").format(scope=scope))
        self.scope = scope


def check_scope(actor: Actor, scope: Scope) -> None:
    """Raise ScopeError unless the actor has the scope, RefusedError unless their role can use it.

    A token that belongs to nobody has no role of a person: only its scopes count.
    """
    if scope not in actor.scopes and actor.user is None:
        raise ScopeError(scope)
    if actor.is_person and scope not in scopes_of(actor.role):
        _refuse_role(role_needed(scope))


def check_supervisor(actor: Actor) -> None:
    """Raise RefusedError unless the actor is a supervisor or an administrator."""
    if actor.role == "agent":
        _refuse_role("supervisor")


def check_moves_callers(actor: Actor) -> None:
    """Raise RefusedError unless the actor may move waiting callers."""
    check_supervisor(actor)


def check_hears(actor: Actor, *, own: bool) -> None:
    """Raise RefusedError unless the actor may hear the recordings of a call; `own`: they took part in it."""
    if not hears(actor, own=own):
        message = _("only who took part in the call, a supervisor or an administrator may hear its recordings")
        raise RefusedError("not-own-call", message)


def hears(actor: Actor, *, own: bool) -> bool:
    """Tell whether the actor may hear the recordings of a call; `own`: they took part in it."""
    return own or TABLE["hear recordings"].of(actor.role) == "everything"


def calls_seen(actor: Actor) -> Sight:
    """Return whose calls the actor sees: everybody's, those of their departments, or their own.

    The configuration limits people; a token that belongs to nobody has what an administrator gave it.
    """
    return actor.sights.calls if actor.role == "agent" and actor.is_person else "all"


def sees_all_queues(actor: Actor) -> bool:
    """Tell whether the actor sees who waits in every queue."""
    return TABLE["see queues"].of(actor.role) == "everything"


def knows_call_of(actor: Actor, agent: str) -> bool:
    """Tell whether the actor may know of a call that was made for this agent and has no record yet."""
    return calls_seen(actor) == "all" or (bool(agent) and agent == actor.extension)


def contacts_seen(actor: Actor) -> Sight:
    """Return which shared contacts the actor sees: all, or those managed by their departments or by themselves."""
    return actor.sights.contacts if actor.role == "agent" and actor.is_person else "all"


def acting_for(actor: Actor, named: str, parameter: str) -> Actor:
    """Return who acts if a request's parameter names an employee; the actor itself if it names nobody.

    Raises RefusedError `other-employee` or `no-employee`.
    """
    if not named:
        return actor
    check_acts_for(actor, named, f"{parameter}={named}")
    return actor if named == actor.extension else actor.acting_for(named)


def calling_for(actor: Actor, named: str | None, *, rings: bool) -> Actor:
    """Return whose phone makes a call: that of the agent `named` in the request, else the actor's own.

    Without `rings` it is only a plan, which overseers may ask for anybody. Raises RefusedError `no-employee` or
    `other-employee`, InvalidInputError if nobody is named.
    """
    if named and actor.is_overseer and not rings:
        return actor.acting_for(named)
    if named:
        check_acts_for(actor, named, f"agent {named}")
        return acting_for(actor, named, "agent")
    if not actor.is_employee:
        _check_stands_for_somebody(actor, _("calls"))
        raise InvalidInputError("agent", "agent: " + _("missing"))
    return actor


def check_call_of(actor: Actor, agent: str, what: str) -> None:
    """Raise RefusedError unless the actor may follow and end a call of this agent; empty: it is unknown whose."""
    if not actor.is_overseer:
        check_acts_for(actor, agent, what)


def check_acts_for(actor: Actor, employee: str, what: str) -> None:
    """Raise RefusedError unless the actor may act for the employee with this extension; `what` names what is refused.

    An empty `employee`: it is not known whose it is, so only an actor that may act for any employee passes.
    """
    if actor.acts_for_any or (employee and employee == actor.extension):
        return
    if actor.user is not None:
        raise RefusedError("other-employee", _("{what}: only their own employee may do this").format(what=what))
    if not employee:
        message = _("{what}: it isn't known whose it is; needed is a token made with --as-any")
        raise RefusedError("other-employee" if actor.is_employee else "no-employee", message.format(what=what))
    _check_stands_for_somebody(actor, what)
    message = _("{what}: this token belongs to {extension}; needed is one made with --as {employee} or --as-any")
    raise RefusedError("other-employee", message.format(what=what, extension=actor.extension, employee=employee))


def _check_stands_for_somebody(actor: Actor, what: str) -> None:
    if actor.user is not None and not actor.is_employee:
        raise RefusedError("no-employee", _("{what}: you have no extension").format(what=what))
    if not actor.acts_for_any and not actor.is_employee:
        message = _("{what}: this token belongs to no employee; needed is one made with --as EXT or --as-any")
        raise RefusedError("no-employee", message.format(what=what))


def owners_seen(actor: Actor) -> tuple[int, ...]:
    """Return the owners whose contacts the actor sees."""
    return (SHARED, actor.employee) if actor.employee is not None else (SHARED,)


def sees(actor: Actor, owner: int) -> bool:
    """Tell whether the actor may see a contact of this owner; whoever sees it may edit it."""
    return owner in owners_seen(actor)


def sees_card(actor: Actor, owner: int, manager: int) -> bool:
    """Tell whether the actor, whose `managers` are known, may see a contact by its owner and its manager (0: none)."""
    return contact_sight(actor).has(owner, manager)


def contact_sight(actor: Actor) -> ContactSight:
    """Return which contacts the actor, whose `managers` are known, sees."""
    return ContactSight(owners_seen(actor), actor.managers)


def manager_of_added(actor: Actor, manager: int) -> int:
    """Return who manages a shared contact that the actor adds; without one they would not see it if they see few."""
    return manager or (actor.employee or 0 if contacts_seen(actor) != "all" else 0)


def sees_personal(actor: Actor, owner: int) -> bool:
    """Tell whether the actor may see a personal contact of this owner. False for SHARED."""
    return owner != SHARED and sees(actor, owner)


def owner_of_personal(actor: Actor, wanted: int) -> int:
    """Return who owns a contact that the actor makes personal; `wanted`: the employee the request names, or 0.

    Only an administrator may do that for somebody else. Raises RefusedError.
    """
    own = actor.employee or SHARED
    owner = wanted or own
    if owner == SHARED and not actor.is_administrator:
        raise RefusedError("no-employee", _("a personal contact is an employee's: say whose, with --as"))
    if not actor.is_administrator and owner != own:
        raise RefusedError("not-owner", _("a personal contact can only be one's own"))
    return owner


def check_delete(actor: Actor, owner: int, creator: int) -> None:
    """Raise RefusedError unless the actor, who sees the contact, may delete it."""
    if owner == SHARED and not _made(actor, creator):
        raise RefusedError("not-creator", _("only its creator or an administrator may delete a shared contact"))


def check_take_away(actor: Actor, creator: int) -> None:
    """Raise RefusedError unless the actor may make this shared contact personal and so hide it from others."""
    if not _made(actor, creator):
        raise RefusedError("not-creator", _("only its creator or an administrator may make a shared contact personal"))


def may_undo(actor: Actor, importer: int) -> bool:
    """Tell whether the actor may undo this import."""
    return _made(actor, importer)


def check_undo(actor: Actor, importer: int) -> None:
    """Raise RefusedError unless the actor may undo this import."""
    if not may_undo(actor, importer):
        raise RefusedError("not-importer", _("only who imported or an administrator may undo an import"))


def owns_upload(actor: Actor, importer: int, *, personal: bool, same_program: bool = False) -> bool:
    """Tell whether the actor may see the rows of an uploaded import, check it another way, and commit it.

    `personal`: its contacts become the importer's own, so administrators may not. `same_program`: the request comes
    with the token, or from the user, that uploaded the file.
    """
    return same_program or (actor.employee == importer if personal else _made(actor, importer))


def check_commit(actor: Actor, importer: int, *, personal: bool, same_program: bool) -> None:
    """Raise RefusedError unless `owns_upload`."""
    if owns_upload(actor, importer, personal=personal, same_program=same_program):
        return
    if personal:
        raise RefusedError("not-importer", _("only who uploaded the file may do this: its contacts are personal"))
    raise RefusedError("not-importer", _("only who uploaded the file or an administrator may do this"))


def check_administrator(actor: Actor) -> None:
    """Raise RefusedError unless the actor is an administrator."""
    if not actor.is_administrator:
        _refuse_role("administrator")


def check_another_user(actor: Actor, user: int) -> None:
    """Raise RefusedError if the user is the actor: the last administrator could lock themselves out."""
    if actor.user == user:
        raise RefusedError("own-user", _("only another administrator may change your own role or block you"))


def _refuse_role(needed: Role) -> NoReturn:
    if needed == "administrator":
        raise RefusedError("not-administrator", _("only an administrator may do this"))
    raise RefusedError("not-supervisor", _("only a supervisor or an administrator may do this"))


def check_favourites(actor: Actor) -> None:
    """Raise RefusedError unless the actor can have favourites."""
    if not actor.is_employee:
        raise RefusedError("no-employee", _("favourites are an employee's: say whose, with --as"))


def _made(actor: Actor, creator: int) -> bool:
    """Tell whether the actor made it, or is an administrator. What an administrator made belongs to no employee."""
    return actor.is_administrator or (actor.employee is not None and actor.employee == creator)
