"""A book of people with Russian names, as a big company's is: made once and kept in .bench."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.texts import folded
from tests.bench.filling import filling, kept, put, put_companies

_CHUNK = 10_000
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


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


async def people(contacts: int) -> Path:
    """Return a database with so many contacts, indexed: to be read, not written."""
    return await kept(f"people-{contacts}", Path(__file__), lambda file: _fill(file, contacts))


def _fill(file: Path, contacts: int) -> None:
    chance = random.Random(1)
    with filling(file) as connection:
        companies = _companies(connection, chance, contacts // 20 + 1)
        known = {name: key for key, name in enumerate(companies, 1)}
        for start in range(0, contacts, _CHUNK):
            places = range(start, min(start + _CHUNK, contacts))
            drafts = [(place + 1, _draft(chance, companies, place)) for place in places]
            put(connection, drafts, known, lambda key: _BEGIN + timedelta(seconds=key * 7919 % 10**7))


def _companies(connection: Connection, chance: random.Random, wanted: int) -> list[str]:
    names: dict[str, str] = {}
    while len(names) < wanted:
        firm = chance.choice(_FIRMS) + chance.choice(_TRADES)
        name = f"{chance.choice(_FORMS)} «{firm}-{chance.randrange(wanted)}»"
        names.setdefault(folded(name), name)
    put_companies(connection, enumerate(names.values(), 1))
    return list(names.values())


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
