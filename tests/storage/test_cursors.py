"""Cursors of lists: no name and no number in them, bound to their list, steady while entries change."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.errors import InvalidInputError
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from pbxd.storage.search import cursor
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.search.paging import PageAsked, Sorting
from tests.actors import ADMINISTRATOR, agent

NAMES = ["Анна", "Борис", "Вера", "Глеб", "Дарья", "Егор", "Жанна", "Зоя"]


@pytest.fixture
async def book(database: Database) -> Contacts:
    contacts = Contacts(database)
    drafts = [
        ContactDraft(name, f"Фирма {name}", name, (ContactNumber(f"+7916000000{place}"),))
        for place, name in enumerate(NAMES)
    ]
    await contacts.add_many(drafts, actor=ADMINISTRATOR)
    return contacts


@pytest.mark.parametrize("sort", ["name", "company", "position", "number", "manager", "vip", "changed", "id", "rank"])
@pytest.mark.parametrize("descending", [False, True])
async def test_a_cursor_names_nobody_and_fits_into_a_url(book: Contacts, sort: Sorting, descending: bool) -> None:
    seen, after, pages = list[str](), "", 0
    while True:
        asked = PageAsked(sort, descending, after, 3)
        page = await book.page(ContactFilter(), asked, actor=ADMINISTRATOR)
        seen += [each.name for each in page.items]
        after, pages = page.after, pages + 1
        if not after:
            break
        assert after.replace("-", "").replace("_", "").isalnum()
        plain = base64.urlsafe_b64decode(after + "==").decode()
        assert not any(name.casefold() in plain for name in NAMES)
        assert "79160000" not in plain
    assert (sorted(seen), pages) == (NAMES, 3)


async def test_a_page_goes_on_although_four_of_its_last_five_entries_changed(book: Contacts) -> None:
    page = await book.page(ContactFilter(), PageAsked("name", limit=6), actor=ADMINISTRATOR)
    for each, name in zip(page.items[2:6], ("Я", "Ю", "Э", "А"), strict=True):
        await book.edit(each.id, {"name": name}, actor=ADMINISTRATOR)
    rest = await book.page(ContactFilter(), PageAsked("name", after=page.after), actor=ADMINISTRATOR)
    assert [each.name for each in rest.items] == ["Жанна", "Зоя", "Э", "Ю", "Я"]
    await book.delete(page.items[1].id, actor=ADMINISTRATOR)
    with pytest.raises(InvalidInputError) as refused:
        await book.page(ContactFilter(), PageAsked("name", after=page.after), actor=ADMINISTRATOR)
    assert (refused.value.field, refused.value.code) == ("after", "cursor")


async def test_a_cursor_of_another_list_is_refused(book: Contacts) -> None:
    page = await book.page(ContactFilter(), PageAsked("name", limit=2), actor=ADMINISTRATOR)
    for wanted, asked in (
        (ContactFilter(), PageAsked("company", after=page.after)),
        (ContactFilter(), PageAsked("name", True, page.after)),
        (ContactFilter(vip=False), PageAsked("name", after=page.after)),
        (ContactFilter(search="а"), PageAsked("name", after=page.after)),
    ):
        with pytest.raises(InvalidInputError):
            await book.page(wanted, asked, actor=ADMINISTRATOR)


async def test_a_made_up_cursor_tells_nothing_of_a_contact_that_one_does_not_see(book: Contacts) -> None:
    """Whoever guesses the digest of a name would learn where it stands."""
    draft = ContactDraft("Бэлла", numbers=(ContactNumber("+79160000099"),), visibility="personal", owner="101")
    hidden = await book.add(draft, actor=agent("101"))
    tied = cursor.bound(ContactFilter(), False)
    after = cursor.written("name", [("бэлла", hidden.id)], tied)
    found = await book.page(ContactFilter(), PageAsked("name", after=after), actor=agent("101"))
    assert found.items[0].name == "Вера", "its owner may"
    with pytest.raises(InvalidInputError):
        await book.page(ContactFilter(), PageAsked("name", after=after), actor=agent("102"))


def test_entries_are_named_by_id_alone() -> None:
    for entry in ("01ABC", 7):
        after = cursor.written_entry("calls", entry, "tied")
        assert cursor.read_entry("calls", after, "tied") == entry
        for sort, tied in (("calls", "other"), ("employees", "tied")):
            with pytest.raises(InvalidInputError):
                cursor.read_entry(sort, after, tied)
    assert cursor.read_entry("calls", "", "tied") is None
    made = [cursor.written_entry("calls", entry, "tied") for entry in range(3)]
    assert all(one != other for one, other in pairwise(made))
