"""`pbxd calls`: the history in words and in JSON."""

import asyncio
import json
import random
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pbxd.book.employees import Employee
from pbxd.calls.record import Agent, CallRecord, HistoryGap, Party, Step
from pbxd.settings import load
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine.database import Database
from tests.cli.conftest import Pbxd

BEGAN = datetime(2026, 3, 9, 9, 5, 7, tzinfo=UTC)


@pytest.fixture
def history(pbxd: Pbxd) -> list[CallRecord]:
    answered = CallRecord(
        "A1", "pbx", "1.1", BEGAN, caller=Party("+79160000001"), callee=Party(extension="101", number="101")
    )
    answered.answered, answered.ended = BEGAN + timedelta(seconds=10), BEGAN + timedelta(seconds=75)
    answered.seconds |= {"wait": 7.0, "ring": 3.0, "talk": 65.0}
    answered.outcome, answered.queue, answered.queues, answered.answered_by = "answered", "sales", ["sales"], ["101"]
    answered.story = [Step(BEGAN, "called", "+79160000001", "+74950000000"), Step(BEGAN, "queued", None, "sales")]
    answered.story += [Step(BEGAN, "of later", "{who}\x1b[2J"), Step(BEGAN, "ended", None, "pbx")]
    answered.story += [Step(BEGAN, "called", "102"), Step(BEGAN, "ended", None, "unheard")]
    answered.agents = [Agent("101", 3.0, 65.0)]
    running = CallRecord("B2", "pbx", "1.2", BEGAN + timedelta(minutes=1), "outgoing", caller=Party(extension="102"))
    running.callee = Party("+79160000002", name="Evil\x1b[2J\r\nName")
    records = [answered, running]

    async def write() -> None:
        async with await Database.open(load(str(pbxd.folder / "pbxd.toml"), {}).database_url, create=False) as database:
            await Calls(database).upsert(records)
            people = [Employee("101", department="Продажи"), Employee("102", department="Склад")]
            await Employees(database).upsert(people, source="list")

    asyncio.run(write())
    return records


def told(record: CallRecord) -> dict[str, Any]:
    """Return the record as it is told; nobody in it is in the book."""
    call = record.to_json()
    for party in (call["caller"], call["callee"]):
        party["shown_name"] = party["name"]
    return call


def test_json_is_the_contract_s_record(pbxd: Pbxd, history: list[CallRecord]) -> None:
    answered, running = history
    assert pbxd.json("calls", "list") == {
        "total": 2,
        "total_is_exact": True,
        "items": [told(running), told(answered)],
        "gaps": [],
    }
    assert pbxd.json("calls", "show", "A1") == told(answered)
    assert "no call X" in pbxd.refusal("calls", "show", "X")


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--direction", "incoming"], ["A1"]),
        (["--outcome", "answered"], ["A1"]),
        (["--outcome", "busy"], []),
        (["--agent", "101"], ["A1"]),
        (["--client", "8 916 000-00-02"], ["B2"]),
        (["--from", "09.03.2026"], ["B2", "A1"]),
        (["--from", "2026-03-11"], []),
        (["--to", "2026-03-09T09:06:00Z"], ["A1"]),
        (["--from", "09.03.2026", "--to", "10.03.2026"], ["B2", "A1"]),
        (["--to", "08.03.2026"], []),
        (["--queue", "sales", "--min-talk", "65"], ["A1"]),
        (["--min-talk", "65.5"], []),
        (["--department", "Продажи"], ["A1"]),
        (["--department", "Склад"], ["B2"]),
        (["--no-callback"], []),
        (["--search", "8 916 000-00-01"], ["A1"]),
        (["--before", "B2"], ["A1"]),
        (["--limit", "1"], ["B2"]),
        (["--limit", "1", "--offset", "1"], ["A1"]),
    ],
)
@pytest.mark.usefixtures("history")
def test_filters(pbxd: Pbxd, options: list[str], ids: list[str]) -> None:
    assert [call["id"] for call in pbxd.json("calls", "list", *options)["items"]] == ids


@pytest.mark.parametrize("text", ["31.02.2026", "вчера", "9999-12-31", "1e9", "2026-03-09T25:00"])
@pytest.mark.usefixtures("history")
def test_a_date_that_is_none_is_refused(pbxd: Pbxd, text: str) -> None:
    refusal = pbxd.refusal("calls", "list", "--to", text)
    assert refusal.startswith("pbxd: --to: not a date")
    assert refusal.rstrip().endswith(f": {text}")


@pytest.mark.parametrize(
    "text",
    [
        "9.3.2026", "9 марта 2026 г.", "20260309", "09.03.26", "2026/03/09", "09.03.2026 00:00",
        "2026-03-09T00:00:00+03:00",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("history")
def test_a_period_takes_every_date_that_a_card_takes(pbxd: Pbxd, text: str) -> None:
    """There is one reader of dates."""
    assert pbxd.json("calls", "list", "--from", text)["total"] == 2
    assert pbxd.json("calls", "list", "--from", "10.03.2026")["total"] == 0


@pytest.mark.usefixtures("history")
def test_a_date_with_two_readings_is_refused(pbxd: Pbxd) -> None:
    assert "--from: a date that can be read in two ways" in pbxd.refusal("calls", "list", "--from", "3/4/2026")


@pytest.mark.usefixtures("history")
def test_saving_a_contact_names_its_earlier_calls(pbxd: Pbxd, contact: Callable[..., dict[str, Any]]) -> None:
    """S2.2, S2.7: a contact is made of a row of the history, by its number."""
    unknown = pbxd.json("calls", "list")["items"][1]["caller"]
    assert unknown["name"] is None
    contact("--company", "Ромашка", number=unknown["number"])
    caller = pbxd.json("calls", "show", "A1")["caller"]
    assert (caller["name"], caller["company"], caller["contact"]) == ("Фронкин Игорь", "Ромашка", 1)
    assert "Фронкин Игорь, Ромашка" in pbxd("calls", "list").stdout
    assert [call["id"] for call in pbxd.json("calls", "list", "--client", "Фронкин Игорь")["items"]] == ["A1"]
    assert [call["id"] for call in pbxd.json("calls", "list", "--client", "1")["items"]] == ["A1"]
    assert "no contact named" in pbxd.refusal("calls", "list", "--client", "Никто")
    contact("--personal", "--owner", "102", "--company", "Сова", name="Тайна", number="89160000002")
    secret = ("--client", "Тайна"), ("--company", "Сова")
    assert "Тайна" in pbxd("calls", "list", "--as", "102").stdout
    assert pbxd.json("calls", "show", "B2", "--as", "102")["callee"]["name"] == "Тайна"
    for options in secret:
        assert pbxd.json("calls", "list", "--as", "102", *options)["total"] == 1
    for stranger in ([], ["--as", "101"]):
        assert "Тайна" not in pbxd("calls", "list", *stranger).stdout
        assert pbxd.json("calls", "show", "B2", *stranger)["callee"]["name"] != "Тайна"
        assert "no contact named" in pbxd.refusal("calls", "list", *stranger, *secret[0])
        assert pbxd.json("calls", "list", *stranger, *secret[1])["total"] == 0
    contact("--company", "Ромашка", name="Владелец", number="89160000002")
    assert pbxd.json("calls", "show", "B2", "--as", "102")["callee"]["name"] == "Тайна"
    assert pbxd.json("calls", "show", "B2")["callee"]["name"] == "Владелец"
    assert pbxd.json("calls", "list", "--company", "ромашка")["total"] == 2
    pbxd(
        "contacts", "edit", "1", "--name", "Новое Имя", "--add-number", "89160000077", "--remove-number", "89160000001"
    )
    assert pbxd.json("calls", "show", "A1")["caller"]["name"] == "Новое Имя"
    assert pbxd.json("calls", "list", "--client", "1")["total"] == 1
    pbxd("contacts", "delete", "1", "--yes")
    assert pbxd.json("calls", "show", "A1")["caller"]["name"] is None


@pytest.mark.usefixtures("history")
def test_a_card_shows_the_last_calls_with_its_client(pbxd: Pbxd, contact: Callable[..., dict[str, Any]]) -> None:
    """S2.3."""
    contact(number="89160000001")
    contact(name="Другой", number="89160000009")
    assert [call["id"] for call in pbxd.json("contacts", "show", "1")["last_calls"]] == ["A1"]
    assert pbxd.json("contacts", "show", "2")["last_calls"] == []
    assert "A1" in pbxd("contacts", "show", "1").stdout
    assert [call["id"] for call in pbxd.json("lookup", "89160000002", "--calls")["last_calls"]] == ["B2"]
    assert "B2" in pbxd("lookup", "89160000002", "--calls").stdout
    assert "last_calls" not in pbxd.json("lookup", "89160000002")


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
@pytest.mark.usefixtures("history")
def test_export_has_no_formulas_and_the_same_filters(pbxd: Pbxd, ending: str) -> None:
    contact = ("contacts", "add", "--name", "=HYPERLINK(1)", "--company", "@x", "--number", "89160000001")
    pbxd(*contact)
    out = pbxd.folder / f"calls.{ending}"
    assert pbxd.json("calls", "export", str(out)) == {"calls": 2, "file": str(out)}
    assert pbxd.json("calls", "export", str(out), "--min-talk", "1", "--as", "101")["calls"] == 1
    if ending == "csv":
        heads, line = out.read_text("utf-8-sig").splitlines()
        assert heads.startswith("Started;Direction;Caller;Caller's name")
        assert ";+79160000001;'=HYPERLINK(1);'@x;" in line
        assert heads.endswith(";Wait, s;Ring, s;Talk, s;Hold, s;Id")
        assert ";7;3;65;0;A1" in line, "no points, which Excel reads as texts or dates where fractions have commas"
    else:
        sheet = zipfile.ZipFile(out).read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet
        assert "=HYPERLINK(1)" in sheet
        assert "<v>65</v>" in sheet
    assert "must end in" in pbxd.refusal("calls", "export", str(pbxd.folder / "calls.pdf"))
    assert "can't be written" in pbxd.refusal("calls", "export", f"/no/such/folder/calls.{ending}")
    assert [each.name for each in pbxd.folder.iterdir() if each.suffix == ".part"] == []


def test_a_client_s_data_is_exported_and_erased(
    pbxd: Pbxd, history: list[CallRecord], contact: Callable[..., dict[str, Any]]
) -> None:
    contact(number="89160000001")
    out = pbxd.folder / "data.json"
    assert pbxd.json("privacy", "export", "Фронкин Игорь", str(out))["calls"] == 1
    assert out.stat().st_mode & 0o077 == 0
    assert json.loads(out.read_text("utf-8"))["calls"] == [history[0].to_json() | {"external": {}}]
    assert "exists" in pbxd.refusal("privacy", "export", "1", str(out))
    assert pbxd.json("privacy", "erase", "8 916 000-00-01", "--yes")["calls"] == 1
    call = pbxd.json("calls", "show", "A1")
    assert (call["caller"]["number"], call["talk_seconds"]) == ("+7**********", 65.0)
    assert pbxd.json("contacts", "list")["total"] == 0
    assert "+7**********" in pbxd("calls", "list").stdout


@pytest.mark.usefixtures("history")
def test_people_read_local_times_in_their_language_and_no_escape_reaches_the_terminal(pbxd: Pbxd) -> None:
    (pbxd.folder / "pbxd.toml").write_text((pbxd.folder / "pbxd.toml").read_text() + '\n[service]\nlanguage = "ru"\n')
    table = pbxd("calls", "list").stdout
    assert BEGAN.astimezone().strftime("%d.%m.%Y %H:%M:%S") in table
    assert "входящий" in table
    assert "Evil\\x1b[2J\\r\\nName" in table
    assert "\x1b" not in table
    card = pbxd("calls", "show", "A1").stdout
    for text in ("отвечен", "sales", "+7 916 000-00-01", "Сотрудник 101", "вызов 0:03, разговор 1:05"):
        assert text in card
    for step in (
        "вызов: +7 916 000-00-01 → +7 495 000-00-00",
        "в очередь sales",
        "of later {who}",
        "завершила АТС",
        "вызов: 102\n",
    ):
        assert step in card
    assert "\x1b" not in card


@pytest.mark.usefixtures("history")
def test_a_period_says_that_it_has_a_gap(pbxd: Pbxd) -> None:
    def minutes(number: float) -> datetime:
        return BEGAN + timedelta(minutes=number)

    found = [
        HistoryGap("pbx", minutes(-9), minutes(-8), "link"),
        HistoryGap("pbx", minutes(0.5), minutes(0.7), "pbxd"),
        HistoryGap("pbx", minutes(8), minutes(9), "storage", 4),
    ]

    async def write() -> None:
        async with await Database.open(load(str(pbxd.folder / "pbxd.toml"), {}).database_url, create=False) as database:
            await Calls(database).upsert([], found)

    asyncio.run(write())
    whys = {
        (): ["storage", "pbxd", "link"],
        ("--limit", "1"): ["storage"],
        ("--limit", "1", "--offset", "1"): ["pbxd", "link"],
        ("--outcome", "answered"): ["storage", "pbxd", "link"],
    }
    for options, expected in whys.items():
        assert [gap["why"] for gap in pbxd.json("calls", "list", *options)["gaps"]] == expected
    lines = [line for line in pbxd("calls", "list").stdout.splitlines() if ":" in line]
    marks = ["calls missing: 4", "B2", "pbxd was not running", "A1", "no connection to the PBX", "total: 2"]
    assert [mark in line for line, mark in zip(lines, marks, strict=True)] == [True] * 6
    listed = pbxd.json("calls", "gaps")
    assert listed["total"] == 3
    assert listed["items"][0]["from"] == minutes(8).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert "pbxd was not running" in pbxd("calls", "gaps").stdout
    part = pbxd.json("calls", "gaps", "--limit", "1", "--offset", "1")
    assert (part["total"], [gap["why"] for gap in part["items"]]) == (3, ["pbxd"])


CAPTURES = Path(__file__).parent.parent / "captures"


def test_a_period_is_compared_with_the_log_and_rebuilt_when_agreed(pbxd: Pbxd) -> None:
    log = CAPTURES / "incoming_answered" / "cel.csv"
    toml = pbxd.folder / "pbxd.toml"
    assert "backfill.cel" in pbxd.refusal("calls", "rebuild", "--from", "2026-11-01", "--to", "2026-12-01", status=2)
    toml.write_text(toml.read_text() + f'\n[backfill]\ncel = "{log}"\n')
    period = ("--from", "2026-11-01", "--to", "2026-12-01T00:00:00+03:00")
    assert "not a date" in pbxd.refusal("calls", "rebuild", "--from", "x", "--to", "2026-12-01")
    assert "total: 1" in pbxd("calls", "rebuild", *period, "--dry-run").stdout
    assert "total: 1" in pbxd("calls", "rebuild", *period, status=1).stdout  # nobody is there to agree
    assert pbxd.json("calls", "rebuild", *period)["changed"] is False
    assert pbxd.json("calls", "list")["total"] == 0
    assert "calls changed: 1" in pbxd("calls", "rebuild", *period, "--yes").stdout
    (call,) = pbxd.json("calls", "list")["items"]
    assert (call["source"], call["outcome"], call["answered_by"]) == ("cel", "answered", ["101"])
    assert pbxd.json("calls", "rebuild", *period)["items"] == []


def test_replay_prints_records_and_needs_no_database(bare: Pbxd) -> None:
    lines = bare("calls", "replay", str(CAPTURES / "incoming_answered" / "stream.ami"), "--json").stdout.splitlines()
    [record] = [json.loads(line) for line in lines]
    assert (record["outcome"], record["answered_by"], record["clock"]) == ("answered", ["101"], "pbx")
    assert record["caller"]["number"] == "+79161112233"
    assert not (bare.folder / "book.db").exists()


def test_replay_of_what_is_no_capture(bare: Pbxd) -> None:
    assert "no such file" in bare.refusal("calls", "replay", str(bare.folder / "nowhere.ami"))
    assert "can't be read" in bare.refusal("calls", "replay", str(bare.folder))
    timed = (CAPTURES / "incoming_answered" / "stream.ami").read_bytes()
    (bare.folder / "untimed.ami").write_bytes(re.sub(rb"Timestamp: [^\r]*\r\n", b"", timed))
    assert "timestampevents=yes" in bare.refusal("calls", "replay", str(bare.folder / "untimed.ami"))
    for nothing in (b"", random.Random(6).randbytes(100_000)):
        (bare.folder / "nothing.ami").write_bytes(nothing)
        assert "no AMI packet" in bare.refusal("calls", "replay", str(bare.folder / "nothing.ami"))


def test_replay_with_a_side_file_that_is_none(bare: Pbxd) -> None:
    stream = (CAPTURES / "incoming_answered" / "stream.ami").read_bytes()
    (bare.folder / "x.ami").write_bytes(stream)
    (bare.folder / "x.times").write_bytes("0 1760000000.5\nвремя\n".encode() + b"\xff 1\n")
    assert '"outcome": "answered"' in bare("calls", "replay", str(bare.folder / "x.ami")).stdout


@pytest.mark.parametrize("spelling", ["Ромашка", 'ООО "Ромашка"', "ООО «Ромашка»", "РОМАШКА, ооо"])
@pytest.mark.usefixtures("history")
def test_the_history_of_a_company_is_found_in_any_spelling_of_its_name(
    pbxd: Pbxd, contact: Callable[..., dict[str, Any]], spelling: str
) -> None:
    contact("--company", "ООО «Ромашка»", name="Анна", number="+79160000001")
    contact("--company", "Ромашка-Юг", name="Борис", number="+79160000002")
    assert [call["id"] for call in pbxd.json("calls", "list", "--company", spelling)["items"]] == ["A1"]
    assert pbxd.json("calls", "list", "--company", spelling, "--client", "Борис")["total"] == 0
    assert pbxd.json("calls", "list", "--company", "Ромашк")["total"] == 0


@pytest.mark.usefixtures("history")
def test_a_page_says_how_to_get_the_next_one(pbxd: Pbxd) -> None:
    assert "next page: --before B2" in pbxd("calls", "list", "--limit", "1").stdout
    assert "next page" not in pbxd("calls", "list", "--limit", "1", "--before", "B2").stdout
    assert "next page" not in pbxd("calls", "list").stdout
