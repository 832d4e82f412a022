"""What holds now: the states of phones and calls, as live events tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pbxd.services.events.hearing import STATE


@dataclass(frozen=True, slots=True)
class Present:
    """A state that holds now, and whom it is about."""

    extensions: frozenset[str]
    data: Mapping[str, Any]
    queue: str = ""  # of a call
    started: datetime | None = None  # of a call


def differ(one: Present | None, other: Present | None) -> bool:
    """Tell whether two states differ; most are the same object."""
    return one is not other and one != other


def of_phone(extension: str, state: str) -> Present:
    """Return the state of a phone."""
    return Present(frozenset({extension}), {"state": state})


def over(kind: str, before: Present) -> Present:
    """Return the state of what isn't there any more: a phone is free, a call is over for all whom it was about."""
    return replace(before, data={"state": "free" if kind == STATE else "over"})
