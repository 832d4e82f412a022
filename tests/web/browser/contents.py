"""Contacts and calls of the books: names that hardly fit among ordinary ones, and texts that want to be markup."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.calls.identity import sortable_id
from pbxd.calls.record import Agent, CallRecord, Outcome, Party, Step
from tests.lab.people import AGENT, COLLEAGUE, PEOPLE, SUPERVISOR

STRANGER = "+79169998877"
CALLERS: Final = ("+79161234567", "+79035556672")  # clients of the books `long` and `hostile`; VIPs of the former
CALLS = 40
QUEUE = "sales"
NAME: Final = "Константинопольская-Преображенская Александра Вячеславовна-2"
COMPANY: Final = "Общество с ограниченной ответственностью «Северный Ветер-21»"
POSITION: Final = "Заместитель руководителя отдела по работе с корпоративными к"
COMMENT: Final = "Просит звонить после обеда; договор № 14/2026 подписан, ждёт счёт.\nНе предлагать рассрочку."
TAGS = ("опт", "Очень длинный тег, который не помещается в строку")
assert {len(text) for text in (NAME, COMPANY, POSITION)} == {60}

_LONG = (
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


IMPORTED: Final = "ФИО;Телефон;Компания\nФронкин Игорь;8 916 123-45-67;Ромашка\nБез номера;12;Ромашка\n"
# Each ends what a page may have put it into, and brings an element with it that a test finds.
PAYLOADS = (
    "<b data-hostile>жирный</b>", '"><b data-hostile>x</b>', "'><b data-hostile>x</b>", "</title><b data-hostile>x</b>",
    "<script>document.body.dataset.hostile = 1</script>", "<img src=x data-hostile onerror=alert(1)>",
    "<svg data-hostile onload=alert(1)>", '" data-hostile x="', "' data-hostile x='", "` data-hostile x=`",
    "{{ 7 * 7 }}", "{% raw %}", "${7*7}", "javascript:alert(1)", "</textarea><b data-hostile>x</b>",
    "]]><b data-hostile>x", "&lt;b data-hostile&gt;x", "\\u003cb data-hostile\\u003e",
)  # fmt: skip


class Content(NamedTuple):
    """What a book holds beside PEOPLE."""

    contacts: Sequence[ContactDraft]
    calls: Sequence[CallRecord]
    employees: Sequence[Employee] = ()


def long_names() -> Content:
    """Return contacts with names of 60 characters among ordinary ones, and their calls."""
    return Content(_LONG, _calls([draft.numbers[0].number for draft in _LONG]))


def hostile() -> Content:
    """Return contacts, employees, callers and queues whose every text wants to be markup."""
    contacts = [
        ContactDraft(
            text,
            text,
            text,
            (
                ContactNumber(
                    dict(enumerate(CALLERS)).get(place, f"+7916000{place:04}"), typed=text, label=text[:20], main=True
                ),
            ),
            comment=f"{text}\n{text}",
            tags=(text[:50],),
            manager=AGENT.extension,
            vip=place % 2 == 0,
        )
        for place, text in enumerate(PAYLOADS)
    ]
    employees = [Employee(str(201 + place), text, department=text) for place, text in enumerate(PAYLOADS)]
    numbers = [draft.numbers[0].number for draft in contacts]
    return Content(contacts, _calls([*numbers, *PAYLOADS], names=PAYLOADS), employees)


def written() -> tuple[str, ...]:
    """Return what people wrote into the book `long`: no text of the pages."""
    found = {text for each in _LONG for text in (each.name, each.company, each.position, *each.tags, *each.emails)}
    labels = {number.label for each in _LONG for number in each.numbers}
    imported = {*IMPORTED.replace("\n", ";").split(";"), "clients"}
    return tuple(filter(None, found | labels | imported | {*COMMENT.splitlines(), QUEUE}))


def _calls(clients: Sequence[str], names: Sequence[str] = ("",)) -> list[CallRecord]:
    """Return calls of the last two days between clients, a stranger and PEOPLE; `names` are what the trunk said."""
    chance, now = random.Random(1), datetime.now(UTC).replace(microsecond=0)
    numbers = [*clients, STRANGER]
    return [
        _call(chance, place, now, Party(numbers[place % len(numbers)], names[place % len(names)] or None))
        for place in range(CALLS)
    ]


def _call(chance: random.Random, place: int, now: datetime, client: Party) -> CallRecord:
    started, number = now - timedelta(minutes=5 + 61 * place), client.number
    incoming, answered, who = chance.random() < 0.6, chance.random() < 0.7, chance.choice(PEOPLE).extension
    ours = Party(who, extension=who)
    rang = timedelta(seconds=chance.randint(3, 25))
    talk = chance.randint(20, 900) if answered else 0
    ended = started + rang + timedelta(seconds=talk)
    queue = client.name or QUEUE
    story = [Step(started, "called", number if incoming else who, queue if incoming else number)]
    story += [Step(started, "queued", number, queue), Step(started, "rang", who)] if incoming else []
    story += [Step(started + rang, "answered", who if incoming else number)] if answered else []
    missed: Outcome = "missed" if incoming else "no-answer"
    record = CallRecord(sortable_id(started.timestamp(), place), "pbx", f"{started.timestamp():.0f}.{place}", started)
    queues = [queue] if incoming else []
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
        story=[*story, Step(ended, "ended", number)],
    )
