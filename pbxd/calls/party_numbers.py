"""Numbers of a call's parties: from the text of the PBX to E.164 or an extension."""

from __future__ import annotations

from functools import lru_cache

from pbxd.calls.record import Party
from pbxd.numbers import NumberRules, ParsedNumber, parse


@lru_cache(maxsize=4096)
def read(text: str, rules: NumberRules) -> ParsedNumber:
    """Read a number as `numbers.parse` does; cached, because every event of a call repeats the same numbers."""
    return parse(text, rules)


def readable(text: str, rules: NumberRules) -> Party:
    """Return the party with this number: E.164 or an extension if it can be read, else the text itself."""
    parsed = read(text, rules)
    match parsed.kind:
        case "e164":
            return Party(number=parsed.value)
        case "internal":
            return Party(number=parsed.value, extension=parsed.value)
        case "withheld":
            return Party()
        case "unreadable":
            return Party(number=text or None)
