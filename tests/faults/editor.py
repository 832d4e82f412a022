"""A program that edits the book as fast as it can and prints what was acknowledged, to be killed at any moment.

`python -m tests.faults.editor URL`: a line `added ID` or `edited ID VERSION` after each call that returned.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR


async def edit_for_ever(url: str) -> None:
    async with await Database.open(url, create=False) as database:
        contacts = Contacts(database)
        for number in count():
            draft = ContactDraft(
                name=f"Клиент {number}",
                numbers=(ContactNumber(f"+7916{number:07}"), ContactNumber(f"+7926{number:07}")),
                company=f"Компания {number % 7}",
                tags=("новый",),
            )
            contact = await contacts.add(draft, actor=ADMINISTRATOR)
            print("added", contact.id, flush=True)
            contact = await contacts.edit(
                contact.id, {"comment": "исправлен", "tags": ("новый", "исправлен")}, actor=ADMINISTRATOR
            )
            print("edited", contact.id, contact.version, flush=True)


if __name__ == "__main__":
    asyncio.run(edit_for_ever(sys.argv[1]))
