"""Every recorded flow played again on the real Asterisk while pbxd listens: does the history say what a person wrote?

Seconds depend on the machine that plays, so that the instants are asked of Asterisk's own journal of this run instead.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.captures import cel
from tests.captures.record import FLOWS, UNDER_WAY
from tests.captures.stage import Stage
from tests.captures.written import (
    INSTANTS,
    SECONDS,
    Record,
    differences,
    doubts,
    expected,
    relative,
    settings_of,
    with_ids,
    without_optional,
)
from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.ports import HOST, free_ports
from tests.lab.processes import LabError, until
from tests.lab.processor import allowance, stalled_seconds

pytestmark = [pytest.mark.lab, pytest.mark.soak]

TOLERANCE = 0.1  # seconds between an event and its line in the journal
OF_THIS_RUN = {*INSTANTS, *SECONDS, "id", "linkedid", "recordings", "gaps"}
# Queues that choose by lot, or by who was called how often, choose otherwise the next time.
CHOSEN = {"queue_strategies": {"answered_by", "agents", "story"}}


async def play(lab: Lab, stage: Stage, flow: str) -> Daemon:
    """Play a flow to its last hang-up while pbxd listens, or comes to it; nobody is asked for names, as in captures."""
    begun = UNDER_WAY[flow](stage) if flow in UNDER_WAY else None
    if begun is not None:
        await anext(begun)
    channels = settings_of(expected(flow)).employees.channels
    daemon = await lab.pbxd(
        {"agi": {"listen": f"{HOST}:{free_ports(1)[0]}"}, **({"employees": {"channels": channels}} if channels else {})}
    )
    if begun is not None:
        await anext(begun, None)
    else:
        await FLOWS[flow](stage)
    await stage.until_silent()
    return daemon


def lines_after(journal: Path, offset: int, folder: Path) -> list[cel.Line]:
    folder.mkdir(exist_ok=True)
    (folder / "cel.csv").write_bytes(journal.read_bytes()[offset:])
    return cel.read(folder / "cel.csv")


def wrong(flow: str, records: list[Record], lines: list[cel.Line], apart: float) -> list[str]:
    wanted = expected(flow)["records"]
    records = without_optional(expected(flow), [relative(record, lines[0].at) for record in records])
    if len(records) != len(wanted):
        return [f"expected {len(wanted)} records, there are {len(records)}", *map(str, records)]
    return [
        line
        for want, record in zip(wanted, records, strict=True)
        for line in _wrong(flow, with_ids(want, records), record, lines, apart)
    ]


def _wrong(flow: str, want: Record, got: Record, lines: list[cel.Line], apart: float) -> list[str]:
    asked = {name: value for name, value in want.items() if name not in OF_THIS_RUN | CHOSEN.get(flow, set())}
    if "agents" in asked:
        asked["agents"] = {extension: {} for extension in asked["agents"]}
    for name in {"story", "answered_by"} & asked.keys():  # what happens in one millisecond has no order
        asked[name], got[name] = sorted(asked[name], key=str), sorted(got[name], key=str)
    return [*differences(asked, got), *doubts(flow, got, lines, apart)]


@pytest.mark.parametrize("flow", [*FLOWS, *UNDER_WAY])
async def test_a_flow_played_again_is_in_the_history_as_a_person_wrote_it(lab: Lab, flow: str, tmp_path: Path) -> None:
    stage = Stage(lab)
    before = stage.journal.stat().st_size if stage.journal.exists() else 0
    stalled = stalled_seconds()
    daemon = await play(lab, stage, flow)
    apart = TOLERANCE + allowance(stalled_seconds() - stalled)
    records: list[Record] = []
    lines: list[cel.Line] = []

    async def right() -> bool:
        records[:] = sorted(await daemon.calls(), key=lambda record: str(record["started"]))
        lines[:] = await asyncio.to_thread(lines_after, stage.journal, before, tmp_path)
        return not wrong(flow, records, lines, apart)

    try:
        await until(right, "the history a person wrote", every=0.2)
    except LabError:
        pytest.fail("\n".join([expected(flow)["note"], *wrong(flow, records, lines, apart)]))
    assert wrong(flow, [record | {"outcome": "busier"} for record in records], lines, apart), "nothing would be noticed"
