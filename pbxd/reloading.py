"""What SIGHUP changes in a running daemon, and what needs a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pbxd.settings import Settings

SECTIONS = ("queues", "dialing", "logs", "retention")  # of these every key
KEYS = ("service.language",)  # and these keys of other sections; everything else is read once, at the start


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


def _flat(settings: Settings) -> dict[str, object]:
    sections: Mapping[str, Mapping[str, object]] = settings.model_dump()
    return {f"{section}.{key}": value for section, values in sections.items() for key, value in values.items()}
