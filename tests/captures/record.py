"""Record flows on the lab: `python -m tests.captures.record [--into FOLDER] [NAME…]`, all of them without a name.

Each flow runs alone on a private Asterisk with phones that speak (20 ms of µ-law both ways, without which Local
channels never go away), watched by an AMI user with exactly the rights of config/manager.conf. Its folder then holds
  stream.ami    what Asterisk sent, byte for byte, from its greeting on; the session logs in, pings and asks for the
                channels and queues as the daemon does, so every stream begins with a snapshot: of nothing, except in
                the flows of calls that are under way then;
  stream.times  when each chunk came: lines "offset epoch", in bytes and seconds;
  cel.csv       Asterisk's own journal of the same time.
expected.json is written beside them by a person who read the journal (see NOTES.md), never by a program; a new
recording needs a new one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

from tests.captures import (
    bending,
    clicking,
    further,
    gathering,
    iax2,
    joining,
    lines,
    naming,
    programs,
    queueing,
    simple,
    spelling,
    taking,
)
from tests.captures.stage import Stage
from tests.lab.ami import AmiSession
from tests.lab.lab import Lab

HERE = Path(__file__).resolve().parent
QUIET_SECONDS = 0.5  # events of a call that come after its last channel: AgentComplete, CEL
Flow = Callable[[Stage], Awaitable[None]]
FLOWS: dict[str, Flow] = {
    **simple.FLOWS, **clicking.FLOWS, **joining.FLOWS, **bending.FLOWS, **further.FLOWS, **queueing.FLOWS,
    **gathering.FLOWS, **programs.FLOWS, **lines.FLOWS, **spelling.FLOWS, **taking.FLOWS, **naming.FLOWS,
    **iax2.FLOWS,
}  # fmt: skip
UNDER_WAY: Mapping[str, Callable[[Stage], AsyncIterator[None]]] = programs.UNDER_WAY


async def record(stage: Stage, name: str, folder: Path) -> None:
    """Run one flow to its last hang-up and write what was seen of it into `folder`."""
    before = _size(stage.journal)
    asterisk = stage.lab.asterisk
    if await stage.lab.channels():
        raise SystemExit(f"{name}: channels were left from the flow before")
    begun = UNDER_WAY[name](stage) if name in UNDER_WAY else None
    if begun is not None:
        await anext(begun)
    tap = await AmiSession.open(asterisk.ami_port, asterisk.tap.name, asterisk.tap.secret, capture=folder)
    try:
        await tap.action("Ping")
        await tap.listing("CoreShowChannels")
        await tap.listing("QueueStatus")
        if begun is None:
            await FLOWS[name](stage)
        else:
            await anext(begun, None)
        await stage.until_silent()
        await asyncio.sleep(QUIET_SECONDS)
        await tap.action("Ping")
    finally:
        await tap.close()
        stage.reset()
    (folder / "cel.csv").write_bytes(stage.journal.read_bytes()[before:])
    _plain_times(folder)
    _without_places(stage, folder)
    _without_secrets(stage, folder)


def _size(journal: Path) -> int:
    return journal.stat().st_size if journal.exists() else 0


def _plain_times(folder: Path) -> None:
    """Turn the lab's side file into the one that captures of the daemon have."""
    arrivals = folder / "arrivals.jsonl"
    entries = [json.loads(line) for line in arrivals.read_text(encoding="ascii").splitlines()]
    (folder / "stream.times").write_text("".join(f"{at} {epoch:.6f}\n" for at, epoch in entries), encoding="ascii")
    arrivals.unlink()


def _without_places(stage: Stage, folder: Path) -> None:
    """Let recordings lie where an office has them; a text of the same length keeps the offsets of stream.times."""
    spool = str(stage.lab.folder / "spool").encode()
    stream = folder / "stream.ami"
    stream.write_bytes(
        stream.read_bytes().replace(spool, b"/var/spool/asterisk/pbxd"[: len(spool)].ljust(len(spool), b"x"))
    )


def _without_secrets(stage: Stage, folder: Path) -> None:
    stream = (folder / "stream.ami").read_bytes()
    asterisk = stage.lab.asterisk
    for account in (asterisk.user, asterisk.tap, asterisk.admin):
        if account.secret.encode() in stream:
            raise SystemExit(f"{folder}: a secret stands in the stream")


async def main(names: list[str], into: Path) -> None:
    async with Lab(quiet=False) as lab:
        stage = Stage(lab)
        for name in names:
            await record(stage, name, into / name)
            print(f"{name}: {(into / name / 'stream.ami').stat().st_size} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Record call flows on a real Asterisk.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="flows to record; all of them without a name")
    parser.add_argument("--into", type=Path, default=HERE, help="where the folders are made")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in {*FLOWS, *UNDER_WAY}]:
        sys.exit(f"no such flow: {', '.join(unknown)}; there are {', '.join([*FLOWS, *UNDER_WAY])}")
    asyncio.run(main(arguments.names or [*FLOWS, *UNDER_WAY], arguments.into))
