"""The configuration of a running daemon: what SIGHUP changes, and what needs a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from pbxd.errors import ConfigurationError
from pbxd.settings import Settings, load

SECTIONS = ("queues", "dialing", "logs", "retention", "users", "webhooks", "recordings")  # of these every key
KEYS = ("service.language",)  # and these keys of other sections; everything else is read once, at the start

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """A new configuration compared with the one in force."""

    settings: Settings  # in force from now on: the new values as far as they can change at run time
    applied: list[str]  # keys with a new value, `section.key`; never the values, since the log must not show secrets
    pending: list[str]  # keys whose new value needs a restart


def compare(running: Settings, wanted: Settings) -> Change:
    """Take from `wanted` what can change at run time."""
    update: dict[str, object] = {name: getattr(wanted, name) for name in SECTIONS}
    for section, name in (key.split(".") for key in KEYS):
        update[section] = getattr(running, section).model_copy(update={name: getattr(getattr(wanted, section), name)})
    settings = running.model_copy(update=update)
    before, now, then = _flat(running), _flat(settings), _flat(wanted)
    return Change(
        settings,
        applied=[key for key in now if now[key] != before[key]],
        pending=[key for key in then if then[key] != now[key]],
    )


class Reloading:
    """Keeps the settings in force, and reads the configuration anew when asked to; `run` is a root task."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._requested = asyncio.Event()

    def request(self) -> None:
        """Ask for the configuration to be read anew."""
        self._requested.set()

    async def run(self, apply: Callable[[Settings], None]) -> None:
        """Read the configuration for ever, whenever asked to; `apply` raises ConfigurationError for one it refuses.

        A configuration that can't be used changes nothing.
        """
        while True:
            await self._requested.wait()
            self._requested.clear()
            try:
                change = compare(self.settings, load(self.settings.source or None))
                apply(change.settings)
            except ConfigurationError as error:
                _log.error("reload_refused", why=str(error))
                continue
            self.settings = change.settings
            _log.warning("reloaded", applied=change.applied, needs_a_restart=change.pending)


def _flat(settings: Settings) -> dict[str, object]:
    sections: Mapping[str, Mapping[str, object]] = settings.model_dump()
    return {f"{section}.{key}": value for section, values in sections.items() for key, value in values.items()}
