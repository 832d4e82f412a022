"""Asterisk's configuration files as Asterisk reads them."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.checkup import asterisk_conf
from pbxd.checkup.asterisk_conf import read

ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str, name: str = "queues.conf") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_templates_comments_and_both_ways_to_write_a_value(tmp_path: Path) -> None:
    text = """
[general]
AutoFill = yes                ; said of all
;--
[hidden]
autofill = no
--;
[slow](!)
autofill = no
strategy => ringall
[sales](slow)
strategy = leastrecent        ; its own
[support](slow,general)
[support](+)
text = a\\;b
"""
    assert read(written(tmp_path, text), "queues.conf") == {
        "general": {"autofill": "yes"},
        "slow": {"autofill": "no", "strategy": "ringall"},
        "sales": {"autofill": "no", "strategy": "leastrecent"},
        "support": {"autofill": "yes", "strategy": "ringall", "text": "a\\;b"},
    }


def test_includes_also_by_pattern_and_none_that_is_missing_or_goes_round(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    written(tmp_path / "more", "[b]\nx = 1", "b.conf")
    written(tmp_path / "more", "[c]\nx = 2", "c.conf")
    main = '#include "more/*.conf"\n#tryinclude nowhere.conf\n#include queues.conf\n[a]\nx = 3'
    found = read(written(tmp_path, main), "queues.conf")
    assert found == {"a": {"x": "3"}, "b": {"x": "1"}, "c": {"x": "2"}}


def test_the_shipped_queues_fill() -> None:
    found = read(ROOT / "config", "queues.conf")
    assert found["general"]["autofill"] == "yes"
    assert found["sales"]["strategy"] == "ringall"


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path, "queues.conf")


WORDS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
VALUES = st.dictionaries(WORDS.map(str.lower), WORDS, max_size=4)


@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_what_is_written_is_read(sections: asterisk_conf.Sections) -> None:
    text = "".join(
        f"[{name}]\n" + "".join(f"{key} = {value} ; {key}\n" for key, value in values.items())
        for name, values in sections.items()
    )
    with tempfile.TemporaryDirectory() as folder:
        assert read(written(Path(folder), text), "queues.conf") == sections


@given(st.text(max_size=200) | st.text('[]()!+=>;-\n#include "ab', max_size=120))
def test_no_text_makes_it_fail(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x.conf").write_bytes(text.encode("utf-8", "surrogatepass"))
        for values in read(Path(folder), "x.conf").values():
            assert all(key == key.lower() for key in values)
