"""Contacts with texts that a table, a spreadsheet or a vCard could take for something of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import strategies as st

from pbxd.book.contacts import ContactDraft, ContactNumber

# What a table or a card could take for something of its own.
HOSTILE = (
    "=1+1", "+7", "-", "@x", "'=1", "''", '"a', 'a"b', "a;b", "a, b", "a ::: b", "\\n", "\\", "a\\", ":", "x: y",
    "★ x", "★", "★★", "да", "1", "1e5", "END:VCARD", "BEGIN:VCARD", "ФИО", "Итого", "Всего: 5", "🌳👩‍👩‍👧", "ё", "й",
    "_x000D_", "_x0041_", "&quot;", "<br />", "доб. 5", "факс", "_$!<Home>!$_", "home", "N/A", "нет", "\u2028a", "a  b",
    '=HYPERLINK("http://x")', "{}", "%s", "\ufeffa", "тел", "* myContact", "работа, дом", "1604", "12.03.1985",
)  # fmt: skip
WORDS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12),
    st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=3).map(" ".join),
)
LINES = WORDS.map(str.strip)
NAMES = LINES.filter(bool)
TEXTS = st.lists(LINES, max_size=3).map("\n".join)
EMAILS = st.lists(st.sampled_from(["a@x.ru", "b@x.ru", "в@пример.рф", "'c@x.ru", "=d@x.ru"]), max_size=3, unique=True)
NUMBERS = st.lists(
    st.builds(
        ContactNumber,
        st.sampled_from(["+79161112233", "+74951112233", "+375293010047", "+442071838750", "+12125550123"]),
        extension=st.sampled_from(["", "", "7", "123456", "1234567", "12w3", "*5#", "A"]),
        label=st.just("") | LINES,
    ),
    max_size=4,
    unique_by=lambda number: (number.number, number.extension),
)


@st.composite
def drafts(draw: st.DrawFn) -> ContactDraft:
    """Draw a contact with a number or an e-mail; numbers have no fixed place for the main one."""
    numbers, emails = draw(NUMBERS), draw(EMAILS)
    main = draw(st.integers(0, max(0, len(numbers) - 1)))
    owner = draw(st.sampled_from(["", "101"]))
    return ContactDraft(
        name=draw(NAMES),
        company=draw(st.just("") | LINES),
        position=draw(st.just("") | LINES),
        numbers=tuple(replace(number, main=place == main) for place, number in enumerate(numbers)),
        emails=tuple(emails or ([] if numbers else ["z@x.ru"])),
        manager=draw(st.sampled_from(["", "101", "102"])),
        vip=draw(st.booleans()),
        comment=draw(TEXTS),
        tags=tuple(draw(st.lists(NAMES, max_size=3))),
        birth_date=draw(st.none() | st.dates(date(1604, 1, 1), date(2025, 1, 1))),
        visibility="personal" if owner else "shared",
        owner=owner,
    )
