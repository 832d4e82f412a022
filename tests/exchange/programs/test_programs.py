"""Files in the shape of other programs' exports, imported with the command line: every contact is compared wholly.

People and numbers are invented. The source of the headings is named above each file, and in `book.programs`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Pbxd

FILES = Path(__file__).parent
EMPTY = {"name": "", "company": "", "position": "", "comment": "", "birth_date": None, "emails": [], "tags": []}
EXPECTED = tomllib.loads((FILES / "expected.toml").read_text("utf-8"))


def found(pbxd: Pbxd) -> list[dict[str, Any]]:
    """Return the contacts of the book, without what a file does not say."""
    cards = []
    for card in pbxd.json("contacts", "list", "--limit", "100")["items"]:
        company = card["company"]
        kept = {name: card[name] for name in EMPTY}
        kept["company"] = company["name"] if isinstance(company, dict) else company or ""
        kept["numbers"] = [" ".join(filter(None, (n["label"], n["number"], n["extension"]))) for n in card["numbers"]]
        cards.append(kept)
    return cards


@pytest.mark.parametrize("name", EXPECTED)
def test_a_programs_file_comes_out_whole(pbxd: Pbxd, name: str) -> None:
    expected = EXPECTED[name]
    done = pbxd.json("contacts", "import", str(FILES / name))
    assert done["errors"] == []
    assert done["ignored"] == expected.get("ignored", [])
    assert found(pbxd) == [EMPTY | {"birth_date": None} | card for card in expected.get("contacts", [])]
    companies = {each["name"] for each in pbxd.json("companies", "list")["items"]}
    assert set(expected.get("companies", ())) <= companies
