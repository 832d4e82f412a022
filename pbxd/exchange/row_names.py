"""The name of a contact from the columns of a row: a whole name, or its parts in any order and any subset. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from pbxd.book.texts import folded

_CYRILLIC = re.compile(r"[А-Яа-яЁё]")


def joined_name(text: Callable[[str], str]) -> tuple[str, str]:
    """Return the name, and words of its parts that are not in it. `text` gives the text of an import column.

    A whole name beside a surname or a patronymic that it doesn't have is a first name: «Имя» beside «Отчество».
    """
    name = text("name")
    first, middle, last = text("first_name"), text("middle_name"), text("last_name")
    if not (first or middle or last):
        return name, ""
    parts = f"{first} {middle} {last}"
    if name and _has(name, parts):
        return name, ""
    if not name or _has(parts, name):
        return _ordered(first, middle, last), ""
    if not first:
        if last and not _has(name, last):
            return _ordered(name, middle, last), ""
        return (name if _has(name, middle) else f"{name} {middle}"), ""
    lost = " ".join(part for part in (last, first, middle) if part and not _has(name, part))
    return name, lost


def _ordered(first: str, middle: str, last: str) -> str:
    order = (last, first, middle) if _CYRILLIC.search(last + first) else (first, middle, last)
    return " ".join(filter(None, order))


def _has(text: str, words: str) -> bool:
    return set(folded(words).split()) <= set(folded(text).split())
