"""Whether a name that the PBX or a file gives an extension is the known employee's, or another person's. Pure.

Names are compared by whole words: folded, without initials, and without words that say nothing about a person. Cyrillic
words are compared with Latin ones too, because many PBXs have Latin names only: «Иван Петров» is Ivan Petrov.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

from pbxd.book.texts import folded

_WORD = re.compile(r"[^\W\d_]{2,}")  # two letters at least: an initial is no name
_NO_NAMES = frozenset(
    folded(
        # Devices, and extensions that nobody has.
        "agent client no queue device employee endpoint ext extension line operator phone pjsip sip softphone station"
        " tel telephone test user webrtc unknown none null anonymous asterisk vacant free reserved reserve spare"
        " unused empty new desktop desk mobile web room of abc default temp temporary trainee intern staff"
        " абонент агент внутренний доб добавочный клиент линия номер оператор пользователь сотрудник софтфон тел"
        " телефон тест трубка устройство свободен свободна свободно свободный резерв резервный запасной неизвестно"
        " неизвестный аноним новый новая новое рабочее место рм арм кабинет каб комната без имени нет пусто"
        " вакансия очередь стажёр стажёрка временный"
        # Roles and departments.
        " sales support reception receptionist secretary manager office shop store warehouse cashier cash accounting"
        " accountant delivery service helpdesk help front back call center centre department dept team director"
        " security admin administrator marketing purchasing hr it"
        " менеджер менеджеры отдел отдела отделение продажа продаж продажи касса кассы кассир склад склада кладовщик"
        " операторы поддержка поддержки техподдержка сервис бухгалтер бухгалтерия секретарь приёмная ресепшн ресепшен"
        " директор офис магазин охрана вахта доставка доставки диспетчер дежурный дежурная администратор логистика"
        " логист маркетинг закупки закупок кадры колл кол центр служба группа руководитель начальник инженер специалист"
    ).split()
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
    """Tell whether a name says nothing about a person: none, the bare extension, «Agent 101», «Касса 1», «Свободен»."""
    return not _words(name)


_ENOUGH = 2  # others with a word in their names: then it tells nobody apart


class CommonWords:
    """The words that several people have in their names: first names, or a department that the list above hasn't."""

    def __init__(self, people: Iterable[Iterable[str]]) -> None:
        self._people = Counter(word for names in people for word in _words(" ".join(names)))

    def beside(self, names: Iterable[str], *departments: str) -> set[str]:
        """Return those words of one person's names that two others have as well, and the words of departments."""
        ours = {word for word in _words(" ".join(names)) if self._people[word] - 1 >= _ENOUGH}
        return ours | _words(" ".join(departments))


def is_another_person(known: Iterable[str], told: str, *, common: Collection[str] = (), left: bool = False) -> bool:
    """Tell whether the name that is told shares no word with any of the known ones.

    Placeholders prove nothing: nobody is another person because of one. A word of `common` counts only where one of
    the two names has all words of the other. `left`: who has left is only known again by all words of a name.
    """
    now = _words(told)
    before = [words for name in known if (words := _words(name))]
    if not before or not now:
        return False
    if left:
        return now not in before
    both = now & set().union(*before) - set(common)
    return not both and not any(words <= now or now <= words for words in before)


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
