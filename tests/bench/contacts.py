"""Searching as one types, and first pages of sorted and filtered lists, in books of two sizes."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Sequence
from itertools import product

from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.search.paging import SORTINGS, PageAsked
from tests.actors import ADMINISTRATOR, agent
from tests.bench.figures import Figure, figure
from tests.bench.options import Options
from tests.bench.people import people

GOALS = {100_000: 10.0, 1_000_000: 30.0}  # milliseconds, p95
_CARDS = 60  # whose words are typed, letter by letter from the third on
_MILLISECONDS = 1e3
_FILTERS = (
    ContactFilter(), ContactFilter(vip=True), ContactFilter(vip=False), ContactFilter(manager="117"),
    ContactFilter(tag="опт"), ContactFilter(tag="казань", vip=True), ContactFilter(manager="117", vip=True),
    ContactFilter(search="фронк", manager="117"), ContactFilter(search="ова", tag="казань"),
)  # fmt: skip
_NEVER = ("щщщ", "+7 (999) 999-99-99", "нетакого")


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Each question is asked once a round, in another order each time."""
    for contacts, goal in GOALS.items():
        file = await people(contacts)
        async with await Database.open(f"sqlite+aiosqlite:///{file}", create=False) as database:
            async for each in _measured(Contacts(database), options, contacts, goal):
                yield each


async def _measured(book: Contacts, options: Options, contacts: int, goal: float) -> AsyncIterator[Figure]:
    chance = random.Random(2)
    searches = await _typed(book, chance, contacts)
    lists = [
        (wanted, PageAsked(sort, descending=down)) for wanted, sort, down in product(_FILTERS, SORTINGS, (False, True))
    ]
    found: list[float] = []
    listed: list[float] = []
    slowest: dict[str, float] = {}
    for _round in range(options.rounds):
        asked = [(ContactFilter(search=text), PageAsked()) for text in chance.sample(searches, len(searches))]
        times = [await _took(book, *each) for each in asked]
        found.append(_p95(times))
        slowest |= {each[0].search: took for each, took in zip(asked, times, strict=True)}
        pages = chance.sample(lists, len(lists))
        listed.append(_p95([await _took(book, *each) for each in pages]))
    worst = sorted(slowest, key=slowest.__getitem__)[-3:]
    said = f"{len(searches)} texts, from 3 letters or digits on; the slowest: {', '.join(worst)}"
    yield figure(f"search, p95, {contacts:,} contacts", found, "ms", goal=goal, reference=said)
    said = f"{len(lists)} lists: filters × columns × both ways"
    yield figure(f"first page of a list, p95, {contacts:,} contacts", listed, "ms", goal=goal, reference=said)


async def _took(book: Contacts, wanted: ContactFilter, asked: PageAsked) -> float:
    began = time.perf_counter()
    await book.page(wanted, asked, actor=agent("101"))
    return (time.perf_counter() - began) * _MILLISECONDS


async def _typed(book: Contacts, chance: random.Random, contacts: int) -> list[str]:
    """Return what people type to find some of the cards: names in any order, numbers as written, parts, mistakes."""
    texts = list(_NEVER)
    for key in chance.sample(range(1, contacts + 1), _CARDS):
        card = await book.get(key, actor=ADMINISTRATOR)
        surname, name, father = card.name.split()
        digits = card.numbers[0].number[2:]
        whole = (
            f"{surname} {name}", f"{name} {surname[:5]}", father, card.company, surname[2:], digits[-4:],
            f"8 {digits[:3]} {digits[3:6]}-{digits[6:8]}-{digits[8:]}", f"+7 ({digits[:3]}) {digits[3:]}",
            *card.emails, *card.comment.split()[:1],
        )  # fmt: skip
        text = chance.choice(whole)
        texts += [text[:length] for length in range(3, len(text) + 1)]
    return [text for text in dict.fromkeys(texts) if sum(map(str.isalnum, text)) >= 3]


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]
