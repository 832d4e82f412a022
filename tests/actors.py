"""Who acts in tests."""

from __future__ import annotations

from pbxd.actor import Actor

ADMINISTRATOR = Actor.administrator("test")


def agent(extension: str) -> Actor:
    """Return the employee with this extension."""
    return Actor.agent(extension, "test")


def acting(extension: str) -> Actor:
    """Return the employee with this extension; of none, an administrator."""
    return agent(extension) if extension else ADMINISTRATOR
