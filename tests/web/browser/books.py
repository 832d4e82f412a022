"""What the pages show in tests and pictures: nothing, names that hardly fit among ordinary ones, 100,000 contacts."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, NamedTuple

from playwright.async_api import StorageState, StorageStateCookie

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.calls.identity import sortable_id
from pbxd.calls.record import Agent, CallRecord, Outcome, Party, Step
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.services import users
from pbxd.services.users import INVITATION_PATH, InviteUser
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine import schema
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR, agent
from tests.bench import past
from tests.http.conftest import House, house
from tests.lab.people import AGENT, COLLEAGUE, NEWCOMER, PEOPLE, SUPERVISOR, Person
from tests.web.browser.site import PASSWORD, Invite

BookName = Literal["empty", "long", "full"]
STAFF = [Employee(person.extension, person.name) for person in (*PEOPLE, NEWCOMER)]
CALLS = {"long": 40, "full": 20_000}
NAME: Final = "Константинопольская-Преображенская Александра Вячеславовна-2"
COMPANY: Final = "Общество с ограниченной ответственностью «Северный Ветер-21»"
POSITION: Final = "Заместитель руководителя отдела по работе с корпоративными к"
COMMENT: Final = "Просит звонить после обеда; договор № 14/2026 подписан, ждёт счёт.\nНе предлагать рассрочку."
TAGS = ("опт", "Очень длинный тег, который не помещается в строку")
assert {len(text) for text in (NAME, COMPANY, POSITION)} == {60}

CONTACTS = (
    ContactDraft(
        NAME,
        COMPANY,
        POSITION,
        (
            ContactNumber("+79161234567", label="Рабочий мобильный", main=True),
            ContactNumber("+74951234567", extension="123456"),
        ),
        ("aleksandra.konstantinopolskaya-preobrazhenskaya@severny-veter.ru",),
        AGENT.extension,
        vip=True,
        comment=COMMENT,
        tags=TAGS,
        birth_date=date(1985, 3, 12),
    ),
    *(
        ContactDraft(
            name, company, position, (ContactNumber(f"+7903555667{place}", main=True),), manager=manager, vip=place == 2
        )
        for place, (name, company, position, manager) in enumerate(
            (
                ("Ким Анна", COMPANY, "Бухгалтер", AGENT.extension),
                ("Фронкин Игорь", "Ромашка", "Директор", COLLEAGUE.extension),
                ("Вознесенская Анна", "Тюльпан", "", SUPERVISOR.extension),
                ("Ли Олег", "", "", ""),
                ("Щукин Пётр", "Ромашка", "Снабженец", AGENT.extension),
            )
        )
    ),
    ContactDraft(
        "Мама", numbers=(ContactNumber("+79260001122", main=True),), visibility="personal", owner=AGENT.extension
    ),
)


class Furnished(NamedTuple):
    """A book in which PEOPLE are users, and their sessions."""

    file: Path
    states: Mapping[Person, StorageState]


def written() -> tuple[str, ...]:
    """Return what people wrote into the book `long`: no text of the pages."""
    found = {text for each in CONTACTS for text in (each.name, each.company, each.position, *each.tags, *each.emails)}
    labels = {number.label for each in CONTACTS for number in each.numbers}
    return tuple(filter(None, found | labels | set(COMMENT.splitlines())))


async def furnish(name: BookName, folder: Path) -> Furnished:
    """Make a book with this content in `folder`, and let PEOPLE in: sessions are rows, which copies of it have too."""
    source = folder / "source.db"
    if name == "full":
        shutil.copyfile(await past.kept_history(CALLS["full"]), source)
    else:
        await schema.upgrade(f"sqlite+aiosqlite:///{source}")
    states: dict[Person, StorageState] = {}
    async with house(folder, source, linked=False) as pbxd:
        await Employees(pbxd.database).upsert(STAFF, source="list")
        if name == "long":
            await _fill(pbxd.database)
        invite = inviting(pbxd)
        for person in PEOPLE:
            token = (await invite(person)).removeprefix(INVITATION_PATH)
            states[person] = _signed_in((await pbxd.services.sessions.accept(token, PASSWORD, "127.0.0.1")).plain)
    return Furnished(shutil.copyfile(folder / "book.db", folder / f"{name}.db"), states)


def inviting(pbxd: House) -> Invite:
    """Return what invites a person with the service."""

    async def invite(who: Person) -> str:
        asked = InviteUser(who=who.extension, role=who.role)
        return (await users.invite(pbxd.services.workspace, ADMINISTRATOR, asked)).path

    return invite


async def _fill(database: Database) -> None:
    contacts = Contacts(database)
    for draft in CONTACTS:
        actor = agent(draft.owner) if draft.owner else ADMINISTRATOR
        added = await contacts.add(draft, actor=actor)
        if draft.vip:
            await contacts.set_favourite(added.id, actor=agent(AGENT.extension), favourite=True)
    await Calls(database).upsert(_calls())


def _calls() -> list[CallRecord]:
    """Return calls of the last two days between the contacts, a stranger and PEOPLE."""
    chance, now = random.Random(1), datetime.now(UTC).replace(microsecond=0)
    numbers = [draft.numbers[0].number for draft in CONTACTS] + ["+79169998877"]
    return [
        _call(chance, now - timedelta(minutes=5 + 61 * place), numbers[place % len(numbers)], place)
        for place in range(CALLS["long"])
    ]


def _call(chance: random.Random, started: datetime, number: str, place: int) -> CallRecord:
    incoming, answered, who = chance.random() < 0.6, chance.random() < 0.7, chance.choice(PEOPLE).extension
    client, ours = Party(number), Party(who, extension=who)
    rang = timedelta(seconds=chance.randint(3, 25))
    talk = chance.randint(20, 900) if answered else 0
    ended = started + rang + timedelta(seconds=talk)
    story = [Step(started, "began", number if incoming else who), Step(started, "ringing", who)]
    story += [Step(started + rang, "answered", who)] if answered else []
    missed: Outcome = "missed" if incoming else "no-answer"
    record = CallRecord(sortable_id(started.timestamp(), place), "pbx", f"{started.timestamp():.0f}.{place}", started)
    queues = ["sales"] if incoming else []
    return replace(
        record,
        direction="incoming" if incoming else "outgoing",
        caller=client if incoming else ours,
        callee=ours if incoming else client,
        queue=queues[0] if queues else None,
        queues=queues,
        answered=started + rang if answered else None,
        answered_by=[who] if answered else [],
        agents=[Agent(who, rang.total_seconds() if incoming else 0.0, talk)],
        seconds=record.seconds | {"ring": rang.total_seconds(), "talk": talk},
        ended=ended,
        outcome="answered" if answered else missed,
        cause=16,
        story=[*story, Step(ended, "left", number)],
    )


def _signed_in(session: str) -> StorageState:
    """Return what a browser keeps of a session."""
    cookie: StorageStateCookie = {
        "name": PLAIN_NAME, "value": session, "domain": "127.0.0.1", "path": "/", "expires": -1,
        "httpOnly": True, "secure": False, "sameSite": "Lax",
    }  # fmt: skip
    return {"cookies": [cookie], "origins": []}
