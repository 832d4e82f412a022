"""The `pbxd ID` of a card in our own exports: it tells which card a row is about. Pure.

A mark is the card's id and a check of when the card was made: `12-bkgtrqcd`. A card of another book that has the same
id has another check, so a file can't change the wrong card. The check has letters alone: spreadsheets would make dates
and numbers of digits.
"""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from functools import lru_cache

_LETTERS = str.maketrans("0123456789abcdef", "bcdfghjklmnpqrst")
_MARK = re.compile(r"(\d{1,18})-[bcdfghjklmnpqrst]{8}")


def card_mark(contact_id: int, created: datetime) -> str:
    """Return the mark of a card."""
    return f"{contact_id}-{_check(created)}"


@lru_cache(maxsize=1000)  # the cards that an import writes in one transaction were made in one moment
def _check(created: datetime) -> str:
    check = zlib.crc32(created.astimezone(UTC).isoformat(timespec="microseconds").encode())
    return f"{check:08x}".translate(_LETTERS)


def marked_id(mark: str) -> int:
    """Return the id in a mark; 0 where the text is none."""
    found = _MARK.fullmatch(mark)
    return int(found[1]) if found else 0
