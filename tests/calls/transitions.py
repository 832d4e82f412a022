"""Which of the tracker's transitions are tried: `python -m tests.calls.transitions` prints the table.

A row for every kind of event, a column for what the call was doing when it came (`-`: the channel is unknown then).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from typing import get_args

from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.calls import events as ev
from pbxd.calls.record import PARTS
from pbxd.calls.tracker import Tracker
from pbxd.numbers import NumberRules
from tests.calls.histories import FLOWS, Maker, channels_of, events_of

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
STATES = ("-", *PARTS)
KINDS = sorted(kind.__name__ for kind in get_args(ev.Event))
MADE_UP = 200  # histories

Transitions = Counter[tuple[str, str]]


def transitions(events: Iterable[ev.Event]) -> Transitions:
    """Count what a tracker meets in a history: (state before, kind of event)."""
    follow = Tracker("pbx", RULES, CHANNEL_IDS)
    met: Transitions = Counter()
    for event in events:
        homes = [follow.registry.call_of(channel) for channel in channels_of(event)]
        states = {home.part for home in homes if home is not None}
        for state in states or {"-"}:
            met[state, type(event).__name__] += 1
        follow.feed(event)
    return met


def of_captures() -> Transitions:
    """Count over all captures."""
    return sum((transitions(events_of(flow)) for flow in FLOWS), Counter())


def of_made_up() -> Transitions:
    """Count over made-up histories, always the same ones."""
    return sum((transitions(Maker(Random(number)).make(80)) for number in range(MADE_UP)), Counter())


def table(captures: Transitions, made_up: Transitions) -> Iterator[str]:
    """Yield the lines: seen in captures / in made-up histories."""
    yield f"{'event':18}" + "".join(f"{state:>14}" for state in STATES)
    for kind in KINDS:
        cells = (f"{captures[state, kind]}/{made_up[state, kind]}" for state in STATES)
        yield f"{kind:18}" + "".join(f"{cell if cell != '0/0' else '.':>14}" for cell in cells)
    tried = {key for key in captures + made_up if key[0] != "-"}
    yield f"{len(tried)} of {len(KINDS) * len(PARTS)} tried, {len(captures)} of them in captures"


if __name__ == "__main__":
    print("\n".join(table(of_captures(), of_made_up())))
