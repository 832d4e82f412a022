"""Parsing and tracking the recorded streams, beside panoramisk's bare parse of the same bytes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from panoramisk.message import Message

from pbxd.asterisk.ami.packets import PacketSplitter
from pbxd.settings import Settings
from tests.bench.figures import Figure, figure
from tests.bench.options import Options
from tests.history.packets import PacketFollowing

CAPTURES = Path(__file__).resolve().parents[1] / "captures"
GOAL = 40_000  # events a second on one core
_CHUNK = 16_384  # what one read of a busy link brings
_PASSES = 4


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Read all captures by both, in turn."""
    streams = [path.read_bytes() for path in sorted(CAPTURES.glob("*/stream.ami"))]
    chunks = [[stream[at : at + _CHUNK] for at in range(0, len(stream), _CHUNK)] for stream in streams]
    ours: list[float] = []
    bare: list[float] = []
    for _round in range(options.rounds):
        ours.append(_rate(lambda: sum(map(_followed, chunks))))
        bare.append(_rate(lambda: sum(map(_parsed, streams))))
    halves = sorted(bare)[len(bare) // 2] / 2
    yield figure(
        "parse + tracker", ours, "events/s", goal=min(GOAL, halves), better="higher",
        reference=f"panoramisk's bare parse: {2 * halves:,.0f} events/s; the goal is half of it, or {GOAL:,}",
    )  # fmt: skip


def _rate(work: Callable[[], int]) -> float:
    began = time.process_time()
    events = sum(work() for _pass in range(_PASSES))
    return events / (time.process_time() - began)


def _followed(chunks: list[bytes]) -> int:
    """Go the way of the daemon, from bytes to changed records; return the number of packets."""
    following = PacketFollowing(Settings())
    splitter = PacketSplitter()
    packets = 0
    for chunk in chunks:
        for packet in splitter.feed(chunk):
            following.packet(packet, None)
            packets += 1
        following.take_changes()
    return packets


def _parsed(stream: bytes) -> int:
    return sum(Message.from_line(block) is not None for block in stream.decode("utf-8", "ignore").split("\r\n\r\n"))
