"""The present states of phones and calls, and what changed in them of late."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice

from pbxd.services.events.hearing import CALL, STATE, Hearing, frame, state_json
from pbxd.services.events.present import Present, differ, of_phone, over

_KEPT = 5000  # changes in memory

Phones = Mapping[str, str]  # by extension: ringing or talking; the others are free
_Name = tuple[str, str]  # the kind and the subject of a state


class LiveStates:
    """Knows the states as they were at the last look.

    `phones` says whose phones ring or talk now, `everybody` which extensions there are, `calls` what happens in calls.
    """

    def __init__(
        self,
        phones: Callable[[], Phones],
        everybody: Callable[[], Iterable[str]],
        calls: Callable[[], Mapping[str, Present]],
    ) -> None:
        self._phones = phones
        self._everybody = everybody
        self._calls = calls
        self._there: dict[_Name, Present] = {}
        self._changes: deque[tuple[int, str, Present, bytes]] = deque(maxlen=_KEPT)  # number, kind, state, frame
        self.changed = 0  # the number of the last change
        self.took = 0.0  # seconds, the last look
        self._told = False  # something since the last look

    def look(self) -> bool:
        """Take in what phones and calls do now; return whether anything is new."""
        began = time.monotonic()
        now = {(STATE, extension): of_phone(extension, state) for extension, state in self._phones().items()}
        now |= {(CALL, call): present for call, present in self._calls().items()}
        changed = [name for name in {**self._there, **now} if differ(self._there.get(name), now.get(name))]
        at = datetime.now(UTC)
        for kind, subject in changed:
            self.changed += 1
            present = now.get((kind, subject)) or over(kind, self._there[kind, subject])
            text = frame(kind, state_json(at, kind, subject, present.data))
            self._changes.append((self.changed, kind, present, text))
        self._there = now
        self.took = time.monotonic() - began
        fresh, self._told = self._told or bool(changed), False
        return fresh

    def tell(self, kind: str, subject: str, present: Present) -> None:
        """Tell the readers who are there of a state, with what does not last: who comes later hears nothing of it."""
        self.changed += 1
        text = frame(kind, state_json(datetime.now(UTC), kind, subject, present.data))
        self._changes.append((self.changed, kind, present, text))
        self._told = True

    def phones(self) -> dict[str, str]:
        """Return the state of every extension now."""
        return dict.fromkeys(self._everybody(), "free") | dict(self._phones())

    def all(self, hearing: Hearing) -> bytes:
        """Return the frames of all states that this reader may see, with one state for every extension."""
        at = datetime.now(UTC)
        free = {(STATE, extension): of_phone(extension, "free") for extension in self._everybody()}
        return b"".join(
            frame(kind, state_json(at, kind, subject, present.data))
            for (kind, subject), present in sorted({**free, **self._there}.items(), key=_first)
            if _hears(hearing, kind, present)
        )

    def after(self, hearing: Hearing, number: int) -> bytes:
        """Return the frames of the changes after one; of all states if memory no longer has them all."""
        if number == self.changed:
            return b""
        if self._changes[0][0] > number + 1:
            return self.all(hearing)
        fresh = list(islice(reversed(self._changes), self.changed - number))
        return b"".join(text for _number, kind, present, text in reversed(fresh) if _hears(hearing, kind, present))


def _hears(hearing: Hearing, kind: str, present: Present) -> bool:
    return hearing.hears_state(kind, present.extensions, present.queue, present.started)


def _first(item: tuple[_Name, Present]) -> _Name:
    return item[0]
