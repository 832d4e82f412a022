"""Cursors of pages of contacts: where the next page goes on."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.storage.search.filters import FOURTH
from pbxd.storage.tables import HIGHEST_KEY

Key = tuple[Any, ...]  # the values that the page is sorted by; the id is the last one
_KINDS: dict[str, tuple[type, ...]] = {
    "rank": (int, int, int), "vip": (bool, int), "changed": (datetime, int), "id": (int, int)
}  # fmt: skip


def written(sort: str, key: Key) -> str:
    """Return the cursor after an entry of a page, usable in a URL."""
    values = [value.isoformat() if hasattr(value, "isoformat") else value for value in key]
    return base64.urlsafe_b64encode(json.dumps([sort, *values], ensure_ascii=False).encode()).decode()


def read(sort: str, after: str) -> Key | None:
    """Return where a cursor of this order goes on; None if it is empty. Raises InvalidInputError (`after`)."""
    if not after:
        return None
    try:
        made, *values = json.loads(base64.urlsafe_b64decode(after.encode("ascii", "strict")))
        if made == sort:
            return _typed(sort, values)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        pass
    raise InvalidInputError("after", _("not a cursor of this order: {text}").format(text=ascii(after[:100])))


def _typed(sort: str, values: Sequence[Any]) -> Key:
    """Return the values with the types of their columns. Raises ValueError for values of other types."""
    *key, last = values
    *kinds, _number = _KINDS.get(sort, (str, int))
    if sort == "changed":
        key = [datetime.fromisoformat(value).astimezone(UTC) for value in key]
    whole = all(isinstance(value, kind) for value, kind in zip(key, kinds, strict=True))
    numbers = [last, *(value for value in key if isinstance(value, int))]
    if not whole or not isinstance(last, int) or max(map(abs, numbers)) > HIGHEST_KEY:
        raise ValueError(sort)
    if sort == "rank" and key[0] not in range(FOURTH + 1):
        raise ValueError(sort)
    return (*key, last)
