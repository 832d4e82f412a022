"""What a token may be used for: the scopes that HTTP operations want, and those an actor has. Pure."""

from __future__ import annotations

from typing import Final, Literal, get_args

from pbxd.actor import Actor
from pbxd.errors import RefusedError
from pbxd.i18n import _

Scope = Literal[
    "lookup",
    "contacts:read",
    "contacts:write",
    "calls:read",
    "calls:make",
    "queues:read",
    "queues:move",
    "journal:read",
    "journal:write",
    "events",
    "metrics",
    "admin",
]
ALL: Final[frozenset[Scope]] = frozenset(get_args(Scope))
OF_TOKENS: Final[frozenset[Scope]] = frozenset({"lookup", "calls:read", "calls:make", "queues:read"})


class ScopeError(RefusedError):
    """The actor lacks the scope that the operation wants (RFC 6750, `insufficient_scope`)."""

    def __init__(self, scope: Scope) -> None:
        super().__init__("insufficient-scope", _("the token needs the scope {scope}").format(scope=scope))
        self.scope = scope


def scopes_of(actor: Actor) -> frozenset[Scope]:
    """Return the scopes of an actor. Tokens don't name theirs yet, so each has the same ones."""
    return ALL if actor.is_administrator else OF_TOKENS


def check_scope(actor: Actor, scope: Scope) -> None:
    """Raise ScopeError unless the actor has the scope."""
    if scope not in scopes_of(actor):
        raise ScopeError(scope)
