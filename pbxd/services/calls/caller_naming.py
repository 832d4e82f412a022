"""Who a caller is, and how much of it each asker sees: one policy for the dialplan, HTTP, the command line and queues.

- Only shared contacts name a caller for everybody; a personal one names a caller for its owner alone.
- A colleague is named only when the call comes from `inside`, which the asker has to say: from outside anybody may send
  an extension, or a colleague's mobile, as the number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from pbxd.actor import DAEMON, Actor
from pbxd.lookup.answers import Caller
from pbxd.lookup.matching import Match
from pbxd.lookup.partial_index import excerpt
from pbxd.measures import Measured, NamedTimings
from pbxd.numbers import parse
from pbxd.services.workspace import Workspace

LookUp = Callable[[str, Actor], Match]  # of a number, for whose eyes


class CallerNaming:
    """Names callers from the index in memory; `lookup` is the index's."""

    def __init__(self, lookup: LookUp) -> None:
        self._lookup = lookup
        self.timings = NamedTimings()  # by what a look-up found

    def name(self, number: str, actor: Actor, *, inside: bool) -> Caller:
        """Look a caller up; never waits.

        The personal contacts of `actor` may be used; `inside`: the call is from our own extension.
        """
        began = time.perf_counter()
        public = self.match(number, DAEMON, inside=inside)
        own = self.match(number, actor, inside=inside) if actor.is_employee else public
        self.timings.observe(own.status, time.perf_counter() - began)
        return Caller(own, public)

    def match(self, number: str, actor: Actor, *, inside: bool) -> Match:
        """Return who has a number, as an actor sees it; not counted in the metrics."""
        match = self._lookup(number, actor)
        return match if inside else without_colleagues(match)

    def readings(self) -> Iterator[Measured]:
        """Say what is measured."""
        yield Measured("pbxd_lookup_seconds", "Look-ups in the index, by result.", lambda: self.timings, ("result",))


async def name_from_database(workspace: Workspace, actor: Actor, number: str, *, inside: bool) -> Caller:
    """Look a caller up in the database, as `CallerNaming.name` does in memory: for commands without a daemon."""
    parsed = parse(number, workspace.rules)
    book = await excerpt(workspace.database, [parsed.value] if parsed.kind == "e164" else [], actor)
    return CallerNaming(lambda _number, whose: book.lookup(parsed, whose)).name(number, actor, inside=inside)


def without_colleagues(match: Match) -> Match:
    """Return a match for a call from outside: nobody is a colleague."""
    if not (match.employee or match.rivals):
        return match
    others = tuple(rival for rival in match.rivals if rival.kind != "employee")
    if match.status == "employee":
        return Match("unknown", match.number, rule=match.rule, rivals=others)
    return match._replace(rivals=others)
