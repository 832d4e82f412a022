"""Spellings of a word that a search takes for one: apostrophes, look-alike letters, transliteration. Pure.

What is searched is indexed as `unified` writes it, and a word that somebody types is looked up as all its `spellings`.
So transliteration costs the index nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice, product
from typing import Final

from pbxd.book.texts import folded

MOST = 24  # spellings of one word; the likely ones come first
_COMBINED = 512  # spellings that are compared to find those
_SHORTEST = 2  # letters that are transliterated; one letter would find far too much

# Dropped: keyboards and programs write any of them, or none. Before folding, which makes a space and a mark of `´`.
_APOSTROPHES = re.compile("['’‘‛ʼʹʻʽˈ`´′＇]")
# Letters that look alike in capitals or small letters. Source: Unicode TR 39, confusables.
_LATIN_LIKE = str.maketrans("авеіјкмнорѕстухһԛԝ", "abeijkmhopsctyxhqw")
_CYRILLIC_LIKE = str.maketrans("abeijkmhopsctyxqw", "авеіјкмнорѕстухԛԝ")
# Letters that transliteration does not tell apart, and signs that it leaves out.
UNIFIED: Final = _LATIN_LIKE | str.maketrans("йыэґ", "ииeг", "ьъ")

# Which letters are written as which, the likely ones first; the first rule that fits counts.
# The letters of ICAO Doc 9303 (passports) and BGN/PCGN, and what people write beside them. ё is folded to е before.
_TO_LATIN = r"""
    [иы]й$→y,i ия→ia,iya,iia,ija ьи→yi,i ье→ye,ie,e,yo кс→ks,x кт→kt,ct дж→dzh,j
    (?:\b|(?<=[аеиоуыэюяъ]))е→e,ye,ie,yo а→a б→b в→v г→g д→d е→e,yo ж→zh з→z и→i й→y,i,j к→k л→l м→m н→n о→o п→p
    р→r с→s т→t у→u ф→f х→kh,h ц→ts,c ч→ch ш→sh щ→shch,sch ы→y,i э→e ю→yu,iu,ju я→ya,ia,ja і→i ї→yi,i є→ye,ie ґ→g
    [ьъ]→
"""
_TO_CYRILLIC = """
    shch→щ sch→щ,ш sh→ш t?ch→ч zh→ж kh→х t[sz]→ц,тс ya→я ia→я,ия,иа ja→я,джа [yj]u→ю iu→ю,иу y[oe]→е i[oe]→е,ие,ио
    jo→е,джо je→е,дже yi→и,ии ck→к ph→ф th→т x→кс h→х,г c→ц,к j→и,дж w→в a→а b→б v→в g→г d→д e→е z→з i→и y→и k→к l→л
    m→м n→н o→о p→п q→к r→р s→с t→т u→у f→ф
"""


def typed(text: str) -> str:
    """Return a search as it is split into words: folded, without apostrophes."""
    return folded(_APOSTROPHES.sub("", text))


def unified(text: str) -> str:
    """Return the form of a text in which spellings that look or sound alike are one."""
    return typed(text).translate(UNIFIED)


def spellings(word: str) -> tuple[str, ...]:
    """Return what a word of `typed` text may be in `unified` texts: itself first, then its transliterations."""
    return tuple(dict.fromkeys(filter(None, map(unified, readings(word)))))


def readings(word: str) -> list[str]:
    """Return the same for texts that are folded alone: the word, its letters in one script, its transliterations."""
    found = [word]
    if len(word) >= _SHORTEST and "@" not in word:
        latin, cyrillic = word.translate(_LATIN_LIKE), word.translate(_CYRILLIC_LIKE)
        if re.search("[a-z]", word) and not _has_cyrillic(latin):
            found += [latin, *_transliterated(latin, _TO_CYRILLIC)]
        if _has_cyrillic(word) and not re.search("[a-z]", cyrillic):
            found += [cyrillic, *_transliterated(cyrillic, _TO_LATIN)]
    return list(dict.fromkeys(found))[:MOST]


def _has_cyrillic(word: str) -> bool:
    return bool(re.search("[а-яіїєґјѕһԛԝ]", word))


def _transliterated(word: str, rules: str) -> list[str]:
    """Return a word in the other script, the likely spellings first."""
    pattern, written = _compiled(rules)
    found = pattern.finditer(word)
    choices = [written[each.lastindex - 1] if each.lastindex else [each[0]] for each in found]
    every = islice(product(*map(enumerate, choices)), _COMBINED)
    likely = sorted(every, key=lambda parts: sum(place for place, _text in parts))
    return ["".join(text for _place, text in parts) for parts in likely[:MOST]]


@lru_cache(maxsize=2)
def _compiled(rules: str) -> tuple[re.Pattern[str], list[list[str]]]:
    """Return the pattern with a group for each rule, and what each of them writes; what none knows stays."""
    pairs = [rule.split("→") for rule in rules.split()]
    pattern = "|".join([*(f"({each})" for each, _written in pairs), "."])
    return re.compile(pattern), [written.split(",") for _each, written in pairs]
