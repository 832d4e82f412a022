"""Sessions: signing in with a password or an invitation, and who a session's cookie stands for."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

import structlog

from pbxd.actor import Actor
from pbxd.errors import NotFoundError, RefusedError, UnavailableError, WrongLoginError
from pbxd.i18n import _
from pbxd.logs import Notes
from pbxd.measures import Reading
from pbxd.roles import scopes_of
from pbxd.services.access.passwords import Passwords, checked_password
from pbxd.services.access.session_watch import SessionWatch
from pbxd.services.access.sign_in_throttle import SignInThrottle
from pbxd.settings import UserSettings
from pbxd.storage.access.sessions import Sessions, SignedIn
from pbxd.storage.access.tokens import digest
from pbxd.storage.access.users import User, Users
from pbxd.storage.engine.database import Database

_BYTES = 32  # 256 random bits, as a token has
_USED_EVERY = timedelta(minutes=1)  # so that a session that is used all the time is a small write a minute
_NOTE_SECONDS = 5.0
_CLEAR_EVERY, _COUNT_EVERY = 720, 12  # notes: an hour, a minute
_MARK, _MOST_CALLED = 8, 10_000
_LONGEST_LOGIN, _LONGEST_PASSWORD = 254, 1000  # what is longer is nobody's, and isn't hashed

_log = structlog.stdlib.get_logger(__name__)
_notes = Notes(_log)


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that has begun; `plain` is for the cookie, and kept nowhere."""

    plain: str
    user: User
    longest: timedelta


class UserSessions:
    """Begins, recognises and ends sessions; `follow` is a root task."""

    def __init__(
        self,
        database: Database,
        settings: Callable[[], UserSettings],
        passwords: Passwords | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._users, self._sessions = Users(database), Sessions(database)
        self._watch = SessionWatch(self._sessions)
        self._settings = settings
        self._passwords = passwords or Passwords()
        self._throttle = SignInThrottle(clock)
        self._used: dict[int, datetime] = {}  # uses to write down, by the session's id
        self._counts = {"begun": 0, "refused": 0, "delayed": 0}  # attempts to sign in
        self._open = 0  # sessions, a minute ago at most
        self._users_called: dict[str, str] = {}  # logins of users that were tried, as typed: the user's own
        self._secret = secrets.token_bytes(_BYTES)  # of this process: tells logins of nobody apart, and ends with it

    async def sign_in(self, login: str, password: str, address: str, before: str = "") -> NewSession:
        """Begin a session; `before`: the plain one that the client had, which ends.

        Raises WrongLoginError, RefusedError `too-many` before anything is hashed, UnavailableError.
        """
        login = login.strip()
        if wait := self._throttle.begin(login, address):
            self._counts["delayed"] += 1
            _notes.write("sign_in_delayed", remote=address)
            message = _("too many attempts to sign in; try again in {seconds} seconds")
            raise RefusedError("too-many", message.format(seconds=ceil(wait)), retry_after=wait)
        known = None
        if len(login) <= _LONGEST_LOGIN and len(password) <= _LONGEST_PASSWORD:
            known = await self._users.credentials(login)
            self._note_called(login, known.user if known else None)
        usable = known is not None and known.user.may_sign_in
        hashed = known.password if known is not None and usable else ""
        fits = await self._passwords.verify(hashed, password[:_LONGEST_PASSWORD])
        begun = await self._begin(known.user, hashed, address) if known is not None and fits else None
        if begun is None:
            self._counts["refused"] += 1
            _notes.write("sign_in_refused", remote=address)
            raise WrongLoginError(_("wrong login or password"))
        self._throttle.succeeded(login, address)
        if before:
            await self._sessions.end(digest(before))
        if self._passwords.is_dated(hashed):
            await self._users.rehash(begun.user.id, hashed, await self._passwords.hash(password))
        return begun

    def loggable(self, login: str) -> str:
        """Return what a log may say of a login that was tried: a user's, else `unknown` and a keyed hash.

        What is no user's login may be a password that was typed into the wrong field.
        """
        login = login.strip()
        if called := self._users_called.get(login):
            return called
        mark = hmac.digest(self._secret, login.encode("utf-8", "surrogatepass"), "sha256")
        return f"unknown {mark.hex()[:_MARK]}"

    def _note_called(self, login: str, user: User | None) -> None:
        if user is None:
            self._users_called.pop(login, None)
        else:
            if len(self._users_called) >= _MOST_CALLED:
                self._users_called.clear()
            self._users_called[login] = user.login

    async def invited(self, plain: str) -> User:
        """Return whom an invitation is for; nothing is used up. Raises NotFoundError."""
        user = await self._users.invited(digest(plain), datetime.now(UTC))
        if user is None:
            raise _no_invitation()
        return user

    async def accept(self, plain: str, password: str, address: str) -> NewSession:
        """Set the password by an invitation, which is used up, and begin a session.

        Raises InvalidInputError for a password that can't be set (nothing is used up), NotFoundError.
        """
        user = await self.invited(plain)
        checked = checked_password(password, user.extension, user.email, user.name)
        hashed = await self._passwords.hash(checked)
        accepted = await self._users.accept(digest(plain), hashed, datetime.now(UTC))
        begun = await self._begin(accepted, hashed, address) if accepted else None
        if begun is None:  # used by somebody else meanwhile
            raise _no_invitation()
        return begun

    async def verify(self, plain: str, *, counts: bool = True) -> Actor | None:
        """Return who is signed in with this session; None if it is unknown, ended or too old.

        `counts`: this is a use, which keeps an idle session alive. Raises UnavailableError.
        """
        key, now = digest(plain), datetime.now(UTC)
        found = (await self._sessions.find([key])).get(key)
        if counts and found is not None and self._is_young(found, now) and now - found.used > _USED_EVERY:
            self._used.setdefault(found.id, now)
        return self._actor(found)

    async def still_open(self, plain: str) -> Actor | None:
        """Return who is signed in; the answer may be one second old. For streams, which ask often.

        Does not extend an idle session. Raises UnavailableError.
        """
        return self._actor(await self._watch.find(digest(plain)))

    def _actor(self, found: SignedIn | None) -> Actor | None:
        if found is None or not self._is_young(found, datetime.now(UTC)):
            return None
        login = found.extension or found.email or str(found.user)
        return Actor.signed_in(found.user, login, found.role, scopes_of(found.role), found.extension, found.employee)

    async def sign_out(self, plain: str) -> None:
        """End a session; an unknown one is no mistake."""
        await self._sessions.end(digest(plain))

    async def follow(self) -> None:
        """Write down which sessions were used, and delete old ones, until cancelled."""
        turn = 0
        while True:
            used, self._used = self._used, {}
            with suppress(UnavailableError):  # no loss: the next use is noted
                await self._sessions.note_used(used)
                if turn % _CLEAR_EVERY == 0:
                    await self._clear()
                if turn % _COUNT_EVERY == 0:
                    self._open = await self._sessions.count()
            turn += 1
            await asyncio.sleep(_NOTE_SECONDS)

    def readings(self) -> Iterator[Reading]:
        """Say what is counted."""
        about = "Attempts to sign in, and accepted invitations, by result."
        yield Reading("pbxd_sign_ins_total", about, "counter", lambda: self._counts, ("result",))
        yield Reading("pbxd_sessions", "Sessions that are open.", "gauge", lambda: self._open)

    async def _begin(self, user: User, hashed: str, address: str) -> NewSession | None:
        plain = secrets.token_urlsafe(_BYTES)
        if not await self._sessions.begin(user.id, hashed, digest(plain), address):
            return None
        self._counts["begun"] += 1
        _log.info("session_begun", user=user.id, remote=address)
        return NewSession(plain, user, timedelta(days=self._settings().session_days))

    async def _clear(self) -> None:
        settings, now = self._settings(), datetime.now(UTC)
        idle, longest = timedelta(minutes=settings.session_idle_minutes), timedelta(days=settings.session_days)
        await self._sessions.clear(now - idle - _USED_EVERY, now - longest)

    def _is_young(self, found: SignedIn, now: datetime) -> bool:
        settings = self._settings()
        used = max(found.used, self._used.get(found.id, found.used))
        return now - used < timedelta(minutes=settings.session_idle_minutes) and now - found.created < timedelta(
            days=settings.session_days
        )


def _no_invitation() -> NotFoundError:
    return NotFoundError(_("this link is used up or too old; ask the administrator for another"))
