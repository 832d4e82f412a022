"""Our lines of a vCard say the same as those of vobject's own cards."""

from __future__ import annotations

from typing import Any

import vobject
from hypothesis import given
from hypothesis import strategies as st
from vobject.vcard import Name

from pbxd.exchange.vcard_lines import CardLines

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=120)
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]) | st.just("\n"), min_size=1, max_size=300)


@given(
    name=TEXTS,
    numbers=st.lists(st.tuples(TEXTS, TEXTS), max_size=3),
    company=st.lists(TEXTS, min_size=1, max_size=2),
    tags=st.lists(TEXTS, min_size=1, max_size=3),
    comment=LINES,
)
def test_what_vobject_reads_is_what_its_own_card_says(
    name: str, numbers: list[tuple[str, str]], company: list[str], tags: list[str], comment: str
) -> None:
    written = []
    for card in (CardLines(), vobject.vCard()):
        fill(card, name, numbers, company, tags, comment)
        written.append(card.serialize())
    ours, reference = written
    assert ours.replace("\r\n ", "") == reference.replace("\r\n ", "")
    assert all(len(line.encode()) <= 75 for line in ours.split("\r\n"))
    assert ours == "".join(f"{line}\r\n" for line in ours.split("\r\n")[:-1])


def fill(
    card: Any,  # noqa: ANN401 - ours or vobject's
    name: str,
    numbers: list[tuple[str, str]],
    company: list[str],
    tags: list[str],
    comment: str,
) -> None:
    card.add("fn").value = name
    card.add("n").value = Name(family=name, given=comment)
    for place, (number, label) in enumerate(numbers):
        line = card.add("tel")
        line.value, line.group, line.type_paramlist = number, f"item{place}", ["VOICE", "PREF"]
        also = card.add("x-ablabel")
        also.value, also.group = label, f"item{place}"
    card.add("org").value = company
    card.add("categories").value = tags
    card.add("note").value = comment
