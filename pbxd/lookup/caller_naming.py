"""What a look-up tells about a caller: one policy, whether the dialplan asks by FastAGI or a program over HTTP. Pure.

- Only shared contacts name a caller for everybody; a personal one is told to its owner alone.
- A colleague is named only when the call comes from `inside`, which the asker has to say: from outside anybody may send
  an extension, or a colleague's mobile, as his number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pbxd.actor import DAEMON, Actor
from pbxd.lookup.matching import Match, phone_text

LookUp = Callable[[str, Actor], Match]  # of a number, for whose eyes


class Caller(NamedTuple):
    """Who calls."""

    match: Match  # for the eyes of whoever asks
    public: Match  # for everybody's

    @property
    def display(self) -> str:
        """What every phone may show; empty: what the trunk sent."""
        return phone_text(self.public)

    @property
    def private(self) -> str:
        """What only the asker's own phone may show; empty where it is `display`."""
        own = phone_text(self.match)
        return "" if own == self.display else own


def name_caller(lookup: LookUp, number: str, actor: Actor, *, inside: bool) -> Caller:
    """Look a caller up. The personal contacts of `actor` may be used; `inside`: the call is from our own extension."""
    public = told(lookup(number, DAEMON), inside=inside)
    return Caller(told(lookup(number, actor), inside=inside) if actor.is_employee else public, public)


def told(match: Match, *, inside: bool) -> Match:
    """Return what may be told of a match: from outside nobody is a colleague."""
    if inside or not (match.employee or match.rivals):
        return match
    others = tuple(rival for rival in match.rivals if rival.kind != "employee")
    if match.status == "employee":
        return Match("unknown", match.number, rule=match.rule, rivals=others)
    return match._replace(rivals=others)
