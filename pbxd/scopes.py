"""What a token may be used for: the scopes that HTTP operations want. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, cast, get_args

from pbxd.errors import InvalidInputError
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
Scopes = frozenset[Scope]
ALL: Final[Scopes] = frozenset(get_args(Scope))
BEFORE_SCOPES: Final[Scopes] = frozenset({"lookup", "calls:read", "calls:make", "queues:read"})  # of older tokens


def checked_scopes(names: Iterable[str]) -> Scopes:
    """Return the scopes with these names. Raises InvalidInputError when there is none, or one that doesn't exist."""
    wanted = frozenset(names)
    known = ", ".join(get_args(Scope))
    if unknown := sorted(wanted - ALL):
        message = _("there is no scope {scope}; there are {known}").format(scope=unknown[0], known=known)
        raise InvalidInputError("scope", message)
    if not wanted:
        raise InvalidInputError("scope", _("name at least one scope: {known}").format(known=known))
    return cast("Scopes", wanted)


def scopes_text(scopes: Scopes) -> str:
    """Return scopes as one text, separated by spaces (RFC 6749, 3.3), in the order of the list above."""
    return " ".join(scope for scope in get_args(Scope) if scope in scopes)


def scopes_from(text: str) -> Scopes:
    """Return the scopes that `scopes_text` wrote; one that this version doesn't know is left out."""
    return cast("Scopes", frozenset(text.split()) & ALL)
