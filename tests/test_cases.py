"""Streams that real PBXs made of calls which were once recorded wrong: each stands for a kind of fault.

A folder holds a raw AMI stream and `expected.json`, written by a person: what happened, and what is certain of the
record. Instants are seconds after the stream's first event; `steps` have to be in the story, in this order, where "*"
is anything; no text of `nowhere` may stand in any record; records under `optional` may be there or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pbxd.asterisk.packets import parse_timed_capture
from pbxd.recording import replay
from pbxd.settings import Settings
from tests.captures.written import Record, differences, relative

CASES = Path(__file__).resolve().parent / "cases" / "calls"
NAMES = sorted(path.parent.name for path in CASES.glob("*/expected.json"))


@pytest.mark.parametrize("name", NAMES)
def test_replay_tells_what_is_certain_of_a_case(name: str) -> None:
    told = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    stream = CASES / name / "stream.ami"
    settings = Settings.model_validate(told.get("settings", {}))
    records = [record.to_json() for record in replay(stream, settings)]
    wrong = [*_compared(told, records, _first_moment(stream)), *_unwanted(told.get("nowhere", []), records)]
    assert not wrong, "\n".join([name, told["note"], *wrong])


def _first_moment(stream: Path) -> float:
    packets = (packet for _arrival, packet in parse_timed_capture([stream.read_bytes()], []))
    return next(float(packet["Timestamp"]) for packet in packets if packet.get("Event") == "Newchannel")


def _compared(told: Record, records: Sequence[Record], zero: float) -> Iterator[str]:
    got = sorted((relative(record, zero) for record in records), key=lambda record: float(record["started"]))
    for extra in told.get("optional", []):
        got = [record for record in got if list(_wrong(extra, record))]
    wanted = told["records"]
    if len(wanted) != len(got):
        yield f"expected {len(wanted)} records, replay has {len(got)}: {[_brief(record) for record in got]}"
    for number, (want, record) in enumerate(zip(wanted, got, strict=False)):
        yield from _wrong(want, record, f"records[{number}].")


def _wrong(want: Record, got: Record, where: str = "") -> Iterator[str]:
    fields = {name: value for name, value in want.items() if name != "steps"}
    yield from differences(fields, got, where)
    rest = iter(got["story"])
    for step in want.get("steps", []):
        if not any(all(part in {"*", seen} for part, seen in zip(step, there, strict=True)) for there in rest):
            yield f"{where}story: no {step} there, or not in this order: {got['story']}"
            return


def _unwanted(texts: Sequence[str], records: Sequence[Record]) -> Iterator[str]:
    for record in records:
        written = json.dumps(record, ensure_ascii=False)
        yield from (f"{text} stands in {_brief(record)}" for text in texts if text in written)


def _brief(record: Record) -> str:
    caller, callee = record["caller"]["number"], record["callee"]["number"]
    return f"{record['direction']} {caller} -> {callee}: {record['outcome']}"
