"""What stands in a field comes back from a table and a vCard as it went out, built in or defined by a company."""

import re
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pbxd.book.contacts import Contact, ContactDraft, ContactNumber, checked
from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employees import Employee
from pbxd.book.fields import BUILT_IN, Field
from pbxd.exchange import cells, vcards
from pbxd.exchange.columns import Columns
from pbxd.exchange.row_drafts import Read, RowReader
from pbxd.i18n import Texts
from pbxd.numbers import NumberRules

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
REGISTRY = BUILT_IN.extended(
    Field("line", "text", Texts("Line", "Строка"), vcard="X-LINE"),
    Field("text", "long-text", Texts("Text", "Текст")),
    Field("day", "date", Texts("Day", "День")),
    Field("agrees", "flag", Texts("Agrees", "Согласен")),
    Field("several", "tags", Texts("Several", "Разное")),
)
HEADS = tuple(REGISTRY.by_column)
READER = RowReader(Columns(HEADS, HEADS, 0), RULES, REGISTRY, EmployeeLookup([Employee("101", "Анна Иванова")]))

LINES = st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" ;\",:'=+\\-"), max_size=12)
TEXTS = st.lists(LINES.map(str.strip), max_size=3).map("\n".join)
DAYS = st.dates().map(lambda day: day.isoformat())
SEVERAL = st.lists(LINES, max_size=3)
EXTRA = st.fixed_dictionaries(
    {}, optional={"line": LINES, "text": TEXTS, "day": DAYS, "agrees": st.booleans(), "several": SEVERAL}
)
DRAFTS = st.builds(
    ContactDraft,
    name=LINES.filter(str.strip),
    company=LINES,
    position=LINES,
    numbers=st.just((ContactNumber("+79161234567", main=True),)),
    manager=st.sampled_from(["", "101"]),
    vip=st.booleans(),
    comment=TEXTS,
    tags=SEVERAL.map(tuple),
    birth_date=st.none() | st.dates(),
    extra=EXTRA,
)


def contact_of(draft: ContactDraft) -> Contact:
    good = checked(draft, REGISTRY)
    values = {field.name: getattr(good, field.name) for field in REGISTRY if field.stored != "extra"}
    return Contact(1, **values, extra=good.extra)


def same(read: object, contact: Contact) -> bool:
    assert isinstance(read, Read), read
    untyped = tuple(replace(number, typed="") for number in read.draft.numbers)
    back = contact_of(replace(read.draft, numbers=untyped))
    assert back == contact
    return True


@given(DRAFTS)
def test_a_row_of_cells_comes_back(draft: ContactDraft) -> None:
    contact = contact_of(draft)
    texts = [cells.write_value(field, REGISTRY.value(contact, field)) for field in REGISTRY.exported]
    assert same(READER.read(2, [cells.unguard_formula(cells.guard_formula(text)) for text in texts]), contact)


@given(DRAFTS)
def test_a_vcard_comes_back(tmp_path_factory: object, draft: ContactDraft) -> None:
    contact = contact_of(draft)
    file = Path(tmp_path_factory.getbasetemp()) / "card.vcf"  # type: ignore[attr-defined]  # pytest's own
    file.write_text(vcards.write_card(contact, REGISTRY), encoding="utf-8", newline="")
    [(row, texts)] = vcards.read_cards(file, REGISTRY)
    assert same(READER.read(row, texts), contact)
