from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.book.spellings import MOST, spellings, typed, unified

NAMES = """
Иванов Ivanov; Щербаков Shcherbakov; Щукин Schukin; Юлия Yulia; Юлия Iuliia; Юлия Yuliya; Юлия Julia
Дмитрий Dmitriy; Дмитрий Dmitry; Дмитрий Dmitrii; Хабаров Khabarov; Хабаров Habarov; Кузнецов Kuznetsov
Кузнецов Kuznecov; Жуков Zhukov; Чернышёв Chernyshev; Татьяна Tatyana; Татьяна Tatiana; Сергей Sergey; Сергей Sergei
Яковлев Yakovlev; Яковлев Iakovlev; Васильев Vasilyev; Васильев Vasiliev; Васильев Vasilev; Юрий Yuri; Юрий Yury
Юрий Iurii; Евгений Evgeny; Евгений Yevgeniy; Соловьёв Solovyov; Соловьёв Solovev; Михайлов Mikhaylov
Михайлов Mihailov; Белый Bely; Белый Belyy; Алексей Alexey; Алексей Aleksei; Ильин Ilyin; Ильин Ilin; Мария Maria
Мария Mariya; Наталья Natalia; Наталья Natalya; Ксения Xenia; Ксения Kseniya; Пётр Petr; Пётр Pyotr; Фёдор Fyodor
Семёнов Semyonov; Цветкова Tsvetkova; Цветкова Cvetkova; Эдуард Eduard; Виктор Viktor; Виктор Victor; Хрущёв Khrushchev
Алёна Alyona; Зоя Zoya; Зоя Zoia; Достоевский Dostoevsky; Достоевский Dostoyevskiy; Рыбаков Rybakov; Ольга Olga
Екатерина Ekaterina; Екатерина Yekaterina; Шевченко Shevchenko; Андрей Andrej; Джамал Dzhamal; Джамал Jamal
Салтыков-Щедрин Saltykov-Shchedrin; Ромашка Romashka; Сбербанк Sberbank
"""
PAIRS = [tuple(pair.split()) for pair in NAMES.replace("\n", ";").split(";") if pair.strip()]


def finds(search: str, name: str) -> bool:
    """Tell whether a word that is typed finds a name, as an index of words by their beginnings does."""
    return any(unified(name).startswith(word) for word in spellings(typed(search)))


@pytest.mark.parametrize(("cyrillic", "latin"), PAIRS)
def test_names_are_found_by_their_transliteration_and_back(cyrillic: str, latin: str) -> None:
    assert finds(latin, cyrillic)
    assert finds(cyrillic, latin)


@pytest.mark.parametrize(
    ("search", "name"),
    [
        ("Сидоров", "Cидоpов"),  # Latin C and p
        ("Cидоpов", "Сидоров"),
        ("Mарк", "Марк"),
        ("ОOО", "ООО"),
        ("Iвaнов", "Iванов"),
        ("Smith", "Smіth"),  # a Ukrainian і
        ("1C", "1С"),
        ("O'Нил", "О’Нил"),
    ],
)
def test_letters_that_look_alike_are_one(search: str, name: str) -> None:
    assert search != name
    assert finds(search, name)
    assert finds(name, search)


@pytest.mark.parametrize("sign", ["'", "’", "‘", "ʼ", "`", "´", "′", "＇", ""])
def test_any_apostrophe_is_the_same_as_none(sign: str) -> None:
    assert unified(f"О{sign}Нил") == unified("ОНил")


def test_mail_addresses_and_single_letters_are_not_transliterated() -> None:
    assert spellings("ivan@mail.ru") == ("ivan@mail.ru",)
    assert spellings("и") == (unified("и"),)


@given(st.text(st.sampled_from("абвеийкхцщьыюяabcehijksuxyz'-"), min_size=1, max_size=48))
def test_a_word_has_few_spellings_and_is_its_own_first(word: str) -> None:
    found = spellings(typed(word))
    assert len(found) <= MOST
    assert len(found) == len(set(found))
    assert not unified(word) or found[0] == unified(word)
