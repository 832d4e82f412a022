"""What no page may do: log an error, break its Content-Security-Policy, raise, or ask another host."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, WebError

# Chromium logs each answer with an error status, and what it could not get. To listen to all requests and answers
# would be twice the work.
_STATUS = re.compile(r"^Failed to load resource: the server responded with a status of (\d+)")
_PARTS = ("/static/", "/favicon.ico")


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

    def check(self) -> None:
        """Fail if something was found that is not allowed."""
        wrong = [one for one in self.found if not any(pattern.search(one) for pattern in self._allowed)]
        assert not wrong, "the browser saw:\n" + "\n".join(wrong)

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        url = urlsplit(message.location["url"])
        if answer := _STATUS.match(message.text):
            status = int(answer[1])
            if status >= 500 or url.path.startswith(_PARTS):
                self.found.append(f"{status} for {message.location['url']}")
        elif url.netloc not in {"", self._host}:
            self.found.append(f"another host was asked: {message.location['url']}")
        else:
            self.found.append(f"console: {message.text}")

    def _raised(self, error: WebError) -> None:
        self.found.append(f"error of the page: {error.error}")
