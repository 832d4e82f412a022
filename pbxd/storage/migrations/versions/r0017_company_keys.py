"""Companies have what all spellings of their names have in common. Doubles that are there stay two companies.

The rule is that of `book.company_names` when this revision was made.
"""

from __future__ import annotations

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
CHUNK = 5_000


def upgrade() -> None:
    op.add_column("companies", sa.Column("name_key", SORTED_TEXT, nullable=False, server_default=sa.text("''")))
    connection = op.get_bind()
    companies = sa.table("companies", sa.column("id", KEY), sa.column("name"), sa.column("name_key"))
    one = companies.update().where(companies.c.id == sa.bindparam("which")).values(name_key=sa.bindparam("found_as"))
    listed = sa.select(companies.c.id, companies.c.name).order_by(companies.c.id).limit(CHUNK)
    last = 0
    while rows := connection.execute(listed.where(companies.c.id > last)).all():
        connection.execute(one, [{"which": row.id, "found_as": company_key(row.name)} for row in rows])
        last = rows[-1].id
    op.create_index("ix_companies_name_key", "companies", ["name_key"])


def folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").split())


# Legal forms as people write them, without dots. `book.company_names` has the sources.
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
