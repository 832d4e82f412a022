"""How the pages look: language and theme, chosen by a user. A browser keeps both in cookies, for the sign-in's page."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from aiohttp import web

from pbxd import i18n
from pbxd.http.client import client_of
from pbxd.http.context import LANGUAGE_COOKIE
from pbxd.services.access.users import THEMES, User

THEME_COOKIE: Final = "pbxd_theme"
_YEAR_SECONDS: Final = 365 * 24 * 3600


_theme: ContextVar[str] = ContextVar("theme", default=THEMES[0])


def use_theme(request: web.Request) -> None:
    """Show what follows in the theme that was chosen last in this browser."""
    _use(request.cookies.get(THEME_COOKIE, ""))


def use_looks(user: User) -> None:
    """Show what follows as a user chose, in whichever browser; what they did not choose stays as it is."""
    if user.language:
        i18n.use(user.language)
    if user.theme:
        _use(user.theme)


def _use(chosen: str) -> None:
    _theme.set(chosen if chosen in THEMES else THEMES[0])


def theme() -> str:
    """Return the theme of the request that is being answered."""
    return _theme.get()


def keep_looks(request: web.Request, answer: web.StreamResponse, *, language: str, shade: str) -> None:
    """Have the browser keep what was chosen for a year."""
    secure = client_of(request).secure
    for name, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, shade)):
        if value:
            answer.set_cookie(
                name, value, max_age=_YEAR_SECONDS, path="/", httponly=True, secure=secure, samesite="Lax"
            )
