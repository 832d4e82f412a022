"""What no page may do: log an error, break its Content-Security-Policy, raise, or ask another host."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Request, Response, WebError

# Chromium logs each answer with an error status; those are judged by the answer itself.
_STATUS = re.compile(r"^Failed to load resource: the server responded with a status of \d+")
_PARTS = {"stylesheet", "script", "image", "font", "media", "manifest"}
_OWN = {"data", "blob", "about"}


class Watch:
    """Collect what went wrong in all pages of one site."""

    def __init__(self, url: str) -> None:
        self.found: list[str] = []
        self._host = urlsplit(url).netloc
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Let pass what a test brings about on purpose, such as `ERR_CONNECTION_REFUSED` of a pbxd that it stops."""
        self._allowed.append(re.compile(pattern))

    def attach(self, context: BrowserContext) -> None:
        """Watch all pages of a context."""
        context.on("console", self._logged)
        context.on("weberror", self._raised)
        context.on("request", self._asked)
        context.on("response", self._answered)

    def check(self) -> None:
        """Fail if something was found that is not allowed."""
        wrong = [one for one in self.found if not any(pattern.search(one) for pattern in self._allowed)]
        assert not wrong, "the browser saw:\n" + "\n".join(wrong)

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not _STATUS.match(message.text):
            self.found.append(f"console: {message.text}")

    def _raised(self, error: WebError) -> None:
        self.found.append(f"error of the page: {error.error}")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in _OWN and parts.netloc != self._host:
            self.found.append(f"another host was asked: {request.url}")

    def _answered(self, response: Response) -> None:
        missing = response.status >= 400 and response.request.resource_type in _PARTS
        if missing or response.status >= 500:
            self.found.append(f"{response.status} for {response.request.method} {response.url}")
