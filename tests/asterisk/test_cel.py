"""What Asterisk's own log (CEL) makes of the captured flows, beside the records people wrote by hand (B5)."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxd.asterisk.cel import CelRow, CelTranslator, read_row
from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.asterisk.endpoints import Endpoints
from pbxd.calls.tracker import Tracker
from pbxd.numbers import rules_from
from pbxd.settings import CEL_COLUMNS, Settings

CAPTURES = Path(__file__).parent.parent / "captures"
FLOWS = sorted(path.parent.name for path in CAPTURES.glob("*/cel.csv"))
SETTINGS = Settings()
FACTS = ("direction", "origin", "queue", "queues", "answered_by", "outcome")
TIMES = ("started", "answered", "ended")
NOT_IN_CEL = {
    "attended_feature_aborted": "holding isn't in CEL, so that 102 talks to the one party there is",
    "click_to_call_agent_away": "whom a call was for that the agent didn't take stands in no row",
    "click_to_call_agent_rejects": "likewise",
    "click_to_call_devices_away": "likewise",
    "dialler_bridges": "the number of a client that a program called first stands in no row",
    "dialler_room": "likewise",
    "originated_outside_first": "likewise",
    "under_way_ringing": "the capture begins later than CEL, which knows more",
    "under_way_talking": "likewise",
    "under_way_waiting": "likewise",
}


def rows_of(flow: str) -> list[CelRow]:
    with (CAPTURES / flow / "cel.csv").open(encoding="utf-8", newline="") as stream:
        read = [read_row(dict(zip(CEL_COLUMNS, line, strict=True))) for line in csv.reader(stream)]
    return [row for row in read if row is not None]


def made_of(rows: list[CelRow]) -> list[dict[str, Any]]:
    translator, tracker = (
        CelTranslator(Endpoints(SETTINGS.employees.pattern)),
        Tracker("pbx", rules_from(SETTINGS), CHANNEL_IDS),
    )
    for row in rows:
        for event in translator.translate(row):
            tracker.feed(event)
    return [record.to_json() for record in tracker.take_changes() if record.merged_into is None]


def wrong(wanted: dict[str, Any], got: dict[str, Any], began: float) -> list[str]:
    found = [name for name in FACTS if name in wanted and wanted[name] != got[name]]
    for side in ("caller", "callee"):
        known = wanted.get(side, {})
        parts = [part for part in ("number", "extension") if part in known]
        found += [f"{side}.{part}" for part in parts if known[part] != got[side][part]]
    for name in TIMES:
        if name in wanted:
            at = got[name] and datetime.fromisoformat(got[name]).timestamp() - began
            if (at is None) != (wanted[name] is None) or (at is not None and abs(at - wanted[name]) > 0.1):
                found.append(name)
    return found


def doubts(flow: str) -> list[str]:
    rows = rows_of(flow)
    began = min(row.at for row in rows)
    told = json.loads((CAPTURES / flow / "expected.json").read_text(encoding="utf-8"))
    expected, optional = told["records"], told.get("optional", [])
    made = [got for got in made_of(rows) if all(wrong(extra, got, began) for extra in optional)]
    found: list[str] = [f"{len(made)} calls"] if len(made) != len(expected) else []
    for wanted in expected:
        best = [wrong(wanted, got, began) for got in made]
        best.sort(key=len)
        found += best[0] if best else ["none"]
    return found


@pytest.mark.parametrize("flow", FLOWS)
def test_cel_makes_the_record_the_tracker_would(flow: str) -> None:
    assert bool(doubts(flow)) is (flow in NOT_IN_CEL), doubts(flow)


def test_a_wrong_record_is_seen() -> None:
    rows = rows_of("incoming_answered")
    (made,) = made_of(rows)
    began = min(row.at for row in rows)
    assert "ended" in wrong({"ended": 99.0}, made, began)
    assert wrong({"outcome": "busy", "caller": {"number": "1"}}, made, began) == ["outcome", "caller.number"]


ROWS = [row for flow in FLOWS for row in rows_of(flow)]


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(FLOWS))
def test_damaged_logs_make_no_exception_and_no_negative_time(random: Random, flow: str) -> None:
    rows = rows_of(flow)
    for _change in range(random.randint(1, 8)):
        at, other = random.randrange(len(rows)), random.randrange(len(rows))
        match random.randint(0, 2):
            case 0 if len(rows) > 1:
                del rows[at]
            case 1:
                rows.insert(at, rows[other % len(rows)])
            case _:
                rows[at], rows[other % len(rows)] = rows[other % len(rows)], rows[at]
    for record in made_of(rows):
        assert all(record[f"{part}_seconds"] >= 0 for part in ("menu", "wait", "ring", "talk", "hold", "voicemail"))


values = st.text(max_size=30) | st.sampled_from(["3", "1.5", "{}", "[1", "{1"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(CEL_COLUMNS), values))
def test_any_values_are_a_row_or_none(values: dict[str, str]) -> None:
    row = read_row(values)
    assert row is None or (row.uniqueid and row.at >= 0)


def test_numbers_of_events_as_sql_tables_may_have_them() -> None:
    row = read_row({"eventtype": "5", "eventtime": "1.5", "uniqueid": "1.1", "extra": '{"bridge_id":"b"}'})
    assert row is not None
    assert (row.kind, row.linkedid, row.extra) == ("BRIDGE_ENTER", "1.1", {"bridge_id": "b"})


@pytest.mark.parametrize(
    "extra",
    [
        '{"a":' * 100_000,
        '{"extension":' + "[" * 900 + "]" * 900 + "}",
        '{"extension":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"extension":' + "9" * 5000 + "}",
        "{" + "\\" * 5000,
    ],
)
def test_an_extra_that_goes_deep_is_none(extra: str) -> None:
    """A file that anybody's caller name gets into, read by the daemon."""
    values = {"eventtype": "BLINDTRANSFER", "eventtime": "1.0", "uniqueid": "1.1", "channame": "PJSIP/101-1"}
    translator = CelTranslator(Endpoints(r"^\d{3}$"))
    for kind in ("CHAN_START", "BLINDTRANSFER", "HANGUP", "9" * 5000, "²"):
        row = read_row(values | {"eventtype": kind, "extra": extra})
        assert row is not None
        assert all("[" not in repr(event) for event in translator.translate(row))
