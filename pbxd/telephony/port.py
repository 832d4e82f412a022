"""What pbxd needs of a PBX: the Protocol that each PBX adapter fulfils, and the values it speaks in. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class Hearing:
    """How far a PBX was heard; the adapter keeps it true while it gives events. Times are the PBX's epoch seconds."""

    heard: float | None = None  # the last time that the PBX told
    lag: float = 0.0  # by how many seconds more than usual its events are late
    clock: Literal["pbx", "arrival"] = "pbx"  # whose time its events carry so far
