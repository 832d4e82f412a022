"""How guessing of passwords is slowed down: growing delays, counted before anything is hashed. In memory only.

What fails is counted three times: for the login from this address, for the login from everywhere, and for the address
with all logins. Who signed in before from an address is not delayed there by what others do, and a login that has not
failed yet is tried at once also from an address where others fail: an office behind one address is never locked out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

_FORGET_SECONDS = 3600.0  # without a failure
_MOST = 20_000  # of each kind are remembered; beyond it the one that is unused for longest is forgotten


class Limit(NamedTuple):
    """How many failures are free, and how long the delay gets that doubles with each further one."""

    free: int
    longest_seconds: float


PAIR = Limit(5, 300.0)
LOGIN = Limit(20, 60.0)
ADDRESS = Limit(50, 60.0)
_FRESH_SECONDS = 0.2  # between first attempts of different logins from an address where many failed


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0

    def wait(self, limit: Limit, now: float) -> float:
        """Return how many seconds are left until the next attempt."""
        if self.count < limit.free:
            return 0.0
        delay = min(2.0 ** min(self.count - limit.free, 30), limit.longest_seconds)
        return max(0.0, self.last + delay - now)


class _Counters:
    """Failures by key."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._kept: OrderedDict[Hashable, _Failures] = OrderedDict()

    def get(self, key: Hashable, now: float) -> _Failures:
        found = self._kept.get(key)
        if found is None or now - found.last > _FORGET_SECONDS:
            return _Failures()
        return found

    def wait(self, key: Hashable, now: float) -> float:
        return self.get(key, now).wait(self.limit, now)

    def add(self, key: Hashable, now: float) -> None:
        self._kept[key] = _Failures(self.get(key, now).count + 1, now)
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)

    def forget(self, key: Hashable) -> None:
        self._kept.pop(key, None)


class SignInThrottle:
    """Says how long a sign-in has to wait; each attempt counts as failed until `succeeded` says otherwise."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pairs, self._logins, self._addresses = _Counters(PAIR), _Counters(LOGIN), _Counters(ADDRESS)
        self._firsts = _Counters(ADDRESS)  # first attempts of logins, by address
        self._known: OrderedDict[Hashable, None] = OrderedDict()  # pairs that signed in before

    def begin(self, login: str, address: str) -> float:
        """Count an attempt and return 0, or return how many seconds it has to wait: then it doesn't count."""
        now, pair, name, place = self._clock(), *_keys(login, address)
        waits = [self._pairs.wait(pair, now)]
        if pair not in self._known:
            waits += [self._logins.wait(name, now), self._wait_for_address(pair, place, now)]
        if (wait := max(waits)) > 0:
            return wait
        if not self._pairs.get(pair, now).count:
            self._firsts.add(place, now)
        for counters, key in ((self._pairs, pair), (self._logins, name), (self._addresses, place)):
            counters.add(key, now)
        return 0.0

    def succeeded(self, login: str, address: str) -> None:
        """Take back what the attempt counted, and remember that this login belongs to this address."""
        pair, name, place = _keys(login, address)
        now = self._clock()
        self._pairs.forget(pair)
        for counters, key in ((self._logins, name), (self._addresses, place), (self._firsts, place)):
            failures = counters.get(key, now)
            failures.count = max(0, failures.count - 1)
        self._known[pair] = None
        self._known.move_to_end(pair)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def _wait_for_address(self, pair: Hashable, place: Hashable, now: float) -> float:
        if self._pairs.get(pair, now).count:
            return self._addresses.wait(place, now)
        firsts = self._firsts.get(place, now)
        return max(0.0, firsts.last + _FRESH_SECONDS - now) if firsts.count >= ADDRESS.free else 0.0


def _keys(login: str, address: str) -> tuple[Hashable, Hashable, Hashable]:
    """Return the keys of the pair, the login and the address. Of IPv6 the network counts: a client has all of it."""
    name = sha256(login.strip().casefold().encode("utf-8", "surrogatepass")).digest()[:16]
    try:
        parsed = ip_address(address)
    except ValueError:
        place = address
    else:
        place = str(parsed) if not isinstance(parsed, IPv6Address) else _network(parsed)
    return (name, place), name, place


def _network(address: IPv6Address) -> str:
    return str(address.ipv4_mapped or int(address) >> 64)
