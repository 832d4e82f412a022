"""The registry of a contact's fields: complete, without contradictions, and extensible at run time."""

import re
from dataclasses import fields
from typing import get_args

import pytest

from pbxd.book import field_kinds
from pbxd.book.contacts import ATTRIBUTES, Contact, ContactChanges, ContactDraft, checked, contact_json, with_changes
from pbxd.book.field_kinds import EXTRA_KINDS, Kind
from pbxd.book.fields import BUILT_IN, Field, definition, field_from
from pbxd.book.headings import CORRECTION, FAX, IGNORE, LEFT_OUT, PARTS, PROGRAMS
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.i18n import Texts
from pbxd.storage.search.paging import SORTINGS
from pbxd.storage.tables import contacts

SIZE = Field("size", "text", Texts("Shoe size", "Размер обуви"), headings=("Shoe",))


def test_every_attribute_of_a_contact_is_a_field() -> None:
    with_attributes = {field.name for field in BUILT_IN if field.stored != "extra"}
    with_attributes |= {f"{field.name}_id" for field in BUILT_IN if field.stored == "employee"}
    assert set(ATTRIBUTES) == with_attributes
    given = {"id", "created_by", "created_by_id", "created_by_name", "manager_name", "version", "extra"}
    given |= {"created", "changed"}
    assert {field.name for field in fields(Contact)} == with_attributes | given
    assert set(ContactChanges.__annotations__) == with_attributes | {"extra"}


def test_what_has_a_column_says_so() -> None:
    for field in BUILT_IN:
        assert (field.stored == "employee") == (f"{field.name}_id" in contacts.c and field.kind == "employee"), field
        if field.stored != "employee":  # an employee's extension may stand there too, for sorting
            assert (field.stored == "column") == (field.name in contacts.c), field.name


def test_what_lists_are_sorted_by_says_so() -> None:
    assert {field.column for field in BUILT_IN if field.sortable} == set(SORTINGS) - {"rank", "changed", "id"}


def test_every_kind_has_its_rules() -> None:
    assert set(get_args(Kind)) == set(field_kinds._RULES) >= EXTRA_KINDS


def test_headings_mean_fields_or_parts_of_them() -> None:
    assert set(PARTS.values()) <= set(BUILT_IN.by_column)
    for program in PROGRAMS:
        used = {*program.columns, *program.only}
        assert used <= {*BUILT_IN.by_column, *PARTS, CORRECTION, FAX, IGNORE, LEFT_OUT}, program.name


def test_every_program_names_the_source_of_its_headings() -> None:
    named = re.compile(
        r"\bcases/files/\S+\.\w+|\b[\w-]+/[\w-]+, \S*[\w/-]+\.\w+|\b[a-z0-9-]+\.(?:com|org|ru)\b|\bRFC \d{4}\b"
    )
    without = [program.name for program in PROGRAMS if not named.search(program.source)]
    assert without == ["tables that people make by hand"], "a file of a repository, a page, a case or a standard"


def test_no_heading_means_two_things() -> None:
    found: dict[str, set[str]] = {}
    for program in PROGRAMS:
        for column, headings in program.columns.items():
            for heading in headings:
                found.setdefault(folded(heading), set()).add(column)
                assert BUILT_IN.column_of(heading) == column, (program.name, heading)
    assert {heading: columns for heading, columns in found.items() if len(columns) > 1} == {}


def test_every_title_is_known_as_a_heading_in_both_languages() -> None:
    registry = BUILT_IN.extended(SIZE)
    for field in registry.exported:
        for heading in (field.name, field.column, *field.title, *field.heading):
            assert registry.column_of(heading) == field.column, heading
    assert registry.column_of("shoe 2") == "size"
    assert BUILT_IN.column_of("Shoe") == ""


@pytest.mark.parametrize(
    ("field", "why"),
    [
        (Field("comment", "text", Texts("a", "б")), "another field"),
        (Field("email", "text", Texts("a", "б")), "another field"),
        (Field("mobile", "text", Texts("a", "б")), "another field"),
        (Field("version", "text", Texts("a", "б")), "another field"),
        (Field("x", "text", Texts("a", "б"), option="vip"), "another field"),
        (Field("label", "text", Texts("a", "б")), "another field"),
        (Field("add_number", "text", Texts("a", "б")), "another field"),
        (Field("manager_name", "text", Texts("a", "б")), "another field"),
        (Field("Размер", "text", Texts("a", "б")), "Latin letters"),
        (Field("x", "numbers", Texts("a", "б")), "needs a column"),
        (Field("x", "employee", Texts("a", "б")), "needs a column"),
        (Field("x", "text", Texts("a", "б"), stored="column"), "needs a column"),
    ],
)
def test_a_field_that_would_hide_another_is_refused(field: Field, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        BUILT_IN.extended(field)


def test_the_same_name_twice_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="another field"):
        BUILT_IN.extended(SIZE, SIZE)


def test_a_definition_comes_back_as_the_field() -> None:
    for field in (*BUILT_IN, SIZE):
        assert field_from(definition(field)) == field


def test_extra_values_are_checked_by_their_kind() -> None:
    registry = BUILT_IN.extended(
        SIZE, Field("since", "date", Texts("Since", "С")), Field("vat", "flag", Texts("V", "Н"))
    )
    good = checked(ContactDraft("A", extra={"size": " XL ", "since": "2020-02-29", "vat": True}), registry)
    assert good.extra == {"size": "XL", "since": "2020-02-29", "vat": True}
    assert checked(good, registry) == good
    assert checked(ContactDraft("A", extra={"size": "", "since": "", "vat": False}), registry).extra == {}
    for name, value in (("size", True), ("size", "\x00"), ("since", "29.02.2021"), ("vat", "yes"), ("none", "x")):
        with pytest.raises(InvalidInputError) as refused:
            checked(ContactDraft("A", extra={name: value}), registry)
        assert refused.value.field == name


def test_a_field_that_nobody_defined_is_refused_with_its_name() -> None:
    with pytest.raises(InvalidInputError, match="no such field"):
        checked(ContactDraft("A", extra={"size": "XL"}))


def test_an_edit_leaves_other_extra_fields_and_empties_those_it_says() -> None:
    draft = ContactDraft("A", extra={"size": "XL", "vat": True})
    assert with_changes(draft, {"extra": {"size": "M"}}).extra == {"size": "M", "vat": True}
    assert with_changes(draft, {"extra": {"size": "", "vat": False}}).extra == {}
    assert with_changes(draft, {"comment": "x"}).extra == draft.extra


def test_the_public_form_has_every_field() -> None:
    registry = BUILT_IN.extended(SIZE)
    form = contact_json(Contact(7, "A", extra={"size": "XL"}), registry)
    assert form["size"] == "XL"
    people = {"created_by", "created_by_id", "manager_id", "manager_name", "owner_id"}
    assert set(form) == {field.name for field in registry} | people | {"id", "version"}
    assert contact_json(Contact(7, "A"), registry)["size"] == ""
