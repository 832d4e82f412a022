"""Wait longer and longer between reconnects. Pure, except for chance."""

from __future__ import annotations

import random
from collections.abc import Iterator


def backoff(first: float, longest: float, share: float) -> Iterator[float]:
    """Yield the seconds to wait before each new try: a share of the time waited so far.

    At least `first`, at most `longest`; then a random part of up to half is taken off, so that several clients of a
    restarted PBX don't come back all at once. A peer that was away for T seconds is tried again within `share` x T
    seconds of its return.
    """
    waited = 0.0
    while True:
        nominal = min(max(first, share * waited), longest)
        wait = random.uniform(nominal / 2, nominal)  # noqa: S311 - spreads load, hides nothing
        yield wait
        waited += wait
