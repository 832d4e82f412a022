"""The id of a call: our own text, ordered by time, the same whenever the same stream is read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

CALL_PREFIX = "pbxd-"  # of the channel ids that we choose: pbxd-<call id>-<a channel id in the PBX's own form>
ID_LENGTH = 26
_DAY_SECONDS = 86_400
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_CALL_ID = re.compile("[0-9A-HJKMNP-TV-Z]{26}")


@dataclass(frozen=True, slots=True)
class ChannelIds:
    """What the channel ids of a PBX say; the adapter gives it."""

    began: Callable[[str], float | None]  # epoch seconds of the channel's creation; None: the id doesn't say
    place: Callable[[str], int]  # rises from one channel of the PBX to the next; 0: the id doesn't say


def call_id(pbx: str, linkedid: str, began: float) -> str:
    """Return the id of a call: the one we chose for a call we made, else one made of its time and identity.

    `began` is the time in the linkedid where it has one (see `ChannelIds.began`), else the time of the first event. 26
    characters of Crockford's base 32: 48 bits of milliseconds and 80 bits of hash. Ids sort by time, and the same
    stream gives the same ids.
    """
    if linkedid.startswith(CALL_PREFIX) and len(linkedid) >= len(CALL_PREFIX) + ID_LENGTH:
        return linkedid[len(CALL_PREFIX) : len(CALL_PREFIX) + ID_LENGTH]
    digest = hashlib.blake2b(f"{pbx}\0{linkedid}".encode(), digest_size=10).digest()
    return sortable_id(began, int.from_bytes(digest))


def sortable_id(at: float, rest: int) -> str:
    """Return an id in the form of a ULID, of a time in epoch seconds and 80 further bits."""
    value = (int(at * 1000) << 80) | rest
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def is_call_id(text: str) -> bool:
    """Whether a text has the form of a call's id."""
    return _CALL_ID.fullmatch(text) is not None


def beginning(linkedid: str, otherwise: float, ids: ChannelIds) -> float:
    """Return when a call began, by the PBX's clock; `otherwise` where its linkedid doesn't say.

    Ids that we chose have our own clock's time. Ids of other programs may look like the PBX's by chance: their time is
    far off.
    """
    began = None if linkedid.startswith(CALL_PREFIX) else ids.began(linkedid)
    return otherwise if began is None or abs(began - otherwise) >= _DAY_SECONDS else began
