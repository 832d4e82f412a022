"""LDIF and phonebook XML as tables: what is read, what is left out, what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.book.fields import BUILT_IN
from pbxd.errors import InvalidInputError
from pbxd.exchange import ldif, phonebooks, tables
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Headings
from pbxd.exchange.row_drafts import LeftOut, Read, RowReader
from pbxd.exchange.tables import Table
from pbxd.numbers import NumberRules

PERSON = "dn: cn=A\nobjectclass: person\ncn: Анна\ntelephoneNumber: 89160000001\n"


def opened(file: Path) -> Table:
    return tables.open_table(file, sheet="", headings=Headings(), low_memory=False)


def rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    table = opened(file)
    return [(place, dict(zip(table.columns.heads, texts, strict=False))) for place, texts in table.rows]


def test_ldif_values_folded_encoded_and_repeated(tmp_path: Path) -> None:
    file = tmp_path / "a.ldif"
    file.write_text(
        "version: 1\n\n# a comment\ndn: cn=A\nobjectClass: person\ncn: An\n na\nsn;lang-ru: Ильина\n"
        "telephoneNumber: 1\ntelephoneNumber: 2\ndescription:: 0J/RgNC40LLQtdGC\njpegPhoto:: /9j/4AA=\n"
        "labeledURI:< file:///etc/passwd\n"
    )
    assert rows(file) == [
        (1, {"cn": "Anna", "sn": "Ильина", "telephonenumber": "1; 2", "description": "Привет"}),
    ]  # fmt: skip
    assert opened(file).columns.ignored == ["jpegphoto", "labeleduri"]  # left out, and named


def test_ldif_values_that_are_no_text_are_named(tmp_path: Path) -> None:
    file = tmp_path / "a.ldif"
    file.write_text(f"{PERSON}description:< file:///etc/passwd\ntitle:: /9j/4AA=\nmail:: !\njpegPhoto:: /9j/4AA=\n")
    table = opened(file)
    reader = RowReader(table.columns, NumberRules("RU", "", re.compile(r"^\d{2,5}$")), BUILT_IN)
    (person,) = (reader.read(place, texts) for place, texts in table.rows)
    assert isinstance(person, Read)
    assert [each.message for each in person.left_out] == [
        "description: in another file: file:///etc/passwd; title: not a text; mail: not a text"
    ]
    assert (person.draft.comment, person.draft.position, person.draft.emails) == ("", "", ())
    assert table.columns.ignored == ["jpegphoto"]


def test_ldif_groups_and_changes_are_no_people_and_named(tmp_path: Path) -> None:
    file = tmp_path / "a.ldif"
    others = "dn: cn=G\nobjectclass: groupOfNames\ncn: G\n\ndn: cn=B\nchangetype: delete\n\n"
    file.write_text(f"{others}{PERSON}")
    table = opened(file)
    reader = RowReader(table.columns, NumberRules("RU", "", re.compile(r"^\d{2,5}$")), BUILT_IN)
    group, change, person = (reader.read(place, texts) for place, texts in table.rows)
    assert group == LeftOut(BadRow(1, "", "a group of contacts: G"))
    assert change == LeftOut(BadRow(2, "", "a change of an entry: cn=B"))
    assert isinstance(person, Read)
    assert (person.draft.name, person.draft.numbers[0].number) == ("Анна", "+79160000001")


def test_a_huge_entry_of_ldif_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "a.ldif"
    file.write_text(f"{PERSON}jpegPhoto:: {'A' * 70}\n" + f" {'A' * 70}\n" * 100_000 + f"\n{PERSON}")
    assert [place for place, _texts in opened(file).rows] == [1, 2]


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE a [<!ENTITY x "y">]><AddressBook><Contact><FirstName>&x;</FirstName></Contact></AddressBook>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><AddressBook/>',
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a><item><name>&e;</name></item></a>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused(tmp_path: Path, document: str, encoding: str) -> None:
    """Without it there are no entities: no billion laughs, and nothing is read from other files."""
    (tmp_path / "a.xml").write_text(document, encoding)
    with pytest.raises(InvalidInputError, match="document type"):
        opened(tmp_path / "a.xml")


def test_an_entity_without_a_document_type_is_no_xml(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<AddressBook><Contact><FirstName>&x;</FirstName></Contact></AddressBook>")
    with pytest.raises(InvalidInputError, match="not a phonebook"):
        opened(tmp_path / "a.xml")


def test_xml_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a>" * 100 + "</a>" * 100)
    with pytest.raises(InvalidInputError, match="too deep"):
        opened(tmp_path / "a.xml")


def test_pages_and_workbooks_are_no_phonebooks() -> None:
    for head in (b"<html>", b"<!DOCTYPE html>", b"<table>", b'<?xml version="1.0"?><Workbook xmlns="a">', b"a;b", b""):
        assert not phonebooks.is_phonebook(head), head
    assert phonebooks.is_phonebook(b"\xef\xbb\xbf<!-- a --> <x:PhoneBook>")


@given(st.binary(max_size=400))
def test_any_bytes_give_rows_or_one_refusal(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    for start, read in ((b"dn: a\n", ldif.read_entries), (b"<a><item>", phonebooks.read_entries)):
        file.write_bytes(start + data)
        try:
            found = list(read(file))
        except InvalidInputError:
            continue
        assert {len(texts) for _place, texts in found} == {len(found[0][1])}
