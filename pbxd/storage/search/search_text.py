"""The text by which a contact is found, its tokens for the full-text index, and the terms of a search.

The text is `marks TAB lines`. Each line is one value of a searchable field of `book.fields`, the name first: its words
as `book.spellings` unifies them, a space before each of them, and a line break at the end. So `LIKE '% word%'` is a
word that begins so. The marks are hashes of what a filter names exactly, in wide digits that no search can contain.

A full-text index looks up whole tokens fast: each has a list of contacts, read from the newest on as far as needed.
Looking up the beginning of tokens is slow, because their lists must be merged first. So what people type often is a
token of its own: the beginnings of a word, of the name's first word too, and short fragments from any letter on, which
find «Фронкин» by `онки`. Only longer texts are looked up as the beginning of a token.

An extension, such as «доб. 15» in any notation, is also one word of its own, which 15 has and 150 has not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from pbxd import notation
from pbxd.book.contacts import Contact, ContactDraft
from pbxd.book.fields import Fields
from pbxd.book.spellings import UNIFIED, spellings, typed, unified
from pbxd.book.texts import folded

SHORTEST_INSIDE = 3  # letters or digits; shorter texts are searched at the beginning of words only
LONGEST_WORD = 48  # characters of a word; the rest is ignored
LONGEST_SEARCH = 200  # characters of a search; the rest is ignored
LONGEST_BEGINNING = 12  # letters or digits of a word's beginning that is a token by itself
LONGEST_FRAGMENT = 5  # letters or digits inside of a word that are a token by themselves
NAME, START, NUMBER = "¹", "²", "³"  # NFKC folds these signs, so that no word has them
EVERYBODY, TAG, MANAGER, VIP, COMPANY = "⁰", "⁴", "⁵", "⁶", "⁷"

REMEMBERED = 1000  # entries of the caches below

LONGEST_NUMBER = 18  # digits of a typed number with its prefix

_CONTROLS = "".join(map(chr, (*range(0x20), 0x7F)))
_BRACKETS = str.maketrans(dict.fromkeys('«»„“”"()[]<>{}' + _CONTROLS, " "))
_INDEXED = UNIFIED | _BRACKETS  # at once: an import writes a hundred thousand cards
# The tokenizer of the index splits at ASCII signs, so they are written as wide characters.
_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_WIDE_SIGNS = {code: wide for code, wide in _WIDE.items() if not chr(code).isalnum()}


def found_by(card: ContactDraft | Contact, fields: Fields) -> str:
    """Return the text by which a card is found: the lines of its searchable fields, the name first."""
    return f"{' '.join(_marks(card))}\t{''.join(map(_line, fields.search_lines(card)))}"


@lru_cache(maxsize=REMEMBERED)
def mark(kind: str, word: str) -> str:
    """Return the mark of a card with this very tag, manager or company, whatever its case."""
    digest = hashlib.blake2s(folded(word).encode("utf-8", "replace"), digest_size=8).hexdigest()
    return kind + digest.translate(_WIDE)


def manager_mark(employee_id: int) -> str:
    """Return the mark of the cards of this manager."""
    return mark(MANAGER, str(employee_id))


@lru_cache(maxsize=REMEMBERED)
def tokens(text: str) -> str:
    """Return the tokens of the text by which a card is found, separated by spaces.

    The triggers of the index call this while other writers wait. An import calls it before, so that they hit the cache.
    """
    marks, first, words = _sources(text)
    return " ".join(marks.union(_name_tokens(first), *map(_tokens_of, words)))


@lru_cache(maxsize=1)  # the index's trigger asks for the two differences one after the other
def changed_tokens(old: str, new: str) -> tuple[str, str]:
    """Return the tokens that only the old text of a card has, and those that only the new one has.

    Of words that both have no tokens are made: most edits change few words.
    """
    marks, first, words = _sources(old)
    new_marks, new_first, new_words = _sources(new)
    named, new_named = _name_tokens(first), _name_tokens(new_first)
    lost = set[str]().union(*map(_tokens_of, words - new_words))
    won = set[str]().union(*map(_tokens_of, new_words - words))
    stays = _token_of_any(words & new_words)
    gone = [token for token in lost - won if not stays(token)]
    come = [token for token in won - lost if not stays(token)]
    return (
        " ".join([*(marks - new_marks), *(named - new_named), *gone]),
        " ".join([*(new_marks - marks), *(new_named - named), *come]),
    )


def _sources(text: str) -> tuple[set[str], str, set[str]]:
    """Return what tokens are made of: the marks, the name's first word, and all words."""
    marks, _tab, lines = text.partition("\t")
    words = lines.translate(_WIDE_SIGNS).split()
    is_named = lines.partition("\n")[0].strip()
    return set(marks.split(" ")), words[0] if is_named else "", set(words)


def _token_of_any(words: Collection[str]) -> Callable[[str], bool]:
    """Return what tells whether a token is one of these words', as `_tokens_of` makes them."""
    whole = "\n".join(("", *words, ""))
    rests = "\n".join((*(word[1:] for word in words), ""))

    def stays(token: str) -> bool:
        match token[0]:
            case sign if sign == START:
                beginning = f"\n{token[1:]}"
                return (len(beginning) <= LONGEST_BEGINNING + 1 and beginning in whole) or f"{beginning}\n" in whole
            case sign if sign == NUMBER:
                return f"\n＋{token[1:]}\n" in whole
            case _:
                return (len(token) <= LONGEST_FRAGMENT and token in rests) or f"{token}\n" in rests

    return stays


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a search, or a number in any notation. A card must have one of `words`."""

    words: tuple[str, ...]
    numbers: tuple[str, ...] = ()  # digits that may be a whole number

    @property
    def at_start(self) -> bool:
        """Whether it is searched at the beginning of words only."""
        return all(map(is_short, self.words))


def terms(search: str) -> list[Term]:
    """Return the terms of a search: its words, digits with signs between them as one number, and extensions."""
    rest, extensions = notation.named_extensions(typed(search[:LONGEST_SEARCH]))
    found = [*map(_term, _parts(rest)), *(Term((_extension(keys),)) for keys in extensions)]
    return [term for term in found if term.words]  # nothing is left of ь alone


def is_short(word: str) -> bool:
    """Tell whether a word is too short to be searched inside of words."""
    return len(word) < SHORTEST_INSIDE


def quoted(word: str, kind: str = "") -> str:
    """Return a token in the query language of the index."""
    return f'"{kind}{word.translate(_WIDE_SIGNS)}"'


def beginning(word: str, kind: str) -> str:
    """Return a query for words (START) or names (NAME) that begin like this."""
    return quoted(word, kind) + (" *" if len(word) > LONGEST_BEGINNING else "")


def fragment(word: str) -> str:
    """Return a query for words with this inside, not at their beginning. It needs three letters at least."""
    return quoted(word) + (" *" if len(word) > LONGEST_FRAGMENT else "")


@lru_cache(maxsize=2 * REMEMBERED)
def _tokens_of(word: str) -> frozenset[str]:
    found = set(_beginnings(START + word))
    if word[0] == "＋":
        found.add(NUMBER + word[1:])
    inside = range(1, len(word) - SHORTEST_INSIDE + 1)
    found.update([word[at:] for at in inside])
    for length in range(SHORTEST_INSIDE, LONGEST_FRAGMENT + 1):
        found.update([word[at : at + length] for at in inside])
    return frozenset(found)


def _name_tokens(first: str) -> set[str]:
    return set(_beginnings(NAME + first)) if first else set()


def _beginnings(word: str) -> list[str]:
    """Return the tokens of a word that has the sign of its kind before it."""
    return [word, *[word[:end] for end in range(2, min(len(word), LONGEST_BEGINNING + 2))]]


def _marks(card: ContactDraft | Contact) -> Iterator[str]:
    yield EVERYBODY
    yield from (mark(TAG, tag) for tag in card.tags)
    if card.manager_id:
        yield manager_mark(card.manager_id)
    if card.vip:
        yield VIP
    if card.company:
        yield mark(COMPANY, card.company)


def _line(text: str) -> str:
    text = typed(text)
    _rest, extensions = notation.named_extensions(text)
    words = [*_cut(text.translate(_INDEXED)), *map(_extension, extensions)]
    return "".join(f" {word}" for word in words) + "\n" if words else ""


def _extension(keys: str) -> str:
    """Return the word of an extension. Its last sign keeps it from being the beginning of a longer one."""
    return unified(f"доб.{keys};")


def _words(text: str) -> list[str]:
    return _cut(text.translate(_BRACKETS))


def _cut(text: str) -> list[str]:
    return [word[:LONGEST_WORD] for word in text.split()]


def _parts(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield words, and runs of words that may be one number, with the fragments of numbers that they may mean."""
    run: list[str] = []
    for word in [*text.split(), ""]:
        if _is_digits(word) and not (run and word[0] == "+"):
            run.append(word)
            continue
        yield from _run(run)
        run = [word] if _is_digits(word) else []
        if not run:
            yield from ((each, ()) for each in _words(word))


def _run(run: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    joined = " ".join(run)
    fragments = notation.fragments(joined)
    if fragments and SHORTEST_INSIDE <= len(fragments[0].lstrip("+")) <= LONGEST_NUMBER:
        yield run[0] if len(run) == 1 else "", fragments
    else:
        yield from ((each, ()) for each in _words(joined))


def _is_digits(word: str) -> bool:
    return bool(word) and not word.strip("+0123456789()./-")


def _term(part: tuple[str, tuple[str, ...]]) -> Term:
    word, fragments = part
    if not fragments:
        return Term(tuple(each[:LONGEST_WORD] for each in spellings(word)))
    kept = tuple(word[:LONGEST_WORD] for word in dict.fromkeys((*fragments, *_words(word))))
    inside = tuple(word for word in kept if not is_short(word))
    return Term(inside or kept, tuple(fragment.lstrip("+") for fragment in fragments))
