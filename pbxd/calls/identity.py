"""The id of a call: text of ours, ordered by time, the same whenever the same stream is read."""

from __future__ import annotations

import hashlib

CALL_PREFIX = "pbxd-"  # of the channel ids we choose ourselves: pbxd-<id>-<epoch>.<n>
ID_LENGTH = 26
_DAY_SECONDS = 86_400
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32


def call_id(pbx: str, linkedid: str, started: float) -> str:
    """Return the id of a call: the one we chose for a call we made, else made of its time and identity.

    26 characters of Crockford's base 32, 48 bits of milliseconds and 80 bits of hash, so that ids sort by time and the
    same stream gives the same ids.
    """
    if linkedid.startswith(CALL_PREFIX) and len(linkedid) >= len(CALL_PREFIX) + ID_LENGTH:
        return linkedid[len(CALL_PREFIX) : len(CALL_PREFIX) + ID_LENGTH]
    digest = hashlib.blake2b(f"{pbx}\0{linkedid}".encode(), digest_size=10).digest()
    return sortable_id(epoch_in(linkedid, started), int.from_bytes(digest))


def sortable_id(at: float, rest: int) -> str:
    """Return an id in the form of a ULID, of a time in epoch seconds and 80 further bits."""
    value = (int(at * 1000) << 80) | rest
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def epoch_in(linkedid: str, otherwise: float) -> float:
    """Return the seconds in `[system-]<epoch>.<n>`, which a restart finds again, unlike the first event's time."""
    seconds = linkedid.rpartition("-")[2].partition(".")[0]
    return float(seconds) if seconds.isdecimal() and len(seconds) <= 11 else otherwise  # noqa: PLR2004 - a sane epoch


def beginning(linkedid: str, otherwise: float) -> float:
    """Return when a call began, by the PBX's clock.

    Ids that we chose have our own clock's time, and those of other programs may only look like one, which is far off.
    """
    if linkedid.startswith(CALL_PREFIX):
        return otherwise
    began = epoch_in(linkedid, otherwise)
    return began if abs(began - otherwise) < _DAY_SECONDS else otherwise


def place_of(channel: str) -> int:
    """Return the n in `<epoch>.<n>`, which the PBX counts up (for ids we chose, we do); 0 where there is none."""
    place = channel.rpartition(".")[2]
    return int(place) if place.isdecimal() and len(place) <= 18 else 0  # noqa: PLR2004 - 64 bits
