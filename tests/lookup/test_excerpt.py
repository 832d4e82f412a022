from __future__ import annotations

import re
from pathlib import Path

import pytest

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.lookup.matching import Book
from pbxd.lookup.partial_index import contact_named, excerpt
from pbxd.numbers import NumberRules, parse
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR, acting, agent

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
MOBILE, MAIN_LINE, OTHER = "+79161234567", "+74951234567", "+79037654321"


def draft(name: str, *numbers: str, owner: str = "") -> ContactDraft:
    listed = tuple(ContactNumber(number, main=place == 0) for place, number in enumerate(numbers))
    return ContactDraft(name, numbers=listed, owner=owner, visibility="personal" if owner else "shared")


async def test_look_ups_of_the_excerpt_answer_as_the_whole_book_does(tmp_path: Path) -> None:
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'book.db'}", create=True) as database:
        contacts, companies = Contacts(database), Companies(database)
        await contacts.add_many(
            [draft("Анна", OTHER, MAIN_LINE), draft("Борис", MAIN_LINE), draft("Вера", "+79990000000")],
            actor=ADMINISTRATOR,
        )
        await contacts.add_many(
            [draft("Мама", MOBILE, owner="101"), draft("Тётя", OTHER, owner="102")], actor=ADMINISTRATOR
        )
        company = await companies.get_or_create("Лютик")
        await companies.edit(company.id, {"numbers": (MOBILE, OTHER)})
        await Employees(database).upsert([Employee("101", "Иванов", mobile=MOBILE)], source="list")
        async with contacts.snapshot() as everything:
            whole = Book.of((), everything.companies, everything.employees)
            async for listings in everything.contacts:
                whole.put_listings(listings)
        numbers = [MOBILE, MAIN_LINE, OTHER, "+79031112233"]
        for viewer in ("", "101", "102"):
            part = await excerpt(database, numbers, acting(viewer))
            for text in (*numbers, "101", "102", "anonymous"):
                parsed = parse(text, RULES)
                assert part.lookup(parsed, acting(viewer)) == whole.lookup(parsed, acting(viewer))
            assert part.lookup(parse("+79990000000", RULES), acting(viewer)).status == "unknown"


async def test_a_contact_is_named_by_id_or_by_its_whole_name(tmp_path: Path) -> None:
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'book.db'}", create=True) as database:
        contacts = Contacts(database)
        fronkin = await contacts.add(draft("Фронкин Игорь", MOBILE), actor=ADMINISTRATOR)
        await contacts.add_many(
            [draft("Анна", MAIN_LINE), draft("анна", OTHER), draft("Мама", OTHER, owner="101")], actor=ADMINISTRATOR
        )
        assert await contact_named(database, "фронкин  игорь", actor=ADMINISTRATOR) == fronkin
        assert await contact_named(database, str(fronkin.id), actor=ADMINISTRATOR) == fronkin
        assert (await contact_named(database, "Мама", actor=agent("101"))).owner == "101"
        for nobody in ("Фронкин", "Мама", "999"):
            with pytest.raises(NotFoundError):
                await contact_named(database, nobody, actor=ADMINISTRATOR)
        with pytest.raises(InvalidInputError, match="several"):
            await contact_named(database, "Анна", actor=ADMINISTRATOR)
