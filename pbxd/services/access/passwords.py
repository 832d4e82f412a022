"""Passwords as argon2id hashes: one hash at a time, in a thread, so that look-ups keep the processor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from pbxd.errors import InvalidInputError, UnavailableError
from pbxd.i18n import _

SHORTEST, LONGEST = 10, 200  # characters
MOST_WAITING = 32  # sign-ins that may wait for the hasher; more are refused
_COMMON: Final = frozenset(
    {"1234567890", "0123456789", "0987654321", "qwertyuiop", "йцукенгшщз", "password12", "passw0rd12", "1q2w3e4r5t"}
)
Result = TypeVar("Result")


class Passwords:
    """Hashes and verifies passwords; one for each process."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        # RFC 9106's second recommendation with one lane: one thread of the two or more that the machine has.
        self._hasher = hasher or PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
        self._thread = ThreadPoolExecutor(
            1, "passwords"
        )  # the only one: also a request that was given up keeps its turn
        self._waiting = 0
        self._nobodys = ""  # what a password is compared with where there is no user: it takes the same time

    async def hash(self, password: str) -> str:
        """Return the hash of a password. Raises UnavailableError when too many wait."""
        return await self._work(lambda: self._hasher.hash(password))

    async def verify(self, hashed: str, password: str) -> bool:
        """Tell whether a password has this hash; no hash takes as long and is no. Raises UnavailableError."""
        if not self._nobodys:
            self._nobodys = await self.hash("nobody's password")
        fits = await self._work(lambda: self._fits(hashed or self._nobodys, password))
        return fits and bool(hashed)

    def is_dated(self, hashed: str) -> bool:
        """Tell whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerifyMismatchError, InvalidHashError):
            return False

    async def _work(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= MOST_WAITING:
            raise UnavailableError(_("too many people sign in at this moment; try again"))
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1


def checked_password(password: str, *names: str) -> str:
    """Return a password that may be set. `names`: what it must not be. Raises InvalidInputError."""
    if len(password) < SHORTEST:
        raise InvalidInputError("password", _("the password needs at least {count} characters").format(count=SHORTEST))
    if len(password) > LONGEST:
        raise InvalidInputError("password", _("the password has more than {count} characters").format(count=LONGEST))
    known = password.casefold()
    if known in _COMMON or len(set(known)) <= 2 or known in {name.casefold() for name in names if name}:  # noqa: PLR2004 - one character or two by turns
        raise InvalidInputError("password", _("the password is too easy to guess"))
    return password
