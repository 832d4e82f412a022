"""How a browser shows the pages: language and theme, chosen by its user and kept in cookies of this browser."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from aiohttp import web

from pbxd.http.client import client_of
from pbxd.http.context import LANGUAGE_COOKIE

THEME_COOKIE: Final = "pbxd_theme"
THEMES: Final = ("auto", "light", "dark")
_YEAR_SECONDS: Final = 365 * 24 * 3600


_theme: ContextVar[str] = ContextVar("theme", default=THEMES[0])


def use_theme(request: web.Request) -> None:
    """Show what follows as the browser's user chose; `auto` follows the system."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    _theme.set(chosen if chosen in THEMES else THEMES[0])


def theme() -> str:
    """Return the theme of the request that is being answered."""
    return _theme.get()


def keep_looks(request: web.Request, answer: web.StreamResponse, *, language: str, shade: str) -> None:
    """Have the browser keep a choice for a year; an empty language follows the browser's own."""
    secure = client_of(request).secure
    for name, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, shade)):
        age = _YEAR_SECONDS if value else 0
        answer.set_cookie(name, value, max_age=age, path="/", httponly=True, secure=secure, samesite="Lax")
