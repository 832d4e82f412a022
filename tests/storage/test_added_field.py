"""A field added by one entry of the registry appears everywhere, for each kind of field and on both databases.

Everywhere is: options, cards and JSON of the command line, search, files, vCards, history of changes, privacy.
"""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from pbxd import cli, i18n
from pbxd.book.field_kinds import EXTRA_KINDS
from pbxd.book.fields import BUILT_IN, Field
from pbxd.i18n import Texts
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import metadata

ADDED = (
    Field("shoe_size", "text", Texts("Shoe size", "Размер обуви"), headings=("Shoe",)),
    Field("habits", "long-text", Texts("Habits", "Привычки")),
    Field("client_since", "date", Texts("Client since", "Клиент с")),
    Field("pays_vat", "flag", Texts("Pays VAT", "С НДС")),
    Field("routes", "tags", Texts("Routes", "Направления"), option="route"),
    Field("invoices_to", "emails", Texts("Invoices to", "Счета на"), option="invoice-to"),
)
GIVEN = {
    "shoe_size": "42; широкая, =1",
    "habits": "кофе\nбез сахара",
    "client_since": "2020-02-29",
    "pays_vat": True,
    "routes": ["Тверь", "Клин; Дубна"],
    "invoices_to": ["buh@example.org"],
}
OPTIONS = (
    "--shoe-size", GIVEN["shoe_size"], "--habits", GIVEN["habits"], "--client-since", "29.02.2020", "--pays-vat",
    "--route", "Тверь", "--route", "Клин; Дубна", "--invoice-to", "buh@example.org",
)  # fmt: skip
SECRETS = ("широкая", "сахара", "2020-02-29", "Дубна", "buh@")

Run = Callable[..., Any]


@pytest.fixture
def pbxd(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The program with these fields beside the built-in ones."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "PBXD_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    i18n.use("en")
    configuration = tmp_path / "pbxd.toml"
    configuration.write_text(f'[asterisk]\nsecret = "x"\n[database]\nurl = "{url}"\n')
    registry = BUILT_IN.extended(*ADDED)

    def run(*arguments: str, status: int = 0) -> Any:  # noqa: ANN401 - JSON, or what was printed
        done = CliRunner().invoke(cli.pbxd, ["--config", str(configuration), *arguments], obj=registry)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == status, done.output
        return json.loads(done.stdout) if "--json" in arguments else done.output

    return run


def add(pbxd: Run) -> dict[str, Any]:
    card: dict[str, Any] = pbxd("contacts", "add", "--name", "Фронкин", "--number", "89160000001", *OPTIONS, "--json")
    return card


def id_of(card: dict[str, Any]) -> str:
    return str(card["id"])


def only_added(card: dict[str, Any]) -> dict[str, Any]:
    return {field.name: card[field.name] for field in ADDED}


def total(pbxd: Run, *options: str) -> int:
    found: int = pbxd("contacts", "list", *options, "--json")["total"]
    return found


def test_every_kind_is_tried() -> None:
    assert {field.kind for field in ADDED} == EXTRA_KINDS


def test_it_has_options_and_stands_on_the_card_and_in_json(pbxd: Run) -> None:
    card = add(pbxd)
    assert only_added(card) == GIVEN
    assert only_added(pbxd("contacts", "show", id_of(card), "--json")) == GIVEN
    shown = pbxd("contacts", "show", id_of(card))
    for field in ADDED:
        assert field.title.en in shown, field.name
    for secret in SECRETS:
        assert secret in shown, secret
    bare = pbxd("contacts", "add", "--name", "Б", "--number", "89160000002", "--json")
    assert only_added(bare) == {
        "shoe_size": "", "habits": "", "client_since": None, "pays_vat": False, "routes": [], "invoices_to": [],
    }  # fmt: skip
    for field in ADDED:
        assert f"--{field.option}" in pbxd("contacts", "add", "--help")


def test_a_search_finds_by_it(pbxd: Run) -> None:
    key = id_of(add(pbxd))
    for words in ("широкая", "сахара", "2020-02-29", "дубна", "buh@example"):
        assert total(pbxd, "--search", words) == 1, words
    pbxd("contacts", "edit", key, "--shoe-size", "43")
    assert total(pbxd, "--search", "широкая") == 0


def test_edits_change_it_and_stand_in_the_history(pbxd: Run) -> None:
    key = id_of(add(pbxd))
    edited = pbxd(
        "contacts", "edit", key, "--shoe-size", "43", "--client-since", "", "--no-pays-vat", "--remove-route", "тверь",
        "--add-route", "Ржев", "--json",
    )  # fmt: skip
    assert only_added(edited) == GIVEN | {
        "shoe_size": "43", "client_since": None, "pays_vat": False, "routes": ["Клин; Дубна", "Ржев"],
    }  # fmt: skip
    [change] = pbxd("contacts", "history", key, "--json")["items"]
    assert change["fields"]["shoe_size"] == [GIVEN["shoe_size"], "43"]
    assert change["fields"]["client_since"] == ["2020-02-29", None]
    assert set(change["fields"]) == {"shoe_size", "client_since", "pays_vat", "routes"}
    shown = pbxd("contacts", "history", key)
    assert "Shoe size" in shown
    assert "43" in shown
    assert "the contact has no" in pbxd("contacts", "edit", key, "--remove-route", "нет такого", status=1)


@pytest.mark.parametrize("ending", ["xlsx", "csv", "vcf"])
def test_it_goes_out_and_comes_back_in_files(pbxd: Run, tmp_path: Path, ending: str) -> None:
    key = id_of(add(pbxd))
    file = tmp_path / f"out.{ending}"
    pbxd("contacts", "export", str(file))
    pbxd("contacts", "delete", key, "--yes")
    assert pbxd("contacts", "import", str(file), "--json")["created"] == 1
    [card] = pbxd("contacts", "list", "--json")["items"]
    assert only_added(card) == GIVEN


def test_an_import_knows_its_headings_in_both_languages_and_by_map(pbxd: Run, tmp_path: Path) -> None:
    key = id_of(add(pbxd))
    file = tmp_path / "in.csv"
    for heading, options in (
        ("Shoe size", ()),
        ("размер обуви:", ()),
        ("Shoe 2", ()),
        ("shoe_size", ()),
        ("Нога", ("--map", "Нога=shoe_size")),
        ("Нога", ("--map", "Нога=custom:shoe_size")),
    ):
        file.write_text(f"ФИО;Телефон;{heading}\nФронкин;89160000001;{heading}\n")
        done = pbxd("contacts", "import", str(file), "--existing", "update", *options, "--json")
        assert (done["updated"], done["ignored_columns"]) == (1, []), heading
        card = pbxd("contacts", "show", key, "--json")
        assert only_added(card) == GIVEN | {"shoe_size": heading}, "the other fields stay"
        pbxd("contacts", "import-undo", str(done["import"]), "--yes")
        assert only_added(pbxd("contacts", "show", key, "--json")) == GIVEN
    file.write_text("ФИО;Телефон;Клиент с;С НДС\nА;89160000002;вчера;может быть\n")
    [bad] = pbxd("contacts", "import", str(file), "--json")["errors"]
    assert bad["field"] == "client_since"
    assert "neither yes nor no" in bad["message"]


def test_the_template_asks_for_it(pbxd: Run, tmp_path: Path) -> None:
    pbxd("contacts", "template", str(tmp_path / "new.xlsx"))
    book = openpyxl.load_workbook(tmp_path / "new.xlsx")
    heads = [cell.value for cell in book["Контакты"][1]]
    assert heads[-len(ADDED) :] == [field.title.en for field in ADDED]
    explained = [row[0].value for row in book["Explanation"]]
    assert {field.title.en for field in ADDED} <= set(explained)


def test_exports_have_it_in_the_registry_s_order(pbxd: Run, tmp_path: Path) -> None:
    add(pbxd)
    pbxd("contacts", "export", str(tmp_path / "out.csv"))
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as stream:
        heads, row = csv.reader(stream, delimiter=";")
    assert [heads.pop(), heads.pop()] == ["pbxd ID", "Personal contact of"]
    del row[-2:]
    assert heads[-len(ADDED) :] == [field.title.en for field in ADDED]
    assert row[-len(ADDED) :] == [
        "42; широкая, =1", "кофе\nбез сахара", "29.02.2020", "yes", 'Тверь; "Клин; Дубна"', "buh@example.org",
    ]  # fmt: skip


def test_privacy_hands_it_out_and_erases_it(pbxd: Run, url: str, tmp_path: Path) -> None:
    key = id_of(add(pbxd))
    pbxd("contacts", "edit", key, "--shoe-size", "43")
    pbxd("privacy", "export", "89160000001", str(tmp_path / "out.json"))
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert only_added(found["contacts"][0]) == GIVEN | {"shoe_size": "43"}
    assert found["changes"][0]["fields"]["shoe_size"] == [GIVEN["shoe_size"], "43"]
    assert all(secret in asyncio.run(everything(url)) for secret in SECRETS)
    pbxd("privacy", "erase", "89160000001", "--yes")
    assert [secret for secret in SECRETS if secret in asyncio.run(everything(url))] == []


async def everything(url: str) -> str:
    """Return all rows of the database as text."""
    async with await Database.open(url, create=False) as database, database.reading() as connection:
        rows = [repr(row) for table in metadata.sorted_tables for row in await connection.execute(select(table))]
    return "\n".join(rows)


def test_a_value_that_is_none_is_refused_with_its_name(pbxd: Run) -> None:
    for option, value, why in (
        ("--client-since", "29.02.2021", "not a date"),
        ("--invoice-to", "nobody", "not an e-mail address"),
        ("--shoe-size", "a\x07", "control character"),
    ):
        said = pbxd("contacts", "add", "--name", "А", "--number", "89160000003", option, value, status=1)
        assert why in said, option
    assert total(pbxd) == 0
