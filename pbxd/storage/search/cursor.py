"""Cursors of pages: where the next page goes on. No name and no number stands in one.

A cursor of an order by texts names the last entries of its page by id, each with a short digest of the text: the page
goes on behind the first of them that is still where it was. If that is not the very last one, some entries come again;
none is lost.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.storage.search.filters import FOURTH
from pbxd.storage.tables import HIGHEST_KEY

Key = tuple[Any, ...]  # the values that the page is sorted by; the id is the last one
ReadTexts = Callable[[Collection[int]], Mapping[int, str]]  # the texts by which entries are sorted now, by id
_KINDS: dict[str, tuple[type, ...]] = {
    "rank": (int, int, int), "vip": (bool, int), "changed": (datetime, int), "id": (int, int)
}  # fmt: skip
_NAMED: Final = 5  # entries of a page: so many may change until a cursor can't be used
_DIGEST: Final = 6  # hexadecimal digits of a text's digest: too few to tell the text by


def bound(*wanted: object) -> str:
    """Return what ties a cursor to a filter and a direction."""
    return sha256(repr(wanted).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def written(sort: str, keys: Sequence[Key], tied: str) -> str:
    """Return the cursor after a page with these keys, usable in a URL. `tied`: see `bound`."""
    values: list[Any] = []
    if sort in _KINDS:
        values = [value.isoformat() if isinstance(value, datetime) else value for value in keys[-1]]
    else:
        values = [[key[-1], _digest(key)] for key in reversed(keys[-_NAMED:])]
    return _encoded([sort, tied, *values])


def read(sort: str, after: str, tied: str, texts: ReadTexts) -> Key | None:
    """Return where a cursor of this order goes on; None if it is empty. Raises InvalidInputError (`after`).

    `texts` is asked for entries of an order by texts.
    """
    if not after:
        return None
    key: Key | None = None
    marks: Sequence[tuple[int, str]] = ()
    try:
        made, filters, *values = json.loads(base64.urlsafe_b64decode(after.encode("ascii") + b"=="))
        if sort in _KINDS:
            key = _typed(sort, values)
        else:
            marks = [(_number(entry), str(digest)) for entry, digest in values]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        made = filters = None
    if (made, filters) != (sort, tied):
        raise _refused(after)
    return key or _going_on(marks, texts)


def written_entry(sort: str, entry: str | int, tied: str) -> str:
    """Return the cursor after an entry that stays where it is, such as a call."""
    return _encoded([sort, tied, entry])


def read_entry(sort: str, after: str, tied: str) -> str | int | None:
    """Return the entry that such a cursor names; None if it is empty. Raises InvalidInputError (`after`)."""
    if not after:
        return None
    try:
        made, filters, entry = json.loads(base64.urlsafe_b64decode(after.encode("ascii") + b"=="))
    except (ValueError, TypeError, RecursionError):
        made = filters = entry = None
    if (made, filters) != (sort, tied) or not isinstance(entry, str | int):
        raise _refused(after)
    return entry


def read_number(sort: str, after: str, tied: str) -> int | None:
    """Return the number of the entry that such a cursor names, as `read_entry` does."""
    entry = read_entry(sort, after, tied)
    if entry is not None and (not isinstance(entry, int) or not 0 < entry <= HIGHEST_KEY):
        raise _refused(after)
    return entry


def _encoded(values: Sequence[Any]) -> str:
    text = json.dumps(values, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _refused(after: str) -> InvalidInputError:
    message = _("not a cursor of this list, in this order and with these filters: {text}")
    return InvalidInputError("after", message.format(text=ascii(after[:100])), code="cursor")


def _going_on(marks: Sequence[tuple[int, str]], texts: ReadTexts) -> Key:
    now = texts([entry for entry, _was in marks[:_NAMED]])
    for entry, was in marks[:_NAMED]:
        if entry in now and _digest((now[entry], entry)) == was:
            return now[entry], entry
    message = _("the entries at this cursor were changed meanwhile: begin with the first page")
    raise InvalidInputError("after", message, code="cursor")


def _digest(key: Key) -> str:
    return bound(*key)[:_DIGEST]


def _number(value: Any) -> int:  # noqa: ANN401 - JSON
    if not isinstance(value, int) or not 0 < value <= HIGHEST_KEY:
        raise ValueError(value)
    return value


def _typed(sort: str, values: Sequence[Any]) -> Key:
    """Return the values with the types of their columns. Raises ValueError for values of other types."""
    *key, last = values
    *kinds, _id = _KINDS[sort]
    if sort == "changed":
        key = [datetime.fromisoformat(value).astimezone(UTC) for value in key]
    whole = all(isinstance(value, kind) for value, kind in zip(key, kinds, strict=True))
    numbers = [last, *(value for value in key if isinstance(value, int))]
    if not whole or not isinstance(last, int) or max(map(abs, numbers)) > HIGHEST_KEY:
        raise ValueError(sort)
    if sort == "rank" and key[0] not in range(FOURTH + 1):
        raise ValueError(sort)
    return (*key, last)
