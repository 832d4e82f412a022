"""Headings, as people and other programs write them."""

import pytest

from pbxd.book.fields import BUILT_IN
from pbxd.errors import InvalidInputError
from pbxd.exchange.columns import Headings, mapping, missing
from pbxd.exchange.header_rows import recognise

GOOGLE = (
    "First Name,Middle Name,Last Name,Organization Name,Organization Title,Birthday,Notes,Labels,"
    "E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value"
)
GOOGLE_FIELDS = (
    "first_name,middle_name,last_name,company,position,birth_date,comment,tags,,email,label,number,label,number"
)
OUTLOOK = (
    "Title,First Name,Middle Name,Last Name,Company,Job Title,Business Fax,Business Phone,Mobile Phone,"
    "E-mail Address,E-mail 2 Address,Notes,Categories"
)
OUTLOOK_FIELDS = "ignore,first_name,middle_name,last_name,company,position,fax,work,mobile,email,email,comment,tags"


@pytest.mark.parametrize(
    ("rows", "fields", "first"),
    [
        ([["ФИО", "Телефон"]], ["name", "number"], 1),
        ([["Телефон ", "имя:", "VIP", "Этаж"]], ["number", "name", "vip", ""], 1),
        ([["Name", "Phone", "E-mail"]], ["name", "number", "email"], 1),
        ([["Фамилия*", "Имя*", "Телефон*"]], ["last_name", "first_name", "number"], 1),
        ([["Клиенты"], [""], ["Фамилия", "Имя", "Отчество", "Телефон 1", "Телефон 2"]],
         ["last_name", "first_name", "middle_name", "number", "number"], 3),
        ([["ФИО", "Связь", ""], ["", "Телефон", "Почта"]], ["name", "number", "email"], 2),
        ([["ФИО", "Телефон"], ["Иванов", "89161234567"], ["Компания", "89161234568"]], ["name", "number"], 1),
        ([["ID", "Наименование", "Компания", "Телефон"]], ["", "name", "company", "number"], 1),
        ([["Наименование", "Контактное лицо", "Телефон"]], ["company", "name", "number"], 1),
        ([["Наименование", "Телефон"]], ["company", "number"], 1),
        ([["ФИО", "Раб. тел.", "Тел. (моб.)", "Дом.тел.", "Телефон сотовый", "Эл.почта"]],
         ["name", "work", "mobile", "home", "mobile", "email"], 1),
        ([["ФИО", "Телефон", "День рождения"]], ["name", "number", "birth_date"], 1),
        ([["ФИО", "Телефон", "День рождения", "Месяц рождения", "Год рождения"]],
         ["name", "number", "birth_day", "birth_month", "birth_year"], 1),
        ([GOOGLE.split(",")], GOOGLE_FIELDS.split(","), 1),
        ([OUTLOOK.split(",")], OUTLOOK_FIELDS.split(","), 1),
    ],
)  # fmt: skip
def test_headings_in_any_order_and_language(rows: list[list[str]], fields: list[str], first: int) -> None:
    found = recognise(rows, Headings())
    assert found
    assert (list(found.fields), found.first_row) == (fields, first)


@pytest.mark.parametrize("heads", ["E-mail,Теги", "Почта,Метки"])
def test_our_own_files_are_known_by_their_headings_earlier_ones_too(heads: str) -> None:
    email, tags = heads.split(",")
    head = ["ФИО", "Телефоны", email, "Компания", "Должность", "Менеджер", "VIP", "Комментарий", tags, "Дата рождения"]
    found = Headings().columns(head, 1)
    assert (found.fields, found.foreign) == (tuple(field.column for field in BUILT_IN.exported), False)
    assert mapping([f"А={email}", f"Б={tags}"], BUILT_IN) == {"а": "email", "б": "tags"}


def test_no_header_without_a_name_and_a_number() -> None:
    assert recognise([["ФИО", "Компания"], ["Иванов", "Ромашка"]], Headings()) is None
    assert recognise([], Headings()) is None


def test_mapped_columns_mean_what_was_said() -> None:
    """S3.9: the columns of any file are mapped to fields."""
    mapped = mapping(["Кто = name", "Куда звонить=number", "А=Б=tags"], BUILT_IN)
    found = recognise([["Кто", "Куда звонить", "А=Б", "Компания"]], Headings(mapped=mapped))
    assert found
    assert found.fields == ("name", "number", "tags", "company")
    assert missing(found, mapping(["Нет такого=vip"], BUILT_IN)) == ["нет такого"]


@pytest.mark.parametrize("text", ["Кто", "=name", "Кто=phone", "Кто=custom:Размер"])
def test_a_mapping_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="--map"):
        mapping([text], BUILT_IN)
