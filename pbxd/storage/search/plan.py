"""How a page of contacts sorted by a column is read on SQLite. Pure.

SQLite's planner knows only averages: it sorts all shared contacts where an index would soon give a page of hits, and
reads an index to its end for a few hits. Measured with 200,000 contacts, 126 lists (filter, column, direction),
processor time of a first page: chosen here, median 5 ms, worst 9; always the cards of all hits, 14 and 177; always the
index with a look at each card, 10 and 531.
"""

from __future__ import annotations

from typing import Literal

# What is read, in which order:
Plan = Literal[
    "hits",  # the cards of all hits, sorted
    "index-and-hits",  # the column's index in order, until it has enough of the hits, which are collected before
    "index-and-cards",  # the column's index in order, comparing each card, until enough match
]
CARD_COST = 30  # cost of reading a card, in entries of an index


def choose(found: int, newest: int, length: int) -> Plan:
    """Choose by the number of hits, the newest contact's id (about the size of the book) and the page's length.

    With `found` hits the index gives a page of them after about `newest * length / found` entries.
    """
    entries = newest * length
    few, many = int((entries / CARD_COST) ** 0.5), int((entries * CARD_COST) ** 0.5)
    if found <= max(few, length):
        return "hits"
    return "index-and-hits" if found <= many else "index-and-cards"
