"""Make names safe for phones. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import cycle

PHONE_BYTES = 79  # Asterisk cuts a caller's name near 80 bytes, also in the middle of a character

_LONGEST_TEXT = 1000  # characters that are read; far more than fit, so that a huge text costs nothing
# The usual names, which the code below would not change: letters, digits and harmless marks.
_ORDINARY = re.compile(r"(?=.{1,39}\Z)[0-9A-Za-zА-Яа-яЁё«»().,&/№+-]+(?: [0-9A-Za-zА-Яа-яЁё«»().,&/№+-]+)*")
_DROPPED = {"Cc", "Cf", "Cs", "Co", "Cn"}  # control, format (bidi, zero-width), surrogate, private, unassigned
_SPACES = {"Zs", "Zl", "Zp"}
# Blank or zero-width, although their category is letter, mark or symbol (Unicode: Default_Ignorable_Code_Point,
# the Braille blank).
_INVISIBLE = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0}
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)  # a flag is two of them


def phone_name(text: str) -> str:
    """Make a name safe for phones and for the dialplan on the way. The result may be empty: then set no name.

    - `"` becomes « and » in turn: a quote breaks dialplans that write `$["${CALLERID(name)}"=""]`.
    - `${` and `$[` get a space between. Asterisk does not evaluate the value of SET VARIABLE, but a dialplan that
      passes the name to EVAL(), or substitutes it again, would run a function named in a card. A space keeps the name
      readable, and no reader needs to know an escape.
    - No control, bidi, zero-width, private or unassigned characters; line breaks and runs of spaces become one space.
    - NFC, at most 79 bytes of UTF-8, cut between characters and not before a mark that belongs to the last one.
    """
    if _ORDINARY.fullmatch(text):
        return text
    return _made_safe(text)


def _made_safe(text: str) -> str:
    visible = unicodedata.normalize("NFC", "".join(map(_shown, text[:_LONGEST_TEXT])))
    return _cut(_without_evaluation(_quoted(" ".join(visible.split()))))


@lru_cache(maxsize=2048)  # unicodedata for every letter would take half of a look-up's time
def _shown(character: str) -> str:
    category, code = unicodedata.category(character), ord(character)
    if category in _SPACES or character in "\t\n\v\f\r\x85":
        return " "
    if category in _DROPPED or code in _INVISIBLE or any(code in selectors for selectors in _VARIATION_SELECTORS):
        return ""
    return character


def _quoted(text: str) -> str:
    if '"' not in text:
        return text
    marks = cycle("«»")
    return re.sub('"', lambda _quote: next(marks), text)


def _without_evaluation(text: str) -> str:
    return text.replace("${", "$ {").replace("$[", "$ [")


def _cut(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= PHONE_BYTES:
        return text
    kept = encoded[:PHONE_BYTES].decode(errors="ignore")
    whole = kept
    while whole and _continues(whole, text[len(whole)]):
        whole = whole[:-1]
    return (whole.rstrip() or kept).rstrip()


def _continues(before: str, character: str) -> bool:
    """Tell whether the character belongs to the one before it, so that a cut between them would change the text."""
    if unicodedata.category(character)[0] == "M" or ord(character) in _SKIN_TONES:
        return True
    flag_letters = 0
    while flag_letters < len(before) and ord(before[-1 - flag_letters]) in _FLAG_LETTERS:
        flag_letters += 1
    return ord(character) in _FLAG_LETTERS and flag_letters % 2 == 1
