"""What can be chosen on the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """`rounds` of everything that is short; `seconds` of load, `rate` in calls a second at most."""

    rounds: int = 5
    seconds: float = 60.0
    rate: int = 200
