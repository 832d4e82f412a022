"""Logging (structlog): one line a fact, JSON unless on a terminal. Above DEBUG no line shows who somebody is."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

from pbxd.settings import LogSettings

# Seven digits or more, with or without separators. Not a date (2026-11-22), not the end of a channel name (-0000002a),
# not seconds with a fraction, as in Asterisk's unique ids.
_NUMBER = re.compile(
    r"(?<![\w.])(?!\d{4}-\d\d-\d\d(?!\d))(?!(?<=-)0[0-9a-f]{7}\b)\+?\d(?:[ ()-]{0,2}\d){6,}+(?!\.\d)", re.IGNORECASE
)
_SHOWN_DIGITS = 2  # the last digits: enough to tell apart two calls of one minute
# Fields that hold names or numbers of people. Other fields are only searched for numbers.
_NAMES = frozenset({"name", "names", "company", "caller_name", "callee_name", "contact_name", "manager_name", "title"})
_NUMBERS = frozenset({"number", "numbers", "caller", "callee", "dialled", "target", "extension_digits"})
# Fields whose long digits are not a phone number.
_TECHNICAL = frozenset(
    {"timestamp", "level", "logger", "id", "version", "address", "folder", "socket", "file", "place"}
)


_NOTE_SECONDS = 10.0  # at most one log line of a kind in this time
_REMINDER_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class Notes:
    """Write at most one log line of a kind in _NOTE_SECONDS, so that no attack or bug can fill the disk."""

    def __init__(self, log: structlog.stdlib.BoundLogger) -> None:
        self._log = log
        self._quiet_until: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def write(self, event: str, level: int = logging.WARNING, **facts: object) -> None:
        """Write a line, or count it as `suppressed` for the next line of its kind."""
        now = time.monotonic()
        if now < self._quiet_until.get(event, 0.0):
            self._suppressed[event] = self._suppressed.get(event, 0) + 1
            return
        self._quiet_until[event] = now + _NOTE_SECONDS
        self._log.log(level, event, suppressed=self._suppressed.pop(event, 0), **facts)


class Complaints:
    """Logs a failing link when the kind of failure changes, and at most once a minute while it stays."""

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._clock = clock
        self._last = ""
        self._told = 0.0

    def tell(self, event: str, why: str, *, error: bool = False) -> None:
        """Log `event` (a log event's name) if it is news or a reminder is due; as an error, or a warning."""
        now = self._clock()
        if event != self._last or now - self._told >= _REMINDER_SECONDS:
            self._last, self._told = event, now
            _log.log(logging.ERROR if error else logging.WARNING, event, address=self._address, why=why)

    def forget(self) -> None:
        """Take the next failure for news: the link was up meanwhile."""
        self._last = ""


def masked(_logger: object, _method: str, facts: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask people's numbers (`…67`) and names (`Ф…`) in a log line. A structlog processor."""
    for key, value in facts.items():
        if key not in _TECHNICAL:
            facts[key] = _masked(key, value)
    return facts


def _masked(key: str, value: Any) -> Any:  # noqa: ANN401 - whatever was logged
    if isinstance(value, str):
        if key in _NAMES:
            return f"{value[:1]}…" if value else value
        if key in _NUMBERS:
            return f"…{value[-_SHOWN_DIGITS:]}" if len(value) > _SHOWN_DIGITS else value
        return _NUMBER.sub(_ending, value)
    if isinstance(value, Mapping):
        return {inner: _masked(str(inner), one) for inner, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked(key, one) for one in value]
    return value


def _ending(number: re.Match[str]) -> str:
    return "…" + "".join(filter(str.isdigit, number[0]))[-_SHOWN_DIGITS:]


def configure(settings: LogSettings) -> None:
    """Send all log lines, also of libraries, to stderr in the configured format. Level `debug` masks nothing."""
    console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    # Mask here and not above: loggers keep the processors of their first line, and a reload may end level `debug`.
    masking = [] if settings.level == "debug" else [masked]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *masking, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for chatty in ("aiohttp.access", "aiosqlite"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Our own lines say the same; panoramisk would print whole actions, with the secret of the login.
    logging.getLogger("panoramisk").setLevel(logging.CRITICAL + 1)
