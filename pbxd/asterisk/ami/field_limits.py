"""Limits for the fields of events. Everything that comes from the PBX is checked here before it is used. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pbxd.errors import ProtocolError

LONGEST_ID = 150  # characters: AST_MAX_UNIQUEID in channel.h
LONGEST_TEXT = 255  # of numbers and names; an index of PostgreSQL takes 2,700 bytes
LONGEST_LIST = 4096  # of variables: paths of recordings
_MOST_DIGITS = 9
_TIMESTAMP = re.compile(r"[0-9]{1,11}(\.[0-9]{1,9})?")
_NEVER = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")  # a line feed separates repeated headers
_LISTS = ("ChanVariable", "AppData", "Extra", "extra", "appdata", "lastdata")


def bounded(fields: Mapping[str, str]) -> Mapping[str, str]:
    """Return the fields with every text within its limit. Raises ProtocolError for an id that no PBX makes."""
    if max(map(len, fields.values()), default=0) <= LONGEST_ID and "".join(fields.values()).isprintable():
        return fields
    return {name: _text(name, value) for name, value in fields.items()}


def _text(name: str, value: str) -> str:
    if len(value) <= LONGEST_ID and value.isprintable():
        return value
    if name.lower().endswith(("uniqueid", "linkedid")):
        raise ProtocolError(f"{name}: no id of a channel")
    if name.endswith(_LISTS):
        return _NEVER.sub("\ufffd", value[:LONGEST_LIST])
    return _NEVER.sub("\ufffd", value[:LONGEST_TEXT]).replace("\n", " ")


def is_timestamp(text: str) -> bool:
    """Whether a text is epoch seconds, up to the year 5138, as far as a date goes."""
    return _TIMESTAMP.fullmatch(text) is not None


def whole_number(text: str) -> int:
    """Read a whole number of a few digits; anything else is 0."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else 0
