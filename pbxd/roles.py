"""The one table of who may do what: for each act its scope, and how far each role reaches. Pure.

`pbxd.rights` enforces it, docs/rights.md shows it, and a test walks every HTTP operation against it.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

from pbxd.scopes import Scope, Scopes

Role = Literal["agent", "supervisor", "administrator"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
Reach = Literal[
    "nothing",
    "own",  # what belongs to oneself
    "seen",  # what one sees
    "as set",  # `users.agents_see_calls` or `users.agents_see_contacts` decides
    "everything",
]
Sight = Literal["all", "department", "own"]  # what those settings may say
Act = Literal[
    "look up numbers",
    "see shared contacts",
    "see personal contacts",
    "add and change shared contacts",
    "delete shared contacts",
    "undo imports",
    "see calls",
    "make calls",
    "follow and end calls",
    "hear recordings",
    "see queues",
    "move callers",
    "see the journal",
    "write the journal",
    "hear events",
    "read metrics",
    "administer",
]


class Reaches(NamedTuple):
    """How far each role reaches with an act, and the scope that a token needs for it."""

    scope: Scope
    agent: Reach
    supervisor: Reach
    administrator: Reach

    def of(self, role: Role) -> Reach:
        """Return how far a role reaches."""
        reach: Reach = getattr(self, role)
        return reach


TABLE: Final[dict[Act, Reaches]] = {
    "look up numbers": Reaches("lookup", "everything", "everything", "everything"),
    "see shared contacts": Reaches("contacts:read", "as set", "everything", "everything"),
    "see personal contacts": Reaches("contacts:read", "own", "own", "own"),
    "add and change shared contacts": Reaches("contacts:write", "seen", "everything", "everything"),
    "delete shared contacts": Reaches("contacts:write", "own", "own", "everything"),
    "undo imports": Reaches("contacts:write", "own", "own", "everything"),
    "see calls": Reaches("calls:read", "as set", "everything", "everything"),
    "make calls": Reaches("calls:make", "own", "own", "own"),
    "follow and end calls": Reaches("calls:make", "own", "everything", "everything"),
    "hear recordings": Reaches("calls:read", "own", "everything", "everything"),
    "see queues": Reaches("queues:read", "everything", "everything", "everything"),
    "move callers": Reaches("queues:move", "nothing", "everything", "everything"),
    "see the journal": Reaches("journal:read", "seen", "everything", "everything"),
    "write the journal": Reaches("journal:write", "seen", "everything", "everything"),
    "hear events": Reaches("events", "seen", "seen", "seen"),
    "read metrics": Reaches("metrics", "nothing", "nothing", "everything"),
    "administer": Reaches("admin", "nothing", "nothing", "everything"),
}


class Sights(NamedTuple):  # a tuple, because every request compares two
    """What agents see, as the configuration says."""

    calls: Sight = "all"
    contacts: Sight = "all"


def scopes_of(role: Role) -> Scopes:
    """Return the scopes that a role can use at all: all that a session has."""
    return _SCOPES[role]


def role_needed(scope: Scope) -> Role:
    """Return the lowest role that can use a scope."""
    return next(role for role in ROLES if scope in _SCOPES[role])


def role_of_token(scopes: Scopes) -> Role:
    """Return the role of a token that belongs to no employee: the lowest that its scopes about others' work need.

    Only an administrator makes tokens, so that naming `admin` or `queues:move` is their decision.
    """
    if "admin" in scopes:
        return "administrator"
    return "supervisor" if "queues:move" in scopes else "agent"


_SCOPES: Final[dict[Role, Scopes]] = {
    role: frozenset(row.scope for row in TABLE.values() if row.of(role) != "nothing") for role in ROLES
}
