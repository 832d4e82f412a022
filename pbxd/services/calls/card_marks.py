"""What users did with the cards of their calls: which they closed, and whom they took a caller for. In memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from pbxd.actor import Actor

_MOST = 10_000  # marks of each kind; the oldest are forgotten

_Name = tuple[int, str]  # a user's id and a call's


@dataclass(slots=True)
class CardMarks:
    """Keeps the marks of all users."""

    _closed: dict[_Name, int] = field(default_factory=dict)  # how often the user's phones had begun to ring by then
    _chosen: dict[_Name, int] = field(default_factory=dict)  # the contact's id

    def close(self, actor: Actor, call_id: str, rings: int) -> None:
        """Note that a card is closed; `rings`: how often the user's phones have begun to ring in that call."""
        _note(self._closed, _name(actor, call_id), rings)

    def is_closed(self, actor: Actor, call_id: str, rings: int) -> bool:
        """Tell whether a card is closed. One whose call came back since, so that the phone rang again, is not."""
        return rings <= self._closed.get(_name(actor, call_id), -1)

    def choose(self, actor: Actor, call_id: str, contact: int) -> None:
        """Note which of several contacts the user takes a caller for."""
        _note(self._chosen, _name(actor, call_id), contact)

    def chosen(self, actor: Actor, call_id: str) -> int:
        """Return which contact the user took the caller for; 0: none."""
        return self._chosen.get(_name(actor, call_id), 0)


def _name(actor: Actor, call_id: str) -> _Name:
    return actor.user or 0, call_id


def _note(marks: dict[_Name, int], name: _Name, value: int) -> None:
    marks.pop(name, None)
    marks[name] = value
    while len(marks) > _MOST:
        del marks[next(iter(marks))]
