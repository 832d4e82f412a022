"""Whether a name that the PBX or a file gives an extension is the known employee's, or another person's. Pure.

Names are compared by whole words: folded, without initials, and without words that say nothing about a person. Cyrillic
words are compared with Latin ones too, because many PBXs have Latin names only: «Иван Петров» is Ivan Petrov.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pbxd.book.texts import folded

_WORD = re.compile(r"[^\W\d_]{2,}")  # two letters at least: an initial is no name
_NO_NAMES = frozenset(
    (
        *("agent", "client", "no", "device", "employee", "endpoint", "ext", "extension", "line", "operator", "phone"),
        *("pjsip", "sip", "softphone", "station", "tel", "telephone", "test", "user", "webrtc"),
        *("абонент", "агент", "внутренний", "доб", "добавочный", "клиент", "линия", "номер", "оператор"),
        *("пользователь", "сотрудник", "софтфон", "тел", "телефон", "тест", "трубка", "устройство"),
    )
)
# Rough on purpose: what Russian names lose in any of the usual ways of writing them in Latin letters is dropped.
_LATIN = str.maketrans(
    dict(zip("абвгдезийклмнопрстуфыэ", "abvgdeziiklmnoprstufie", strict=True))
    | {"ё": "e", "ж": "zh", "х": "h", "ц": "c", "ч": "ch", "ш": "sh", "щ": "sh", "ъ": "", "ь": "", "ю": "iu", "я": "ia"}
)
_SPELLINGS = (
    ("shch", "sh"), ("sch", "sh"), ("kh", "h"), ("ts", "c"), ("tz", "c"), ("x", "ks"), ("w", "v"), ("ph", "f"),
    ("y", "i"), ("j", "i"), ("ii", "i"), ("ie", "e"),
)  # fmt: skip
_REPEATED = re.compile(r"(.)\1+")


def is_placeholder(name: str) -> bool:
    """Tell whether a name says nothing about a person: none, the bare extension, «Agent 101», «Сотрудник 101»."""
    return not _words(name)


def is_another_person(known: Iterable[str], told: str) -> bool:
    """Tell whether the name that is told shares no word with any of the known ones.

    Placeholders prove nothing: nobody is another person because of one.
    """
    before = {spelling for name in known for spelling in _words(name)}
    now = _words(told)
    return bool(before and now) and not before & now


def says_as_much(before: str, after: str) -> bool:
    """Tell whether a name has every word of the one before, so that nobody can have been renamed."""
    return _words(before) <= _words(after)


def _words(name: str) -> set[str]:
    return {_latin(word) for word in _WORD.findall(folded(name)) if word not in _NO_NAMES}


def _latin(word: str) -> str:
    spelled = word.translate(_LATIN)
    for written, kept in _SPELLINGS:
        spelled = spelled.replace(written, kept)
    return _REPEATED.sub(r"\1", spelled)
