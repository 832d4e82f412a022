"""What a person wrote of each flow (`expected.json`); records are held against it and against Asterisk's own CEL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from pbxd.calls.record import PARTS
from pbxd.settings import Settings
from tests.captures import cel

CAPTURES = Path(__file__).resolve().parent
FLOWS = sorted(path.parent.name for path in CAPTURES.glob("*/expected.json"))
INSTANTS = ("started", "answered", "ended")
SECONDS = tuple(f"{part}_seconds" for part in PARTS)
AGENT_SECONDS = ("ring_seconds", "talk_seconds")
INSTANT_TOLERANCE = 0.1
PART_TOLERANCE = 0.15

Record = dict[str, Any]


@cache
def expected(flow: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((CAPTURES / flow / "expected.json").read_text(encoding="utf-8"))
    return told


def settings_of(told: Record) -> Settings:
    """Return the configuration that an `expected.json` asks for, else the built-in one."""
    return Settings.model_validate(told.get("settings", {}))


def wrong_in(told: Record, records: Sequence[Record]) -> Iterator[str]:
    """Yield a line for whatever a whole `expected.json` says otherwise of a replay's records, made relative.

    Records like one of `optional` may be there or not; a text of `nowhere` may stand in none of them.
    """
    got = sorted(without_optional(told, records), key=lambda record: float(record["started"]))
    wanted = told["records"]
    if len(wanted) != len(got):
        yield f"expected {len(wanted)} records, replay has {len(got)}"
        yield from (f"replay: {_brief(record)}" for record in got)
    for number, (want, record) in enumerate(zip(wanted, got, strict=False)):
        yield from differences(with_ids(want, got), record, f"records[{number}].")
    for text in told.get("nowhere", []):
        yield from (f"{text} stands in {_brief(record)}" for record in records if text in str(record))


def without_optional(told: Record, records: Sequence[Record]) -> list[Record]:
    optional = told.get("optional", [])
    return [record for record in records if all(list(differences(extra, record)) for extra in optional)]


def with_ids(want: Record, records: Sequence[Record]) -> Record:
    """Return what is wanted with the ids of the records that it names, by their places, as those it was joined to."""
    if "joined" not in want:
        return want
    ids = [record["id"] for record in records]
    return want | {"joined": [ids[place] if place < len(ids) else f"records[{place}]" for place in want["joined"]]}


def _brief(record: Record) -> str:
    caller, callee = record["caller"]["number"], record["callee"]["number"]
    return f"{record['direction']} {caller} -> {callee}: {record['outcome']}, started {record['started']:.3f}"


def differences(want: Record, got: Record, where: str = "") -> Iterator[str]:
    """Yield a line for every field of `want` that `got` has otherwise; `steps` are part of its story, in order."""
    for name, value in want.items():
        seen = got.get(name, "(no such field)")
        if name == "steps":
            yield from _missing_steps(value, got["story"], where)
            continue
        if name == "agents" and value.keys() != seen.keys():
            yield f"{where}agents: expected {list(value)}, there are {list(seen)}"
        elif isinstance(value, dict) and isinstance(seen, dict):
            yield from differences(value, seen, f"{where}{name}.")
        elif not _same(name, value, seen):
            yield f"{where}{name}: expected {value!r}, there is {seen!r}"


def _missing_steps(
    steps: Sequence[Sequence[str | None]], story: Sequence[Sequence[str | None]], where: str
) -> Iterator[str]:
    rest = iter(story)
    for step in steps:
        if not any(all(part in {"*", seen} for part, seen in zip(step, told, strict=True)) for told in rest):
            yield f"{where}story: no {step} there, or not in this order: {story}"
            return


def _same(name: str, want: object, got: object) -> bool:
    tolerance = INSTANT_TOLERANCE if name in INSTANTS else PART_TOLERANCE if name in SECONDS else None
    if tolerance is None or not isinstance(want, float | int) or not isinstance(got, float | int):
        return bool(want == got)
    return abs(want - got) <= tolerance


def relative(record: Record, zero: float) -> Record:
    """Return the record with its instants as seconds after `zero`, its story without times, its agents' by name."""
    instants = {
        name: datetime.fromisoformat(record[name]).timestamp() - zero for name in INSTANTS if record[name] is not None
    }
    story = [[step["what"], step["who"], step["detail"]] for step in record["story"]]
    agents = {agent["extension"]: {name: agent[name] for name in AGENT_SECONDS} for agent in record["agents"]}
    return record | instants | {"story": story, "agents": agents}


def doubts(flow: str, record: Record, lines: Sequence[cel.Line], tolerance: float) -> Iterator[str]:
    """Yield what Asterisk's own journal says otherwise of a record of this flow: times and parties, nothing else.

    Rules: `started` is the first CHAN_START, `ended` the last party's HANGUP, `answered` the moment two parties could
    first hear each other; the caller is who began, `answered_by` who ever heard another party. What a scenario file
    names under "exceptions", with the reason, isn't asked. Instants are seconds after the journal's first line.
    """
    excepted = expected(flow).get("exceptions", {})
    # One call's journal is the whole. Several calls are told apart by the linkedid their channels began with, which
    # each record then has to name: a bridge may give a channel another one later.
    told = expected(flow)
    several = len(told["records"]) + len(told.get("optional", [])) > 1
    own = cel.of_call(lines, record["linkedid"]) if several else lines
    heard, zero = cel.witness(own, lines), lines[0].at
    for name in INSTANTS:
        at = getattr(heard, name)
        seen = None if at is None else round(at - zero, 3)
        if name not in excepted and not _same_instant(record[name], seen, tolerance):
            yield f"{name}: expected {record[name]}, CEL has {seen}"
    if "caller" not in excepted and record["caller"]["number"] != heard.began:
        yield f"caller: expected {record['caller']['number']}, CEL has {heard.began}"
    if "answered_by" not in excepted and sorted(record["answered_by"]) != sorted(heard.talked):
        yield f"answered_by: expected {record['answered_by']}, CEL has {heard.talked}"


def _same_instant(want: float | None, told: float | None, tolerance: float) -> bool:
    if want is None or told is None:
        return want is told
    return abs(want - told) <= tolerance
