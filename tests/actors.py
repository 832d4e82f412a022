"""Who acts in tests."""

from __future__ import annotations

from pbxd.actor import Actor
from pbxd.scopes import BEFORE_SCOPES, Scopes

ADMINISTRATOR = Actor.administrator("test")


def agent(extension: str) -> Actor:
    """Return the employee with this extension."""
    return Actor.agent(extension, "test")


def acting_token(
    name: str,
    extension: str = "",
    employee: int | None = None,
    *,
    acts_for_any: bool = False,
    scopes: Scopes = BEFORE_SCOPES,
) -> Actor:
    """Return whom a token of this name acts for, with the scopes that most tests want."""
    return Actor.token(name, extension, employee, acts_for_any=acts_for_any, scopes=scopes)


def acting(extension: str) -> Actor:
    """Return the employee with this extension; of none, an administrator."""
    return agent(extension) if extension else ADMINISTRATOR
