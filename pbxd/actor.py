"""Who acts: an employee, an administrator, or a program that stands for nobody. Pure.

Everything that depends on somebody's rights takes an `Actor`. There is no default and no text that stands for one, so
that nobody becomes an administrator because an argument was forgotten. What an actor may do is `pbxd.rights`' business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

Role = Literal["agent", "supervisor", "administrator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and where the request came from.

    An agent without an employee is a program that stands for nobody: shared contacts are all it sees.
    """

    role: Role
    source: str  # for logs and audit: cli, socket, dialplan, daemon, or `token NAME`
    extension: str  # that the employee has now; empty: none
    acts_for_any: bool  # may name any employee to act for

    @classmethod
    def administrator(cls, source: str) -> Self:
        """Return an administrator: on this machine's command line, or a member of the unix socket's group."""
        return cls(role="administrator", source=source, extension="", acts_for_any=True)

    @classmethod
    def agent(cls, extension: str, source: str) -> Self:
        """Return the employee who has this extension."""
        return cls(role="agent", source=source, extension=extension, acts_for_any=False)

    @classmethod
    def token(cls, name: str, extension: str = "", *, acts_for_any: bool = False) -> Self:
        """Return whom a token stands for: its own employee, any employee that a request names, or nobody."""
        return cls(role="agent", source=f"token {name}", extension=extension, acts_for_any=acts_for_any)

    def acting_for(self, extension: str) -> Self:
        """Return the employee that a request names; `rights.acting_for` says whether it may."""
        return replace(self, role="agent", extension=extension, acts_for_any=False)

    @property
    def is_administrator(self) -> bool:
        """Whether this is an administrator."""
        return self.role == "administrator"

    @property
    def is_employee(self) -> bool:
        """Whether this is one certain employee."""
        return bool(self.extension)


DAEMON = Actor.administrator("daemon")  # pbxd's own work; what it reads so is fit for everybody's eyes
