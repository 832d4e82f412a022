"""Find the employee that a text names: by extension, or by full name. Pure.

A name is compared by its words, folded, in any order. Where nobody has all words, the words of a first and a last name
are enough, if only one employee has them: many programs write no patronymic. Others write initials, «Синицына М.О.».
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

from pbxd.book.employees import Employee
from pbxd.book.texts import folded, is_extension
from pbxd.errors import InvalidInputError
from pbxd.i18n import _

_ENOUGH = 2  # words: a first name alone names nobody
_BETWEEN = re.compile(r"[\s,;()«»\"]+")
_INITIALS = re.compile(r"[^\W\d_](?:\.-?[^\W\d_])*\.?")  # one or more: «М», «М.», «М.О.», «Ж.-П.»
_NAMED = 5  # people that a refusal lists
_SHOWN = 100  # characters of the text that a refusal shows


class EmployeeLookup:
    """Finds employees by what people write; made once for many texts.

    Names find listed employees only. Somebody who works here comes before somebody of the same name who has left.
    """

    def __init__(self, employees: Iterable[Employee]) -> None:
        self._by_extension: dict[str, Employee] = {}
        self._by_word: defaultdict[str, set[int]] = defaultdict(set)
        self._people: dict[int, tuple[Employee, frozenset[str]]] = {}
        self._found: dict[str, Employee] = {}  # a file repeats few names many times
        for place, person in enumerate(employees):
            if person.extension:
                self._by_extension[person.extension] = person
            words = _words(person.name)
            if words and person.listed:
                self._people[place] = person, words
                for word in words:
                    self._by_word[word].add(place)

    def find(self, field: str, text: str, *, new: bool = False) -> Employee:
        """Return the employee with this extension or full name. Raises InvalidInputError that names the field.

        `new`: an extension that nobody has is that of somebody who is not in the book yet (id 0). Our own exports name
        such people: in the book that they come from, somebody had the extension.
        """
        known = self._found.get(text)
        if known is None:
            try:
                known = self._find(field, text)
            except InvalidInputError:
                if new and is_extension(_extension(text)):
                    return Employee(_extension(text))
                raise
            self._found[text] = known
        return known

    def _find(self, field: str, text: str) -> Employee:
        if person := self._by_extension.get(_extension(text)):
            return person
        found = _present(self._named(_words(text)) or self._by_initials(text))
        if len(found) == 1:
            return found[0]
        raise InvalidInputError(field, _refusal(text.strip()[:_SHOWN], found))

    def _named(self, words: frozenset[str]) -> list[Employee]:
        """Return who has this name: whoever has exactly these words, else who is meant by two words or more."""
        if not words:
            return []
        places = sorted(set.intersection(*(self._by_word.get(word, set()) for word in words)))
        exact = [self._people[place][0] for place in places if self._people[place][1] == words]
        if exact:
            return exact
        if extension := next((word for word in words if word in self._by_extension), ""):  # «101 Иванова Анна»
            person, rest = self._by_extension[extension], words - {extension}
            return [person] if rest and rest <= _words(person.name) else []
        if len(words) < _ENOUGH:
            return []
        if places:
            return [self._people[place][0] for place in places]
        partly = set().union(*(self._by_word.get(word, set()) for word in words))  # the file has the patronymic
        return [
            person
            for person, known in (self._people[place] for place in sorted(partly))
            if len(known) >= _ENOUGH and known <= words
        ]

    def _by_initials(self, text: str) -> list[Employee]:
        """Return who has the whole words of a text in the name, and beside them names with its initials, in order."""
        parts = [part for part in _BETWEEN.split(folded(text)) if part]
        initials = [letter for part in parts if _INITIALS.fullmatch(part) for letter in part if letter.isalpha()]
        words = frozenset(part for part in parts if not _INITIALS.fullmatch(part))
        numbers = words & self._by_extension.keys()  # «101 Синицына М.О.»
        if not initials or not words - numbers:
            return []
        places = sorted(set.intersection(*(self._by_word.get(word, set()) for word in words - numbers)))
        people = [person for person in (self._people[place][0] for place in places) if numbers <= {person.extension}]
        rest = [
            (person, [word[0] for word in _listed(person.name) if word not in words and word[0].isalpha()])
            for person in people
        ]
        exact = [person for person, letters in rest if letters == initials]
        # One of the two may lack the patronymic.
        return exact or [
            person for person, letters in rest if letters and letters[: len(initials)] == initials[: len(letters)]
        ]


def unknown_extension(text: str) -> str:
    """Return what a refusal says of an extension that nobody has."""
    return _("no employee has the extension {text}").format(text=text)


def described(employee: Employee) -> str:
    """Return an employee as refusals name them: «101 Иванова Анна»."""
    return " ".join(filter(None, (employee.extension, employee.name)))


def _present(found: Collection[Employee]) -> list[Employee]:
    """Return those who work here; where all have left, everybody."""
    return [person for person in found if person.active] or list(found)


def _refusal(text: str, found: Collection[Employee]) -> str:
    if found:
        people = ", ".join(described(person) for person in list(found)[:_NAMED])
        if len(found) > _NAMED:
            people += ", …"
        return _("several employees are named “{text}”: {people}; write the extension").format(text=text, people=people)
    if text.isdecimal():
        return unknown_extension(text)
    return _("there is no employee “{text}”; write an extension or a full name, as in the list of employees").format(
        text=text
    )


def _extension(text: str) -> str:
    return text.strip().removesuffix(".0")  # as spreadsheets write a number


def _words(name: str) -> frozenset[str]:
    return frozenset(_listed(name))


def _listed(name: str) -> list[str]:
    return [word for word in _BETWEEN.split(folded(name)) if word]
