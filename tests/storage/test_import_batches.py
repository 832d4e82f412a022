"""An import changes and gives back many cards in a few statements, and each card rightly."""

from __future__ import annotations

from sqlalchemy import event

from pbxd.book.contacts import ContactChanges, ContactDraft, ContactNumber
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from pbxd.storage.imports.imports import Imports
from pbxd.storage.search.filters import ContactFilter
from tests.actors import ADMINISTRATOR

CARDS = 50
MOST = 200  # statements; card by card it would be a thousand


def changes(place: int) -> ContactChanges:
    """Return changes of other columns for every third card."""
    both: list[ContactChanges] = [
        {"name": f"Новый {place}", "company": f"Лютик {place % 2}"},
        {"comment": f"заметка {place}", "vip": True, "tags": ("юг",)},
        {"numbers": (ContactNumber(f"+{79260000000 + place}", main=True),), "emails": ("a@example.org",)},
    ]
    return both[place % 3]


async def test_many_cards_change_in_few_statements_and_back(database: Database) -> None:
    contacts, imports = Contacts(database), Imports(database)
    drafts = [
        ContactDraft(f"Клиент {place}", "Ромашка", numbers=(ContactNumber(f"+{79160000000 + place}", main=True),))
        for place in range(CARDS)
    ]
    before = await contacts.add_many(drafts, actor=ADMINISTRATOR)
    asked: list[str] = []
    event.listen(
        database._writer_engine.sync_engine, "before_cursor_execute", lambda *context: asked.append(str(context[2]))
    )
    writing = await imports.begin("a.xlsx", actor=ADMINISTRATOR, visibility="shared")
    await writing.add([], {card.id: changes(place) for place, card in enumerate(before)})
    await writing.finish({})
    assert len(asked) < MOST
    changed = sorted((await contacts.list(actor=ADMINISTRATOR))[1], key=lambda card: card.id)
    for place, card in enumerate(changed):
        assert {name: getattr(card, name) for name in changes(place)} == changes(place)
        assert card.version == 2
        (edit,) = await contacts.history(card.id, actor=ADMINISTRATOR)
        assert edit.fields.keys() == changes(place).keys()
    for words, count in (("новый", 17), ("лютик", 17), ("заметка", 17), ("клиент", 33), ("926000", 16)):
        assert (await contacts.list(ContactFilter(search=words), actor=ADMINISTRATOR))[0] == count
    asked.clear()
    assert (await imports.undo(writing.id, actor=ADMINISTRATOR)).restored == CARDS
    assert len(asked) < MOST
    after = sorted((await contacts.list(actor=ADMINISTRATOR))[1], key=lambda card: card.id)
    assert [(card.name, card.company, card.numbers, card.tags, card.comment) for card in after] == [
        (card.name, card.company, card.numbers, card.tags, card.comment) for card in before
    ]
    assert (await contacts.list(ContactFilter(search="клиент"), actor=ADMINISTRATOR))[0] == CARDS
    assert (await contacts.list(ContactFilter(search="лютик"), actor=ADMINISTRATOR))[0] == 0
