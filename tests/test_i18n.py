"""Every text for people has a Russian translation with the same placeholders."""

import re
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from pbxd import i18n
from pbxd.i18n import _

PACKAGE = Path(__file__).parent.parent / "pbxd"
KEYWORDS = {"_": None, "N_": None, "NN_": (1, 2), "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")]
PLACEHOLDER = re.compile(r"\{(\w*)[^{}]*\}")


@pytest.fixture(scope="module")
def russian() -> Catalog:
    with resources.files("pbxd").joinpath("locale", "ru", "LC_MESSAGES", "pbxd.po").open("rb") as stream:
        return read_po(stream, locale="ru")


def source_texts() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    found = extract_from_dir(PACKAGE, keywords=KEYWORDS, method_map=METHODS)
    for file, line, message, _comments, _context in found:
        yield f"{file}:{line}", message


def forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


def test_every_text_is_translated_with_its_placeholders(russian: Catalog) -> None:
    wrong = []
    for place, message in source_texts():
        source = forms(message)
        entry = russian.get(source[0])
        translated = forms(entry.string) if entry else ()
        if not translated or not all(translated) or (entry and entry.fuzzy):
            wrong.append(f"{place}: no translation: {source[0]}")
        elif {name for form in translated for name in PLACEHOLDER.findall(form)} != {
            name for form in source for name in PLACEHOLDER.findall(form)
        }:
            wrong.append(f"{place}: other placeholders: {source[0]} → {translated}")
    assert not wrong, "\n".join(wrong)


def test_pages_have_no_russian_of_their_own() -> None:
    """English pages are opened one by one in a browser; this sees what only an error or a late state shows."""
    files = [each for kind in ("*.py", "*.html", "*.js", "*.css") for each in (PACKAGE / "web").rglob(kind)]
    found = {(file.name, word) for file in files for word in re.findall("[А-Яа-яЁё]+", file.read_text("utf-8"))}
    assert found == {("me.html", "Русский")}, "write it in English, and translate it in the catalogue"


def test_the_catalogue_has_no_text_the_source_has_not(russian: Catalog) -> None:
    known = {forms(message)[0] for _place, message in source_texts()}
    assert [entry.id for entry in russian if entry.id and forms(entry.id)[0] not in known] == []


def test_the_catalogue_defines_no_text_twice() -> None:
    """Babel merges such entries silently, `msgfmt -c` refuses the file."""
    text = resources.files("pbxd").joinpath("locale", "ru", "LC_MESSAGES", "pbxd.po").read_text(encoding="utf-8")
    written = re.findall(r'^msgid ((?:"[^\n]*"\n)+)', text, re.MULTILINE)
    ids = ["".join(re.findall(r'"(.*)"', one)) for one in written]
    assert len(ids) > 100
    assert [one for one, times in Counter(ids).items() if times > 1] == []


def test_a_sentence_stays_a_sentence_and_a_word_a_word(russian: Catalog) -> None:
    for entry in russian:
        source, translated = forms(entry.id)[0], forms(entry.string)[0]
        assert not entry.id or source.endswith((".", "?")) == translated.endswith((".", "?")), source


@pytest.mark.parametrize(
    ("candidates", "language"),
    [(("ru",), "ru"), (("", "ru_RU.UTF-8"), "ru"), ((None, "de_DE", "RU"), "ru"), (("C", "POSIX"), "en"), ((), "en")],
)
def test_the_first_known_language_is_taken(candidates: tuple[str | None, ...], language: str) -> None:
    assert i18n.preferred(*candidates) == language


def test_texts_follow_the_chosen_language() -> None:
    i18n.use("ru")
    try:
        assert _("unknown key") == "неизвестный ключ"
    finally:
        i18n.use("en")
    assert _("unknown key") == "unknown key"
