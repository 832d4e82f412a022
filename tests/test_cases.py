"""Streams that real PBXs made of calls which were once recorded wrong: each stands for a kind of fault.

A folder holds a raw AMI stream and `expected.json`, written by a person: what happened, and what is certain of the
record. Instants are seconds after the stream's first channel began.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pbxd.asterisk.ami.packets import parse_timed_capture
from pbxd.history.replay import replay
from tests.captures.written import relative, settings_of, wrong_in

CASES = Path(__file__).resolve().parent / "cases" / "calls"
NAMES = sorted(path.parent.name for path in CASES.glob("*/expected.json"))


@pytest.mark.parametrize("name", NAMES)
def test_replay_tells_what_is_certain_of_a_case(name: str) -> None:
    told = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    stream = CASES / name / "stream.ami"
    zero = _first_moment(stream)
    records = [relative(record.to_json(), zero) for record in replay(stream, settings_of(told))]
    wrong = list(wrong_in(told, records))
    assert not wrong, "\n".join([name, told["note"], *wrong])


def _first_moment(stream: Path) -> float:
    packets = (packet for _arrival, packet in parse_timed_capture([stream.read_bytes()], []))
    return next(float(packet["Timestamp"]) for packet in packets if packet.get("Event") == "Newchannel")
