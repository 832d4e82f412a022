"""Who acts: an employee, an administrator, or a program that stands for nobody. Pure.

Everything that depends on somebody's rights takes an `Actor`. There is no default and no text that stands for one, so
that nobody becomes an administrator because an argument was forgotten. What an actor may do is `pbxd.rights`' business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from pbxd.roles import Role, Sights
from pbxd.scopes import ALL, Scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and where the request came from.

    An agent without an employee is a program that stands for nobody: shared contacts are all it sees.
    """

    role: Role
    source: str  # for logs and audit: cli, socket, dialplan, daemon, `token 3 NAME`, or `user 101`
    extension: str  # that the employee has now; empty: none
    employee: int | None  # the id; None: no employee, or not asked yet: then `extension` says who
    acts_for_any: bool  # may name any employee to act for
    scopes: Scopes  # which HTTP operations they may use
    user: int | None = None  # the id of the user who is signed in; None: nobody is
    sights: Sights = Sights()  # noqa: RUF009 - a tuple; what agents see, as the configuration says
    managers: frozenset[int] | None = None  # whose shared contacts they see; None: everybody's, or not asked yet

    @classmethod
    def administrator(cls, source: str) -> Self:
        """Return an administrator: on this machine's command line, or a member of the unix socket's group."""
        return cls(role="administrator", source=source, extension="", employee=None, acts_for_any=True, scopes=ALL)

    @classmethod
    def agent(cls, extension: str, source: str, employee: int | None = None) -> Self:
        """Return the employee who has this extension, or the one with this id whatever extension they have."""
        return cls(role="agent", source=source, extension=extension, employee=employee, acts_for_any=False, scopes=ALL)

    @classmethod
    def token(
        cls,
        name: str,
        extension: str = "",
        employee: int | None = None,
        *,
        acts_for_any: bool = False,
        scopes: Scopes,
        role: Role = "agent",
    ) -> Self:
        """Return whom a token acts for: its own employee, any employee that a request names, or nobody."""
        return cls(
            role=role,
            source=f"token {name}",
            extension=extension,
            employee=employee,
            acts_for_any=acts_for_any,
            scopes=scopes,
        )

    @classmethod
    def signed_in(cls, user: int, login: str, role: Role, scopes: Scopes, extension: str, employee: int | None) -> Self:
        """Return a user who is signed in: an employee, or an administrator without a phone."""
        return cls(
            role=role,
            source=f"user {login}",
            extension=extension,
            employee=employee,
            acts_for_any=False,
            scopes=scopes,
            user=user,
        )

    def seeing(self, sights: Sights) -> Self:
        """Return the actor with what the configuration lets agents see."""
        return self if self.sights == sights else replace(self, sights=sights)

    def acting_for(self, extension: str) -> Self:
        """Return the employee that a request names; `rights.acting_for` says whether it may."""
        return replace(self, role="agent", extension=extension, employee=None, acts_for_any=False, managers=None)

    def known_as(self, employee: int | None) -> Self:
        """Return the actor with the id of its employee."""
        return replace(self, employee=employee)

    @property
    def is_administrator(self) -> bool:
        """Whether this is an administrator."""
        return self.role == "administrator"

    @property
    def is_overseer(self) -> bool:
        """Whether this is a person whose role reaches beyond their own work."""
        return self.role != "agent" and self.is_person

    @property
    def is_person(self) -> bool:
        """Whether this is one certain employee, or a user who is signed in."""
        return self.user is not None or self.is_employee

    @property
    def is_employee(self) -> bool:
        """Whether this is one certain employee."""
        return self.employee is not None or bool(self.extension)


DAEMON = Actor.administrator("daemon")  # pbxd's own work; what it reads so is fit for everybody's eyes
