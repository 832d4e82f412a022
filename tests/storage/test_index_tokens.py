from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from pbxd.book.contacts import ContactChanges, ContactDraft, ContactNumber
from pbxd.book.fields import BUILT_IN
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from pbxd.storage.search import fulltext
from pbxd.storage.search.search_text import changed_tokens, found_by, tokens
from tests.actors import agent

_WORDS = (
    "Анна",
    "анна",
    "Аннушка",
    "Иванна",
    "ООО «Лютик»",
    "лютики",
    "Smith",
    "директор",
    "директория",
    "доб. 15",
    "",
)


def _indexed(connection: Connection) -> set[tuple[str, int]]:
    """Return each token of the index with the contact that has it."""
    connection.exec_driver_sql(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.instances USING fts5vocab(main, contacts_found, instance)"
    )
    return {(term, doc) for term, doc in connection.exec_driver_sql("SELECT term, doc FROM temp.instances")}


def _counted(connection: Connection) -> object:
    """Return what the index says of how many contacts and tokens it has."""
    return connection.exec_driver_sql("SELECT hex(block) FROM contacts_found_data WHERE id = 1").scalar_one()


async def test_a_card_has_the_tokens_of_its_text_after_any_edits(tmp_path: Path) -> None:
    """S2.17: an edit writes only the tokens that differ; what is found is what a new index would find."""
    chance = random.Random(7)

    def text_of() -> str:
        return " ".join(chance.choices(_WORDS, k=3)).strip()

    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path}/pbxd.db", create=True) as database:
        contacts = Contacts(database)
        me = agent("101")
        for place in range(6):
            draft = ContactDraft(f"Игорь {place}", numbers=(ContactNumber(f"+7916123456{place}"),), comment=text_of())
            await contacts.add(draft, actor=me)
        for _edit in range(60):
            changes: ContactChanges = {
                "name": f"Игорь {text_of()}",
                "position": text_of(),
                "comment": text_of(),
                "tags": tuple({text_of()} - {""}),
                "numbers": (ContactNumber(f"+7916123456{chance.randrange(9)}"),),
            }
            kept = chance.sample(sorted(changes), k=2)
            one = {name: value for name, value in changes.items() if name in kept}
            if chance.random() < 0.3:
                one["visibility"] = chance.choice(("personal", "shared"))
            await contacts.edit(chance.randrange(1, 7), one, actor=me)  # type: ignore[arg-type]
        async with database.writing() as connection:
            found = await connection.run_sync(_indexed), await connection.run_sync(_counted)
            await connection.run_sync(fulltext.drop)
            await connection.run_sync(fulltext.make)
            await connection.run_sync(fulltext.fill)
            anew = await connection.run_sync(_indexed), await connection.run_sync(_counted)
            shared = (await connection.execute(text("SELECT count(*) FROM contacts WHERE owner_id = 0"))).scalar_one()
        assert 0 < shared < 6
        assert found == anew


_TEXTS = st.lists(
    st.sampled_from((*_WORDS, "АннаАннаАннаАнна", "нна", "+79161234567", "9161234567", "a-b", "+7")), max_size=4
)


@given(st.tuples(_TEXTS, _TEXTS, _TEXTS), st.tuples(_TEXTS, _TEXTS, _TEXTS))
def test_the_tokens_that_differ_are_those_of_one_text_alone(
    old: tuple[list[str], ...], new: tuple[list[str], ...]
) -> None:
    one, other = (
        found_by(
            ContactDraft(
                " ".join(name) or "Я", comment=" ".join(comment), position=" ".join(position), vip=len(name) > 2
            ),
            BUILT_IN,
        )
        for name, comment, position in (old, new)
    )
    lost, won = changed_tokens(one, other)
    before, after = set(tokens(one).split()), set(tokens(other).split())
    assert sorted(lost.split()) == sorted(before - after)
    assert sorted(won.split()) == sorted(after - before)
