"""What users did with the cards of their calls: which they closed, and whom they took a caller for. In memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from pbxd.actor import Actor

_MOST = 500  # marks of each kind that one user has; the oldest are forgotten, so that nobody pushes others' out

_Marks = defaultdict[int, dict[str, int]]  # by a user's id and a call's


def _none() -> _Marks:
    return defaultdict(dict)


@dataclass(slots=True)
class CardMarks:
    """Keeps the marks of all users."""

    _closed: _Marks = field(default_factory=_none)  # how often the user's phones had begun to ring by then
    _chosen: _Marks = field(default_factory=_none)  # the contact's id

    def close(self, actor: Actor, call_id: str, rings: int) -> None:
        """Note that a card is closed; `rings`: how often the user's phones have begun to ring in that call."""
        _note(self._closed[actor.user or 0], call_id, rings)

    def is_closed(self, actor: Actor, call_id: str, rings: int) -> bool:
        """Tell whether a card is closed. One whose call came back since, so that the phone rang again, is not."""
        return rings <= self._closed[actor.user or 0].get(call_id, -1)

    def choose(self, actor: Actor, call_id: str, contact: int) -> None:
        """Note which of several contacts the user takes a caller for."""
        _note(self._chosen[actor.user or 0], call_id, contact)

    def chosen(self, actor: Actor, call_id: str) -> int:
        """Return which contact the user took the caller for; 0: none."""
        return self._chosen[actor.user or 0].get(call_id, 0)


def _note(marks: dict[str, int], call_id: str, value: int) -> None:
    marks.pop(call_id, None)
    marks[call_id] = value
    while len(marks) > _MOST:
        del marks[next(iter(marks))]
