"""A book of people with Russian names, as a big company's is: made once and kept in .bench."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, insert

from pbxd.book import ContactDraft, ContactNumber, folded
from pbxd.storage import fulltext, schema, tables
from pbxd.storage.words import found_by
from tests.bench.figures import FOLDER

_CHUNK = 10_000


def _several(words: str) -> list[str]:
    return words.split()


_ROOTS = _several(
    "Иван Петр Сидор Кузнец Смирн Волк Лебед Козл Новик Мороз Егор Павл Семен Голуб Виноград Богдан Ворон "
    "Федор Беля Тарас Орл Кисел Макар Ковал Ильин Гус Тит Кудряв Баран Кулик Степан Яковл Сорок Роман "
    "Захар Борис Корол Григор Лазар Медвед Ерш Соболь Поляк Цвет Данил Жук Фрол Журавл Крыл Максим Осип "
    "Белоус Федот Дорофе Матве Бобр Калин Анисим Антон Тимофе Веселов Филипп Мирон Ширя Александр Шеста "
    "Казак Ефим Громо Мельник Щерб Блин Карп Афанас Масл Тихон Аксен Родион Горбун Зуе Треть Савель Рыба "
    "Сувор Абрам Мухин Трофим Мартын Горшк Черн Селезн Фронк"
)
_ENDINGS = (("ов", "ова"), ("ев", "ева"), ("ин", "ина"), ("ский", "ская"), ("енко", "енко"), ("кин", "кина"))
_MEN = _several("Александр Сергей Владимир Андрей Алексей Николай Дмитрий Иван Михаил Игорь Олег Павел Пётр Артём Глеб")
_WOMEN = _several(
    "Елена Ольга Наталья Татьяна Ирина Светлана Анна Мария Людмила Екатерина Юлия Марина Алёна Дарья Вера"
)
_FATHERS = _several("Александров Сергеев Владимиров Андреев Алексеев Николаев Дмитриев Иванов Михайлов Игорев Петров")
_FORMS = ("ООО", "АО", "ИП", "ПАО")
_FIRMS = _several(
    "Ромашка Сибирь Вектор Альфа Строй Торг Техно Мед Агро Транс Инвест Энерго Снаб Лес Гранд Север Прогресс"
)
_TRADES = ("", "сервис", "групп", "снаб", "торг", "строй", "маркет", "проект", "логистик", "плюс", "центр", "трейд")
_POSITIONS = ("директор", "бухгалтер", "менеджер", "инженер", "закупки", "секретарь", "", "")
_WORDS = _several(
    "перезвонить после обеда скидка договор счёт оплата доставка склад жалоба офис срочно утром просил прайс"
)
_CODES = ("916", "903", "926", "495", "812", "383", "843", "912", "905", "999")
_HOSTS = ("mail.ru", "yandex.ru", "gmail.com", "example.org")
_TAGS = ((), (), ("опт",), ("розница",), ("казань", "опт"))
_MANAGERS = 40
_VIPS = 100  # every hundredth


async def place_people(contacts: int, target: Path) -> None:
    """Put a database with so many contacts at `target`, indexed."""
    FOLDER.mkdir(exist_ok=True)
    kept = FOLDER / f"people-{contacts}-{_fingerprint()}.db"
    if not kept.exists():
        for old in FOLDER.glob(f"people-{contacts}-*.db*"):
            old.unlink()
        part = kept.with_suffix(".part.db")
        await schema.upgrade(f"sqlite+aiosqlite:///{part}")
        _fill(part, contacts)
        part.rename(kept)
    shutil.copyfile(kept, target)


def _fingerprint() -> str:
    return hashlib.sha256(schema.HEAD.encode() + Path(__file__).read_bytes()).hexdigest()[:12]


def _fill(file: Path, contacts: int) -> None:
    engine = create_engine(f"sqlite:///{file}")
    event.listen(engine, "connect", lambda connection, _record: fulltext.lend_tokens(connection))
    chance = random.Random(1)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        connection.exec_driver_sql("PRAGMA cache_size=-100000")
        companies = _companies(connection, chance, contacts // 20 + 1)
        for start in range(0, contacts, _CHUNK):
            _insert(connection, chance, companies, range(start, min(start + _CHUNK, contacts)))
            connection.commit()
        connection.exec_driver_sql("INSERT INTO contacts_found(contacts_found) VALUES ('optimize')")
        connection.commit()
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


def _companies(connection: Connection, chance: random.Random, wanted: int) -> list[str]:
    names: dict[str, str] = {}
    while len(names) < wanted:
        firm = chance.choice(_FIRMS) + chance.choice(_TRADES)
        name = f"{chance.choice(_FORMS)} «{firm}-{chance.randrange(wanted)}»"
        names.setdefault(folded(name), name)
    rows = [{"id": key, "name": name, "folded": fold} for key, (fold, name) in enumerate(names.items(), 1)]
    connection.execute(insert(tables.companies), rows)
    return list(names.values())


def _insert(connection: Connection, chance: random.Random, companies: list[str], places: range) -> None:
    drafts = {place + 1: _draft(chance, companies, place) for place in places}
    known = {name: key for key, name in enumerate(companies, 1)}
    connection.execute(insert(tables.contacts), [_main(key, draft, known) for key, draft in drafts.items()])
    numbers = [{**_part(key, 0), **_number(number)} for key, draft in drafts.items() for number in draft.numbers]
    connection.execute(insert(tables.contact_numbers), numbers)
    emails = [_part(key, 0) | {"email": each, "folded": each} for key, draft in drafts.items() for each in draft.emails]
    connection.execute(insert(tables.contact_emails), emails)
    tags = [
        _part(key, at) | {"tag": tag, "folded": tag}
        for key, draft in drafts.items()
        for at, tag in enumerate(draft.tags)
    ]
    connection.execute(insert(tables.contact_tags), tags)


def _draft(chance: random.Random, companies: list[str], place: int) -> ContactDraft:
    woman = chance.random() < 0.5
    surname = chance.choice(_ROOTS) + chance.choice(_ENDINGS)[woman]
    father = chance.choice(_FATHERS) + ("на" if woman else "ич")
    return ContactDraft(
        f"{surname} {chance.choice(_WOMEN if woman else _MEN)} {father}",
        company=chance.choice(companies),
        position=chance.choice(_POSITIONS),
        numbers=(ContactNumber(f"+7{chance.choice(_CODES)}{place:07}", main=True),),
        emails=tuple(_emails(chance)),
        manager=str(101 + chance.randrange(_MANAGERS)),
        vip=place % _VIPS == 0,
        comment=" ".join(chance.sample(_WORDS, chance.randrange(6))),
        tags=chance.choice(_TAGS),
    )


def _emails(chance: random.Random) -> Iterator[str]:
    if chance.random() < 0.6:
        yield f"u{chance.randrange(10**6)}@{chance.choice(_HOSTS)}"


def _main(key: int, draft: ContactDraft, companies: dict[str, int]) -> dict[str, Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=key * 7919 % 10**7)
    return {
        "id": key, "name": draft.name, "folded": folded(draft.name), "search": found_by(draft),
        "company_folded": folded(draft.company), "position_folded": folded(draft.position),
        "main_number": draft.numbers[0].number, "company_id": companies[draft.company], "position": draft.position,
        "manager": draft.manager, "vip": draft.vip, "comment": draft.comment, "birth_date": None,
        "visibility": "shared", "owner": "", "created_by": "", "version": 1, "created": at, "changed": at,
    }  # fmt: skip


def _part(key: int, place: int) -> dict[str, int]:
    return {"contact_id": key, "place": place}


def _number(number: ContactNumber) -> dict[str, Any]:
    return {"number": number.number, "typed": "", "extension": "", "label": "", "main": True}
