"""What a client's calls look like once the client is erased: no number, no name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_SIGNIFICANT = 9  # last digits of a number, the same in every notation: 8916…, +7916…, 10-7-916…
_BEFORE = 7  # digits at most before those
_KEPT = 2  # characters: the plus and the first digit of the country


class Mask:
    """Replaces some numbers (E.164) by stars, in JSON of any shape. Durations, outcomes and extensions stay."""

    def __init__(self, numbers: Iterable[str]) -> None:
        self.numbers = frozenset(numbers)
        self.tails = tuple(sorted(_digits(number)[-_SIGNIFICANT:] for number in self.numbers))
        tails = "|".join(map(re.escape, self.tails)) or "(?!)"
        self._inside = re.compile("|".join(map(_spaced, (*map(_digits, self.numbers), *self.tails))) or "(?!)")
        self._written = re.compile(rf"\+?(?<!\d)\d{{0,{_BEFORE}}}(?:{tails})(?!\d)")

    def text(self, text: str) -> str:
        """Return the text with stars for the numbers, also inside other words such as the name of a recording."""
        return self._written.sub(lambda found: _starred(found[0]), text)

    def file(self, path: str) -> str:
        """Return a recording's path with stars.

        A date may precede the number directly, and signs may separate its digits.
        """
        return self._inside.sub(lambda found: re.sub(r"\d", "*", found[0]), self.text(path))

    def number(self, number: str | None) -> str | None:
        """Return stars for a number that is to be erased, and any other number as it is."""
        return _starred(number) if number in self.numbers and number else number

    def value(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """Return JSON with stars for these numbers, and without the name, company and contact beside them."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, dict):
            number = value.get("number")
            named = isinstance(number, str) and number in self.numbers
            kept = {key: each for key, each in value.items() if not (named and key in {"name", "company", "contact"})}
            return {key: self._part(key, each, value) for key, each in kept.items()}
        return value

    def _part(self, key: str, part: Any, whole: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        if key == "recordings" and isinstance(part, list):
            return [self.file(each) if isinstance(each, str) else self.value(each) for each in part]
        if key == "detail" and whole.get("what") == "recorded" and isinstance(part, str):
            return self.file(part)
        return self.value(part)


def _digits(number: str) -> str:
    return number.lstrip("+")


def _spaced(digits: str) -> str:
    return r"[\W_]{0,2}".join(map(re.escape, digits))


def _starred(number: str) -> str:
    kept = number[:_KEPT] if number.startswith("+") else ""
    return kept + "*" * (len(number) - len(kept))
