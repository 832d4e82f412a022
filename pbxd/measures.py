"""What a part of pbxd counts and measures, for `/metrics`: cheap enough for every look-up. Pure.

A part keeps plain counts and `Timings`, and its `readings` say what they are. Names follow
https://prometheus.io/docs/practices/naming/: base units, `_total` for what only grows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

STEPS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class Timings:
    """How often something took how long, since the start."""

    __slots__ = ("counts", "total_seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(STEPS) + 1)  # up to each of STEPS, and longer than the last
        self.total_seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count a duration."""
        self.counts[bisect_left(STEPS, seconds)] += 1
        self.total_seconds += seconds


class NamedTimings(defaultdict[str, Timings]):
    """Timings of several kinds, by name."""

    def __init__(self) -> None:
        super().__init__(Timings)

    def observe(self, name: str, seconds: float) -> None:
        """Count a duration of this kind."""
        self[name].observe(seconds)


@dataclass(frozen=True, slots=True)
class Reading:
    """A number that is read when somebody asks."""

    name: str
    about: str
    kind: Literal["gauge", "counter"]
    read: Callable[[], float | Mapping[str, float]]
    labels: tuple[str, ...] = ()  # the words of the mapping's keys, separated by blanks


@dataclass(frozen=True, slots=True)
class Measured:
    """Durations that are read when somebody asks."""

    name: str
    about: str
    read: Callable[[], Timings | NamedTimings]
    labels: tuple[str, ...] = ()  # of NamedTimings: the words of its names, separated by blanks
