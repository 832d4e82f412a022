"""What SIGHUP may change in a running daemon, and what has to wait for a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pbxd.settings import Settings

SECTIONS = ("queues", "dialing", "logs", "retention")  # taken over whole
KEYS = ("service.language",)  # and these of other sections; everything else is read once, at the start


@dataclass(frozen=True, slots=True)
class Change:
    """A configuration read anew, held against the one in force."""

    settings: Settings  # in force from now on: the new one as far as it can be taken over
    applied: list[str]  # keys with a new value, `section.key`; their values are nobody's business in a log
    pending: list[str]  # keys whose new value needs a restart


def compare(running: Settings, wanted: Settings) -> Change:
    """Take over from `wanted` what can be changed while running."""
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
