"""Which spellings of a company's name mean one company. Pure.

Quotes, punctuation, case, ё and the legal form of an organisation make no difference: «Ромашка», ООО "Ромашка" and
РОМАШКА, ЗАО are one. A sole trader's form (ИП) is kept: ИП Иванов is a person, ООО «Иванов» is not.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pbxd.book.texts import folded

# Legal forms as people write them, without dots. Sources: two tables of organisation types, of cleanco (GitHub
# psolin/cleanco, termdata.py; Ukraine's in Latin letters) and appi-solutions/legal-entity-types; for АО and ПАО
# Russia's law 208-FZ, article 4; for ОДО, ТАА and ТДА the model charter of such a company in Belarus (bii.by), for УП
# and ЧУП article 113 of its Civil Code; for ТОО Kazakhstan's law on partnerships. ЧТУП, НАО and UG are what companies
# write in their own names.
_ANYWHERE = (
    "ооо оао зао пао ао нао одо тоо чуп чтуп уп тов тдв ват зат ат таа тда ooo oao zao pao ao nao too llc ltd limited"
    " inc gmbh"
)
_AT_THE_END = (
    "incorporated corp corporation co company plc llp lp pte pty ag kg ohg ug se sa sas sarl sasu srl spa sl bv nv oy"
    " oyj ab as asa aps sro zoo spzoo kft zrt doo &"
)
_BEFORE = frozenset(_ANYWHERE.split())
_AFTER = _BEFORE | frozenset(_AT_THE_END.split())
# Written out; whole words at the beginning or the end.
_LONG_FORMS = tuple(
    tuple(folded(form).split())
    for form in (
        "общество с ограниченной ответственностью",
        "общество с дополнительной ответственностью",
        "товарищество с ограниченной ответственностью",
        "публичное акционерное общество",
        "непубличное акционерное общество",
        "открытое акционерное общество",
        "закрытое акционерное общество",
        "акционерное общество",
        "limited liability company",
        "sp zoo",
    )
)
_SOLE_TRADERS = frozenset({"ип", "ипбоюл", "пбоюл", "чп", "фоп"})
_SOLE_TRADER = "ип"
_LONG_SOLE_TRADER = ("индивидуальный", "предприниматель")
_DROPPED = re.compile(r"[’‘ʼ'`´′]")  # inside of a word: О’Нил
_BETWEEN = re.compile(r"[\s«»„“”‟‹›\"″,;:()\[\]./]+")


@lru_cache(maxsize=4096)
def company_key(name: str) -> str:
    """Return what all spellings of a company's name have in common.

    A name of nothing but quotes and forms, such as «Лимитед», stands for itself.
    """
    text = folded(name)
    words = _words(text)
    trader = _is_sole_trader(words)
    if trader:
        rest = _without(words, _SOLE_TRADERS, _SOLE_TRADERS, (_LONG_SOLE_TRADER,))
    else:
        rest = _without(words, _BEFORE, _AFTER, _LONG_FORMS)
    if not rest:
        return " ".join(words) or text
    return " ".join([_SOLE_TRADER, *rest] if trader else rest)


def _words(text: str) -> list[str]:
    """Return the words of a name; letters with signs between them, such as S.A. or И. И., are one word."""
    words: list[str] = []
    joined = False  # the last word is made of single letters
    for part in _BETWEEN.split(_DROPPED.sub("", text)):
        word = part.strip("-–—")
        if joined and len(word) == 1 and word.isalpha():
            words[-1] += word
        elif word:
            words.append(word)
            joined = len(word) == 1 and word.isalpha()
    return words


def _is_sole_trader(words: list[str]) -> bool:
    return bool(words) and (
        words[0] in _SOLE_TRADERS
        or words[-1] in _SOLE_TRADERS
        or tuple(words[:2]) == _LONG_SOLE_TRADER
        or tuple(words[-2:]) == _LONG_SOLE_TRADER
    )


def _without(
    words: list[str], before: frozenset[str], after: frozenset[str], written_out: tuple[tuple[str, ...], ...]
) -> list[str]:
    """Return the words without the legal forms at their beginning and end."""
    rest, shorter = list[str](), words
    while shorter and shorter != rest:
        rest, shorter = shorter, _shorter(shorter, before, after, written_out)
    return shorter


def _shorter(
    words: list[str], before: frozenset[str], after: frozenset[str], written_out: tuple[tuple[str, ...], ...]
) -> list[str]:
    for form in written_out:
        if tuple(words[: len(form)]) == form:
            return words[len(form) :]
        if tuple(words[-len(form) :]) == form:
            return words[: -len(form)]
    if words[0] in before:
        return words[1:]
    return words[:-1] if words[-1] in after else words
